"""Features computed from windows: one formula for whole columns, for lists and for single events."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feature_sets.derived_features import LARGEST_QUOTIENT, DerivedFeatures, DeriveFeatures
from feature_sets.device_metrics import device_metrics
from feature_sets.relative_features import RelativeFeatures
from feature_sets.rows.keyed_rows import KeyedRows
from feature_sets.telemetry.errors import SchemaError
from feature_sets.telemetry.schema import DEVICE
from feature_sets.windows.backfill import backfill
from feature_sets.windows.definition import WindowDefinition
from tests.training.network import START, make_schema

WINDOWS = {"lengths": ["1m", "5m"], "period": "10s", "operations": ["avg", "stddev", "first", "last"]}
DERIVED = {
    "ratios": [{"operation": "avg", "short": "1m", "long": "5m"}],
    "variation": ["5m"],
    "change": ["1m"],
}


def schema_of(**derived):
    return make_schema(windows=WINDOWS, derived=derived, metrics={"heat": None})


SCHEMA = schema_of(**DERIVED)
FEATURES = DerivedFeatures(SCHEMA)

numbers = st.floats(allow_nan=True, allow_infinity=False)


def row_of(short, long, spread, last, first):
    return {
        "heat_avg_1m": short,
        "heat_avg_5m": long,
        "heat_stddev_5m": spread,
        "heat_last_1m": last,
        "heat_first_1m": first,
    }


def test_the_names_say_what_is_divided_by_what():
    assert SCHEMA.derived_features == ("heat_avg_1m_to_5m", "heat_cv_5m", "heat_change_1m")
    assert SCHEMA.live_features[-3:] == SCHEMA.derived_features


def test_each_is_what_its_name_says():
    row = row_of(short=6.0, long=-4.0, spread=2.0, last=5.0, first=7.0)
    FEATURES.add_to([row])
    assert (row["heat_avg_1m_to_5m"], row["heat_cv_5m"], row["heat_change_1m"]) == (-1.5, 0.5, -2.0)


@pytest.mark.parametrize(("short", "long"), [(1.0, 0.0), (0.0, 0.0), (math.nan, 1.0), (1e308, 1e-308)])
def test_a_ratio_that_is_no_number_is_missing(short, long):
    row = row_of(short, long, 1.0, 1.0, 1.0)
    FEATURES.add_to([row])
    assert math.isnan(row["heat_avg_1m_to_5m"])


def test_the_residue_of_readings_that_cancel_out_is_missing_and_all_else_is_kept():
    random = np.random.default_rng(0)
    # Pairs of opposite readings, whose sum leaves a rounding error: the mean is 0 and comes out as 1e-17.
    pairs = np.repeat(random.normal(size=1000), 2) * np.tile([1.0, -1.0], 1000)
    rows = pd.DataFrame(
        {
            DEVICE: "site/0",
            "timestamp": START + pd.to_timedelta(10 * np.arange(2000), unit="s"),
            "heat": pairs,
        }
    )
    windows = backfill(rows, WindowDefinition.from_schema(SCHEMA), arrival="timestamp")
    parts = windows[list(FEATURES.inputs)].to_numpy(dtype=np.float64)
    spread, mean = windows["heat_stddev_5m"].to_numpy(), windows["heat_avg_5m"].to_numpy()
    with np.errstate(divide="ignore", invalid="ignore"):
        quotient = spread / np.abs(mean)
    residue = quotient > 1e9
    assert residue.mean() > 0.1  # the readings do cancel out
    variation = FEATURES.of(parts)[:, FEATURES.names.index("heat_cv_5m")]
    assert np.isnan(variation[residue]).all()
    np.testing.assert_array_equal(variation[quotient < 1e9], quotient[quotient < 1e9])
    assert (quotient < 1e9).mean() > 0.1


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_quotient_up_to_the_largest_is_kept_and_a_change_has_no_largest(sign):
    row = row_of(short=sign * 1e9, long=1.0, spread=1.0, last=sign * 1e12, first=0.0)
    FEATURES.add_to([row])
    assert (row["heat_avg_1m_to_5m"], row["heat_change_1m"]) == (sign * 1e9, sign * 1e12)
    row = row_of(short=sign * 1.001e9, long=1.0, spread=1.001e9, last=1.0, first=0.0)
    row["heat_avg_5m"] = -1.0
    FEATURES.add_to([row])
    assert math.isnan(row["heat_avg_1m_to_5m"]) and math.isnan(row["heat_cv_5m"])


def plain(row):
    """The formulas in plain Python."""

    def finite(value):
        return value if math.isfinite(value) else math.nan

    def divided(left, right):
        quotient = finite(left / right) if right else math.nan
        return math.nan if abs(quotient) > LARGEST_QUOTIENT else quotient

    return [
        divided(row["heat_avg_1m"], row["heat_avg_5m"]),
        divided(row["heat_stddev_5m"], abs(row["heat_avg_5m"])),
        finite(row["heat_last_1m"] - row["heat_first_1m"]),
    ]


@given(st.lists(st.tuples(numbers, numbers, numbers, numbers, numbers), min_size=1, max_size=20))
def test_columns_lists_and_single_events_give_the_same_bits(values):
    rows = [row_of(*entry) for entry in values]
    expected = np.array([plain(row) for row in rows])
    columns = FEATURES.of(np.array([[row[name] for name in FEATURES.inputs] for row in rows]))
    np.testing.assert_array_equal(columns, expected)
    singles = [DeriveFeatures(SCHEMA.to_dict()).do(dict(row)) for row in rows]
    FEATURES.add_to(rows)
    for one, listed, wanted in zip(singles, rows, expected, strict=True):
        np.testing.assert_array_equal([one[name] for name in FEATURES.names], wanted)
        np.testing.assert_array_equal([listed[name] for name in FEATURES.names], wanted)


def test_a_schema_reads_back_what_it_writes():
    assert type(SCHEMA).from_dict(SCHEMA.to_dict()) == SCHEMA


@pytest.mark.parametrize(
    ("derived", "words"),
    [
        ({"ratios": [{"operation": "max", "short": "1m", "long": "5m"}]}, "needs 'max' among"),
        ({"ratios": [{"operation": "avg", "short": "5m", "long": "1m"}]}, "shorter than the long one"),
        ({"ratios": [{"operation": "avg", "short": "1m", "long": "1h"}]}, "windows among 1m, 5m, got '1h'"),
        ({"ratios": [{"operation": "avg", "short": "1m"}]}, "ratios.long': must be text, got None"),
        ({"ratios": "avg"}, "must be a list"),
        ({"variation": ["5m", "5m"]}, "must not repeat a feature"),
        ({"change": ["2m"]}, "windows among"),
        ({"slope": ["1m"]}, "must be among change, neighbors, peers, ratios, relative, variation"),
        (
            {"relative": {"operations": ["avg"], "windows": ["1h"]}},
            "relative.windows': must be among windows",
        ),
        ({"relative": {"operations": ["max"], "windows": ["1m"]}}, "relative.operations': must be among"),
        ({"relative": {"operations": [], "windows": ["1m"]}}, "must name at least one"),
        ({"relative": {"operations": ["avg"], "windows": ["1m"], "after": 1}}, "at least 2, got 1"),
        ({"relative": {"operations": ["avg"]}}, "relative.windows': must be a list of names, got None"),
        ({"relative": []}, "derived.relative"),
        (
            {"relative": {"operations": ["avg"], "windows": ["1m"], "same_hour": ["1h"]}},
            "relative.same_hour': must be among windows",
        ),
        (
            {"relative": {"operations": ["avg"], "windows": ["1m"], "same_hour": ["1m", "1m"]}},
            "relative.same_hour': must name at least one, each once",
        ),
        (
            {"relative": {"operations": ["avg"], "windows": ["1m"], "of_max": ["1h"]}},
            "relative.of_max': must be among windows",
        ),
        (
            {"relative": {"operations": ["avg"], "windows": ["1m"], "of_max": 5}},
            "relative.of_max': must be a list of names, got 5",
        ),
    ],
)
def test_what_cannot_be_derived_is_refused(derived, words):
    with pytest.raises(SchemaError, match=words):
        schema_of(**derived)


RELATIVE = {"operations": ["avg"], "windows": ["1m", "5m"], "after": 2}


def test_relative_features_come_last_and_a_schema_without_them_is_written_as_before():
    schema = schema_of(**DERIVED, relative=RELATIVE)
    assert schema.relative_features == ("heat_avg_1m_relative", "heat_avg_5m_relative")
    assert schema.live_features == (*SCHEMA.live_features, *schema.relative_features)
    assert type(schema).from_dict(schema.to_dict()) == schema
    assert "relative" not in SCHEMA.to_dict()["derived"]
    assert schema_of(relative={"operations": ["avg"], "windows": ["1m"]}).derived.relative.after == 20


def test_features_of_the_same_hour_follow_and_are_not_written_where_there_are_none():
    schema = schema_of(relative={**RELATIVE, "same_hour": ["5m"]})
    assert schema.relative_features == (
        "heat_avg_1m_relative",
        "heat_avg_5m_relative",
        "heat_avg_5m_same_hour",
    )
    assert type(schema).from_dict(schema.to_dict()) == schema
    assert "same_hour" not in schema_of(relative=RELATIVE).to_dict()["derived"]["relative"]


def test_features_of_the_maximum_are_last_and_not_written_where_there_are_none():
    schema = schema_of(relative={**RELATIVE, "of_max": ["5m"], "same_hour": ["1m"]})
    assert schema.relative_features == (
        "heat_avg_1m_relative",
        "heat_avg_5m_relative",
        "heat_avg_1m_same_hour",
        "heat_avg_5m_of_max",
    )
    assert type(schema).from_dict(schema.to_dict()) == schema
    assert "of_max" not in schema_of(relative=RELATIVE).to_dict()["derived"]["relative"]


def test_storey_does_not_compute_relative_features():
    with pytest.raises(SchemaError, match=r"derived.relative': must be absent for storey"):
        device_metrics(schema_of(relative=RELATIVE), "storey")


@pytest.mark.parametrize(
    ("more", "step"),
    [
        ({}, 1.0),
        ({"same_hour": ["1m", "5m"]}, 8 * 3600.0),
        ({"of_max": ["1m", "5m"]}, 1.0),
        ({"same_hour": ["5m"], "of_max": ["1m"]}, 8 * 3600.0),
    ],
)
def test_lists_and_single_events_give_the_same_bits_as_a_history(more, step):
    features = RelativeFeatures(schema_of(relative={**RELATIVE, **more}))
    generator = np.random.default_rng(3)
    names, count = ["heat_avg_1m", "heat_avg_5m"], 300
    frame = pd.DataFrame(generator.normal(size=(count, 2)), columns=names)
    frame = frame.assign(device=[f"d{number % 3}" for number in range(count)], at=step * np.arange(count))
    rows = KeyedRows.of(frame, "device", "at").in_event_order()
    whole = features.of_history(rows, None, {name: rows.frame[name].to_numpy() for name in names})
    baselines, answered = features.baselines(), []
    for start, stop in ((0, 1), (1, 20), (20, count)):
        events = rows.frame[names].iloc[start:stop].to_dict("records")
        devices = rows.frame["device"].iloc[start:stop].tolist()
        features.add_to(events, devices, rows.micros[start:stop].tolist(), baselines)
        answered += events
    for name in features.names:
        assert np.array([row[name] for row in answered]).tobytes() == whole[name].tobytes()
        assert np.isfinite(whole[name]).any()
    # Rows count in the order of their arrival.
    late = KeyedRows.of(frame.assign(arrived=-frame["at"]), "device", "at").in_event_order()
    turned = features.of_history(late, "arrived", {name: late.frame[name].to_numpy() for name in names})
    assert np.isnan(turned["heat_avg_1m_relative"][-6:]).all()


def test_a_change_beyond_a_float_is_missing():
    derived = DerivedFeatures(schema_of(change=["1m"]))
    assert len(derived.inputs) == 2
    assert np.isnan(derived.of(np.array([[1.7e308, -1.7e308]]))).all()
