"""A first ingestion leaves the same behind whatever fits into memory, and a failed one leaves nothing."""

from __future__ import annotations

import tracemalloc
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlrun.feature_store as fstore
import numpy as np
import pandas as pd
import pytest

from feature_sets.checks import InputError
from feature_sets.device_metrics import device_metrics
from feature_sets.ingestion import feature_chunks
from feature_sets.ingestion.history import row_sample
from feature_sets.ingestion.telemetry_ingest import METRIC_OPTIONS
from feature_sets.ingestion.vectorized_ingest import ingest_vectorized
from feature_sets.ingestion.window_columns import FeatureWindows
from feature_sets.rows import row_sort, spilled_rows
from feature_sets.rows.keyed_rows import KeyedRows
from feature_sets.rows.whole_numbers import whole_array
from feature_sets.telemetry import reading_files
from feature_sets.telemetry.readings import FrameReadings
from feature_sets.telemetry.schema import DEVICE
from tests.feature_sets.ingestion.folders import MODELS, Folder, add_day, forget_all, states
from tests.feature_sets.ingestion.histories import (
    COUNTED,
    COUNTED_GROUPED,
    GROUPED,
    GROUPED_RELATIVE,
    GROUPED_WITH_ARRIVAL,
    RELATIVE,
    RELATIVE_WITH_ARRIVAL,
    SCHEMA,
    WITH_ARRIVAL,
    assert_same_states,
    counted,
    labels,
    parts,
    readings,
    readings_of,
)

SCHEMAS = {
    "gauges": SCHEMA,
    "counters": COUNTED,
    "arrival": WITH_ARRIVAL,
    "relative": RELATIVE,
    "relative with arrival": RELATIVE_WITH_ARRIVAL,
    "groups": GROUPED,
    "groups with arrival": GROUPED_WITH_ARRIVAL,
    "groups of counters with arrival": COUNTED_GROUPED,
    "groups and relative": GROUPED_RELATIVE,
}


@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=SCHEMAS)
def test_chunks_leave_what_one_leaves(tmp_path, project, local_stack, monkeypatch, schema):
    generator = np.random.default_rng(11)
    rows = readings_of(schema, generator)
    telemetry = Folder(tmp_path / "telemetry", schema)
    telemetry.static(MODELS)
    for number, part in enumerate(parts(generator, rows, 4)):
        telemetry.add("metrics", str(number), part)
    telemetry.add("labels", "all", labels(generator, rows))
    forget_all()
    expected = telemetry.ingest()
    before = states(local_stack.info.redis_url)
    monkeypatch.setattr(feature_chunks, "CHUNK_BYTES", 1)
    monkeypatch.setattr(feature_chunks, "_LEAST_ROWS", 23)
    monkeypatch.setattr(reading_files, "RUN_BYTES", 2_000)
    monkeypatch.setattr(row_sort, "_BLOCK_BYTES", 2_000)
    forget_all()
    found = telemetry.ingest()
    assert_same_states(states(local_stack.info.redis_url), before)
    assert found == expected


def test_readings_in_memory_have_the_same_rates_in_chunks(monkeypatch):
    feature_set = device_metrics(COUNTED)
    rows = counted(readings(np.random.default_rng(0))).drop(columns="received")
    micros = whole_array((rows["up"].fillna(0) * 10_000).to_numpy(np.uint64), rows["up"].notna().to_numpy())
    (counter,), uptime = COUNTED.counter_metrics, COUNTED.uptime
    frame = rows.assign(**{counter.column: rows["cpu"], uptime.micros_column: micros})
    given = FrameReadings(frame[[DEVICE, "timestamp", *COUNTED.reading_columns]], "timestamp")
    (whole,) = feature_chunks.feature_chunks(feature_set, given, None)
    monkeypatch.setattr(feature_chunks, "CHUNK_BYTES", 1)
    monkeypatch.setattr(feature_chunks, "_LEAST_ROWS", 23)
    parts_of = list(feature_chunks.feature_chunks(feature_set, given, None))
    assert len(parts_of) > 5 and whole.values["cpu"].notna().sum() > 100
    for name, column in whole.values.items():
        found = pd.concat([part.values[name] for part in parts_of], ignore_index=True)
        pd.testing.assert_series_equal(found, column, check_names=False)
    lost = sum((Counter(part.without_rate) for part in parts_of), Counter())
    assert lost == whole.without_rate


