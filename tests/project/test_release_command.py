"""A release that a person has overtaken says that its version is not in production."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from project.cli import release
from project.errors import NetopsError
from project.settings import Settings


@pytest.mark.parametrize(
    ("results", "refused"),
    [({}, ""), ({"superseded": "it was evaluated beside version v1"}, "beside version v1")],
)
def test_it_is_told_whether_the_version_is_in_production(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch, results: dict[str, str], refused: str
) -> None:
    monkeypatch.setattr(release, "recall", lambda *_: None)
    monkeypatch.setattr(release, "resolve", lambda *_: SimpleNamespace(arguments={"version": "v0"}))
    monkeypatch.setattr(release, "run_to_end", lambda *_: "run-7")
    steps = {"promote": {"status": {"results": results}}}
    monkeypatch.setattr(release, "read_steps", lambda *_: steps)
    session: Any = SimpleNamespace(mlrun_dbpath="")

    def released() -> str:
        console: Any = None
        return release.release_version(Settings(home=tmp_path, token="t"), session, "p", "v0", console)

    if not refused:
        assert released() == "run-7"
        return
    with pytest.raises(NetopsError, match=f"version v0 is not in production: .*{refused}"):
        released()
