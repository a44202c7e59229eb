"""Devices whose readings are not taken because of their time are named, not only counted."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from feature_sets.windows.event_status import ACCEPTED, DUPLICATE, LATE, QUARANTINED, TOO_LATE
from graphs.state import untaken_readings
from graphs.state.untaken_readings import UntakenReadings
from tests.graphs.conftest import START, Client, event, make_client
from tests.graphs.snapshots.conftest import taken

DAY = 86_400.0


def known(readings: UntakenReadings, moment: float = START) -> dict[str, tuple[str, int, float]]:
    told = readings.told(moment, 100)
    return {each["device"]: (each["status"], each["readings"], each["ahead_seconds"]) for each in told}


def test_a_device_is_told_from_its_first_reading_that_is_not_taken_on() -> None:
    readings = UntakenReadings()
    assert readings.is_idle([ACCEPTED, LATE, DUPLICATE]) and not readings.is_idle([ACCEPTED, QUARANTINED])
    readings.take("a", ACCEPTED, START, START)
    assert readings.counts(START) == {QUARANTINED: 0, TOO_LATE: 0}
    readings.take("a", QUARANTINED, START + 90.0, START)
    readings.take("a", QUARANTINED, START + 3690.0, START + 60)
    readings.take("b", TOO_LATE, START - 2 * DAY, START)
    assert known(readings) == {"a": (QUARANTINED, 2, 3630.0), "b": (TOO_LATE, 1, -2 * DAY)}
    assert readings.counts(START) == {QUARANTINED: 1, TOO_LATE: 1}
    assert not readings.is_idle([ACCEPTED])


@pytest.mark.parametrize(("untaken", "needed"), [(1, 1), (3, 3), (5, 5), (1000, 5)])
def test_it_is_told_until_readings_are_taken_again(untaken: int, needed: int) -> None:
    readings = UntakenReadings()
    for _ in range(untaken):
        readings.take("a", QUARANTINED, START + 90.0, START)
    for _ in range(needed - 1):
        readings.take("a", ACCEPTED, START, START)
    readings.take("a", DUPLICATE, START, START)  # It says nothing: it may be of before.
    assert known(readings)
    readings.take("a", LATE, START, START)
    assert not known(readings) and readings.is_idle([ACCEPTED])


def test_a_device_whose_readings_are_taken_now_and_then_goes_on_being_told() -> None:
    readings = UntakenReadings()
    for _ in range(20):
        readings.take("a", QUARANTINED, START + 61.0, START)
    for _ in range(20):
        readings.take("a", ACCEPTED, START + 59.0, START)
        readings.take("a", QUARANTINED, START + 61.0, START)
    assert known(readings)["a"][1] == 40


def test_a_device_that_sends_no_more_is_forgotten_after_a_day() -> None:
    readings = UntakenReadings()
    readings.take("a", QUARANTINED, START + 90.0, START)
    assert readings.counts(START + DAY)[QUARANTINED] == 1
    assert readings.counts(START + DAY + 1)[QUARANTINED] == 0 and not known(readings)


def test_so_many_devices_are_remembered_and_those_of_late_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(untaken_readings, "MOST_DEVICES", 3)
    readings = UntakenReadings()
    for device in ("a", "b", "c", "a", "d", "e"):
        readings.take(device, QUARANTINED, START + 90.0, START)
    assert known(readings) == {name: (QUARANTINED, n, 90.0) for name, n in (("a", 2), ("d", 1), ("e", 1))}


def test_those_with_most_readings_are_named_first_and_what_is_saved_goes_on() -> None:
    readings = UntakenReadings()
    for number in range(5):
        for _ in range(number + 1):
            readings.take(f"a{number}", QUARANTINED, START + 90.0, START)
    assert [each["device"] for each in readings.told(START, 2)] == ["a4", "a3"]
    again = UntakenReadings()
    again.restore(readings.saved())
    assert again.told(START, 9) == readings.told(START, 9)


def ahead(device: str, seconds: float) -> dict[str, Any]:
    return {**event(device), "timestamp": time.time() + seconds}


@pytest.mark.parametrize("is_list", [True, False])
def test_the_endpoint_tells_devices_whose_clock_is_wrong(package: Path, is_list: bool) -> None:
    client = make_client(package)
    assert 'netops_untaken_devices{status="quarantined"} 0.0' in client.get("/metrics").json
    assert 'netops_events_total{status="too_late"} 0.0' in client.get("/metrics").json
    sent = [ahead("a/1", 7200), ahead("a/1", 7201), ahead("a/2", 0), event("a/2")]
    for body in [sent] if is_list else sent:
        client.post("/telemetry", body)
    answer = client.get("/readings").json
    assert answer["untaken_devices"] == {"quarantined": 1, "too_late": 1}
    fast, slow = answer["untaken"]
    assert (fast["device"], fast["status"], fast["readings"]) == ("a/1", "quarantined", 2)
    assert 7190 < fast["ahead_seconds"] < 7202
    assert (slow["device"], slow["status"], slow["readings"]) == ("a/2", "too_late", 1)
    assert slow["ahead_seconds"] == pytest.approx(START - time.time(), abs=60)
    metrics = client.get("/metrics").json
    assert 'netops_untaken_devices{status="quarantined"} 1.0' in metrics
    assert 'netops_untaken_devices{status="too_late"} 1.0' in metrics


def test_what_is_told_goes_on_over_a_restart(package: Path, redis_url: str, tmp_path: Path) -> None:
    def start() -> Client:
        return make_client(
            package, redis_url=redis_url, journal_key="untaken", snapshot_directory=str(tmp_path)
        )

    client = start()
    client.post("/telemetry", [ahead("a/1", 90)] * 2)
    taken(client)
    client.post("/telemetry", ahead("a/1", 90))
    before = client.get("/readings").json["untaken"]
    again = start().get("/readings").json["untaken"]  # As after kill -9: nothing was ended.
    assert before[0]["readings"] == 3
    for of in (before[0], again[0]):  # The journal has the millisecond of an arrival.
        of["ahead_seconds"] = round(of["ahead_seconds"], 1)
    assert again == before
