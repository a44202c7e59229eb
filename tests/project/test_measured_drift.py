"""Drift that a run has measured is told outside of it."""

from __future__ import annotations

from typing import Any

import pytest

from project.summary import measured_drift as module
from project.summary.measured_drift import measured_drift, measured_drift_of
from tests.project.fake_endpoint import fake_endpoint


def step(version: str, drifted: bool | None, name: str = "drift-magnitude") -> dict[str, Any]:
    """A run; one of which ``drifted`` is None has not measured anything."""
    found: dict[str, Any] = {"base_version": version, "measured_on": "", "verdict": "not measured: no rows"}
    if drifted is not None:
        found |= {"drifted": drifted, "measured_on": "live traffic", "batch_to": "2026-11-13T22:28:00+00:00"}
        found["verdict"] = "data drift: 4 of 21 columns moved: cpu 0.57; measured on 9 rows; of which"
    return {"metadata": {"name": name}, "status": {"results": found}}


def going_on(version: str) -> dict[str, Any]:
    """A run that has found drift, and has not said in words what."""
    found = step(version, True)
    del found["status"]["results"]["verdict"]
    return found


START = (
    "data drift: 4 of 21 columns moved: cpu 0.57; measured on rows of live traffic until 2026-11-13 "
    "22:28 UTC; it starts no training by itself. To train on the rows since a change"
)
TOLD = f"{START}, which came at TIME: netops run --project p --set 'training_window=since TIME'"


@pytest.mark.parametrize(
    ("found", "told"),
    [
        ([step("b", True), step("b", False)], [TOLD]),
        ([step("b", False), step("b", True)], []),
        ([step("b", None), step("b", True)], [TOLD]),
        # The rows were compared with those of a model that is not in production.
        ([step("new", None), step("a", True)], []),
        ([step("a", True)], []),
        ([step("a", True), step("b", False)], []),
        # As after a rollback: what was measured before for the model that is back.
        ([step("a", False), step("b", True)], [TOLD]),
        ([step("b", True, "ingest")], []),
        # A step that goes on has no verdict yet.
        ([going_on("b"), step("b", True)], [TOLD]),
        ([going_on("b")], []),
        ([{"metadata": {"name": "drift-magnitude"}, "status": {}}, step("b", True)], [TOLD]),
        ([], []),
    ],
)
def test_the_newest_drift_of_the_model_that_is_served_is_told(
    found: list[dict[str, Any]], told: list[str]
) -> None:
    assert measured_drift(found, "p", champion="b") == told


def test_the_onset_that_the_loop_knows_is_the_window_and_no_number_of_days() -> None:
    """A window of two weeks takes all rows of a history of two weeks, those of before the change as well."""
    onset = "2026-11-17T06:13:00+00:00"
    (told,) = measured_drift([step("b", True)], "p", champion="b", onset=onset)
    assert told == f"{START}: netops run --project p --set 'training_window=since {onset}'"


def test_of_the_runs_of_the_project_only_those_of_the_step_are_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "production_version", lambda *_: "b")
    asked = []

    def answer(_method: str, path: str, _body: Any) -> tuple[int, dict[str, Any]]:
        asked.append(path)
        return 200, {"runs": [step("b", True)]}

    with fake_endpoint(answer) as address:
        assert measured_drift_of(address, "p") == [TOLD]
    assert asked[0].startswith("/api/v1/projects/p/runs") and "name=drift-magnitude" in asked[0]
