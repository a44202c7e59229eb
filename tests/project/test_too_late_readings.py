"""Which readings of a journal were too late, by the journal alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from feature_sets.telemetry.events import TelemetryEvent
from feature_sets.telemetry.schema import TelemetrySchema
from graphs.state import accepted_entries
from graphs.state.accepted_entries import AcceptedEntries
from graphs.state.journal_entries import RawEntry, encoded
from project import too_late_readings
from project.live_rows import live_rows
from project.too_late_readings import NewestBuckets, newest_before

SCHEMA = TelemetrySchema.from_dict(
    {
        **{"name": "lab", "entity": ["device"], "time": "at", "metrics": {"load": None}, "label": "bad"},
        "windows": {"lengths": ["1m"], "period": "10s"},
    }
)
NOW = 1_700_000_000.0


def entry(number: int, *readings: tuple[str, float], arrival: float = 0.0) -> RawEntry:
    """Readings by device and time, in seconds from ``NOW``."""
    events = [TelemetryEvent(device, NOW + at, {"load": 1.0}) for device, at in readings]
    return RawEntry((number, 0), "telemetry", "load", "bad", NOW + arrival, encoded(events))


@pytest.fixture
def archive(monkeypatch: pytest.MonkeyPatch) -> list[RawEntry]:
    entries: list[RawEntry] = []
    monkeypatch.setattr(accepted_entries, "archived", lambda directory, after: iter(entries))
    return entries


def left_out(entries: AcceptedEntries, schema: TelemetrySchema = SCHEMA) -> int:
    newest = newest_before(entries, Path(), schema)
    return live_rows(entries, schema, 0, newest).counts["readings_too_late"]


def test_what_was_before_counts_however_far_it_was_read(archive: list[RawEntry]) -> None:
    first, second = entry(1, ("r1", 0), ("r2", 0)), entry(2, ("r1", -NOW), ("r1", -60), ("r1", -49))
    assert left_out(AcceptedEntries([first, second], [])) == 2
    assert left_out(AcceptedEntries([second], [first])) == 2
    archive.append(first)
    assert left_out(AcceptedEntries([second], [])) == 2
    assert left_out(AcceptedEntries([entry(2, ("r3", -NOW), ("r2", 10))], [first])) == 0


def test_a_device_that_the_endpoint_has_forgotten_begins_anew() -> None:
    first = entry(1, ("r1", 0))
    assert left_out(AcceptedEntries([first, entry(2, ("r1", -NOW), arrival=170)], [])) == 1
    assert left_out(AcceptedEntries([first, entry(2, ("r1", -NOW), arrival=190)], [])) == 0


def test_what_was_before_is_read_for_old_readings_only(
    archive: list[RawEntry], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(entries: AcceptedEntries, directory: Path) -> None:
        raise AssertionError

    monkeypatch.setattr(too_late_readings, "all_entries", fail)
    assert left_out(AcceptedEntries([entry(2, ("r1", 10), ("r1", 50))], [])) == 0
    arriving = TelemetrySchema.from_dict({**SCHEMA.to_dict(), "arrival": "received"})
    assert newest_before(AcceptedEntries([entry(2, ("r1", -NOW))], []), Path(), arriving) is None
    with pytest.raises(AssertionError):
        left_out(AcceptedEntries([entry(2, ("r1", -NOW))], []))


def test_a_reading_of_the_future_moves_nothing() -> None:
    assert left_out(AcceptedEntries([entry(1, ("r1", 600)), entry(2, ("r1", 0))], [])) == 0
    assert NewestBuckets(SCHEMA).takes("r1", 0.0, 0)


def test_what_was_counted_before_is_sent_again_and_not_lost(archive: list[RawEntry]) -> None:
    """A batch of three hours whose answer was lost is sent once more, with one reading that is new."""
    batch = [("r1", float(at)) for at in range(0, 10_800, 60)]
    first, again = entry(1, *batch, arrival=10_800), entry(2, *batch, ("r1", 30.0), arrival=10_801)
    for entries in (AcceptedEntries([first, again], []), AcceptedEntries([again], [first])):
        counts = live_rows(entries, SCHEMA, 0, newest_before(entries, Path(), SCHEMA)).counts
        assert counts["readings_too_late"] == 1
        # The newest ones are duplicates in time, which a history knows.
        assert counts["readings_taken_before"] > 170
