"""What added rows reach, beside the engine of the windows run twice: without them and with them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from feature_sets.rows.keyed_rows import KeyedRows
from feature_sets.windows import event_status
from feature_sets.windows.arrival_order import windows_as_known
from feature_sets.windows.counters import CounterRule, Counters
from feature_sets.windows.definition import WindowDefinition
from feature_sets.windows.reach import reach

DEFINITION = WindowDefinition("device", "at", ("load",), ("sum", "count"), ("20s", "40s"), "10s")
COUNTERS = replace(
    DEFINITION,
    counters=Counters((CounterRule("load", "load_counter"),), max_gap=33_000_000, min_interval=4_000_000),
)


def stream(generator: np.random.Generator, rows: int, late: bool) -> pd.DataFrame:
    """Rows of two devices in event order; with gaps, and some that arrive late or much too late."""
    seconds = np.sort(generator.integers(0, 400, rows)) + generator.integers(0, 3, rows) * 600
    frame = pd.DataFrame(
        {
            "device": generator.choice(["a", "b"], rows),
            "at": pd.to_datetime(1_700_000_000 + seconds, unit="s", utc=True),
            "load": generator.integers(1, 100, rows).astype(float),
        }
    )
    frame = frame.drop_duplicates(["device", "at"]).sort_values(["at", "device"], ignore_index=True)
    delay = generator.choice([0, 0, 0, 15, 90, 700], len(frame)) if late else np.zeros(len(frame))
    counted = pd.Series(np.cumsum(frame["load"].to_numpy()).astype(np.uint64)).astype("UInt64")
    counted = counted.mask(generator.random(len(frame)) < 0.2)
    return frame.assign(came=frame["at"] + pd.to_timedelta(delay, unit="s"), load_counter=counted)


def in_order(frame: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Positions by device and arrival, with number of the device and bucket of each."""
    codes = (frame["device"] == "b").to_numpy(dtype=np.int64)
    micros = frame["at"].to_numpy().astype("datetime64[us]").astype(np.int64)
    order = np.lexsort((micros, frame["came"].to_numpy(), codes))
    return order, codes[order], micros[order] // DEFINITION.period_micros


def windows(frame: pd.DataFrame, late: bool, definition: WindowDefinition = DEFINITION) -> pd.DataFrame:
    rows = KeyedRows.of(frame.reset_index(drop=True), "device", "at")
    return windows_as_known(rows, definition, "came" if late else None)


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("definition", [DEFINITION, COUNTERS], ids=["gauge", "counter"])
@pytest.mark.parametrize("seed", range(40))
def test_no_other_row_changes_and_what_is_needed_gives_the_same_windows(seed, late, definition):
    generator = np.random.default_rng(seed)
    whole = stream(generator, 120, late)
    new = generator.random(len(whole)) < 0.1
    after = windows(whole, late, definition)
    before = windows(whole[~new], late, definition).set_axis(whole.index[~new])
    order, codes, buckets = in_order(whole)
    lengths = definition.longest_buckets, definition.lateness_buckets, definition.rate_buckets
    found = reach(codes, buckets, new[order], *lengths)

    too_late = pd.Series(found.too_late, index=order).sort_index()
    assert too_late.tolist() == (after[event_status.COLUMN] == event_status.TOO_LATE).tolist()
    stored = before[event_status.COLUMN].isin(event_status.COUNTED)
    clean = order[~found.changed & ~found.too_late]
    pd.testing.assert_frame_equal(after.loc[clean], before.loc[clean], check_exact=True)
    assert stored[clean].all()
    # A row that changed shows an added one: nothing is recomputed in vain.
    assert not set(order[found.changed]) & set(order[found.too_late])
    assert set(order[new[order] & ~found.too_late]) <= set(order[found.changed])

    needed = np.sort(order[found.needed])
    again = windows(whole.loc[needed], late, definition).set_axis(needed)
    changed = order[found.changed]
    features = list(definition.computed_names)
    pd.testing.assert_frame_equal(
        again.loc[changed, features], after.loc[changed, features], check_exact=True
    )


def test_a_row_is_seen_until_its_device_reaches_the_end_of_the_longest_window():
    buckets = np.array([1, 2, 3, 4, 5, 1, 2])
    devices = np.array([0, 0, 0, 0, 0, 1, 1])
    added = np.array([False, True, False, False, False, False, False])
    found = reach(devices, buckets, added, longest=3, lateness=3)
    assert found.changed.tolist() == [False, True, True, True, False, False, False]
    assert found.needed.tolist() == [True, True, True, True, False, False, False]
    assert not found.too_late.any()


def test_nothing_added_reaches_nothing():
    devices, buckets = np.zeros(3, dtype=np.int64), np.arange(3)
    found = reach(devices, buckets, np.zeros(3, dtype=bool), longest=2, lateness=2)
    assert not found.changed.any() and not found.needed.any()
    empty = reach(devices[:0], buckets[:0], np.zeros(0, dtype=bool), longest=2, lateness=2)
    assert len(empty.changed) == 0
