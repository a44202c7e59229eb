"""What moves on all devices at once is no more evidence than one device gives."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy.signal import lfilter

from drift.devices_together import TOO_FEW_TIMES, Together, devices_together
from drift.kind_of_drift import kind_of_drift
from drift.magnitude import drift_magnitude
from project.settings import SOURCE_ROOT

ROUTER = SOURCE_ROOT.parent / "shared" / "data" / "cisco-leaf7" / "metrics.parquet"
START = pd.Timestamp("2024-05-01", tz="UTC")


def walks(seed: int, rows: int, devices: int, kept: float = 0.9) -> np.ndarray:
    """Of each device, readings of mean 0 and variance 1 of which each keeps so much of the one before."""
    noise = np.random.default_rng(seed).normal(size=(rows + 500, devices))
    return (lfilter([1], [1, -kept], noise, axis=0) * np.sqrt(1 - kept**2))[500:]


def network(rows: int, devices: int, minutes: float = 1, **columns: np.ndarray) -> pd.DataFrame:
    times = START + pd.to_timedelta(minutes * np.arange(rows), unit="min")
    frame = {"device": np.repeat(np.arange(devices), rows), "time": np.tile(times, devices)}
    return pd.DataFrame(frame | {name: values.T.ravel() for name, values in columns.items()})


def split(frame: pd.DataFrame, share: float) -> tuple[pd.DataFrame, pd.DataFrame]:
    is_later = frame["time"] >= frame["time"].quantile(share)
    return frame[~is_later].reset_index(drop=True), frame[is_later].reset_index(drop=True)


def halves(values: np.ndarray) -> np.ndarray:
    return (values > 0).astype(np.uint8)


def together(base: pd.DataFrame, batch: pd.DataFrame, seconds: float, **how) -> Together:
    columns = [(halves(base[name].to_numpy()), halves(batch[name].to_numpy())) for name in base.columns[2:]]
    asked = {"entity": "device", "time": "time", "hours": None} | how
    return devices_together(
        columns, [2] * len(columns), (base, batch), spans=[seconds] * len(columns), **asked
    )


@pytest.fixture(scope="module")
def site() -> tuple[pd.DataFrame, pd.DataFrame]:
    alone, heat = walks(1, 4000, 20), walks(2, 4000, 1)
    return split(network(4000, 20, load=alone, heat=heat + np.zeros(20), both=alone + heat), 0.7)


def test_the_same_readings_of_all_devices_are_those_of_one(site):
    found = together(*site, seconds=1800)
    alone, heat, both = found.variance
    assert alone < 1.5 and heat == pytest.approx(20) and 7 < both < 14
    assert found.is_enough.all()


def test_too_few_times_of_what_all_devices_have_are_not_enough(site):
    base, batch = site
    found = together(base, batch[batch["time"] < batch["time"].min() + pd.Timedelta(hours=4)], seconds=1800)
    # What is of each device as well is in more independent units.
    assert found.is_enough.tolist() == [True, False, True]
    names = ["load", "heat", "both"]
    at_once = "moves on all devices at once, and a side is too short for ten times of that"
    assert found.too_few(names) == f"heat: {at_once}; no verdict"
    assert found._replace(is_enough=np.ones(3, dtype=bool)).too_few(names) == ""


@pytest.mark.parametrize("how", [{"entity": None}, {"time": None}, {"span_seconds": 0.0}])
def test_without_devices_times_or_a_span_nothing_is_told(site, how):
    found = together(*site, seconds=1800.0, **{k: v for k, v in how.items() if k != "span_seconds"})
    if "span_seconds" in how:
        found = together(*site, seconds=0.0)
    assert found.variance.tolist() == [1, 1, 1] and found.is_enough.all()


def test_one_device_has_no_other():
    base, batch = split(network(1000, 1, load=walks(1, 1000, 1)), 0.5)
    assert together(base, batch, seconds=600).variance.tolist() == [1]


def test_levels_of_devices_are_nothing_of_a_time():
    base, batch = split(network(4000, 20, load=walks(1, 4000, 20) + np.arange(20) - 10), 0.7)
    assert together(base, batch, seconds=1800).variance[0] < 1.5


def test_what_repeats_every_day_is_none_where_the_base_tells_hours():
    hours = np.arange(4000) * 3 / 60
    daily = 2 * np.sin(2 * np.pi * hours / 24)[:, None]
    base, batch = split(network(4000, 20, 3, load=walks(1, 4000, 20) + daily), 0.7)
    assert together(base, batch, seconds=3600).variance[0] > 8
    told = together(base, batch, seconds=3600, hours=base["time"].dt.hour.to_numpy())
    assert told.variance[0] < 2


def test_devices_that_begin_and_end_when_they_like_are_told_the_same():
    alone, heat = walks(1, 4000, 20), walks(2, 4000, 1)
    frame = network(4000, 20, heat=heat + np.zeros(20), load=alone)
    began = START + pd.to_timedelta(frame["device"] * 40, unit="min")
    heat, alone = together(*split(frame[frame["time"] >= began], 0.7), seconds=1800).variance
    assert alone < 1.5 and 14 < heat <= 20


@pytest.mark.parametrize("seed", range(4))
def test_a_change_of_what_all_devices_have_is_drift_only_beyond_that_of_times(seed):
    heat = walks(seed, 6000, 1)
    frame = network(6000, 10, heat=heat + np.zeros(10), load=walks(100 + seed, 6000, 10))
    base, batch = split(frame, 0.6)

    def moved(by: dict[str, float]) -> list[str]:
        found = drift_magnitude(
            base,
            batch.assign(**{name: batch[name] + far for name, far in by.items()}),
            ["heat", "load"],
            joint=(),
            entity="device",
            time="time",
        )
        return [shift.name for shift in found.shifts if shift.drifted]

    assert moved({}) == []
    assert moved({"load": 1.0}) == ["load"]
    assert moved({"heat": 1.5}) == ["heat"]


def test_where_nothing_else_is_compared_there_is_not_enough_data():
    heat = walks(3, 1500, 1, kept=0.97)
    base, batch = split(network(1500, 40, heat=heat + np.zeros(40)), 0.8)
    found = drift_magnitude(base, batch, ["heat"], joint=(), entity="device", time="time")
    assert found.drifted is None and found.shifts == ()
    assert found.reason.startswith("not enough data: heat: moves on all devices at once, ")


def test_a_share_that_each_device_has_by_itself_is_told_of_a_column_that_all_have_at_once(site):
    base, batch = site
    batch = batch[batch["time"] < batch["time"].min() + pd.Timedelta(hours=4)].reset_index(drop=True)
    batch["heat"] = batch["heat"].where(np.random.default_rng(0).random(len(batch)) > 0.3)
    for columns in (["heat"], ["heat", "load"]):
        found = drift_magnitude(base, batch, columns, joint=(), entity="device", time="time")
        assert found.drifted and found.warnings == ()
        assert found.reason.startswith(f"1 of {len(columns)} columns moved: feature heat")
        assert not found.shifts[0].by_distance


def test_a_column_without_a_verdict_is_told_apart_from_one_that_has_not_moved(site):
    base, batch = site
    batch = batch[batch["time"] < batch["time"].min() + pd.Timedelta(hours=4)].reset_index(drop=True)
    batch["heat"] += 3.0
    found = drift_magnitude(base, batch, ["heat", "load"], joint=(), entity="device", time="time")
    heat, load = found.shifts
    assert found.drifted is False and heat.total_variation > heat.limit
    assert (heat.drifted, heat.p_value, heat.by_distance, heat.verdict) == (None, None, False, "no_verdict")
    assert heat.reason == TOO_FEW_TIMES and "heat: " + TOO_FEW_TIMES in found.warnings[0]
    assert (load.drifted, load.verdict, load.reason) == (False, "not_moved", "") and 0 < load.p_value <= 1
    assert all((share.moved, share.p_value) == (None, None) for share in heat.shares if share.p_value is None)
    told = json.loads(json.dumps(found.to_dict()))
    assert [(each["p_value"], each["drifted"], each["verdict"]) for each in told["shifts"]] == [
        (None, None, "no_verdict"),
        (load.p_value, False, "not_moved"),
    ]
    assert (told["feature_max_name"], told["feature_max_verdict"]) == ("heat", "no_verdict")
    # A share that moved is one, whatever is known of the distance.
    batch["heat"] = batch["heat"].where(np.random.default_rng(0).random(len(batch)) > 0.3)
    found = drift_magnitude(base, batch, ["heat", "load"], joint=(), entity="device", time="time")
    heat = found.shifts[0]
    assert (heat.p_value, heat.verdict, heat.reason) == (None, "moved", "")
    assert found.event("2026-01-01T00:00:00Z").confidence == 1 - heat.moved_share.p_value


@pytest.mark.skipif(not ROUTER.is_file(), reason="the recording of the real router is not on this machine")
@pytest.mark.parametrize("minutes", [0.5, 1, 2, 5, 10])
def test_times_dealt_out_at_random_of_a_real_router_are_no_drift(minutes):
    """Its memory, processor and paths are in the rows of each of its 36 interfaces.

    Ten comparisons each, of which one in a hundred may be called drift: so at most one of fifty.
    """
    rows = pd.read_parquet(ROUTER).sort_values(["device", "timestamp"], ignore_index=True)
    features = list(rows.columns.drop(["device", "timestamp"]))
    slot = ((rows["timestamp"] - rows["timestamp"].min()) // pd.Timedelta(minutes=minutes)).to_numpy()
    called = []
    for seed in range(10):
        order = np.random.default_rng(seed).permutation(slot.max() + 1)
        is_base = (order < len(order) // 2)[slot]
        found = drift_magnitude(
            rows[is_base], rows[~is_base], features, joint=(), entity="device", time="timestamp", seed=seed
        )
        called += [found.reason] if found.drifted else []
    assert not called


def test_a_column_without_a_verdict_that_is_far_is_named_beside_no_drift(site):
    base, batch = site
    batch = batch[batch["time"] < batch["time"].min() + pd.Timedelta(hours=4)].reset_index(drop=True)
    batch["heat"] += 3.0
    found = drift_magnitude(base, batch, ["heat", "load"], joint=(), entity="device", time="time")
    told = kind_of_drift(base, batch, ["heat", "load"], "is_error", found, errors_rose=False)
    assert told.kind == "no drift" and told.reason.startswith(
        "of those with a verdict none of 1 columns moved"
    )
    assert told.reason.endswith(f"1 without a verdict is beyond the limit, as {found.shifts[0]}")
    batch["heat"] = base["heat"].sample(len(batch), random_state=1).to_numpy()
    near = drift_magnitude(base, batch, ["heat", "load"], joint=(), entity="device", time="time")
    assert "without" not in kind_of_drift(base, batch, ["heat", "load"], "is_error", near, False).reason
