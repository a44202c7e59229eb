"""A graph whose clock follows the arrivals decides as it was decided then, however fast it is fed."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from feature_sets.checks import InputError
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from graphs.state.arrival_clock import ArrivalClock
from graphs.state.reading_history import ReadingHistory
from graphs.state.settings import ServingSettings
from tests.graphs.conftest import START, Client, before, event, label, make_client, write_package


@pytest.fixture(scope="module")
def arriving(schema: TelemetrySchema) -> TelemetrySchema:
    return dataclasses.replace(schema, arrival="received")


@pytest.fixture
def then(arriving: TelemetrySchema, tmp_path: Path) -> Client:
    """A graph of telemetry that says when it arrived, and that takes its clock from that."""
    return make_client(write_package(tmp_path, arriving), clock="arrival")


def arrived(seconds: float, after: float = 1.0, **kwargs: Any) -> dict[str, Any]:
    return {**event(seconds=seconds, **kwargs), "received": START + seconds + after}


def statuses(client: Client, *events: dict[str, Any], path: str = "/telemetry") -> list[str]:
    answer = client.post(path, list(events))
    assert answer.status == 200, answer.json
    return [each["status"] for each in answer.json]


def test_what_is_from_the_future_is_so_by_the_arrival_that_each_event_has(then):
    # Ten minutes ahead of its own arrival; by the wall clock, and by the next event, it lies in the past.
    ahead = arrived(600.0, after=-600.0)
    assert statuses(then, arrived(0.0), ahead, arrived(1200.0)) == ["accepted", "quarantined", "accepted"]


def test_the_answers_do_not_depend_on_how_a_recording_is_cut(arriving, tmp_path):
    package = write_package(tmp_path, arriving)
    recording = [arrived(at, after=40.0 if at % 70 == 0 else 1.0) for at in range(0, 900, 10)]
    recording.sort(key=lambda each: each["received"])
    whole = make_client(package, clock="arrival").post("/telemetry", recording).json
    single = make_client(package, clock="arrival")
    one_by_one = [single.post("/telemetry", each).json for each in recording]
    # The probability of a row is rounded a little differently beside others.
    chances = [[each.pop("probability") for each in answers] for answers in (one_by_one, whole)]
    assert chances[0] == pytest.approx(chances[1], abs=1e-5)
    assert one_by_one == whole
    assert {each["status"] for each in whole} == {"accepted", "late"}


def test_the_clock_never_goes_back(then):
    assert statuses(then, arrived(1000.0)) == ["accepted"]
    # It says that it arrived long before what arrived before it.
    assert statuses(then, arrived(990.0, after=-900.0)) == ["late"]


def test_a_reading_that_does_not_say_when_it_arrived_is_refused(then):
    answer = then.post("/telemetry", event())
    assert answer.status == 422
    assert answer.json["error"]["field"] == "received"
    assert "is required: this instance takes its clock from it" in answer.json["error"]["rule"]
    answer = then.post("/telemetry", {**event(), "received": "2024-01-01T00:00:00"})
    assert answer.json["error"] == {
        "field": "received",
        "rule": "must have a zone, such as a final Z "
        "(if all are of one, say assume_timezone: UTC in the schema)",
        "got": "2024-01-01T00:00:00",
    }


def test_a_label_is_from_the_future_by_the_newest_arrival_or_its_own(then):
    assert statuses(then, arrived(0.0)) == ["accepted"]
    assert statuses(then, label(seconds=0.0), path="/labels") == ["joined"]
    ahead = label(seconds=5000.0)
    told = {**label(seconds=5001.0), "received": START + 100.0}
    assert statuses(then, told, path="/labels") == ["quarantined"]
    # A label that does not say when it arrived did not arrive before its own time.
    assert statuses(then, ahead, path="/labels") == ["waiting"]


def test_without_a_column_of_arrivals_an_event_arrives_at_its_own_time(schema):
    clock = ArrivalClock(schema)
    assert clock.arrival({"received": 7.0}, make_label(5.0)) == 5.0
    assert clock.advance([5.0, 3.0, 8.0]) == [5.0, 5.0, 8.0]
    assert clock.advance([1.0]) == [8.0]


def make_label(time: float) -> Any:
    from feature_sets.telemetry.events import LabelEvent

    return LabelEvent("a/1", time, 0)


def test_the_clock_of_real_traffic_is_the_wall_unless_that_is_set_on_purpose():
    with pytest.raises(InputError, match="argument 'clock': must be wall with a journal, as a sender"):
        ServingSettings("m", clock="arrival", redis_url="redis://127.0.0.1:1")
    with pytest.raises(InputError, match="argument 'clock': must be among wall, arrival"):
        ServingSettings("m", clock="sundial")
    with pytest.raises(InputError, match="argument 'labeled_anew': must not be set with a journal"):
        ServingSettings("m", labeled_anew=True, redis_url="redis://127.0.0.1:1")
    on_purpose = ServingSettings(
        "m", clock="arrival", redis_url="redis://127.0.0.1:1", arrival_clock_in_production=True
    )
    assert on_purpose.clock == "arrival"
    assert ServingSettings("m").clock == "wall"


def test_with_a_journal_a_list_has_one_arrival_and_a_restart_keeps_it(arriving, tmp_path, redis_url):
    def made() -> Client:
        return make_client(
            write_package(tmp_path, arriving),
            clock="arrival",
            arrival_clock_in_production=True,
            redis_url=redis_url,
            journal_key="arrivals",
        )

    client = made()
    refused = client.post("/telemetry", [arrived(0.0), arrived(10.0)])
    assert (refused.status, refused.json["error"]["field"]) == (422, "body")
    assert "one arrival" in refused.json["error"]["rule"]
    both = [{**event(seconds=at), "received": START + 60.0} for at in (0.0, 10.0)]
    assert statuses(client, *both) == ["accepted", "accepted"]
    again = made()
    assert client.get("/labeled").json == again.get("/labeled").json
    early = {**event(seconds=70.0), "received": START - 900.0}
    assert statuses(again, early) == ["accepted"]


def test_windows_start_from_what_had_arrived_and_not_from_what_came_later(arriving):
    start = pd.Timestamp(START, unit="s", tz="UTC")
    frame = pd.DataFrame(
        {
            DEVICE: "a/1",
            "timestamp": start + pd.to_timedelta([0, 10, 20, 40], unit="s"),
            # The second arrives after the event that the windows are filled for, the last before it.
            "received": start + pd.to_timedelta([1, 90, 21, 41], unit="s"),
            "cpu": [1.0, 2.0, 3.0, 4.0],
            "latency": 0.0,
        }
    )
    history = ReadingHistory(lambda _start, _end: frame, arriving)
    found = before(history, "a/1", START + 30.0, START + 60.0)
    assert [values["cpu"] for _, values in found] == [1.0, 3.0, 4.0]


def test_an_instance_that_starts_anew_deletes_the_batches_of_the_one_before(package, tmp_path):
    def labeled() -> Client:
        client = make_client(package, clock="arrival", labeled_directory=str(tmp_path), labeled_anew=True)
        client.post("/telemetry", event())
        client.post("/labels", label())
        client.shut_down()
        return client

    labeled()
    (tmp_path / "notes.txt").touch()
    labeled()
    assert len(list(tmp_path.glob("*.parquet"))) == 1
    assert (tmp_path / "notes.txt").exists()
