"""What is read from the MLRun API without its client."""

from __future__ import annotations

from typing import Any

import pytest

from project.api_reader import endpoints
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
