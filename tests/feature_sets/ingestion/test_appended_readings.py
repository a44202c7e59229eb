"""A part that is added in steps leaves what it leaves at once, and is counted alike."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from feature_sets.ingestion import appended_readings, feature_chunks, telemetry_ingest
from feature_sets.ingestion.history import next_state, streamed_partition
from feature_sets.rows import row_sort
from feature_sets.telemetry import reading_files
from feature_sets.telemetry.readings import Readings
from feature_sets.telemetry.schema import TelemetrySchema
from tests.feature_sets.ingestion.folders import MODELS, Folder, forget_all, states
from tests.feature_sets.ingestion.histories import (
    COUNTED,
    COUNTED_WITH_ARRIVAL,
    GROUPED,
    GROUPED_WITH_ARRIVAL,
    RELATIVE,
    SCHEMA,
    WITH_ARRIVAL,
    assert_same_states,
    labels,
    parts,
    readings_of,
)

SCHEMAS = {
    "in order": SCHEMA,
    "with arrival": WITH_ARRIVAL,
    "counters": COUNTED,
    "counters with arrival": COUNTED_WITH_ARRIVAL,
    "relative": RELATIVE,
    "groups": GROUPED,
    "groups with arrival": GROUPED_WITH_ARRIVAL,
}


def tables_of(schema: TelemetrySchema, seed: int) -> list[dict[str, pd.DataFrame]]:
    """A history, and what is added to it: rows before, among and after it."""
    generator = np.random.default_rng([seed, 7])
    rows = readings_of(schema, generator)
    known = labels(generator, rows)
    cut = parts(generator, rows, 4)
    # Some rows again, and some of them with something else in them.
    again = cut[0].iloc[::5].copy()
    again.loc[again.index[::2], "latency"] = 0.125
    return [{"metrics": cut[0], "labels": known}, {"metrics": pd.concat([*cut[1:], again])}]


def folder_of(path: Path, schema: TelemetrySchema, table: dict[str, pd.DataFrame]) -> Folder:
    folder = Folder(path, schema)
    folder.static(MODELS)
    for name, frame in table.items():
        folder.add(name, "first", frame)
    return folder


def in_small_steps(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Steps of a few rows, and files that are rewritten batch by batch; gives the rows of each step."""
    monkeypatch.setattr(feature_chunks, "CHUNK_BYTES", 1)
    monkeypatch.setattr(feature_chunks, "_LEAST_ROWS", 20)
    monkeypatch.setattr(reading_files, "RUN_BYTES", 2_000)
    monkeypatch.setattr(row_sort, "_BLOCK_BYTES", 2_000)
    monkeypatch.setattr(next_state, "_WHOLE_ROWS", 0)
    monkeypatch.setattr(streamed_partition, "BATCH_ROWS", 7)
    sizes: list[int] = []
    prepare = appended_readings.prepare_rows

    def counting(feature_set: Any, frame: Any, *given: Any, **named: Any) -> Any:
        sizes.append(len(frame))
        return prepare(feature_set, frame, *given, **named)

    monkeypatch.setattr(appended_readings, "prepare_rows", counting)
    return sizes


