"""Backfill: the live engine's numbers to the last bit, in any batches, in chunks, and after a kill."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feature_sets.checks import InputError
from feature_sets.telemetry.window_settings import OPERATIONS
from feature_sets.windows.backfill import backfill, backfill_chunks
from feature_sets.windows.definition import WindowDefinition
from feature_sets.windows.event_status import STATUSES
from feature_sets.windows.online import OnlineWindows
from feature_sets.windows.parquet_chunks import ParquetChunks
from feature_sets.windows.reference import reference
from tests.feature_sets.windows.engines import NAMES, FakeClock, assert_equal_features, in_any_batches
from tests.feature_sets.windows.streams import DEFINITION, START, Event, event, ordered_stream, streams


def frame(events: list[Event]) -> pd.DataFrame:
    return pd.DataFrame(events, columns=["device", "at", "load", "heat", "arrival"])


@st.composite
def odd_definitions(draw: st.DrawFn) -> WindowDefinition:
    """Any operations, and windows of which none need be a multiple of another."""
    period = draw(st.sampled_from([1, 7, 10]))
    lengths = draw(st.lists(st.integers(1, 23), min_size=1, max_size=3, unique=True))
    return WindowDefinition(
        entity="device",
        timestamp="at",
        metrics=("load", "heat"),
        operations=tuple(draw(st.lists(st.sampled_from(OPERATIONS), min_size=1, max_size=11, unique=True))),
        windows=tuple(f"{length * period}s" for length in lengths),
        period=f"{period}s",
        allowed_lateness=draw(st.sampled_from([None, f"{period}s"])),
        future_tolerance="30s",
        expected=draw(st.sampled_from([None, "1s", "7s"])),
    )


@settings(max_examples=150, deadline=None)
@given(streams(), odd_definitions())
def test_backfill_equals_the_reference_on_any_stream_and_definition(
    events: list[Event], definition: WindowDefinition
) -> None:
    rows = frame(events)
    got = backfill(rows, definition, arrival="arrival")
    want = reference(rows, definition, arrival="arrival")
    assert list(got.columns) == list(want.columns)
    assert_equal_features(got, want, events, list(definition.feature_names))


@settings(max_examples=100, deadline=None)
@given(streams(), st.data())
def test_any_batching_gives_the_rows_of_the_backfill_to_the_last_bit(
    events: list[Event], data: st.DataObject
) -> None:
    want = backfill(frame(events), DEFINITION, arrival="arrival")
    got = in_any_batches(DEFINITION, events, frame, data)
    pd.testing.assert_frame_equal(got, want, check_exact=True)


def many_events(devices: int = 30, ticks: int = 800) -> pd.DataFrame:
    """Enough for threads and stretches; some events are late, some repeated, some far too late."""
    rng = np.random.default_rng(5)
    size = devices * ticks
    at = (
        START
        + np.repeat(np.arange(ticks) * 3.0, devices)
        + rng.choice([0.0, 0.0, 0.0, -8.0, -9.0, -70.0], size)
    )
    return pd.DataFrame(
        {
            "device": np.tile([f"d{number}" for number in range(devices)], ticks),
            "at": at,
            "load": rng.normal(50, 10, size),
            "heat": np.where(rng.random(size) < 0.1, np.nan, rng.normal(1e9, 1, size)),
        }
    )


def test_a_long_frame_on_several_threads_gives_what_single_events_give() -> None:
    rows = many_events()
    assert len(rows) > 20_000
    clock = FakeClock(START + 1e6)
    single = OnlineWindows(DEFINITION, clock, threads=1)
    want = pd.DataFrame([single.update(one) for one in rows.to_dict("records")])
    for threads in (1, 2, 5):
        got = OnlineWindows(DEFINITION, clock, threads=threads).update(rows)
        pd.testing.assert_frame_equal(got, want, check_exact=True)
    assert {"accepted", "late", "duplicate", "too_late"} == set(want["event_status"])


def test_rows_keep_their_index_and_an_empty_frame_gives_an_empty_one() -> None:
    rows = frame([event(1, 2.0), event(0, 4.0)]).set_index(pd.Index(["x", "y"]))
    got = backfill(rows, DEFINITION)
    assert got.index.tolist() == ["x", "y"]
    assert list(got.columns) == [*NAMES, "event_status"]
    assert set(got[NAMES].dtypes) == {np.dtype("float64")}
    assert got["load_sum_1m"].tolist() == [2.0, 6.0]
    empty = backfill(rows.iloc[:0], DEFINITION)
    assert (len(empty), list(empty.columns)) == (0, list(got.columns))


def test_column_types_that_mean_the_same_give_the_same_rows() -> None:
    rows = frame(ordered_stream(seed=3, events=40))
    want = backfill(rows, DEFINITION)
    times = pd.to_datetime((rows["at"] * 1e6).round().astype("int64"), unit="us", utc=True)
    for changed in (
        {"at": times},
        {"at": times.dt.tz_convert("Asia/Tokyo").astype("datetime64[ms, Asia/Tokyo]"), "load": rows["load"]},
        {"device": rows["device"].astype("category")},
        {"device": rows["device"].astype("string[pyarrow]")},
        {"load": rows["load"].astype("Float64")},
        {"load": rows["load"].astype(object)},
    ):
        pd.testing.assert_frame_equal(backfill(rows.assign(**changed), DEFINITION), want, check_exact=True)


@pytest.mark.parametrize("base", [0.0, 1e9, -1e12])
def test_small_differences_of_large_readings_keep_their_deviation(base: float) -> None:
    values = [base + step for step in (-1.0, 1.0, 1.0, -1.0, 0.0, 1.0)]
    rows = frame([event(second * 7, value) for second, value in enumerate(values)])
    got = backfill(rows, replace(DEFINITION, windows=("1m",)))
    small = pd.Series([-1.0, 1.0, 1.0, -1.0, 0.0, 1.0])
    want = [math.nan, *(small[: size + 1].std() for size in range(1, 6))]
    np.testing.assert_allclose(got["load_stddev_1m"], want, rtol=1e-12)
    np.testing.assert_allclose(got["load_avg_1m"], base + small.expanding().mean(), rtol=1e-15)


def test_chunks_together_give_the_rows_of_one_backfill() -> None:
    rows = many_events(devices=5, ticks=200)
    written: list[pd.DataFrame] = []
    counts = backfill_chunks(
        (rows[at : at + 77] for at in range(0, len(rows), 77)), DEFINITION, written.append
    )
    want = backfill(rows, DEFINITION)
    pd.testing.assert_frame_equal(pd.concat(written), want, check_exact=True)
    assert counts == want["event_status"].value_counts().reindex(list(counts), fill_value=0).to_dict()


KEPT = ["device", "at"]

KILLED = """
import os, signal, sys
import pandas as pd
from feature_sets.windows.backfill import backfill_chunks
from feature_sets.windows.parquet_chunks import ParquetChunks
from tests.feature_sets.windows.streams import DEFINITION
from tests.feature_sets.windows.test_backfill import KEPT, chunks