def test_an_ingestion_that_fails_midway_leaves_what_was_there(folder, local_stack, monkeypatch):
    add_day(folder, 1)
    folder.ingest()
    before = states(local_stack.info.redis_url)
    runs = Path(fstore.get_feature_set("device_metrics").get_target_path("parquet")).parent
    add_day(folder, 2)
    monkeypatch.setattr(feature_chunks, "CHUNK_BYTES", 1)
    monkeypatch.setattr(feature_chunks, "_LEAST_ROWS", 23)
    compute = FeatureWindows.columns
    done: list[int] = []

    def full(windows: FeatureWindows, rows: Any) -> Any:
        done.append(len(rows))
        if len(done) == 3:
            raise InputError("disk", "must have room", 0)
        return compute(windows, rows)

    monkeypatch.setattr(FeatureWindows, "columns", full)
    with pytest.raises(InputError, match="must have room"):
        folder.ingest(replace=True)
    assert done == [23, 23, 23]
    assert len(list(runs.iterdir())) == 1
    assert_same_states(states(local_stack.info.redis_url), before)


def test_twice_the_readings_need_no_more_memory(project, monkeypatch):
    """The peak of Python's memory, of numpy's with it, while windows are computed and written."""
    monkeypatch.setattr(feature_chunks, "CHUNK_BYTES", 1 << 18)
    monkeypatch.setattr(feature_chunks, "_LEAST_ROWS", 500)
    monkeypatch.setattr(row_sample, "MOST_ROWS", 100)
    feature_set = device_metrics(SCHEMA)
    rows = feature_chunks.chunk_rows(feature_set)
    frame = pd.DataFrame(
        {
            "device": np.tile(["a", "b"], rows),
            "timestamp": np.repeat(pd.date_range("2024-05-01", periods=rows, freq="10s", tz="UTC"), 2),
            "cpu": 1.0,
            "latency": 2.0,
        }
    )
    peaks = []
    for times in (2, 4):
        tracemalloc.start()
        done = ingest_vectorized(feature_set, _Again(frame, times), METRIC_OPTIONS)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert done.rows == times * len(frame)
    assert peaks[1] < 1.15 * peaks[0]


class _Again:
    """The same readings again and again, later each time."""

    def __init__(self, frame: pd.DataFrame, times: int) -> None:
        self._frame, self._times = frame, times

    def __len__(self) -> int:
        return self._times * len(self._frame)

    def chunks(self, rows: int) -> Iterator[KeyedRows]:
        span = self._frame["timestamp"].max() - self._frame["timestamp"].min() + pd.Timedelta("10s")
        for number in range(self._times):
            frame = self._frame.assign(timestamp=self._frame["timestamp"] + number * span)
            yield from FrameReadings(frame, "timestamp").chunks(rows)


def test_temporary_files_are_made_on_the_disk_of_the_store(folder, monkeypatch):
    made = []
    make = spilled_rows.SpillFile
    monkeypatch.setattr(reading_files, "RUN_BYTES", 1)
    monkeypatch.setattr(spilled_rows, "SpillFile", lambda path: made.append(path) or make(path))
    add_day(folder, 1)
    folder.ingest()
    add_day(folder, 2)
    folder.ingest()
    store = Path(fstore.get_feature_set("device_metrics").get_target_path("parquet"))
    assert made and all(path in store.parents for path in made)
    assert made[-1] == store.parent.parent
    assert [path.name for path in made[-1].iterdir()] == ["device_metrics"]
