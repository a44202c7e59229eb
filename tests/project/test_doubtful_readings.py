"""What ``netops status`` says of readings that an endpoint does not take."""

from __future__ import annotations

import pytest

from graphs.state.untaken_readings import UNTAKEN
from project.summary import doubtful_readings
from project.summary.doubtful_readings import doubtful_readings_of, unit_lines, untaken_lines


def untaken(device: str, ahead: float, readings: int = 120, status: str = "quarantined") -> dict[str, object]:
    return {
        **{"device": device, "status": status, "readings": readings, "ahead_seconds": ahead},
        **{"since": "2026-11-29T10:00:07.000Z", "last": "2026-11-29T11:00:07.000Z"},
    }


def told(ahead: int, too_late: int, *named: dict[str, object]) -> list[str]:
    return untaken_lines(
        {"untaken_devices": {"quarantined": ahead, "too_late": too_late}, "untaken": list(named)}
    )


def test_nothing_is_said_while_all_readings_are_taken() -> None:
    assert told(0, 0) == []


def test_devices_are_named_with_how_far_their_clock_is_ahead() -> None:
    assert told(1, 0, untaken("a/1", 90.4)) == [
        "1 device sends readings with a time ahead of the clock, which count for nothing: a/1 90 s ahead "
        "(120 readings since 2026-11-29 10:00 UTC); set the clock and the time zone of these devices"
    ]
    (line,) = told(1204, 0, *(untaken(f"a/{number}", 7201, 9 - number) for number in range(8)))
    assert line.startswith("1,204 devices send readings with a time ahead")
    assert "a/2 2.0 h ahead (7 readings since 2026-11-29 10:00 UTC), and 1,201 more; set" in line


def test_those_behind_are_a_sentence_of_their_own() -> None:
    first, second = told(1, 1, untaken("a/1", 630), untaken("a/2", -93_600, 1, "too_late"))
    assert "a/1 10 min ahead" in first
    assert "older than the windows of their device reach" in second
    assert "a/2 26.0 h behind (1 reading since" in second


def test_a_unit_that_changed_is_told_with_when_it_was_seen_last() -> None:
    unit = {"warning": "x may be in another unit", "last": "2026-11-29T11:00:00.000Z"}
    assert unit_lines({"units": [unit]}) == ["x may be in another unit; seen until 2026-11-29 11:00 UTC"]


@pytest.mark.parametrize("address", ["http://127.0.0.1:1"])
def test_of_an_endpoint_that_does_not_answer_nothing_is_told(address: str) -> None:
    assert doubtful_readings_of(address) == []


def test_the_statuses_are_those_of_the_windows() -> None:
    assert (doubtful_readings.QUARANTINED, doubtful_readings.TOO_LATE) == UNTAKEN
