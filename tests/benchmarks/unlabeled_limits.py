"""Rules for the limit of a model without labels, on the Numenta series and on generated ones.

Run with ``python -m tests.benchmarks.unlabeled_limits``; the data set ``nab`` must be in a folder
``shared/data`` above. Prints a JSON line for every rule: the standard score, see ``nab_score``, on the
Numenta series and the mean over generated fleets. The limit comes from the first 15 % of the rows of each
series, or from 70 %, in which there are incidents. One limit holds for all series of a fleet.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from feature_sets.relative_features import RelativeFeatures
from feature_sets.rows.keyed_rows import KeyedRows
from feature_sets.telemetry.schema import DEVICE
from feature_sets.windows.arrival_order import windows_as_known
from feature_sets.windows.definition import WindowDefinition
from tests.benchmarks.nab import REST, SCHEMA, load
from tests.benchmarks.nab_score import Series, alarms_of, standard_score
from tests.shared_data import data_set
from training.search.own_level_distance import SMALLEST
from training.unlabeled.fit import ALARM_SHARE, limit_of_middle

Floats = npt.NDArray[np.float64]
SERIES, ROWS, DAY_ROWS, FLEETS = 24, 4032, 288, 4
BEGINNING, MOST = 0.15, 0.7
DAY = np.timedelta64(1, "D")


@dataclass(frozen=True)
class Watched:
    """A series, and how far each of its rows is from its own level; NaN before there is one."""

    series: Series
    distances: Floats

    def first(self, share: float) -> Watched:
        """The same, until a share of its rows; those without a level are left out."""
        count = self.series.probation if share == BEGINNING else int(share * len(self.distances))
        known = np.flatnonzero(np.isfinite(self.distances[:count]))
        return Watched(Series(self.series.times[known], []), self.distances[known])


Fleet = Sequence[Watched]


def watched(frame: pd.DataFrame, known: Mapping[str, Series]) -> Fleet:
    """Distances of the rows of each device from its level: those of the product's model."""
    rows = KeyedRows.of(frame, DEVICE, SCHEMA.time).in_event_order()
    windows = windows_as_known(rows, WindowDefinition.from_schema(SCHEMA), None)
    relative = RelativeFeatures(SCHEMA)
    features = relative.of_history(rows, None, {name: windows[name].to_numpy() for name in relative.inputs})
    values = np.column_stack([features[name] for name in relative.names])
    values = values[:, np.nan_to_num(np.abs(values)).max(axis=0) > 0.0]
    distances = np.sqrt(np.mean(np.nan_to_num(values) ** 2, axis=1))
    distances[~np.isfinite(values).any(axis=1)] = np.nan
    device = rows.frame[DEVICE].to_numpy()
    return [Watched(series, distances[device == name]) for name, series in known.items()]


def fleet(seed: int, series: int = SERIES, rows: int = ROWS) -> Fleet:
    """Generated series of five-minute rows: four kinds, four shapes of incident, one to three in each."""
    random = np.random.default_rng(seed)
    times = pd.date_range("2024-01-01", periods=rows, freq="5min", tz="UTC").as_unit("us")
    frames, known = [], {}
    for number in range(series):
        name, values = f"series-{number:02d}", _calm(random, rows)
        spans = _disturb(random, values)
        frames.append(pd.DataFrame({DEVICE: name, "timestamp": times, "value": values}))
        known[name] = Series(times.to_numpy("datetime64[ns]"), spans)
    return watched(pd.concat(frames, ignore_index=True), known)


def _calm(random: np.random.Generator, rows: int) -> Floats:
    noise, keeps = random.normal(size=rows), float(random.choice([0.0, 0.5, 0.9, 0.98]))
    for row in range(1, rows):
        noise[row] = keeps * noise[row - 1] + np.sqrt(1.0 - keeps * keeps) * noise[row]
    day = np.sin(2.0 * np.pi * np.arange(rows) / DAY_ROWS + random.uniform(0.0, 6.0))
    bursts = np.where(random.random(rows) < 0.02, random.exponential(8.0, rows), 0.0)
    kinds = (
        50.0 + 5.0 * noise,
        10.0 * np.exp(0.6 * noise + 0.8 * day),
        40.0 + 20.0 * day + 4.0 * noise,
        bursts + np.abs(noise),
    )
    return np.asarray(kinds[random.integers(len(kinds))])


