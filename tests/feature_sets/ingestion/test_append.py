"""History in N parts equals history at once: files, online rows, statistics and counts, to the last bit."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from feature_sets.device_labels import device_labels
from feature_sets.device_metrics import device_metrics
from feature_sets.groups import Groups
from feature_sets.ingestion.append import Appended, append_rows
from feature_sets.ingestion.history import next_state, streamed_partition
from feature_sets.ingestion.history.horizon_target import HorizonTarget
from feature_sets.ingestion.vectorized_ingest import Contents, ingest_vectorized
from feature_sets.labels.horizon import with_target
from feature_sets.telemetry.each_horizon import ahead_targets
from feature_sets.telemetry.links import BEGINNING, OPEN
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from tests.feature_sets.ingestion.histories import (
    GROUPED,
    GROUPED_RELATIVE,
    GROUPED_WITH_ARRIVAL,
    MIDNIGHT,
    RELATIVE,
    RELATIVE_WITH_ARRIVAL,
    SCHEMA,
    WITH_ARRIVAL,
    assert_same_state,
    forget,
    labels,
    parts,
    readings,
    seeds,
    state_of,
)


def of_schema(rows: pd.DataFrame, schema: TelemetrySchema) -> pd.DataFrame:
    return rows if schema.arrival else rows.drop(columns="received")


def first_to_come(rows: pd.DataFrame, schema: TelemetrySchema) -> pd.DataFrame:
    """What the readers make of rows: of each device and time the first to arrive, but not from the future."""
    if schema.arrival:
        early = rows["timestamp"] > rows["received"] + pd.Timedelta(schema.windows.future_tolerance)
        rows = (
            rows.assign(early=early).sort_values(["early", "received"], kind="stable").drop(columns="early")
        )
    return rows.drop_duplicates([DEVICE, "timestamp"]).sort_values(["timestamp", DEVICE], ignore_index=True)


def in_parts(feature_set, cut, arrival=None, computed=None, contents=None) -> list[Appended]:
    return [
        append_rows(feature_set(), part, arrival=arrival, contents=contents, computed=computed)
        for part in cut
    ]


def contents_of(schema: TelemetrySchema) -> Contents | None:
    """With links that change, and peers by model; the last device is linked to none, and has no model."""
    if not schema.group_features:
        return None
    middle = int(MIDNIGHT.value // 1000)
    linked = {
        ("dev-0", "dev-1"): ((BEGINNING, middle), (middle + 60_000_000, OPEN)),
        ("dev-1", "dev-2"): ((BEGINNING, OPEN),),
    }
    attributes = pd.DataFrame({DEVICE: ["dev-0", "dev-1", "dev-2", "dev-3"], "model": ["a", "b", "a", None]})
    return Contents(groups=Groups(schema, linked, attributes))


def stream_files(monkeypatch, seed):
    """Every other time files are rewritten batch by batch, as large ones are."""
    if seed % 2:
        monkeypatch.setattr(next_state, "_WHOLE_ROWS", 0)
        monkeypatch.setattr(streamed_partition, "BATCH_ROWS", 1 + seed)


SHAPES = {
    "in order": (SCHEMA, 2, 12),
    "with arrival": (WITH_ARRIVAL, 2, 12),
    "relative": (RELATIVE, 2, 4),
    "relative with arrival": (RELATIVE_WITH_ARRIVAL, 2, 4),
    "groups": (GROUPED, 2, 4),
    "groups with arrival": (GROUPED_WITH_ARRIVAL, 2, 4),
    "groups and relative": (GROUPED_RELATIVE, 2, 4),
}
"""Name -> schema, and the seeds as ``seeds`` takes them."""


@pytest.mark.parametrize(
    ("schema", "seed"),
    [
        pytest.param(schema, seed, id=f"{name}-{seed}", marks=[pytest.mark.figures] * (seed >= count))
        for name, (schema, count, more) in SHAPES.items()
        for seed in range(more)
    ],
)
def test_readings_in_parts_equal_readings_at_once(project, local_stack, monkeypatch, schema, seed):
    stream_files(monkeypatch, seed)
    generator = np.random.default_rng([seed, 1])
    rows = readings(generator)
    contents = contents_of(schema)
    cut = parts(generator, rows, int(generator.integers(2, 7)))
    whole = first_to_come(of_schema(pd.concat(cut), schema), schema)
    done = ingest_vectorized(device_metrics(schema), whole, arrival=schema.arrival, contents=contents)
    expected = state_of("device_metrics", local_stack.info.redis_url)

    forget("device_metrics")
    cut = [first_to_come(of_schema(part, schema), schema) for part in cut]
    appended = in_parts(lambda: device_metrics(schema), cut, schema.arrival, contents=contents)
    found = state_of("device_metrics", local_stack.info.redis_url)
    assert_same_state(found, expected)
    assert appended[-1].rows == done.rows == found.table.num_rows
    assert sum(one.new - one.dropped for one in appended) == done.rows
    for one, part in zip(appended, cut, strict=True):
        assert one.new + one.known + sum(one.left_out.values()) == len(part)

    # Once more, in another order: nothing changes, not even the files.
    again = in_parts(lambda: device_metrics(schema), cut[::-1], schema.arrival, contents=contents)
    assert sum(one.new + one.rewritten + one.dropped for one in again) == 0
    assert state_of("device_metrics", local_stack.info.redis_url).folder == found.folder


@pytest.mark.parametrize("seed", seeds(2, 8))
@pytest.mark.parametrize("horizon", ["90s", "10m", "0s", ["0s", "90s", "10m"]], ids=str)
def test_labels_in_parts_equal_labels_at_once(project, local_stack, monkeypatch, seed, horizon):
    stream_files(monkeypatch, seed)
    generator = np.random.default_rng([seed, 2])
    schema = TelemetrySchema.from_dict({**SCHEMA.to_dict(), "horizon": horizon})
    rows = labels(generator, readings(generator))
    cut = parts(generator, rows, int(generator.integers(2, 7)))
    whole = pd.concat(cut).sort_values(["timestamp", DEVICE], ignore_index=True)
    ingest_vectorized(device_labels(schema), with_target(whole, schema))
    expected = state_of("device_labels", local_stack.info.redis_url)

    forget("device_labels")
    computed = HorizonTarget(schema) if ahead_targets(schema) else None
    appended = in_parts(lambda: device_labels(schema), cut, computed=computed)
    found = state_of("device_labels", local_stack.info.redis_url)
    assert_same_state(found, expected)
    assert sum(one.new for one in appended) == appended[-1].rows == len(whole)
    assert sum(one.rewritten for one in appended) > 0 or computed is None
    again = in_parts(lambda: device_labels(schema), cut, computed=computed)
    assert sum(one.new + one.rewritten for one in again) == 0
    assert state_of("device_labels", local_stack.info.redis_url).folder == found.folder