@pytest.mark.parametrize("name", SCHEMAS)
def test_steps_leave_what_one_addition_leaves(tmp_path, project, local_stack, monkeypatch, name):
    schema = SCHEMAS[name]
    first, second = tables_of(schema, 1)
    forget_all()
    folder = folder_of(tmp_path / "telemetry", schema, first)
    folder.ingest()
    folder.add("metrics", "second", second["metrics"])
    expected = folder.ingest()
    before = states(local_stack.info.redis_url)
    assert expected["rows_new"] and expected["rows_rewritten"] and expected["rows_conflicting"]

    (folder.path / "metrics" / "second.parquet").unlink()
    forget_all()
    folder.ingest()
    folder.add("metrics", "second", second["metrics"])
    sizes = in_small_steps(monkeypatch)
    found = folder.ingest()
    assert len(sizes) == 1 if schema is RELATIVE else len(sizes) > 3
    assert_same_states(states(local_stack.info.redis_url), before)
    for counts in (found, expected):
        # A row that one step finds too late is given again in another: known at once, too late by then.
        counts["rows_known_or_too_late"] = counts.pop("rows_known") + counts.pop("rows_too_late", 0)
    if schema.arrival:  # One that a step rewrites, and another finds too late or known, counts for each.
        for name in ("rows_rewritten", "rows_conflicting"):
            assert abs(found.pop(name) - expected.pop(name)) <= 5
    told = ("conflicts", "report_lines", "report")  # Some of the conflicts, and in the order of the steps.
    assert {key: value for key, value in found.items() if key not in told} == {
        key: value for key, value in expected.items() if key not in told
    }
    assert found["report"]["metrics"]["rejected"] == expected["report"]["metrics"]["rejected"]


@pytest.mark.parametrize(
    "schema", [SCHEMA, WITH_ARRIVAL, GROUPED_WITH_ARRIVAL], ids=["in order", "with arrival", "groups"]
)
def test_what_a_failure_leaves_is_completed_by_the_next_ingestion(
    tmp_path, project, local_stack, monkeypatch, schema
):
    first, second = tables_of(schema, 5)
    forget_all()
    folder = folder_of(tmp_path / "telemetry", schema, first)
    folder.add("metrics", "second", second["metrics"])
    folder.ingest()
    before = states(local_stack.info.redis_url)

    (folder.path / "metrics" / "second.parquet").unlink()
    forget_all()
    begun = folder.ingest()["rows_ingested"]
    folder.add("metrics", "second", second["metrics"])
    with monkeypatch.context() as patch:
        sizes = in_small_steps(patch)
        counting = appended_readings.prepare_rows

        def failing(*given: Any, **named: Any) -> Any:
            if len(sizes) == 3:
                raise OSError("the disk is gone")
            return counting(*given, **named)

        patch.setattr(appended_readings, "prepare_rows", failing)
        with pytest.raises(OSError, match="the disk is gone"):
            folder.ingest()
    found = folder.ingest()
    assert 0 < found["rows_new"] < before[1].table.num_rows - begun or schema.arrival
    assert_same_states(states(local_stack.info.redis_url), before)


def test_a_part_that_is_one_step_after_all_is_noted_as_read(tmp_path, project, local_stack, monkeypatch):
    """Rows that arrived at one moment are one step, however many they are."""
    first, second = tables_of(WITH_ARRIVAL, 1)
    forget_all()
    folder = folder_of(tmp_path / "telemetry", WITH_ARRIVAL, first)
    folder.ingest()
    metrics = second["metrics"]
    folder.add("metrics", "second", metrics.assign(received=metrics["received"].max()))
    sizes = in_small_steps(monkeypatch)
    assert folder.ingest()["rows_new"] > 0
    assert len(sizes) == 1
    folder.ingest()
    assert sum(sizes[1:]) == 0


def test_a_first_ingestion_that_failed_is_made_good_chunk_by_chunk(
    tmp_path, project, local_stack, monkeypatch
):
    """The retry finds devices without a history of readings, and does not load all readings."""
    first, _ = tables_of(SCHEMA, 2)
    forget_all()
    folder = folder_of(tmp_path / "telemetry", SCHEMA, first)
    folder.ingest()
    before = states(local_stack.info.redis_url)
    forget_all()

    def failing(*given: Any, **named: Any) -> Any:
        raise OSError("the disk is gone")

    with monkeypatch.context() as patch:
        patch.setattr(telemetry_ingest, "ingest_vectorized", failing)
        with pytest.raises(OSError, match="the disk is gone"):
            folder.ingest()
    in_small_steps(monkeypatch)
    monkeypatch.setattr(appended_readings, "prepare_rows", failing)
    monkeypatch.setattr(Readings, "frame", failing)
    folder.ingest()
    assert_same_states(states(local_stack.info.redis_url), before)
