"""A change on some devices, of which the model misses the errors, does not go under among all of them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import fisher_exact

from drift.kind_of_drift import BOTH, DATA, kind_of_drift
from drift.magnitude import drift_magnitude
from drift.moved_devices import Caught, ErrorRows, chance_of_fewer, moved_devices

DEVICES, ROWS = 30, 1000
TIMES = pd.date_range("2026-01-01", periods=ROWS, freq="1min").to_numpy()
MOVED = [f"d{number:02}" for number in range(10)]


def network(
    seed: int, moved: Collection[str] = (), caught: float = 0.8, caught_there: float | None = None
) -> pd.DataFrame:
    """Rows of devices that fail once or twice for five rows, at times of their own, sorted by device."""
    generator = np.random.default_rng(seed)
    names = [f"d{number:02}" for number in range(DEVICES)]
    has_moved = np.isin(names, list(moved))
    load = generator.normal(0.0, 1.0, (DEVICES, ROWS)) + 2.0 * has_moved[:, None]
    is_error, says = np.zeros((2, DEVICES, ROWS), np.int64)
    share = np.where(has_moved & (caught_there is not None), caught_there or 0.0, caught)
    for number in range(DEVICES):
        for begin in (40 + 4 * number, 220 + 4 * number):
            is_error[number, begin : begin + 3] = 1
            says[number, begin : begin + 3] = generator.random() < share[number]
    columns = {"load": load, "is_error": is_error, "prediction": says}
    return pd.DataFrame(
        {
            "device": np.repeat(names, ROWS),
            "time": pd.DatetimeIndex(np.tile(TIMES, DEVICES)).tz_localize("UTC"),
            **{name: values.ravel() for name, values in columns.items()},
        }
    )


def found_in(base: pd.DataFrame, batch: pd.DataFrame) -> Any:
    errors = ErrorRows(base, batch, "is_error", "prediction")
    return moved_devices(base, batch, "load", errors, "device", "time", apart=5)


def named(base: pd.DataFrame, batch: pd.DataFrame) -> Any:
    how: dict[str, Any] = {"permutations": 99, "entity": "device", "time": "time"}
    found = drift_magnitude(base, batch, ["load"], "prediction", "is_error", **how)
    errors = ErrorRows(base, batch, "is_error", "prediction")
    return kind_of_drift(base, batch, ["load"], "is_error", found, False, errors, **how)


def test_the_devices_that_moved_are_found_and_what_the_model_caught_there() -> None:
    found = found_in(network(1), network(2, MOVED, caught_there=0.0))
    assert (sorted(found.devices), found.others, found.feature) == (MOVED, DEVICES - 10, "load")
    assert found.before.all == found.now.all == 20
    assert found.before.caught > 12 and found.now.caught == 0
    assert str(found).endswith(f"0 of 20 error episodes caught, {found.before.caught} of 20 before")


def test_it_is_called_by_what_the_model_does_on_these_devices() -> None:
    base, batch = network(1), network(2, MOVED, caught_there=0.1)
    assert not drift_magnitude(base, batch, ["load"], "prediction", "is_error").errors_rose
    worse = named(base, batch)
    assert worse.kind == BOTH
    assert "the model is more often wrong on the 10 of 30 devices where load moved (d0" in worse.reason
    assert named(network(1), network(2, MOVED)).kind == DATA


@pytest.mark.parametrize("moved", [(), tuple(f"d{number:02}" for number in range(DEVICES))])
def test_a_change_of_all_devices_or_of_none_is_of_no_part_of_them(moved: tuple[str, ...]) -> None:
    assert found_in(network(1), network(2, moved, caught_there=0.1)) is None


def test_errors_of_several_devices_at_one_time_are_one_episode() -> None:
    def together(frame: pd.DataFrame) -> pd.DataFrame:
        minute = frame.groupby("device").cumcount()
        is_error = minute.between(100, 104).astype(np.int64)
        return frame.assign(is_error=is_error, prediction=is_error * (frame["device"] < "d05"))

    found = found_in(together(network(1)), together(network(2, MOVED)))
    assert found.now == Caught(1, 1), "half of the ten devices that moved"


def test_devices_with_few_rows_or_on_one_side_alone_say_nothing() -> None:
    base = network(1)
    batch = network(2, MOVED, caught_there=0.0)
    short = batch[(batch["device"] != "d00") | (batch.groupby("device").cumcount() < 20)]
    assert "d00" not in found_in(base, short).devices
    assert "d01" not in found_in(base[base["device"] != "d01"], batch).devices
    assert found_in(base, batch[batch["device"] == "d02"]) is None


@pytest.mark.parametrize(
    ("before", "now"),
    [((20, 28), (1, 17)), ((3, 3), (0, 9)), ((5, 9), (4, 6)), ((0, 4), (0, 4)), ((7, 7), (3, 3))],
)
def test_the_chance_is_that_of_fishers_exact_test(before: tuple[int, int], now: tuple[int, int]) -> None:
    table = [[now[0], now[1] - now[0]], [before[0], before[1] - before[0]]]
    expected = fisher_exact(table, alternative="less").pvalue
    assert chance_of_fewer(Caught(*before), Caught(*now)) == pytest.approx(expected)
    assert chance_of_fewer(Caught(0, 0), Caught(*now)) == chance_of_fewer(Caught(*before), Caught(0, 0)) == 1


def test_a_model_that_did_not_change_is_seldom_called_worse_where_a_feature_moved() -> None:
    """Promised is one of a hundred; devices are divided by the feature alone."""
    base = [network(seed) for seed in range(5)]
    called = 0
    for seed in range(50):
        found = found_in(base[seed % 5], network(1000 + seed, MOVED))
        called += chance_of_fewer(found.before, found.now) <= 0.01
    assert called <= 2
