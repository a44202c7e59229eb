"""Devices that are not alike: levels of their own, and readings of other times."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from feature_sets.telemetry.inspection.device_shape import has_times_apart, has_uneven_levels
from tests.feature_sets.telemetry.inspection.test_folder_check import frames, taken, write

SCALES = np.array([1.0, 3.0, 10.0, 100.0, 1000.0, 3000.0])


def test_levels_of_other_sizes_have_features_relative_to_the_device_proposed(tmp_path: Path) -> None:
    tables = frames()
    assert "derived" not in taken(write(tmp_path / "alike", tables))[0].proposal.content
    metrics = tables["metrics"]
    metrics["load"] *= SCALES[metrics["router"].str[1:].astype(int)]
    check, schema = taken(write(tmp_path / "uneven", tables))
    assert schema.derived.relative is not None
    assert schema.derived.relative.windows == schema.windows.lengths
    said = [sentence for sentence in check.proposal.decide if "derived.relative" in sentence]
    assert len(said) == 1 and said[0].startswith("The level of 'load' differs more from device to device")


@pytest.mark.parametrize(
    ("scales", "ticks", "uneven"),
    [
        (SCALES, 40, True),
        (SCALES, 10, False),  # Too few to tell.
        (SCALES[:2], 40, False),
        (-SCALES, 40, True),
        (SCALES**0.3, 40, True),
        (1 + 0.7 * np.arange(6), 40, True),
        (1 + 0.2 * np.arange(6), 40, False),
        (np.array([0, 0, 0, 1, 1.5, 2]), 40, False),  # Those that are idle have no level.
    ],
)
def test_levels_are_compared_by_the_medians_of_devices(scales: np.ndarray, ticks: int, uneven: bool) -> None:
    readings = pd.DataFrame({"device": np.tile(np.arange(len(scales)), ticks)})
    values = np.tile(scales, ticks) * np.random.default_rng(1).normal(5, 1, len(readings))
    values[:3] = [np.nan, 1e9, np.nan]
    assert has_uneven_levels(pa.chunked_array([values]), readings) is uneven


def test_devices_of_other_times_are_split_each_on_its_own(tmp_path: Path) -> None:
    tables = frames()
    assert "split" not in taken(write(tmp_path / "together", tables))[0].proposal.content
    for name in ("metrics", "labels"):
        shift = tables[name]["router"].str[1:].astype(int) * pd.Timedelta("7D")
        tables[name]["time"] += shift
    check, schema = taken(write(tmp_path / "apart", tables))
    assert schema.split.by == "device_time"
    assert sum("(split)" in sentence for sentence in check.proposal.decide) == 1


def test_a_device_that_joins_late_is_no_reason_to_split_otherwise() -> None:
    times = pd.date_range("2026-03-01", periods=40, freq="30s", tz="UTC")
    joined = {0: times, 1: times, 2: times, 3: times[35:]}
    readings = pd.concat([pd.DataFrame({"device": device, "time": of}) for device, of in joined.items()])
    assert not has_times_apart(readings)
    assert not has_times_apart(readings.assign(time=pd.NaT))
    assert not has_times_apart(readings[readings["device"] < 2])
