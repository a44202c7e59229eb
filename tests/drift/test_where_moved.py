"""Where a feature moved on some devices only: how many they are, and what only they have in common."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pandas as pd
import pytest

from drift.magnitude import drift_magnitude
from drift.where_moved import WhereMoved, where_moved

DEVICES = [
    f"{site}/{number:02}"
    for site, count in (("BER", 13), ("HAM", 13), ("MUC", 14))
    for number in range(count)
]
ROWS = 100
BER = DEVICES[:13]
VALUES = {
    "site": {device: device[:3] for device in DEVICES},
    "model": {device: "ab"[number % 2] for number, device in enumerate(DEVICES)},
}


def network(seed: int, moved: Collection[str] = (), by: float = 0.0, share: float = 1.0) -> pd.DataFrame:
    """Readings of each device; on some a share of the newest is higher."""
    generator = np.random.default_rng(seed)
    snr = generator.normal(0.0, 1.0, (len(DEVICES), ROWS))
    snr[np.isin(DEVICES, list(moved)), round(ROWS * (1 - share)) :] += by
    return pd.DataFrame({"device": np.repeat(DEVICES, ROWS), "snr": snr.ravel()})


def found_in(base: pd.DataFrame, batch: pd.DataFrame) -> WhereMoved | None:
    found = drift_magnitude(base, batch, ["snr"], alpha=0.1, permutations=9, entity="device")
    assert found.drifted
    return where_moved(base, batch, found, "device", lambda: VALUES)


def test_a_share_that_moved_at_one_site_is_told_with_it() -> None:
    """As after new firmware: rows far above all others, a tenth of all of them, on 13 of 40 devices."""
    base, batch = network(1), network(2, BER, by=9.0, share=0.31)
    found = drift_magnitude(base, batch, ["snr"], alpha=0.1, permutations=9, entity="device")
    (shift,) = found.features
    assert shift.moved_share is not None and not shift.by_distance
    where = where_moved(base, batch, found, "device", lambda: VALUES)
    assert where is not None and (where.moved, where.compared) == (13, 40)
    assert str(where) == f"snr moved on 13 of 40 devices, all of site BER ({', '.join(where.devices)}, …)"
    assert [(each.column, each.value, each.devices) for each in where.shared] == [("site", "BER", 13)]
    event = found.event("2026-01-01T00:00:00Z", str(where))
    assert event is not None and event.severity == "minor"
    assert event.detail.startswith("feature snr is above ") and event.detail.endswith(f"; {where}")


def test_a_distance_that_moved_on_most_of_a_site_is_told_with_how_many_it_has() -> None:
    where = found_in(network(1), network(2, BER[1:], by=3.0))
    assert where is not None and (where.moved, where.compared) == (12, 40)
    assert "snr moved on 12 of 40 devices, all of site BER (13) (BER/" in str(where)


@pytest.mark.parametrize("moved", [DEVICES[::3], DEVICES[:5]], ids=["of all sites", "few of one site"])
def test_nothing_is_said_of_a_value_that_others_have_as_well(moved: list[str]) -> None:
    where = found_in(network(1), network(2, moved, by=9.0))
    assert where is not None and (where.moved, where.shared) == (len(moved), ())
    assert str(where).startswith(f"snr moved on {len(moved)} of 40 devices (")


def test_nothing_is_said_where_all_devices_moved_or_have_few_rows() -> None:
    base, batch = network(1), network(2, DEVICES, by=3.0)
    assert found_in(base, batch) is None
    few = network(2, BER, by=9.0).groupby("device").head(29)
    assert found_in(base, few) is None
