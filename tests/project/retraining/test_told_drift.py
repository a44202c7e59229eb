"""A drift is told with what was measured, how much it was, and never as if it could not be otherwise."""

import pytest

from project.retraining.told_drift import evidence_of, found_by, size_of

EVENT = {
    "source": "glr",
    "event_time": "2024-05-01T12:00:00.250000+00:00",
    "value": 3.7,
    "limit": 3.0,
    "n_seen": 12_000,
    "detail": "error stream",
    "onset": "2024-05-01T11:00:00+00:00",
    "since_onset": 600,
    "severity": "severe",
    "confidence": 0.9912,
    "sample_labels": 600,
    "sample_rate": 0.15,
    "reference_labels": 11_400,
    "reference_rate": 0.03,
}


def test_it_is_told_who_found_it_and_when():
    assert found_by(EVENT) == "glr found drift at 2024-05-01T12:00:00"
    assert found_by({**EVENT, "group": "oslo"}) == "glr found drift of group oslo at 2024-05-01T12:00:00"


def test_the_evidence_has_what_was_measured_and_about_what():
    assert evidence_of(EVENT) == (
        "glr 3.7 against a limit of 3 at 2024-05-01T12:00:00, about since 2024-05-01T11:00:00; "
        "12,000 labels seen, 600 of them since; "
        "severe: 15.0% of 600 labels wrong after 3.0% of the 11,400 before, sure by 99.12%"
    )
    worse = {**EVENT, "value": 0.3, "limit": 0.2, "detail": "error stream: rate of the newest labels"}
    assert evidence_of(worse).startswith(
        "glr 0.3 against a limit of 0.2 at 2024-05-01T12:00:00 (rate of the newest labels), about since"
    )
    again = {**EVENT, "detail": "error stream; worse than at 2024-05-01T12:00:00"}
    assert " (worse than at 2024-05-01T12:00:00), about since" in evidence_of(again)


def test_the_evidence_names_the_devices_last():
    named = [{"device": "AP-01", "wrong": 60, "labels": 90}]
    where = {"devices": 15, "labels": 600, "wrong": 90, "with_wrong": 9, "standing_out": 1}
    told = evidence_of({**EVENT, "devices": {**where, "wrong_of_those": 60, "named": named}})
    assert told.endswith(
        "sure by 99.12%; 9 of 15 devices have all 90 wrong labels; 1 stands out with 60: AP-01 60 of 90 (67%)"
    )
    assert evidence_of({**EVENT, "devices": None}) == evidence_of(EVENT)


@pytest.mark.parametrize(
    ("changes", "end"),
    [
        ({"confidence": 0.99999999}, ", sure by more than 99.99%"),
        ({"confidence": None}, "before"),
        ({"reference_labels": 0, "confidence": None}, "after 3.0%"),
    ],
)
def test_the_size_says_how_sure_it_is(changes, end):
    assert size_of({**EVENT, **changes}).endswith(end)
    assert size_of({**EVENT, "sample_rate": None}) == ""
