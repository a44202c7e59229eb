"""What only the journal in Redis does; ``tests/contracts/test_journals.py`` has what every journal does."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
import redis

from feature_sets.telemetry.events import LabelEvent, TelemetryEvent
from graphs.protocol.errors import ApiError
from graphs.protocol.routes import Kind
from graphs.state import journal_archive, unarchived
from graphs.state.accepted_entries import accepted_entries, requests_by_columns
from graphs.state.entry_id import BEFORE_ALL
from graphs.state.journal_archive import last_archived
from graphs.state.journal_entries import RawEntry, id_text
from graphs.state.redis_journal import RedisJournal


def reading(number: int, cpu: float = 1.5) -> TelemetryEvent:
    return TelemetryEvent(
        f"a/{number}", 1_700_000_000.000001 + number, {"cpu": cpu, "latency": 0.1}, ("cpu",)
    )


def make(
    url: str, key: str, max_events: int = 1000, metrics: tuple[str, ...] = ("cpu", "latency")
) -> RedisJournal:
    return RedisJournal(url, key, metrics, max_events)


def test_long_journals_are_read_to_the_end(redis_url: str) -> None:
    journal = make(redis_url, "long", max_events=5000)
    for number in range(1203):
        journal.append(Kind.TELEMETRY, 0.0, [reading(number)])
    devices = [entry.events[0].device for entry in make(redis_url, "long", max_events=5000).entries()]
    assert devices == [f"a/{number}" for number in range(1203)]


def test_old_entries_are_dropped_but_never_below_the_promise(redis_url: str) -> None:
    journal = make(redis_url, "trimmed", max_events=500)
    for number in range(2000):
        journal.append(Kind.TELEMETRY, 0.0, [reading(2 * number), reading(2 * number + 1)])
        if number == 1000:
            journal = make(redis_url, "trimmed", max_events=500)
            list(journal.entries())
    kept = [event for entry in make(redis_url, "trimmed").entries() for event in entry.events]
    assert 500 <= len(kept) <= 1000
    assert kept[-1].device == "a/3999"


def test_entries_of_another_schema_are_skipped_and_counted(redis_url: str) -> None:
    make(redis_url, "changed").append(Kind.TELEMETRY, 0.0, [reading(0)])
    journal = make(redis_url, "changed", metrics=("cpu", "jitter"))
    assert list(journal.entries()) == []
    assert journal.skipped == 1


def test_what_could_not_be_read_of_another_process_is_given_the_next_time(
    monkeypatch: pytest.MonkeyPatch, redis_url: str
) -> None:
    ours, theirs = make(redis_url, "gap"), make(redis_url, "gap")
    theirs.append(Kind.TELEMETRY, 0.0, [reading(0)])
    ours.append(Kind.TELEMETRY, 0.0, [reading(1)])

    def away(*args: object, **kwargs: object) -> None:
        raise redis.TimeoutError("no answer")

    with monkeypatch.context() as patch:
        patch.setattr(ours._redis, "xrange", away)
        with pytest.raises(ApiError, match="journal: must be reachable to give what others") as raised:
            list(ours.missed())
        assert raised.value.status == 503
        # The entry of the request itself is in the journal by then.
        assert "what the journal has already waits for that: sent again, it counts" in raised.value.rule
        with pytest.raises(ApiError, match=r"must be reachable to give what it holds .*nothing was changed"):
            list(ours.raw())
    theirs.append(Kind.TELEMETRY, 0.0, [reading(2)])
    ours.append(Kind.TELEMETRY, 0.0, [reading(3)])
    missed = [event.device for entry in ours.missed() for event in entry.events]
    assert missed == ["a/0", "a/1", "a/2"]


def test_what_nobody_could_take_of_another_process_is_given_the_next_time(redis_url: str) -> None:
    ours, theirs = make(redis_url, "taken"), make(redis_url, "taken")
    for number in range(3):
        theirs.append(Kind.TELEMETRY, 0.0, [reading(number)])
    ours.append(Kind.TELEMETRY, 0.0, [reading(3)])
    taken = []
    with pytest.raises(ApiError, match="cannot be taken"):
        for entry in ours.missed():
            if taken:
                raise ApiError(503, "history", "cannot be taken")
            taken.append(entry.events[0].device)
    taken += [entry.events[0].device for entry in ours.missed()]
    assert taken == ["a/0", "a/1", "a/2"]
    assert list(ours.missed()) == []


def lose_answers(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """From now on the next answers of Redis never arrive."""
    left = [None] * count
    read = redis.Connection.read_response

    def lossy(self, *args, **kwargs):
        if left:
            left.pop()
            raise redis.ConnectionError("the connection was reset")
        return read(self, *args, **kwargs)

    monkeypatch.setattr(redis.Connection, "read_response", lossy)


def test_an_answer_that_is_lost_is_asked_for_once_more(redis_url, monkeypatch):
    journal = make(redis_url, "lost once")
    first = journal.append(Kind.TELEMETRY, 0.0, [reading(0)])
    lose_answers(monkeypatch, 1)
    assert journal.append(Kind.TELEMETRY, 1.0, [reading(0)]) > first


def test_answers_that_stay_away_are_an_error(redis_url, monkeypatch):
    journal = make(redis_url, "lost")
    journal.append(Kind.TELEMETRY, 0.0, [reading(0)])
    lose_answers(monkeypatch, 100)
    with pytest.raises(ApiError, match="must be reachable to accept events") as refused:
        journal.append(Kind.TELEMETRY, 1.0, [reading(0)])
    assert refused.value.status == 503


def archived_journal(url: str, key: str, folder: Path, **kwargs) -> RedisJournal:
    return RedisJournal(url, key, ("cpu", "latency"), kwargs.pop("max_events", 100), archive=folder, **kwargs)


def everything(url: str, key: str, folder: Path, after=(0, 0)) -> list[str]:
    entries = accepted_entries(url, f"{key}", folder, after).new
    return [event.device for entry in entries for event in entry.decoded(("cpu", "latency")).events]


def in_files(folder: Path) -> list[str]:
    entries = journal_archive.archived(folder, BEFORE_ALL)
    return [event.device for entry in entries for event in entry.decoded(("cpu", "latency")).events]


def wait_until(true) -> None:
    deadline = time.monotonic() + 10
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_what_is_dropped_is_in_a_file_before(redis_url, tmp_path):
    journal = archived_journal(redis_url, "archived", tmp_path)
    for number in range(1000):
        journal.append(Kind.TELEMETRY, 0.0, [reading(number)])
        if number == 600:  # Killed, and started again.
            journal = archived_journal(redis_url, "archived", tmp_path)
            list(journal.entries())
        if number % 200 == 0 and number > 200:
            wait_until(lambda: last_archived(tmp_path) > (0, 0))
            found = everything(redis_url, "archived", tmp_path)
            assert found == [f"a/{at}" for at in range(number + 1)]
    journal.close()
    assert everything(redis_url, "archived", tmp_path) == [f"a/{number}" for number in range(1000)]
    kept = [event.device for entry in make(redis_url, "archived").entries() for event in entry.events]
    assert 100 <= len(kept) < 800
    # Most are in files alone, some in both, the newest in Redis alone.
    assert len(in_files(tmp_path)) < 1000
    assert requests_by_columns(redis_url, "archived", tmp_path) == {"cpu,latency": 1000}
    middle = accepted_entries(redis_url, "archived", tmp_path, (0, 0)).new[499].id
    assert everything(redis_url, "archived", tmp_path, middle)[0] == "a/500"


def test_two_processes_may_archive_the_same_entries(redis_url, tmp_path):
    one, other = (archived_journal(redis_url, "twice archived", tmp_path) for _ in range(2))
    for number in range(40):
        (one, other)[number % 2].append(Kind.TELEMETRY, 0.0, [reading(number)])
        if number == 20:
            read = list(other.raw())
            one.archive.catch_up()
            # As if both had begun at the same moment.
            other.append(Kind.TELEMETRY, 0.0, [reading(100)])
            other.archive._write([*read, *list(other.raw(read[-1].id))])
    one.archive.catch_up()
    found = everything("", "", tmp_path)
    assert len(found) == len(set(found)) == 41


def test_a_journal_whose_archive_cannot_be_written_drops_nothing(redis_url, tmp_path, monkeypatch):
    failures: list[Exception] = []

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    journal = archived_journal(redis_url, "full", tmp_path, max_events=20, on_failure=failures.append)
    monkeypatch.setattr(journal_archive.pq, "write_table", full)
    for number in range(300):
        journal.append(Kind.TELEMETRY, 0.0, [reading(number)])
    wait_until(lambda: failures)
    assert everything(redis_url, "full", tmp_path) == [f"a/{number}" for number in range(300)]
    assert list(tmp_path.glob("*.parquet")) == []


def test_ids_grow_beyond_the_archive_when_the_server_lost_its_journal(redis_url, tmp_path):
    journal = archived_journal(redis_url, "lost server", tmp_path)
    with redis.Redis.from_url(redis_url) as client:
        client.xadd("lost server:journal", _fields(journal), id="9999999999999-5")  # the clock was ahead
        journal.archive.catch_up()
        client.delete("lost server:journal", "lost server:journal:last")
    again = archived_journal(redis_url, "lost server", tmp_path)
    assert list(again.entries()) == []
    assert again.append(Kind.TELEMETRY, 0.0, [reading(7)]) > (9999999999999, 5)
    assert everything(redis_url, "lost server", tmp_path)[-1] == "a/7"


def _fields(journal: RedisJournal) -> dict[str, Any]:
    return RawEntry((0, 0), "telemetry", journal._schema, "", 0.0, b"[]").fields()


def test_columns_beside_a_label_come_back(redis_url):
    journal = make(redis_url, "labels")
    labels = [LabelEvent("a/1", 1.5, 0, (True, None)), LabelEvent("a/1", 2.5, 1)]
    journal.append(Kind.LABELS, 3.0, labels)
    (entry,) = make(redis_url, "labels").entries()
    assert entry.labels == labels


def test_what_a_server_that_went_back_lacks_in_between_is_in_the_archive(redis_url, tmp_path):
    journal = archived_journal(redis_url, "middle", tmp_path)
    assert journal.archive is not None
    ids = [journal.append(Kind.TELEMETRY, 0.0, [reading(number)]) for number in range(20)]
    journal.archive.catch_up()
    journal._redis.xdel(journal._stream, *(f"{at[0]}-{at[1]}" for at in ids[10:20]))
    ids += [journal.append(Kind.TELEMETRY, 0.0, [reading(number)]) for number in range(20, 25)]
    again = archived_journal(redis_url, "middle", tmp_path)
    assert [entry.id for entry in again.entries(ids[4])] == ids[5:]


def test_what_another_process_trimmed_is_missed_by_none(redis_url, tmp_path):
    """It has snapshots behind entries that this one has not seen yet."""
    ours = archived_journal(redis_url, "behind", tmp_path)
    theirs = archived_journal(redis_url, "behind", tmp_path)
    ours.append(Kind.TELEMETRY, 0.0, [reading(0)])
    list(theirs.entries())
    ids = [theirs.append(Kind.TELEMETRY, 0.0, [reading(number)]) for number in range(1, 9)]
    theirs.archive.catch_up()
    theirs._redis.xtrim(theirs._stream, minid=f"{ids[4][0]}-{ids[4][1]}", approximate=False)
    ours.append(Kind.TELEMETRY, 0.0, [reading(9)])
    assert [entry.events[0].device for entry in ours.missed()] == [f"a/{number}" for number in range(1, 9)]
    assert list(ours.missed()) == []


def test_what_the_server_lost_before_it_was_in_a_file_gets_there_from_memory(redis_url, tmp_path):
    first = archived_journal(redis_url, "from memory", tmp_path)
    for number in range(5):
        first.append(Kind.TELEMETRY, 0.0, [reading(number)])
    middle = first.append(Kind.TELEMETRY, 0.0, [reading(5)])
    first.append(Kind.TELEMETRY, 0.0, [reading(6)])
    journal = archived_journal(redis_url, "from memory", tmp_path)
    list(journal.entries(middle))  # A snapshot has what is before.
    theirs = archived_journal(redis_url, "from memory", tmp_path)
    list(theirs.entries(middle))
    theirs.append(Kind.TELEMETRY, 0.0, [reading(7)])
    journal.append(Kind.TELEMETRY, 0.0, [reading(8)])
    list(journal.missed())
    journal._redis.delete("from memory:journal", "from memory:journal:last")
    assert everything(redis_url, "from memory", tmp_path) == []
    journal.append(Kind.TELEMETRY, 0.0, [reading(9)])
    assert journal.has_lost()
    wait_until(lambda: len(everything(redis_url, "from memory", tmp_path)) >= 10)
    assert everything(redis_url, "from memory", tmp_path) == [f"a/{number}" for number in range(10)]
    journal.archive.catch_up()
    journal.append(Kind.TELEMETRY, 0.0, [reading(10)])
    assert len(journal._unarchived) == 1, "what is in a file is not kept"
    journal.close()


def test_an_id_that_an_empty_store_gives_once_more_hides_nothing_of_the_archive(redis_url, tmp_path):
    journal = archived_journal(redis_url, "once more", tmp_path)
    journal.append(Kind.TELEMETRY, 0.0, [reading(0)])
    entry = journal.append(Kind.TELEMETRY, 0.0, [reading(1)])
    journal.archive.catch_up()
    other = archived_journal(redis_url, "other", tmp_path / "other")
    other.append(Kind.TELEMETRY, 0.0, [reading(2)])
    (again,) = other.raw()
    journal._redis.delete("once more:journal")
    journal._redis.xadd("once more:journal", again.fields(), id=id_text(entry))
    assert everything(redis_url, "once more", tmp_path) == ["a/0", "a/1"]


def test_what_is_kept_for_the_archive_is_bounded(redis_url, tmp_path, monkeypatch):
    monkeypatch.setattr(unarchived, "MOST_BYTES", 10_000)
    monkeypatch.setattr(journal_archive.pq, "write_table", lambda *_, **__: 1 / 0)
    journal = archived_journal(redis_url, "bounded", tmp_path, max_events=10_000)
    for number in range(200):
        journal.append(Kind.TELEMETRY, 0.0, [reading(number)])
        kept = journal._unarchived._entries
        size = sum(len(entry.events) + len(entry.names) + 400 for entry in kept)
        assert journal._unarchived.bytes == size <= 10_500
    assert everything(redis_url, "bounded", tmp_path) == [f"a/{number}" for number in range(200)]


def test_what_is_kept_here_as_a_whole_is_archived_without_asking_the_server(redis_url, tmp_path, monkeypatch):
    archived_journal(redis_url, "whole", tmp_path).append(Kind.TELEMETRY, 0.0, [reading(0)])
    journal = archived_journal(redis_url, "whole", tmp_path, max_events=10_000)
    assert [entry.events[0].device for entry in journal.entries()] == ["a/0"]
    asked: list[Any] = []
    monkeypatch.setattr(journal, "raw", lambda after: asked.append(after) or iter(()))
    journal.append(Kind.TELEMETRY, 0.0, [reading(1)])
    journal.archive.catch_up()
    assert everything(redis_url, "whole", tmp_path) == ["a/0", "a/1"] and not asked


def test_what_another_process_appended_is_archived_in_its_place(redis_url, tmp_path):
    journal = archived_journal(redis_url, "in between", tmp_path, max_events=10_000)
    list(journal.entries())
    theirs = archived_journal(redis_url, "in between", tmp_path / "theirs", max_events=10_000)
    journal.append(Kind.TELEMETRY, 0.0, [reading(0)])
    theirs.append(Kind.TELEMETRY, 0.0, [reading(1)])
    journal.append(Kind.TELEMETRY, 0.0, [reading(2)])
    journal.archive.catch_up()
    assert in_files(tmp_path) == ["a/0"], "what is between is not known here yet"
    theirs.append(Kind.TELEMETRY, 0.0, [reading(3)])
    journal.append(Kind.TELEMETRY, 0.0, [reading(4)])
    list(journal.missed())
    journal.append(Kind.TELEMETRY, 0.0, [reading(5)])
    journal.archive.catch_up()
    assert in_files(tmp_path) == [f"a/{number}" for number in range(6)]


@pytest.mark.parametrize(("most_bytes", "is_asked"), [(2_000, True), (64_000_000, False)])
def test_the_archive_gets_all_from_memory_or_else_from_the_server(monkeypatch, most_bytes, is_asked):
    monkeypatch.setattr(unarchived, "MOST_BYTES", most_bytes)
    every = [RawEntry((number, 0), "telemetry", "", "", 0.0, b"[]") for number in range(1, 40)]
    asked: list[Any] = []

    def of_server(after: Any) -> Any:
        asked.append(after)
        return iter(appended)

    kept, archived = unarchived.Unarchived(), BEFORE_ALL
    kept.is_whole_after(BEFORE_ALL, BEFORE_ALL)
    for number, entry in enumerate(every, start=1):
        appended = every[:number]
        kept.keep(entry, archived)
        kept.is_whole_to(entry.id)
        assert list(kept.read(archived, of_server)) == [each for each in appended if each.id > archived]
        if not number % 12:
            archived = entry.id
    assert bool(asked) == is_asked


def test_what_a_start_had_no_memory_for_is_asked_of_the_server(monkeypatch):
    monkeypatch.setattr(unarchived, "MOST_BYTES", 10_000)
    every = [RawEntry((number, 0), "telemetry", "", "", 0.0, b"[]") for number in range(1, 60)]
    kept = unarchived.Unarchived()
    kept.begin()
    for entry in every:
        kept.keep(entry, BEFORE_ALL)
    kept.is_whole_after(BEFORE_ALL, every[-1].id)
    assert len(kept) < len(every)
    assert list(kept.read(BEFORE_ALL, lambda after: iter(every))) == every
