"""What the endpoint accepted stays in the history, whatever arrival a file gives the same readings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from feature_sets.rows.event_micros import column_micros
from feature_sets.telemetry.events import TelemetryEvent
from feature_sets.telemetry.schema import DEVICE
from graphs.protocol.routes import Kind
from graphs.state.accepted_entries import AcceptedEntries
from graphs.state.redis_journal import RedisJournal
from project import accepted_readings
from project.accepted_readings import AcceptedReadings
from project.jobs import ingest as job
from project.live_history import LiveJournal, take_live
from tests.feature_sets.ingestion.folders import Context, Folder, forget_all, states
from tests.feature_sets.ingestion.histories import assert_same_rows
from tests.project.live_network import ARRIVING, GROUPED_ARRIVING, START, Past

LATER = START + pd.Timedelta(days=14)
"""When events of START were sent again."""


@dataclass
class JobContext(Context):
    project: str = ""


def live_events(devices: list[str], count: int) -> list[list[TelemetryEvent]]:
    """A list of events for each of some ticks."""
    return [
        [
            TelemetryEvent(device, START.timestamp() + 10 * tick, {"cpu": tick + at / 8, "latency": 1.0})
            for at, device in enumerate(devices)
        ]
        for tick in range(count)
    ]


def as_file(events: list[list[TelemetryEvent]], delay: str) -> pd.DataFrame:
    """The same as rows of a file that arrived so long after them."""
    rows = [event for tick in events for event in tick]
    times = pd.to_datetime([event.time for event in rows], unit="s", utc=True)
    return pd.DataFrame(
        {
            DEVICE: [event.device for event in rows],
            "timestamp": times,
            "received": times + pd.Timedelta(delay),
            **{name: [event.metrics[name] for event in rows] for name in ("cpu", "latency")},
        }
    )


@pytest.mark.parametrize("schema", [ARRIVING, GROUPED_ARRIVING], ids=["arrival", "groups, arrival"])
def test_a_file_that_repeats_accepted_readings_takes_nothing_away(
    project, local_stack, tmp_path, monkeypatch, schema
):
    forget_all()
    past = Past.random(np.random.default_rng(3))
    folder = past.folder(tmp_path / "files", schema)
    folder.ingest()
    journal = LiveJournal("serving", local_stack.info.redis_url, f"repeats-{tmp_path}", tmp_path / "accepted")
    kept = RedisJournal(journal.url, journal.key, schema.metric_names, 1000, "is_error")
    devices = sorted(past.rows[DEVICE].unique())[:2]
    events = live_events(devices, 200)
    for tick, some in enumerate(events):
        kept.append(Kind.TELEMETRY, LATER.timestamp() + tick, some)
    taken = take_live(journal, schema)
    assert taken["readings_new"] == 400
    before = states(local_stack.info.redis_url)

    again = as_file(events[-30:], "20s")
    other = Folder(tmp_path / "again", schema)
    other.add("metrics", "again", again)
    monkeypatch.setattr(job.LiveJournal, "of", lambda *_: journal)
    context = JobContext(project=project)
    job.ingest(context, str(other.path), str(other.schema))
    found = context.results
    assert (found["rows_dropped"], found["rows_known"], found["rows_new"]) == (0, 60, 0)
    assert found["rows_rewritten"] == found["rows_too_late"] == 0
    assert_same_rows(states(local_stack.info.redis_url), before)

    # By the arrival of the file the device would have been ahead of what it sent live.
    other.add("metrics", "once-more", again)
    found = other.ingest()
    assert found["rows_dropped"] > 100
    assert f"{found['rows_dropped']:,} rows are in the history no more" in found["report_lines"][-1]
    assert found["report"]["metrics"]["warnings"]
    forget_all()


def test_accepted_rows_are_known_by_device_time_and_arrival(local_stack, tmp_path, monkeypatch):
    monkeypatch.setattr(accepted_readings, "_ENTRIES", 2)
    journal = LiveJournal("serving", local_stack.info.redis_url, f"rows-{tmp_path}", tmp_path / "accepted")
    kept = RedisJournal(journal.url, journal.key, ARRIVING.metric_names, 1000, "is_error")
    events = live_events(["a", "b"], 5)
    # At one moment, so their arrivals follow each other by a microsecond.
    for some in events:
        kept.append(Kind.TELEMETRY, LATER.timestamp(), some)
    rows = as_file(events, "0s")
    arrivals = int(LATER.timestamp() * 1e6) + np.arange(10)
    accepted = AcceptedReadings(journal, ARRIVING)
    keys, micros = rows[DEVICE].tolist(), column_micros(rows["timestamp"])
    assert accepted(keys, micros, arrivals).all()
    assert not accepted(keys, micros, arrivals + 1).any()
    assert not accepted(["c"] * 10, micros, arrivals).any()
    assert not len(accepted([], micros[:0], arrivals[:0]))


def test_the_journal_is_read_once_for_rows_that_are_asked_for_again(tmp_path, monkeypatch):
    asked = []

    def entries(journal, seconds):
        asked.append(seconds)
        return AcceptedEntries([], [])

    monkeypatch.setattr(LiveJournal, "arrived_since", entries)
    accepted = AcceptedReadings(LiveJournal("serving", "", "key", tmp_path), ARRIVING)
    moments = np.array([7, 8, 9]) * 1_000_000
    for _ in range(2):
        assert not accepted(["a", "b"], moments[:2], moments[:2]).any()
    assert not accepted(["a", "b", "c"], moments, moments).any()
    assert asked == [7.0, 9.0]