class Killed(ParquetChunks):
    def __call__(self, rows):
        super().__call__(rows)
        if self._chunk == int(sys.argv[2]):
            os.kill(os.getpid(), signal.SIGKILL)

backfill_chunks(chunks(), DEFINITION, Killed(sys.argv[1] + "/out"), sys.argv[1] + "/progress", keep=KEPT)
"""


def chunks() -> list[pd.DataFrame]:
    rows = many_events(devices=5, ticks=200)
    return [rows[at : at + 100] for at in range(0, len(rows), 100)]


def test_a_backfill_that_was_killed_goes_on_and_writes_the_same(tmp_path: Path) -> None:
    root = Path(__file__).parents[3]
    for killed_after in (4, 7):  # the chunk is written, its progress is not
        done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path), str(killed_after)], cwd=root)
        assert done.returncode == -signal.SIGKILL
    (tmp_path / "out" / "part-00007.unfinished").write_bytes(b"torn")
    counts = backfill_chunks(
        chunks(), DEFINITION, ParquetChunks(tmp_path / "out"), tmp_path / "progress", keep=KEPT
    )
    straight = ParquetChunks(tmp_path / "straight")
    assert counts == backfill_chunks(chunks(), DEFINITION, straight, keep=KEPT)
    parts = sorted(path.name for path in (tmp_path / "straight").iterdir())
    assert len(parts) == 10
    for part in parts:
        assert (tmp_path / "out" / part).read_bytes() == (tmp_path / "straight" / part).read_bytes()


def test_a_finished_backfill_called_again_does_nothing(tmp_path: Path) -> None:
    progress = tmp_path / "progress"
    counts = backfill_chunks(chunks(), DEFINITION, ParquetChunks(tmp_path / "out"), progress)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()}
    assert backfill_chunks(chunks(), DEFINITION, ParquetChunks(tmp_path / "out"), progress) == counts
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()} == before


def test_progress_of_other_chunks_or_another_definition_is_refused(tmp_path: Path) -> None:
    progress, out = tmp_path / "progress", ParquetChunks(tmp_path / "out")
    backfill_chunks(chunks()[:3], DEFINITION, out, progress)
    with pytest.raises(
        InputError, match=r"must give the 3 chunks \(300 rows\) that were done before, got '2 c"
    ):
        backfill_chunks(chunks()[:2], DEFINITION, out, progress)
    moved = [chunk.assign(at=chunk["at"] + 1) for chunk in chunks()]
    for others in (moved, [moved[0], *chunks()[1:]]):
        with pytest.raises(InputError, match=r"got '3 chunks \(300 rows\) or other times'"):
            backfill_chunks(others, DEFINITION, out, progress)
    with pytest.raises(InputError, match=r"definition\.period"):
        backfill_chunks(chunks(), replace(DEFINITION, period="20s"), out, progress)
    progress.write_bytes(progress.read_bytes()[:-1])
    with pytest.raises(InputError, match=r"progress file .*checksum"):
        backfill_chunks(chunks(), DEFINITION, out, progress)
    with pytest.raises(TypeError, match=r"writer: must have seek\(chunk\)"):
        backfill_chunks(chunks(), DEFINITION, [].append, progress)


def test_a_part_that_was_lost_is_noticed_and_nothing_is_deleted(tmp_path: Path) -> None:
    progress, out = tmp_path / "progress", tmp_path / "out"
    backfill_chunks(chunks()[:5], DEFINITION, ParquetChunks(out), progress)
    (out / "part-00002.parquet").unlink()
    with pytest.raises(
        ValueError, match=r"seek\(5\): must follow 5 parts .* got 'none named part-00002\.parquet'"
    ):
        backfill_chunks(chunks(), DEFINITION, ParquetChunks(out), progress)
    with pytest.raises(ValueError, match=r"seek\(3\)"):
        ParquetChunks(out).seek(3)
    assert len(list(out.iterdir())) == 4
    ParquetChunks(out).seek(2)
    assert sorted(path.name for path in out.iterdir()) == ["part-00000.parquet", "part-00001.parquet"]


def test_a_part_is_on_the_disk_before_its_progress_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []

    def fsync(descriptor: int, real: Callable[[int], None] = os.fsync) -> None:
        synced.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    backfill_chunks(chunks()[:2], DEFINITION, ParquetChunks(tmp_path / "out"), tmp_path / "progress")
    assert synced == [
        *("part-00000.unfinished", "out", "progress.unfinished"),
        *("part-00001.unfinished", "out", "progress.unfinished"),
    ]


def test_parts_of_an_earlier_run_do_not_stay_even_without_progress(tmp_path: Path) -> None:
    writer = ParquetChunks(tmp_path)
    (tmp_path / "part-00009.unfinished").write_bytes(b"torn")
    (tmp_path / "part-of-something-else.parquet").write_bytes(b"theirs")
    backfill_chunks(chunks()[:4], DEFINITION, writer)
    for again in (writer, ParquetChunks(tmp_path)):
        backfill_chunks(chunks()[:3], DEFINITION, again)
        assert sorted(path.name for path in tmp_path.iterdir()) == [
            *(f"part-0000{number}.parquet" for number in range(3)),
            "part-of-something-else.parquet",
        ]


def test_chunks_without_rows_or_values_do_not_change_the_types_of_the_parts(tmp_path: Path) -> None:
    rows = chunks()[0].assign(note="x")
    empty = [rows.head(0), rows.head(10).assign(note=None)]
    backfill_chunks([*empty, rows], DEFINITION, ParquetChunks(tmp_path), keep=[*KEPT, "note"])
    got = pd.read_parquet(tmp_path)
    assert len(got) == 110
    assert got["note"].isna().sum() == 10
    assert set(got["event_status"]) <= set(STATUSES)
    types = [pq.read_schema(path).remove_metadata() for path in sorted(tmp_path.iterdir())]
    assert types[0] == types[1] == types[2]
    assert types[0].field("event_status").type == types[0].field("device").type == pa.string()
