"""The simulated network: same seed same rows, plausible values, faults and drift where they were planted."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from feature_sets.checks import InputError
from feature_sets.telemetry.folder_writer import write_folder
from feature_sets.telemetry.frames import Telemetry
from feature_sets.telemetry.readers import read_telemetry
from feature_sets.telemetry.schema import DEVICE
from feature_sets.telemetry.simulation.correlated_noise import BLOCK
from feature_sets.telemetry.simulation.metric_behavior import metric_behaviors
from feature_sets.telemetry.simulator import SimulatedNetwork, simulated_schema

SCHEMA = simulated_schema()
NETWORK = SimulatedNetwork(devices=8, ticks=600, seed=3)


def assert_same(left: Telemetry, right: Telemetry) -> None:
    for name in ("metrics", "labels", "static"):
        pd.testing.assert_frame_equal(getattr(left, name), getattr(right, name))


def joined(telemetry: Telemetry) -> pd.DataFrame:
    return telemetry.metrics.merge(telemetry.labels, on=[DEVICE, SCHEMA.time], validate="one_to_one")


def test_the_same_seed_gives_the_same_rows_and_another_seed_others() -> None:
    assert_same(
        SimulatedNetwork(devices=4, ticks=50).generate(), SimulatedNetwork(devices=4, ticks=50).generate()
    )
    other = SimulatedNetwork(devices=4, ticks=50, seed=2).generate()
    assert not other.metrics.equals(SimulatedNetwork(devices=4, ticks=50).generate().metrics)


@pytest.mark.parametrize("cut", [1, 7, BLOCK - 1, BLOCK, BLOCK + 1, 599])
def test_two_chunks_equal_the_one_that_covers_both(cut: int) -> None:
    whole = NETWORK.generate(0, 600)
    first, second = NETWORK.generate(0, cut), NETWORK.generate(cut, 600 - cut)
    pd.testing.assert_frame_equal(
        pd.concat([first.metrics, second.metrics], ignore_index=True), whole.metrics
    )
    pd.testing.assert_frame_equal(pd.concat([first.labels, second.labels], ignore_index=True), whole.labels)


def test_a_chunk_far_away_needs_nothing_before_it() -> None:
    far = 10_000_000
    fresh = replace(NETWORK, ticks=1).generate(far, 3)
    pd.testing.assert_frame_equal(
        fresh.metrics, NETWORK.generate(far - 5, 8).metrics.tail(24).reset_index(drop=True)
    )


def test_more_devices_do_not_change_those_that_were_there() -> None:
    few = SimulatedNetwork(devices=3, ticks=40).generate().metrics
    many = SimulatedNetwork(devices=9, ticks=40).generate().metrics
    same = many[many[DEVICE].isin(few[DEVICE])].reset_index(drop=True)
    pd.testing.assert_frame_equal(same, few)


def test_rows_are_utc_sorted_unique_and_one_tick_apart_on_each_device() -> None:
    metrics = NETWORK.generate().metrics
    assert str(metrics[SCHEMA.time].dtype) == "datetime64[ns, UTC]"
    assert metrics.equals(metrics.sort_values([SCHEMA.time, DEVICE], kind="stable"))
    assert not metrics.duplicated([DEVICE, SCHEMA.time]).any()
    steps = metrics.groupby(DEVICE)[SCHEMA.time].diff().dropna()
    assert set(steps) == {pd.Timedelta("10s")}
    assert len(set(metrics[SCHEMA.time].head(8))) > 1, "devices read at offsets of their own"
    assert metrics[SCHEMA.time].min() >= NETWORK.start


def test_columns_are_those_of_the_schema_and_values_are_in_range() -> None:
    telemetry = NETWORK.generate()
    assert list(telemetry.metrics.columns) == [DEVICE, SCHEMA.time, *SCHEMA.metric_names]
    assert list(telemetry.labels.columns) == [DEVICE, SCHEMA.time, SCHEMA.label]
    assert list(telemetry.static.columns) == [DEVICE, *SCHEMA.static]
    for metric, behavior in zip(SCHEMA.metrics, metric_behaviors(SCHEMA), strict=True):
        values = telemetry.metrics[metric.name]
        assert values.between(metric.low, metric.high).all()
        assert abs(values.mean() - behavior.mean) < 2 * behavior.spread + behavior.daily + 0.1 * abs(
            behavior.error
        )
        assert values.std() > behavior.noise / 2


def test_each_device_has_a_level_of_its_own_and_noise_remembers() -> None:
    quiet = SimulatedNetwork(devices=6, ticks=800, error_rate=0).generate().metrics
    name = SCHEMA.metric_names[0]
    assert quiet.groupby(DEVICE)[name].median().std() > 1
    one = quiet[quiet[DEVICE] == quiet[DEVICE].iloc[0]][name]
    assert one.autocorr(1) > 0.5


def test_the_share_of_errors_and_their_length_are_those_asked_for() -> None:
    network = SimulatedNetwork(devices=20, ticks=4000, error_rate=0.05, error_length=16)
    labels = network.generate().labels
    assert set(labels[SCHEMA.label]) == {0, 1}
    assert labels[SCHEMA.label].mean() == pytest.approx(0.05, abs=0.003)
    for _, flags in labels.groupby(DEVICE)[SCHEMA.label]:
        inside = flags.to_numpy()[
            np.flatnonzero(np.diff(flags))[0] + 1 : np.flatnonzero(np.diff(flags))[-1] + 1
        ]
        runs = np.diff(np.flatnonzero(np.diff(np.concatenate([[2], inside, [2]]))))
        starts_in_error = inside[0] == 1
        assert set(runs[0 if starts_in_error else 1 :: 2]) == {16}


def test_no_error_rate_means_no_errors() -> None:
    labels = SimulatedNetwork(devices=5, ticks=500, error_rate=0.0).generate().labels
    assert labels[SCHEMA.label].sum() == 0


def test_errors_bend_each_metric_the_way_its_behavior_says_and_build_up_before() -> None:
    rows = joined(SimulatedNetwork(devices=20, ticks=3000, error_length=20).generate())
    for name, behavior in zip(SCHEMA.metric_names, metric_behaviors(SCHEMA), strict=True):
        by_label = rows.groupby(SCHEMA.label)[name].mean()
        assert np.sign(by_label[1] - by_label[0]) == np.sign(behavior.error)
        ahead = rows.groupby(DEVICE)[SCHEMA.label].shift(-2).eq(1) & rows[SCHEMA.label].eq(0)
        far = rows[SCHEMA.label].eq(0) & ~ahead
        assert np.sign(rows.loc[ahead, name].mean() - rows.loc[far, name].mean()) == np.sign(behavior.error)


def separation(rows: pd.DataFrame, metric: str) -> float:
    by_label = rows.groupby(SCHEMA.label)[metric].mean()
    return float(by_label[1] - by_label[0])


def test_concept_drift_turns_the_relation_round_at_its_time_and_not_before() -> None:
    still = SimulatedNetwork(devices=20, ticks=3000, seed=5)
    drifted = replace(still, concept_drift_at=still.time_of(1500))
    before_same = drifted.generate(0, 1500)
    assert_same(before_same, still.generate(0, 1500))
    before, after = joined(before_same), joined(drifted.generate(1500, 1500))
    assert separation(before, "throughput") < -40
    assert separation(after, "throughput") > 30
    pd.testing.assert_frame_equal(drifted.generate().labels, still.generate().labels)


def test_covariate_drift_shifts_levels_and_leaves_errors_alone() -> None:
    still = SimulatedNetwork(devices=20, ticks=1000, seed=5)
    drifted = replace(still, covariate_drift_at=still.time_of(500))
    assert_same(drifted.generate(0, 500), still.generate(0, 500))
    pd.testing.assert_frame_equal(drifted.generate().labels, still.generate().labels)
    after, was = drifted.generate(500, 500).metrics, still.generate(500, 500).metrics
    for name, behavior in zip(SCHEMA.metric_names, metric_behaviors(SCHEMA), strict=True):
        assert (after[name] - was[name]).mean() == pytest.approx(behavior.shift, rel=0.1)


def test_static_facts_name_every_device_once_under_its_levels() -> None:
    static = SimulatedNetwork(devices=30, companies=3, data_centers=2).static()
    levels = static[DEVICE].str.split("/", expand=True)
    assert static[DEVICE].is_unique
    assert levels.shape == (30, 3)
    assert levels[0].nunique() == 3
    assert levels.groupby(0)[1].nunique().eq(2).all()
    assert (static[list(SCHEMA.static)].nunique() > 1).all()


def test_a_written_folder_is_read_back_unchanged(tmp_path: Path) -> None:
    telemetry = NETWORK.generate(0, 20)
    write_folder(tmp_path / "new", telemetry)
    assert {"company", "data_center", "device"} < set(
        pd.read_parquet(tmp_path / "new" / "labels.parquet").columns
    )
    back, report = read_telemetry(tmp_path / "new", SCHEMA)
    assert_same(back, telemetry)
    assert report.metrics.rows_read == report.metrics.rows_accepted == 160


def test_an_empty_range_gives_empty_frames_with_the_same_columns() -> None:
    empty = NETWORK.generate(5, 0)
    assert len(empty.metrics) == len(empty.labels) == 0
    assert list(empty.metrics.columns) == list(NETWORK.generate(0, 1).metrics.columns)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"devices": 0}, "devices: must be a whole number of at least 1, got 0"),
        ({"ticks": 1.5}, "ticks: must be a whole number"),
        ({"companies": 1000}, "companies: must be a whole number of at least 1 and at most 144"),
        ({"seed": -1}, "seed: must be a whole number of at least 0 and at most 4294967295, got -1"),
        ({"error_rate": 0.5}, r"error_rate: must be a number of at least 0 and at most 0\.3, got 0\.5"),
        ({"error_length": True}, "error_length: must be a whole number"),
        ({"tick": "0s"}, "tick: must be at least 1s"),
        ({"start": datetime(2024, 1, 1)}, "start: must be a time with a zone"),  # noqa: DTZ001
        ({"concept_drift_at": "2024-01-01"}, "concept_drift_at: must be a time with a zone"),
    ],
)
def test_settings_that_make_no_network_are_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        SimulatedNetwork(**settings)


def test_a_tick_without_unit_and_a_range_before_zero_are_refused() -> None:
    with pytest.raises(InputError, match="tick: must be"):
        SimulatedNetwork(tick="10")
    with pytest.raises(ValueError, match=r"must be given ticks from 0 on, got \{'first_tick': -1"):
        NETWORK.generate(-1, 5)


def test_the_day_cycle_follows_the_hour_of_the_day() -> None:
    night = SimulatedNetwork(devices=20, ticks=60, error_rate=0, start=datetime(2024, 1, 1, 18, tzinfo=UTC))
    noon = replace(night, start=datetime(2024, 1, 1, 6, tzinfo=UTC))
    difference = noon.generate().metrics["throughput"].mean() - night.generate().metrics["throughput"].mean()
    assert difference == pytest.approx(2 * 15, rel=0.05)
