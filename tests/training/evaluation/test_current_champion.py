"""A person may put another model into production while a new one is evaluated."""

from __future__ import annotations

import pytest

from training.evaluation import current_champion
from training.evaluation.current_champion import of_one_champion, why_superseded
from training.evaluation.promotion_gate import KEPT, NOT_PROMOTED, PROMOTED, SUPERSEDED, Promotion


def beside(monkeypatch: pytest.MonkeyPatch, *there: str) -> tuple[str, str]:
    """What a comparison finds that sees one champion after the other, two looks each time."""
    looks = list(there)
    monkeypatch.setattr(current_champion, "version_there", lambda _: looks.pop(0))
    compared: list[str] = []

    def compare() -> str:
        compared.append("again")
        return f"comparison {len(compared)}"

    return of_one_champion("store://models/p/evaluate_model:production", compare)


def test_a_champion_that_stays_is_compared_once(monkeypatch: pytest.MonkeyPatch) -> None:
    assert beside(monkeypatch, "v1", "v1") == ("comparison 1", "v1")


def test_one_that_came_meanwhile_is_compared_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    assert beside(monkeypatch, "v1", "v0", "v0", "v0") == ("comparison 2", "v0")


def test_what_changes_each_time_is_told_as_what_it_was_compared_with(monkeypatch: pytest.MonkeyPatch) -> None:
    found = beside(monkeypatch, "v1", "v2", "v2", "v3", "v3", "v4")
    assert found == ("comparison 3", "v3")
    assert why_superseded("v3", "v4")


def test_a_first_model_is_superseded_by_one_that_came() -> None:
    assert why_superseded("", "") == ""
    why = why_superseded("", "v1")
    assert why == "it was evaluated as the first model of the project, and version v1 is there now"


@pytest.mark.parametrize(
    ("gate", "outcome"),
    [
        (Promotion(PROMOTED, "better"), SUPERSEDED),
        (Promotion(PROMOTED, "better").before_rehearsal(), SUPERSEDED),
        (Promotion(PROMOTED, "better").before_approval(), SUPERSEDED),
        (Promotion(PROMOTED, "better").before_approval(trial=True), SUPERSEDED),
        (Promotion(NOT_PROMOTED, "worse"), NOT_PROMOTED),
        (Promotion(KEPT, "it is there"), KEPT),
    ],
)
def test_only_what_would_change_something_is_superseded(gate: Promotion, outcome: str) -> None:
    found = gate.superseded("v0 is there now")
    assert (found.outcome, found.passed) == (outcome, outcome == KEPT)
    assert gate.superseded("") == gate
