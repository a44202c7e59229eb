"""Features that tell the time are left out, those that tell errors are not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from feature_sets.checks import InputError
from feature_sets.telemetry.schema import DEVICE
from training.dataset.time_split import split_by_time
from training.select_features import select_from
from training.selection.feature_stability import drift_of, unstable_features


def reasons(frame, *names, max_drift=0.7):
    return unstable_features(frame, names, "timestamp", "is_error", max_drift)


def slow(values, later, devices):
    """Every earlier against every later row of each device."""
    signs = [
        np.sign(b - a)
        for device in set(devices)
        for a in values[(devices == device) & ~later]
        for b in values[(devices == device) & later]
        if not np.isnan(b - a)
    ]
    return abs(np.mean(signs)) if signs else 0.0


@pytest.mark.parametrize("seed", range(4))
def test_the_drift_is_that_of_all_pairs_of_rows_of_a_device(seed):
    random = np.random.default_rng(seed)
    later, devices = random.random(300) < 0.3 + 0.4 * (seed % 2), random.integers(0, 6, 300)
    later[devices == 0] = True  # came late
    values = np.round(random.normal(size=300) + later + 10.0 * devices, seed)  # with ties
    values[random.random(300) < 0.2] = np.nan
    assert drift_of(values, later, devices) == pytest.approx(slow(values, later, devices))
    assert drift_of(-values, later, devices) == pytest.approx(slow(values, later, devices))


def test_of_one_device_it_is_the_area_under_the_curve():
    random = np.random.default_rng(0)
    later = np.arange(200) >= 100
    values = random.normal(size=200) + later
    expected = 2 * roc_auc_score(later, values) - 1
    assert drift_of(values, later, np.zeros(200, dtype=int)) == pytest.approx(expected)


def fleet(levels, climb, ticks=100, seed=0):
    """Devices at different levels that climb all over the time."""
    random = np.random.default_rng(seed)
    parts = [
        pd.DataFrame(
            {
                "device": f"d{number}",
                "timestamp": pd.Timestamp("2024-03-01T00:00:00Z") + pd.to_timedelta(np.arange(ticks), "min"),
                "is_error": np.int8(0),
                "load": level + climb * np.arange(ticks) / ticks + random.normal(0.0, 1.0, ticks),
            }
        )
        for number, level in enumerate(levels)
    ]
    return pd.concat(parts, ignore_index=True)


def test_levels_of_the_devices_do_not_hide_a_drift_inside_each():
    rows = fleet(np.linspace(0.0, 1000.0, 20), climb=60.0)
    later = (rows["timestamp"] > rows["timestamp"].median()).to_numpy()
    assert 2 * roc_auc_score(later, rows["load"]) - 1 < 0.2  # over all devices it is hidden
    assert reasons(rows, "load")["load"].endswith("is 1.00")
    assert reasons(fleet(np.linspace(0.0, 1000.0, 20), climb=0.0), "load") == {}


def test_levels_of_devices_that_come_and_go_are_no_drift():
    rows = fleet([0.0] * 10 + [1000.0] * 10, climb=0.0)
    tick = rows.groupby("device").cumcount()
    old = rows["load"] < 500.0
    replaced = rows[np.where(old, tick < 50, tick >= 50)]
    later = replaced["timestamp"] > replaced["timestamp"].median()
    assert roc_auc_score(later, replaced["load"]) == 1.0
    assert reasons(replaced, "load") == {}
    # A few of each that overlap say the same as the rest; and one that climbs is found among them.
    overlapping = rows[np.where(old, tick < 60, tick >= 40)]
    assert reasons(overlapping, "load") == {}
    climbing = fleet([0.0] * 10 + [1000.0] * 10, climb=60.0)
    assert list(reasons(climbing[np.where(old, tick < 60, tick >= 40)], "load")) == ["load"]


def test_missing_readings_do_not_count():
    later, one = np.arange(100) >= 50, np.zeros(100, dtype=int)
    values = np.random.default_rng(1).normal(size=100)
    gaps = np.where(np.arange(100) % 3 == 0, np.nan, values)
    known = ~np.isnan(gaps)
    expected = abs(2 * roc_auc_score(later[known], values[known]) - 1)
    assert drift_of(gaps, later, one) == pytest.approx(expected)
    assert drift_of(np.where(later, np.nan, values), later, one) == 0.0
    assert drift_of(np.full(100, np.nan), later, one) == 0.0


def test_a_clock_is_left_out_and_a_stable_reading_is_not(frame):
    frame["clock"] = frame["timestamp"].astype("int64").astype(float)
    found = reasons(frame, "heat", "clock")
    assert list(found) == ["clock"]
    assert found["clock"] == "it tells earlier from later healthy rows of a device: |2 AUC - 1| is 1.00"
    assert reasons(frame, "heat", "clock", max_drift=1.0) == {}


def test_errors_that_come_late_leave_their_feature_alone(frame):
    late = frame["timestamp"] > frame["timestamp"].quantile(0.6)
    frame["is_error"] = np.int8(0)
    frame.loc[late, "is_error"] = np.int8(1)
    random = np.random.default_rng(2)
    frame["sign"] = random.normal(size=len(frame)) + 10.0 * frame["is_error"]
    assert reasons(frame, "sign") == {}


def test_selection_leaves_out_what_misleads_in_the_later_part(frame, schema):
    frame["clock"] = frame["timestamp"].astype("int64").astype(float)
    selection = select_from(split_by_time(frame, schema, 0.3), schema, k=4)
    assert list(selection.dropped) == ["clock"]
    assert "clock" not in selection.election.selected
    kept = select_from(split_by_time(frame, schema, 0.3), schema, k=4, max_drift=1.0)
    assert kept.dropped == {}


def test_nothing_but_clocks_is_refused(frame, schema):
    clocks = frame[["device", "timestamp", "is_error"]].assign(
        clock=frame["timestamp"].astype("int64").astype(float)
    )
    with pytest.raises(InputError, match=r"must have at least one stable feature .* got \{'clock'"):
        select_from(split_by_time(clocks, schema, 0.3), schema)


def test_no_healthy_row_is_no_drift():
    rows = pd.DataFrame(
        {"device": "a", "timestamp": pd.to_datetime([1, 2]), "is_error": [1, 1], "x": [0.0, 1.0]}
    )
    assert reasons(rows, "x") == {}


def sawtooth(period, rows):
    return np.arange(rows) % period * 1.0


@pytest.mark.parametrize("sampled", [False, True])
def test_a_counter_that_is_reset_is_unstable_and_it_is_said_why(sampled):
    random = np.random.default_rng(0)
    rows = 6000 if sampled else 600
    frame = pd.DataFrame(
        {
            DEVICE: "a",
            "time": pd.Timestamp("2024-03-01T00:00:00Z") + pd.to_timedelta(np.arange(rows), unit="min"),
            "label": np.int8(0),
            "counter": sawtooth(60, rows) + random.random(rows),
            "steady": random.normal(size=rows),
            "daily": np.sin(np.arange(rows) / 20.0) + 0.01 * random.normal(size=rows),
            "fading": 59.0 - sawtooth(60, rows),
            "seldom": (np.arange(rows) % 100 > 90) * 1.0,
        }
    )
    if sampled:
        frame = frame.sample(2000, random_state=0)
    names = ["counter", "steady", "daily", "fading", "seldom"]
    found = unstable_features(frame, names, "time", "label", 0.7)
    assert list(found) == ["counter"]
    assert found["counter"].startswith("it only rises between resets, like a counter: 9")
    assert unstable_features(frame, names, "time", "label", 1.0) == {}
