"""What is remembered of labels with a horizon, and for how long."""

from __future__ import annotations

import json

import pytest

from graphs.protocol.label_status import LabelStatus
from graphs.state import kept_labels
from graphs.state.kept_labels import KeptLabels

KEPT, DUPLICATE, CONFLICTING = LabelStatus.KEPT, LabelStatus.DUPLICATE, LabelStatus.CONFLICTING


def test_what_was_told_of_longest_ago_is_forgotten_first_after_a_restart_too() -> None:
    kept = KeptLabels(100.0, most=3)
    for second, device in ((30, "c"), (10, "a"), (20, "b")):
        kept.note(device, second, 1, 30.0)
    again = KeptLabels(100.0, most=3)
    again.restore(json.loads(json.dumps(kept.saved())))
    for one in (kept, again):
        one.note("d", 5, 1, 30.0)
        assert [row[1] for row in one.saved()] == ["a", "b", "d"]
        assert one.status("c", 30, 0, 30.0) is KEPT
        assert one.status("a", 10, 1, 30.0) is DUPLICATE
        assert one.status("a", 10, 0, 30.0) is CONFLICTING


@pytest.mark.parametrize("newest", [None, 1000.0])
def test_memory_is_looked_through_seldom_also_before_the_first_prediction(
    newest: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []

    class Counted(kept_labels.OrderedDict[tuple[int, str], int]):
        def __init__(self, *given: object) -> None:
            made.append(1)
            super().__init__(*given)  # type: ignore[call-overload]

    monkeypatch.setattr(kept_labels, "OrderedDict", Counted)
    kept = KeptLabels(100.0, most=10_000)
    for number in range(1000):
        kept.note("a", 1000 + number / 100, 0, newest)
    assert len(kept.saved()) == 1000
    assert len(made) <= 2, "each is a copy of all that is remembered"


def test_labels_of_an_earlier_snapshot_are_compared_by_what_was_kept_of_them() -> None:
    kept = KeptLabels(100.0, 10)
    kept.restore([[10_000_000, "a", 1], [20_000_000, "a", 0]], [None, ["test"]])
    assert kept.status("a", 10.0, 1, None, ("test",)) is LabelStatus.DUPLICATE
    assert kept.status("a", 10.0, 0, None) is LabelStatus.CONFLICTING
    assert kept.status("a", 20.0, 0, None) is LabelStatus.CONFLICTING
    assert kept.status("a", 20.0, 0, None, ("test",)) is LabelStatus.DUPLICATE
    again = KeptLabels(100.0, 10)
    again.restore(kept.saved(), kept.saved_others())
    assert again.saved() == kept.saved()
    assert again.saved_others() == kept.saved_others() == [None, ["test"]]
    assert {len(row) for row in kept.saved()} == {3}, "releases before the columns read three fields"
    older = KeptLabels(100.0, 10)
    older.restore(kept.saved())
    assert older.saved_others() == [None, None]
