"""Alerts are counted as they were told: raised once, worse, cleared once, and of which model."""

import pytest

from project.retraining import state as words
from project.retraining.state import Decision
from project.scenarios.alerts_told import alert_line, alerts_told


def told(outcome, alert, before="v1", detail="error stream"):
    return Decision("", outcome, "", cause={"alert": alert, "detail": detail}, before=before)


WORSE = "error stream: rate of the newest labels; worse than at 2024-05-01T12:00:00"


@pytest.mark.parametrize(
    ("decisions", "found"),
    [
        ([], (0, 0, 0, 0, [], [])),
        (
            [
                told(words.OPENED, "glr-7"),
                told(words.MERGED, "glr-7", detail=WORSE),
                Decision("", words.BEGUN, "", cause={"alert": "glr-7", "detail": "error stream"}),
                told(words.CLEARED, "glr-7"),
            ],
            (1, 1, 1, 0, [], []),
        ),
        ([told(words.OPENED, "glr-7"), told(words.MERGED, "glr-7")], (2, 0, 0, 0, ["glr-7"], ["glr-7"])),
        (
            [told(words.OPENED, "glr-7"), told(words.CLEARED, "glr-7"), told(words.CLEARED, "glr-7")],
            (1, 0, 2, 0, ["glr-7"], []),
        ),
        (
            [told(words.OPENED, "a"), told(words.CLEARED, "a"), told(words.POSTPONED, "b", before="v2")],
            (2, 0, 1, 1, [], []),
        ),
        (
            [
                told(words.OPENED, "a"),
                told(words.POSTPONED, "b"),
                told(words.OPENED, "b"),
                told(words.MERGED, "a"),
            ],
            (3, 0, 0, 0, ["a"], ["a", "b"]),
        ),
    ],
)
def test_alerts_are_counted_as_they_were_told(decisions, found):
    names = ("raised", "worse", "cleared", "of_new_model", "twice", "open")
    assert alerts_told(decisions, "v1") == dict(zip(names, found, strict=True))


def test_they_are_told_in_a_line():
    line = alert_line(alerts_told([told(words.OPENED, "a"), told(words.CLEARED, "a")], "v1"))
    assert line == "alerts   1 raised, 0× told as worse, 1 cleared; 0 of them of the new model"
