"""A file in another unit than the others is told with the factor; ordinary data never is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from feature_sets.telemetry.readers import read_telemetry
from feature_sets.telemetry.schema import TelemetrySchema
from feature_sets.telemetry.unit_suspicion import FACTORS, FileValues, ValueSamples, unit_suspicions

BEGIN = pd.Timestamp("2026-03-01T00:00:00Z")
DAYS, DEVICES, READINGS = 4, 6, 96
SCHEMA = {
    "name": "lab",
    "entity": ["router"],
    "time": "at",
    "metrics": {"rx": {}, "loss": {}, "octets": {"kind": "counter"}},
    "label": "is_error",
}


def day(number: int, seed: int = 0) -> pd.DataFrame:
    """Readings of a day: a daily cycle of three to one, noise, and a level of each device."""
    rng = np.random.default_rng([seed, number])
    step = np.repeat(np.arange(READINGS), DEVICES)
    device = np.tile(np.arange(DEVICES), READINGS)
    cycle = 2 + np.sin(2 * np.pi * step / READINGS)
    return pd.DataFrame(
        {
            "router": [f"r{code}" for code in device],
            "at": BEGIN + pd.to_timedelta(number * 24 * 60 + step * 15, unit="min"),
            "rx": 10.0**device * cycle * rng.lognormal(0, 0.2, len(step)),
            "loss": rng.exponential(0.01, len(step)) * (rng.random(len(step)) < 0.3),
            "octets": (number * READINGS + step) * 1_000_000,
        }
    )


def folder(path: Path, *frames: pd.DataFrame) -> Path:
    (path / "metrics").mkdir(exist_ok=True)
    for number, frame in enumerate(frames):
        frame.to_csv(path / "metrics" / f"{number}.csv", index=False)
    keys = frames[0][["router", "at"]].assign(is_error=frames[0].index % 2)
    keys.to_csv(path / "labels.csv", index=False)
    return path


def warnings(path: Path, **content: Any) -> list[str]:
    _, report = read_telemetry(path, TelemetrySchema.from_dict({**SCHEMA, **content}))
    return report.metrics.said


@pytest.mark.parametrize("factor", [*FACTORS, *(1 / factor for factor in FACTORS), 1024, 1 / 1024**2])
def test_one_file_of_several_in_another_unit_is_told(tmp_path: Path, factor: float) -> None:
    days = [day(number) for number in range(DAYS)]
    days[2]["rx"] *= factor
    (warning,) = warnings(folder(tmp_path, *days))
    known = min(FACTORS, key=lambda each: abs(np.log(each) - abs(np.log(factor))))
    size = f"{known:,.0f} times {'larger' if factor > 1 else 'smaller'} there than in 3 other files"
    assert warning.startswith(
        f"rx may be in another unit in metrics/2.csv: its values are about {size}, on 6 of"
    )
    assert warning.endswith("elsewhere. Nothing was changed")


def test_of_two_files_the_later_one_is_told(tmp_path: Path) -> None:
    first, second = day(0), day(1)
    (warning,) = warnings(folder(tmp_path, first, second.assign(rx=second["rx"] / 1000)))
    assert warning.startswith(
        "rx may be in another unit in metrics/1.csv: its values are about 1,000 times sma"
    )
    assert "there than in the other file" in warning


def test_the_values_stay_as_they_came(tmp_path: Path) -> None:
    days = [day(number) for number in range(DAYS)]
    days[1]["rx"] *= 1000
    rows, _ = read_telemetry(folder(tmp_path, *days), TelemetrySchema.from_dict(SCHEMA))
    given = pd.concat(days).sort_values(["at", "router"])["rx"].to_numpy()
    assert np.allclose(rows.metrics["rx"].to_numpy(), given, rtol=1e-12)


def test_in_long_layout_it_is_told_as_well(tmp_path: Path) -> None:
    days = [day(number) for number in range(DAYS)]
    days[3]["rx"] *= 8
    named = {"router": "router", "at": "at"}
    long = [
        frame.melt(list(named), ["rx", "loss", "octets"], var_name="name", value_name="value")
        for frame in days
    ]
    files = {"layout": "long", "metric": "name", "value": "value"}
    (warning,) = warnings(folder(tmp_path, *long), files=files)
    assert warning.startswith(
        "rx may be in another unit in metrics/3.csv: its values are about 8 times larger"
    )


@pytest.mark.parametrize("hours", [1, 3, 6, 24])
@pytest.mark.parametrize("seed", range(3))
def test_ordinary_days_and_hours_are_not_suspicious(hours: int, seed: int) -> None:
    rows = pd.concat([day(number, seed) for number in range(DAYS)])
    # A night without traffic, an outage of all but one, and a device that grows tenfold from then on.
    hour = rows["at"].dt.hour
    rows.loc[(hour < 4) & (rows["router"] != "r0"), "loss"] = 0.0
    rows.loc[rows["at"].dt.day == 2, "rx"] *= np.where(rows["router"] == "r1", 10, 1)[rows["at"].dt.day == 2]
    rows["load"] = 10 ** (2 * np.sin(2 * np.pi * hour / 24)) * np.random.default_rng(seed).lognormal(
        0, 1, len(rows)
    )
    samples, names = ValueSamples(["rx", "loss", "load"]), []
    codes, keys = pd.factorize(rows["router"])
    for name, places in rows.groupby(rows["at"].dt.floor(f"{hours}h")).indices.items():
        values = {column: rows[column].to_numpy() for column in ("rx", "loss", "load")}
        samples.take(len(names), codes[places], values, places)
        names.append(str(name))
    assert [found.sentence for found in unit_suspicions(samples.found(names, list(keys)))] == []


def of(name: str, *middles: float) -> FileValues:
    """A file whose devices have these values in the middle."""
    sizes = {f"r{at}": np.array([0.9, 1.0, 1.1]) * middle for at, middle in enumerate(middles)}
    return FileValues(name, {"rx": sizes})


@pytest.mark.parametrize("count", [1, 2, 4, 7, 30])
def test_all_new_files_in_another_unit_than_the_history_are_told(count: int) -> None:
    """A collector that was set up anew last week, whose files are ingested together."""
    known = [of(f"history {number}", 1, 2, 3) for number in range(4)]
    new = [of(f"new {number}", 1000, 2000, 3000) for number in range(count)]
    (found,) = unit_suspicions(new, known)
    assert (found.files, found.factor) == (tuple(each.name for each in new), 1000)


def test_the_first_new_files_may_be_as_ever() -> None:
    known = [of(f"history {number}", 1, 2, 3) for number in range(4)]
    new = [
        *(of(f"old {number}", 1, 2, 3) for number in range(3)),
        of("a", 1e3, 2e3, 3e3),
        of("b", 1e3, 2e3, 3e3),
    ]
    (found,) = unit_suspicions(new, known)
    assert found.files == ("a", "b")


def test_a_history_that_does_not_agree_with_itself_tells_nothing() -> None:
    known = [of("a", 1, 2, 3), of("b", 1, 2, 3), of("c", 1000, 2000, 3000), of("d", 1000, 2000, 3000)]
    assert not unit_suspicions([of("e", 1000, 2000, 3000)], known)
    assert not unit_suspicions([of("e", 1, 2, 3)], known)


def test_a_day_on_which_the_unit_changed_hides_none_after_it() -> None:
    mixed = {f"r{at}": np.array([0.9, 950, 1100]) * (at + 1) for at in range(3)}
    known = [*(of(f"history {number}", 1, 2, 3) for number in range(3)), FileValues("mixed", {"rx": mixed})]
    (found,) = unit_suspicions([of("new", 1000, 2000, 3000)], known)
    assert (found.files, found.factor) == (("new",), 1000)


def test_too_few_devices_values_or_agreement_tell_nothing() -> None:
    assert unit_suspicions([of("a", 1, 2, 3), of("b", 1000, 2000, 3000)])
    assert not unit_suspicions([of("a", 1, 2), of("b", 1000, 2000)])
    # One of three moved by another factor, as by itself.
    assert not unit_suspicions([of("a", 1, 2, 3), of("b", 1000, 2000, 30)])
    # Five times is between no two units.
    assert not unit_suspicions([of("a", 1, 2, 3), of("b", 5, 10, 15)])
    # Where the others differ as much from each other, this one is no exception.
    assert not unit_suspicions([of("a", 1, 2, 3), of("b", 30, 60, 90), of("c", 1000, 2000, 3000)])
    few = ValueSamples(["rx"])
    for file in range(2):
        few.take(file, np.arange(12) % 3, {"rx": np.full(12, 1.0 + 999 * file)})
    assert few.found(["a", "b"], ["r0", "r1", "r2"])[0].quantiles == {"rx": {}}


def test_one_file_for_each_site_is_compared_by_the_devices_that_both_have() -> None:
    samples, names = ValueSamples(["rx"]), []
    for site in range(20):
        for number in range(3):
            devices = np.tile(np.arange(site * 50, site * 50 + 50), 20)
            wrong = 1000.0 if (site, number) == (17, 2) else 1.0
            samples.take(len(names), devices, {"rx": wrong * (1.0 + devices)})
            names.append(f"{site}-{number}.csv")
    (found,) = unit_suspicions(samples.found(names, [f"r{code}" for code in range(1000)]))
    assert (found.files, found.factor, found.others) == (("17-2.csv",), 1000.0, 2)
