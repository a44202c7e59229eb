"""A unit that changes in what arrives live is told, and what is bursty is not."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from feature_sets.telemetry.schema import TelemetrySchema
from graphs.state.live_units import MOST_DEVICES, LiveUnits
from tests.graphs.conftest import START, Client, event, make_client
from tests.graphs.snapshots.conftest import taken

HOUR, DAY = 3600.0, 86_400.0
MONDAY = 1_699_833_600.0
STEP = 600.0
DEVICES = 8

Level = Callable[[float, np.random.Generator], float]


def units_of(*metrics: str) -> LiveUnits:
    content = {
        **{"name": "tiny", "entity": ["box"], "time": "timestamp", "label": "is_error"},
        "metrics": {
            **{name: {"unit": "1"} for name in metrics},
            "c": {"kind": "counter", "max_rate": 1e9},
        },
        "windows": {"lengths": ["1h"], "period": "1m", "operations": ["avg"]},
    }
    return LiveUnits(TelemetrySchema.from_dict(content))


def fed(
    units: LiveUnits,
    levels: dict[str, Level],
    begin: float,
    end: float,
    step: float = STEP,
    noise: float = 0.1,
) -> None:
    """Have devices send what the levels say at each time, each time with noise.

    :param begin: days since Monday.
    """
    generator = np.random.default_rng(round(begin))
    for time in np.arange(MONDAY + begin * DAY, MONDAY + end * DAY, step).tolist():
        common = {name: level(time - MONDAY, generator) for name, level in levels.items()}
        for device in range(DEVICES):
            if units.wants(f"d{device}", time):
                own = np.exp(device + generator.normal(0, noise, len(common))).tolist()
                sent = {name: size * by for (name, size), by in zip(common.items(), own, strict=True)}
                units.take(f"d{device}", time, {**sent, "c": 1.0})


def changed(factor: float, at: float, until: float = math.inf) -> Level:
    """A hundred times as much each night, for five hours; and another unit for some days since Monday."""
    return lambda s, _: (
        (100.0 if s % DAY < 5 * HOUR else 1.0) * (factor if at * DAY <= s < until * DAY else 1.0)
    )


def told(units: LiveUnits) -> dict[str, float]:
    return {each["metric"]: each["factor"] for each in units.told()}


def test_a_level_that_jumps_by_the_factor_of_two_units_and_stays_is_told() -> None:
    factors = {"bits": 8.0, "percent": 100.0, "share": 1 / 100, "kibi": 1024.0}
    units, levels = units_of(*factors), {name: changed(factor, 3.3) for name, factor in factors.items()}
    fed(units, levels, 0, 3.3 + 5 / 24, noise=0.4)
    assert not units.told()
    fed(units, levels, 3.3 + 5 / 24, 3.3 + 13 / 24, noise=0.4)
    assert told(units) == {**factors, "kibi": 1000}


def test_readings_of_each_hour_are_enough() -> None:
    units = units_of("x")
    fed(units, {"x": changed(100.0, 3)}, 0, 3.6, step=HOUR)
    assert told(units) == {"x": 100.0}


BURSTY: dict[str, Level] = {
    "each_night": changed(1.0, 0),
    "working_days": lambda s, _: 10.0 if s // DAY % 7 < 5 else 1.0,
    "once_a_week": lambda s, _: 10.0 if s // DAY % 7 == 4 else 1.0,
    "day_and_night": lambda s, _: 100.0 ** math.sin(s / DAY * 2 * math.pi),
    "bursts_of_all": lambda s, _: 10.0 if s % (2.9 * DAY) < 5 * HOUR else 1.0,
    "three_times": lambda s, _: 3.0 if s >= 3.3 * DAY else 1.0,
    "no_factor": lambda s, _: 31.0 if s >= 3.3 * DAY else 1.0,
    "growth": lambda s, _: math.exp(0.4 * s / DAY),
    "noise_of_all": lambda _, generator: generator.lognormal(0, 2),
    "nothing": lambda *_: 0.0,
}


@pytest.mark.parametrize("first", [0, 3])
def test_what_is_bursty_or_grows_is_no_other_unit(first: int) -> None:
    units = units_of(*BURSTY)
    for day in range(first, first + 13):
        fed(units, BURSTY, day, day + 1, step=2 * STEP)
        assert told(units) == {}, day


def test_one_device_of_several_is_no_other_unit() -> None:
    units = units_of("x")
    for time in np.arange(MONDAY, MONDAY + 3.5 * DAY, STEP).tolist():
        for device in range(DEVICES):
            if units.wants(f"d{device}", time):
                size = 100.0 if device == 3 and time >= MONDAY + 3 * DAY else 1.0
                units.take(f"d{device}", time, {"x": size, "c": 1.0})
    assert units.told() == []


def test_it_is_told_for_a_day_after_the_unit_is_as_before() -> None:
    units = units_of("x")
    level = {"x": changed(100.0, 3, until=3.5)}
    fed(units, level, 0, 3.5)
    (row,) = units.told()
    assert row["since"] == "2023-11-16T00:00:00.000Z" and row["last"] <= "2023-11-16T12:00:00.000Z"
    assert row["warning"].startswith(
        "x may be in another unit in live readings since 2023-11-16 00:00 UTC: its values are about 100 "
        "times larger there than in 3 other days, on 8 of 8 devices at once, such as "
    )
    assert units.counts() == {"x": 1}
    fed(units, level, 3.5, 4.4)
    assert units.counts() == {"x": 1}
    fed(units, level, 4.4, 4.6)
    assert units.told() == [] and units.counts() == {"x": 0}


def test_so_many_devices_are_looked_at_and_a_silent_one_gives_its_place_away() -> None:
    units = units_of("x")
    for device in range(MOST_DEVICES):
        assert units.wants(f"d{device}", MONDAY)
        units.take(f"d{device}", MONDAY, {"x": 1.0, "c": 1.0})
    assert units.is_idle(["d1", "new"], MONDAY + 599) and not units.is_idle(["d1"], MONDAY + 600)
    assert not units.wants("new", MONDAY)
    for device in range(1, MOST_DEVICES):
        units.take(f"d{device}", MONDAY + DAY + 600, {"x": 1.0, "c": 1.0})
    assert units.wants("new", MONDAY + DAY + 600) and not units.wants("newer", MONDAY + DAY + 600)
    assert not units.wants("d0", MONDAY + DAY + 600)


def test_what_is_saved_goes_on_as_if_nothing_had_been() -> None:
    units = units_of("x")
    level = {"x": changed(100.0, 3)}
    fed(units, level, 0, 3.1)
    again = units_of("x")
    again.restore(units.saved())
    for each in (units, again):
        fed(each, level, 3.1, 3.6)
    assert again.told() == units.told() != []


def test_the_endpoint_tells_it_and_a_restart_remembers(package: Path, redis_url: str, tmp_path: Path) -> None:
    devices = {f"a/{number}": {"model_x": 1.0, "model_y": 0.0} for number in range(3)}

    def start() -> Client:
        return make_client(
            package,
            devices=devices,
            **{"redis_url": redis_url, "journal_key": "units", "snapshot_directory": str(tmp_path)},
        )

    client = start()
    begin = MONDAY - START
    for hour in range(3 * 24 + 8):
        latency = 2000.0 if hour >= 3 * 24 else 20.0
        client.post(
            "/telemetry",
            [
                event(device, begin + HOUR * hour + 600 * part, latency=latency + part / 10)
                for part in range(6)
                for device in devices
            ],
        )
    (row,) = client.get("/readings").json["units"]
    assert (row["metric"], row["factor"]) == ("latency", 100.0)
    assert 'netops_unit_suspicions{metric="latency"} 1.0' in client.get("/metrics").json
    assert 'netops_unit_suspicions{metric="cpu"} 0.0' in client.get("/metrics").json
    taken(client)
    assert start().get("/readings").json["units"] == [row]
