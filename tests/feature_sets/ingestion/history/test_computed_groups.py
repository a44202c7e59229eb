"""An addition changes what it must of other devices, and needs no more than rows near it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from feature_sets.derived_features import DerivedFeatures
from feature_sets.groups import Groups
from feature_sets.ingestion.history.computed import WindowFeatures
from feature_sets.rows.event_micros import column_micros
from feature_sets.rows.keyed_rows import KeyedRows
from feature_sets.telemetry.links import BEGINNING, OPEN
from feature_sets.telemetry.schema import DEVICE
from feature_sets.windows.definition import WindowDefinition
from tests.feature_sets.ingestion.histories import GROUPED, GROUPED_WITH_ARRIVAL, readings

LINKS = {("dev-0", "dev-1"): ((BEGINNING, OPEN),), ("dev-1", "dev-2"): ((BEGINNING, OPEN),)}
ATTRIBUTES = pd.DataFrame({DEVICE: [f"dev-{number}" for number in range(6)], "model": [*"aabbcc"]})


def computing(schema):
    groups = Groups(schema, LINKS, ATTRIBUTES)
    return WindowFeatures(
        WindowDefinition.from_schema(schema), DerivedFeatures(schema), schema.arrival, groups
    )


def history(schema, seed, rows=500):
    frame = readings(np.random.default_rng([seed, 4]), rows=rows, devices=6)
    frame = frame[frame["timestamp"] <= frame["received"] + pd.Timedelta(schema.windows.future_tolerance)]
    frame = frame.sort_values("received", kind="stable").drop_duplicates([DEVICE, "timestamp"])
    return KeyedRows.of(frame, DEVICE, "timestamp").in_event_order()


def values_of(rows, found, computed):
    """By device and time, the bits of all that is computed of the changed rows."""
    at = np.flatnonzero(found.changed)
    table = np.column_stack([found.values[name] for name in computed.names])
    keys = [(rows.keys[rows.codes[row]], int(rows.micros[row])) for row in at]
    return dict(zip(keys, (row.tobytes() for row in table), strict=True))


@pytest.mark.parametrize("schema", [GROUPED, GROUPED_WITH_ARRIVAL], ids=["no arrival", "arrival"])
@pytest.mark.parametrize("seed", range(10))
def test_what_an_addition_leaves_as_it_was_is_what_all_at_once_would_be(schema, seed):
    computed, rows = computing(schema), history(schema, seed)
    generator = np.random.default_rng([seed, 5])
    if seed % 2:  # Some late ones, or the newest of all.
        added = generator.random(len(rows)) < 0.03
    else:
        moments = column_micros(rows.frame["received"]) if schema.arrival else rows.micros
        added = moments >= np.sort(moments)[-20]
    everything = np.ones(len(rows), dtype=np.bool_)
    whole = values_of(rows, computed.recompute(rows, everything, is_whole=True), computed)
    known = rows.take(np.flatnonzero(~added))
    before = values_of(known, computed.recompute(known, everything[: len(known)], is_whole=True), computed)
    found = computed.recompute(rows, added, is_whole=True)
    after = values_of(rows, found, computed)
    gone = {
        (rows.keys[rows.codes[row]], int(rows.micros[row])) for row in np.flatnonzero(found.too_late).tolist()
    }
    merged = {key: bits for key, bits in {**before, **after}.items() if key not in gone}
    assert merged == whole
    assert len(after) < len(whole)

    low = int(rows.micros[added].min()) - computed.behind
    near = rows.micros >= low
    if schema.arrival:
        arrivals = column_micros(rows.frame["received"])
        near |= arrivals >= arrivals[added].min()
    some = rows.take(np.flatnonzero(near))
    bounded = computed.recompute(some, added[near])
    if not bounded.lacks:
        assert values_of(some, bounded, computed) == after
    # Without a late reader rows near the added ones are enough.
    assert not (bounded.lacks and schema.arrival is None)


def test_a_reader_that_was_long_behind_needs_more_than_what_is_near():
    schema = GROUPED_WITH_ARRIVAL
    computed = computing(schema)
    hours = pd.Timedelta("1h")
    start = pd.Timestamp("2024-01-02T12:00:00Z")
    rows = [
        ("dev-0", start - 3 * hours, start - 3 * hours, 1.0),
        # It says at noon what it read three hours ago, and sees what its neighbor was then.
        ("dev-1", start - 3 * hours + pd.Timedelta("5s"), start + pd.Timedelta("9s"), 2.0),
        ("dev-1", start - 3 * hours + pd.Timedelta("6s"), start + pd.Timedelta("10s"), 3.0),
        ("dev-2", start, start, 4.0),
    ]
    frame = pd.DataFrame(rows, columns=[DEVICE, "timestamp", "received", "cpu"]).assign(latency=1.0)
    keyed = KeyedRows.of(frame, DEVICE, "timestamp").in_event_order()
    added = np.array([key == "dev-2" for key in keyed.frame[DEVICE]])
    found = computed.recompute(keyed, added)
    assert found.lacks
    whole = computed.recompute(keyed, added, is_whole=True)
    assert not whole.lacks and whole.changed.sum() == 3


def test_a_day_that_is_added_reads_and_changes_only_rows_near_it():
    computed = computing(GROUPED)
    times = pd.date_range("2024-01-01", "2024-01-03", freq="60s", tz="UTC", inclusive="left")
    frame = pd.DataFrame(
        {DEVICE: np.tile(["dev-0", "dev-1", "dev-5"], len(times)), "timestamp": times.repeat(3)}
    )
    frame = frame.assign(cpu=np.arange(len(frame), dtype=float), latency=1.0)
    rows = KeyedRows.of(frame, DEVICE, "timestamp").in_event_order()
    added = (rows.frame["timestamp"] >= times[-100]).to_numpy()
    found = computed.recompute(rows, added)
    assert not computed.whole_devices and not found.lacks
    assert added.sum() <= found.changed.sum() < added.sum() + 30
