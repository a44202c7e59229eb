"""How regularly a device sends: the age of its last reading, and the share of those that were expected."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from feature_sets.checks import InputError
from feature_sets.device_metrics import STOREY, device_metrics
from feature_sets.feature_vector import all_features
from feature_sets.telemetry.errors import SchemaError
from feature_sets.telemetry.schema import TelemetrySchema
from feature_sets.windows.backfill import backfill
from feature_sets.windows.definition import WindowDefinition
from feature_sets.windows.online import OnlineWindows
from feature_sets.windows.reference import reference
from tests.feature_sets.windows.engines import FakeClock
from tests.feature_sets.windows.streams import DEFINITION, START, event

# Windows of 20 s and 1 min in steps of 10 s; a reading is expected every 10 s.
EXPECTING = replace(DEFINITION, expected="10s")
NAMES = ("age", "received_share_20s", "received_share_1m")


def made(*seconds: float) -> list[list[float]]:
    rows = OnlineWindows(EXPECTING, FakeClock(START + 1e6)).update([event(at) for at in seconds])
    return [[row[name] for name in NAMES] for row in rows]


def test_the_features_come_last_and_only_where_readings_are_expected() -> None:
    assert EXPECTING.feature_names[-3:] == NAMES
    assert EXPECTING.feature_names[:-3] == DEFINITION.feature_names
    assert "expected" not in DEFINITION.to_dict() and EXPECTING.to_dict()["expected"] == "10s"


def test_a_device_that_sends_as_expected_has_received_all() -> None:
    got = made(*range(0, 100, 10))
    assert got[0] == pytest.approx([math.nan, 0.5, 1 / 6], nan_ok=True)
    assert got[-1] == [10.0, 1.0, 1.0]


def test_a_gap_is_seen_in_the_age_and_the_shares() -> None:
    # 0 10 20 .. .. .. .. 70: in (10, 70] two are left, in (50, 70] one.
    assert made(0, 10, 20, 70)[-1] == [50.0, 0.5, 2 / 6]
    # Beyond the longest window nobody remembers.
    assert made(0, 60)[-1] == pytest.approx([math.nan, 0.5, 1 / 6], nan_ok=True)
    assert made(9.999999, 60)[-1] == pytest.approx([math.nan, 0.5, 1 / 6], nan_ok=True)
    assert made(10, 60)[-1] == [50.0, 0.5, 2 / 6]


def test_more_than_expected_is_more_than_one() -> None:
    assert made(0, 1, 2, 3.5)[-1] == [1.5, 2.0, 4 / 6]


def test_a_late_reading_is_counted_and_a_repeated_one_is_not() -> None:
    late, again = made(0, 30, 10, 10)[-2:]
    assert late == [10.0, 0.5, 3 / 6]  # its age is that before it; the windows are those of the device
    assert all(math.isnan(value) for value in again)
    assert made(0, 30, 10, 10, 40)[-1] == [10.0, 1.0, 4 / 6]


def test_a_reading_without_a_value_is_a_reading() -> None:
    rows = OnlineWindows(EXPECTING, FakeClock(START + 1e6)).update(
        [event(0, load=None, heat=None), event(10, load=None, heat=None)]
    )
    assert [rows[-1][name] for name in NAMES] == [10.0, 1.0, 2 / 6]
    assert rows[-1]["load_count_1m"] == 0.0


@pytest.mark.parametrize("operations", [("avg",), ("median",), ("count", "median", "stddev")])
def test_one_by_one_in_lists_and_at_once_give_the_same_bits(operations: tuple[str, ...]) -> None:
    definition = replace(EXPECTING, operations=operations, windows=("30s", "1m"), expected="7s")
    generator = np.random.default_rng(5)
    events = [
        {**event(float(at), load=float(at), device=f"d{device}"), "arrival": START + order}
        for order, (at, device) in enumerate(
            zip(generator.uniform(0, 300, 400), generator.integers(0, 5, 400), strict=True)
        )
    ]
    whole = backfill(pd.DataFrame(events), definition, arrival="arrival")
    single = OnlineWindows(definition, FakeClock(0), arrival="arrival")
    one_by_one = pd.DataFrame([single.update(one) for one in events])
    want = reference(pd.DataFrame(events), definition, arrival="arrival")
    for name in definition.feature_names[-3:]:
        ours, theirs = whole[name].to_numpy(), one_by_one[name].to_numpy(dtype=np.float64)
        np.testing.assert_array_equal(ours.view(np.int64), theirs.view(np.int64))
        np.testing.assert_array_equal(ours, want[name].to_numpy())


def test_a_snapshot_goes_on_and_is_of_one_expectation() -> None:
    first = OnlineWindows(EXPECTING, FakeClock(START + 1e6))
    first.update([event(0), event(10)])
    again = OnlineWindows(EXPECTING, FakeClock(START + 1e6))
    again.restore(first.snapshot())
    assert again.update(event(20)) == first.update(event(20))
    with pytest.raises(InputError, match="expected"):
        OnlineWindows(replace(EXPECTING, expected="20s"), FakeClock(0.0)).restore(first.snapshot())


SCHEMA = TelemetrySchema.from_dict({**TelemetrySchema.load().to_dict(), "expected_interval": "30s"})


def test_a_feature_set_declares_them() -> None:
    definition = WindowDefinition.from_feature_set(device_metrics(SCHEMA))
    assert definition == WindowDefinition.from_schema(SCHEMA) and definition.expected == "30s"
    assert "device_metrics.age" in all_features(SCHEMA).spec.features
    plain = TelemetrySchema.load()
    assert WindowDefinition.from_feature_set(device_metrics(plain)).expected is None
    assert "expected_interval" not in plain.to_dict()


def test_storey_does_not_compute_them() -> None:
    with pytest.raises(SchemaError, match="must be absent for storey"):
        device_metrics(SCHEMA, STOREY)


def test_a_metric_may_not_have_the_name_of_one() -> None:
    content = {**SCHEMA.to_dict(), "metrics": {"age": {}}}
    with pytest.raises(SchemaError, match="must not equal the name of a generated feature, got 'age'"):
        TelemetrySchema.from_dict(content)