def _disturb(random: np.random.Generator, values: Floats) -> list[tuple[int, int]]:
    """Put incidents into a series; first and last row of each, with what an alarm may be late or early."""
    rows, spread, spans = len(values), float(values.std()), []
    for _ in range(int(random.integers(1, 4))):
        length = int(random.integers(12, 200))
        begin = int(random.integers(int(0.17 * rows), rows - length - 1))
        if any(abs(begin - first) < 500 for first, _ in spans):
            continue
        at, strength = slice(begin, begin + length), random.uniform(2.0, 5.0) * spread
        shapes = (
            values[at] + strength,
            values[at] + np.where(random.random(length) < 0.3, 2.0 * strength, 0.0),
            values[at] + random.normal(scale=strength, size=length),
            np.full(length, values[begin]),
        )
        values[at] = shapes[random.integers(len(shapes))]
        wide = max(length, 200)
        spans.append((max(begin - wide // 4, int(0.16 * rows)), min(begin + wide, rows - 1)))
    return sorted(spans)


def _pooled(fleet: Fleet) -> Floats:
    return np.concatenate([one.distances for one in fleet])


def _share(share: float) -> Callable[[Fleet], float]:
    return lambda fleet: float(np.quantile(_pooled(fleet), 1.0 - share))


def _runs(fleet: Fleet) -> float:
    """Lowest limit with a run of alarms in four device-days, at most."""
    days = sum(float((one.series.times[-1] - one.series.times[0]) / DAY) for one in fleet)
    tried = np.quantile(_pooled(fleet), np.linspace(0.5, 1.0, 150))
    for limit in tried:
        times = [one.series.times[one.distances >= limit] for one in fleet]
        runs = sum(1 + int((np.diff(at) > REST).sum()) for at in times if len(at))
        if runs <= days / 4.0:
            return float(limit)
    return float(tried[-1])


def _gumbel(fleet: Fleet) -> float:
    """What daily maxima exceed once in seven days, by a Gumbel distribution of their logarithms."""
    found = []
    for one in fleet:
        days = (one.series.times - one.series.times[0]) // DAY
        found += [np.log(max(one.distances[days == day].max(), SMALLEST)) for day in np.unique(days)]
    low, middle, high = np.quantile(found, (0.25, 0.5, 0.75))
    scale = (high - low) / (np.log(np.log(4.0)) - np.log(np.log(4.0 / 3.0)))
    return float(np.exp(middle + scale * (np.log(np.log(2.0)) - np.log(-np.log(1.0 - 1.0 / 7.0)))))


RULES: Mapping[str, Callable[[Fleet], float]] = {
    "2 % of the rows": _share(0.02),
    "5 % of the rows": _share(0.05),
    "a run in four device-days": _runs,
    "daily maxima, once in seven days": _gumbel,
    "median of the maxima": lambda fleet: float(np.median([one.distances.max() for one in fleet])),
    "the middle of the rows": lambda fleet: limit_of_middle(_pooled(fleet), ALARM_SHARE),
}


def score(fleet: Fleet, limit: float) -> float:
    """Standard score of the alarms of a fleet."""
    alarms = [alarms_of(one.series, np.nan_to_num(one.distances), limit, REST) for one in fleet]
    return standard_score([one.series for one in fleet], alarms)


def measure(numenta: Fleet, generated: Sequence[Fleet]) -> list[dict[str, object]]:
    """Scores by rule."""
    lines = []
    for name, rule in RULES.items():
        line: dict[str, object] = {"benchmark": "unlabeled_limits", "rule": name}
        for share in (BEGINNING, MOST):
            found = [
                score(fleet, rule([one.first(share) for one in fleet])) for fleet in (numenta, *generated)
            ]
            line[f"numenta_{share:.0%}"] = round(found[0], 1)
            line[f"generated_{share:.0%}"] = round(float(np.mean(found[1:])), 1)
        lines.append(line)
    return lines


def numenta(folder: Path) -> Fleet:
    """The Numenta series."""
    readings, known = load(folder)
    return watched(readings.rename(columns={"series": DEVICE})[[DEVICE, "timestamp", "value"]], known)


if __name__ == "__main__":
    for line in measure(numenta(data_set("nab")), [fleet(seed) for seed in range(FLEETS)]):
        print(json.dumps(line), flush=True)
