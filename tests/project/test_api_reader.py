"""What is read from the MLRun API without its client."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from project import api_reader
from project.api_reader import endpoints, ready_endpoint, runs
from project.errors import NetopsError
from tests.project.fake_endpoint import fake_endpoint


@pytest.mark.parametrize("project", [None, "lab", "none"])
def test_of_one_project_no_other_one_is_asked_for(project: str | None) -> None:
    asked = []

    def answer(_method: str, path: str, _body: Any) -> tuple[int, dict[str, Any]]:
        if "/functions" not in path:
            return 200, {"projects": ["net", "lab"]}
        name = path.split("/")[4]
        asked.append(name)
        status = {"state": "ready", "address": f"{name}.local"}
        return 200, {"funcs": [{"kind": "nuclio", "metadata": {"name": "generator"}, "status": status}]}

    with fake_endpoint(answer) as address:
        found = endpoints(address, project)
    expected = [name for name in ("lab", "net") if project in (None, name)]
    assert [(each.project, each.address) for each in found] == [(n, f"http://{n}.local") for n in expected]
    assert sorted(asked) == expected


@pytest.mark.parametrize(("newest", "asked_for"), [(2, [2]), (3, [3]), (5, [3, 3]), (9, [3, 3, 3])])
def test_the_newest_runs_are_asked_for_by_pages(
    newest: int, asked_for: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_reader, "_PAGE", 3)
    every, asked = list(range(8)), []

    def answer(_method: str, path: str, _body: Any) -> tuple[int, dict[str, Any]]:
        query = parse_qs(urlsplit(path).query)
        begin = int(query.get("page-token", ["0"])[0])
        size = 3 if begin else int(query["page-size"][0])
        asked.append(size)
        more = str(begin + size) if begin + size < len(every) else None
        return 200, {"runs": every[begin : begin + size], "pagination": {"page-token": more}}

    with fake_endpoint(answer) as address:
        assert runs(address, "p", newest=newest) == every[:newest]
    assert asked == asked_for


def test_all_runs_are_asked_for_by_pages_too_and_none_is_told_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_reader, "_LARGE_PAGE", 3)
    every, asked = list(range(8)), []

    def answer(_method: str, path: str, _body: Any) -> tuple[int, dict[str, Any]]:
        query = parse_qs(urlsplit(path).query)
        begin = int(query.get("page-token", ["0"])[0])
        asked.append(begin)
        more = str(begin + 3) if begin + 3 < len(every) else None
        found = every[begin : begin + 3]
        if begin == 0:
            every.insert(0, -1)  # Another run begins while the pages are read.
        return 200, {"runs": found, "pagination": {"page-token": more}}

    with fake_endpoint(answer) as address:
        assert runs(address, "p") == list(range(8))
    assert asked == [0, 3, 6]


@pytest.mark.parametrize(
    ("state", "step"),
    [
        ("building", "it is being deployed, so do this again in a minute"),
        ("dead", "netops serve --project p"),
    ],
)
def test_what_is_to_be_done_about_an_endpoint_that_is_not_ready(state: str, step: str) -> None:
    found = [{"kind": "nuclio", "metadata": {"name": "runner"}, "status": {"state": state, "address": "a"}}]
    answers = {True: {"funcs": found}, False: {"projects": ["p"]}}
    with (
        fake_endpoint(lambda _method, path, _body: (200, answers["/functions" in path])) as address,
        pytest.raises(NetopsError, match=f"must be ready, got {state}; next: {step}"),
    ):
        ready_endpoint(address, "p", "runner")
