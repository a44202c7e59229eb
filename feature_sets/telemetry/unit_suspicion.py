"""Files whose values seem to be in another unit than those of other files, by devices that both have.

A collector that is set up anew sends octets where it sent bits, or per cent where it sent a share. Each
value is plausible for itself, so no rule of a row finds it; but those of all devices have become larger or
smaller at once, by the factor between two units. Nothing is changed for that; it is told.

It must not be told of ordinary data. So devices are compared with themselves, the values of a file have to
lie beside those of the other files and not among them, nearly all devices have to agree on the factor, and
the other files have to agree with each other much more closely than that.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from feature_sets.listed import listed
from feature_sets.rows.keyed_rows import Integers
from feature_sets.telemetry.schema import TelemetrySchema

Floats = npt.NDArray[np.float64]

FACTORS = (8, 10, 60, 100, 1000, 3600, 8000, 1e6, 8e6, 1e9)
"""Between units that are mistaken for each other: bits, per cent, minutes, kilo or kibi, and so on."""
_NEAR, _SPREAD = 1.1, 1.4
"""How far from the factor the ratio in the middle may be, and that of each of nearly all devices."""
_NEARLY_ALL = 0.9
_LEAST_DEVICES, _LEAST_VALUES = 3, 5
"""Devices that both sides must have, and values of each."""
_DEVICES, _MOST_DEVICES = 32, 1024
"""Devices that are looked at: so many of each part of a file if it has them, and of all files."""
_LOOKED_AT, _ROWS = 4096, 8192
"""Rows of a part in which devices are looked for, and whose values are taken, at most."""
_STEADY = 2.0
"""How many times larger a device may be in one of the other files than in the middle of them."""
_ONE_APART = 4
"""Other files of which one may be apart, as the day on which a unit changed is of both."""
_OTHERS = 16
"""Files that a device of a file is compared with, evenly out of all that have it."""
_FAR = math.log(min(FACTORS) / (_NEAR * _SPREAD))
_QUANTILES = (0.1, 0.5, 0.9)
_NAMED = 3


@dataclass(frozen=True)
class FileValues:
    """What some devices have in a file.

    :param name: of the file.
    :param quantiles: column -> device -> the tenth, the middle and the ninetieth percentile of its sizes,
        shape (3,); values that are 0 are left out, and devices of which these are the most.
    """

    name: str
    quantiles: Mapping[str, Mapping[str, Floats]]


_There = tuple[FileValues, Floats]


@dataclass(frozen=True)
class UnitSuspicion:
    """A column that seems to be in another unit in some files.

    :param column: of the metric.
    :param files: in which it does.
    :param factor: how many times larger its values are there than in the others; below 1 of smaller ones.
    :param devices: how many say so, of how many that both have.
    :param such: one of them, its middle value there, and in the other files.
    :param others: how many other files there are.
    :param kind: what all of them are, if not files.
    """

    column: str
    files: tuple[str, ...]
    factor: float
    devices: tuple[int, int]
    such: tuple[str, float, float]
    others: int
    kind: str = "file"

    @property
    def sentence(self) -> str:
        """What is told of it.

        >>> UnitSuspicion("rx", ("metrics/b.csv",), 0.001, (9, 10), ("r1", 0.52, 519.5), 3).sentence[:80]
        'rx may be in another unit in metrics/b.csv: its values are about 1,000 times sma'
        """
        times = self.factor if self.factor > 1 else 1 / self.factor
        size = "larger" if self.factor > 1 else "smaller"
        device, there, elsewhere = self.such
        agree, of = self.devices
        others = f"the other {self.kind}" if self.others == 1 else f"{self.others:,} other {self.kind}s"
        return (
            f"{self.column} may be in another unit in {listed(self.files, _NAMED)}: its values are about "
            f"{round(times):,} times {size} there than in {others}, on {agree:,} of {of:,} devices at once, "
            f"such as {device} with {there:.4g} in the middle, {elsewhere:.4g} elsewhere. Nothing was changed"
        )


def gauges(schema: TelemetrySchema) -> tuple[str, ...]:
    """Metrics that are compared: not counters, whose values grow by themselves, nor those of words."""
    return tuple(metric.name for metric in schema.metrics if metric.counter is None and not metric.values)


class ValueSamples:
    """Values of a few devices of each file, taken as the files are read.

    :param columns: see ``gauges``.
    """

    def __init__(self, columns: Sequence[str]) -> None:
        self._columns = tuple(columns)
        self._chosen = np.zeros(0, dtype=np.bool_)
        self._rng = np.random.default_rng(0)
        self._file, self._parts = -1, list[tuple[Integers, Mapping[str, Floats]]]()
        self._found: dict[int, dict[str, dict[int, Floats]]] = {}

    def take(
        self, file: int, devices: Integers, values: Mapping[str, Any], places: Integers | None = None
    ) -> None:
        """Look at a part of a file; of one that goes on after another has begun, no more than before.

        :param file: its number.
        :param devices: number of the device of each row.
        :param values: column -> numbers; NaN is none.
        :param places: of the rows in these; by default they are those of the devices.
        """
        if not self._columns or not len(devices) or file in self._found:
            return
        if file != self._file:
            self._close()
            self._file = file
        rows = np.flatnonzero(self._of_chosen(devices))
        if len(rows) > _ROWS:
            rows = rows[self._rng.integers(0, len(rows), _ROWS)]
        at = rows if places is None else places[rows]
        taken = {name: np.abs(np.asarray(values[name][at], dtype=np.float64)) for name in self._columns}
        self._parts.append((devices[rows], taken))

    def _of_chosen(self, devices: Integers) -> npt.NDArray[np.bool_]:
        """Which rows are of the devices that are looked at; of the first that come, some of each part."""
        most = int(devices.max()) + 1
        if most > len(self._chosen):
            self._chosen = np.pad(self._chosen, (0, most - len(self._chosen)))
        seen = np.unique(devices[self._rng.integers(0, len(devices), _LOOKED_AT)])
        missing = min(_DEVICES - int(self._chosen[seen].sum()), _MOST_DEVICES - int(self._chosen.sum()))
        if missing > 0:
            self._chosen[seen[~self._chosen[seen]][:missing]] = True
        of_chosen: npt.NDArray[np.bool_] = self._chosen[devices]
        return of_chosen

    def _close(self) -> None:
        if self._parts:
            self._found[self._file] = {
                name: _quantiles([(at, values[name]) for at, values in self._parts]) for name in self._columns
            }
        self._parts = []

    def found(self, files: Sequence[str], keys: Sequence[str]) -> list[FileValues]:
        """What there is of each file.

        :param files: names, by their numbers.
        :param keys: of the devices, by their numbers.
        """
        self._close()
        return [
            FileValues(
                files[file],
                {
                    name: {keys[code]: sizes for code, sizes in of_column.items()}
                    for name, of_column in columns.items()
                },
            )
            for file, columns in sorted(self._found.items())
        ]


def _quantiles(parts: Sequence[tuple[Integers, Floats]]) -> dict[int, Floats]:
    devices = np.concatenate([at for at, _ in parts])
    values = np.concatenate([of_part for _, of_part in parts])
    told = np.isfinite(values)
    devices, values = devices[told], values[told]
    if not len(devices):
        return {}
    order = np.argsort(devices, kind="stable")
    codes, begin = np.unique(devices[order], return_index=True)
    found = {}
    for code, mine in zip(codes.tolist(), np.split(values[order], begin[1:]), strict=True):
        some = mine[mine > 0]
        if len(some) >= _LEAST_VALUES and 2 * len(some) > len(mine):
            found[code] = np.quantile(some, _QUANTILES)
    return found


def unit_suspicions(files: Sequence[FileValues], known: Sequence[FileValues] = ()) -> list[UnitSuspicion]:
    """Columns that seem to be in another unit in some of the files than in most of the others.

    A file of which enough devices are known is compared with what is known alone. Else several new files
    in another unit would be the rule that each of them keeps, and the last files as ever its exception.

    :param files: that are looked at. Of two that disagree with each other alone the later one is told.
    :param known: others that they are compared with, such as parts of a history.
    """
    found: dict[tuple[str, float], list[UnitSuspicion]] = {}
    columns = {name for one in files for name in one.quantiles}
    some = {column: _compared([*known, *files], column) for column in columns}
    before = {column: _compared(known, column) for column in columns}
    for file in files:
        for column, mine in file.quantiles.items():
            of_known = {device: before[column][device] for device in mine if device in before[column]}
            compared_with = of_known if len(of_known) >= _LEAST_DEVICES else some[column]
            if not _is_far(mine, compared_with):
                continue
            one = _suspicion(file, compared_with, column)
            if one is None:
                continue
            size = round(math.log(one.factor), 6)
            found.pop((column, -size), None)
            found.setdefault((column, size), []).append(one)
    return [
        replace(same[0], files=tuple(name for one in same for name in one.files)) for same in found.values()
    ]


def _compared(files: Sequence[FileValues], column: str) -> dict[str, list[_There]]:
    """What some of the files that have a device have of it, evenly out of all.

    With all of them it would take hours of a year of hourly files.
    """
    found: dict[str, list[_There]] = {}
    for file in files:
        for device, sizes in file.quantiles.get(column, {}).items():
            found.setdefault(device, []).append((file, sizes))
    return {
        device: [each[place] for place in np.unique(np.linspace(0, len(each) - 1, _OTHERS + 1).astype(int))]
        for device, each in found.items()
    }


def _is_far(mine: Mapping[str, Floats], compared: Mapping[str, list[_There]]) -> bool:
    """Whether a device is far enough from any file for a suspicion, so that it is worth a closer look."""
    return any(
        abs(math.log(sizes[1] / there[1])) >= _FAR
        for device, sizes in mine.items()
        for _, there in compared.get(device, ())
    )


def _suspicion(
    file: FileValues, compared_with: Mapping[str, list[_There]], column: str
) -> UnitSuspicion | None:
    """What is suspicious of a column in a file; None if nothing is, or too few devices can tell."""
    ratios, apart, such, compared = [], [], [], set()
    for device, mine in file.quantiles[column].items():
        there = [(other.name, sizes) for other, sizes in compared_with.get(device, ()) if other is not file]
        if not there:
            continue
        theirs = np.median([each for _, each in there], axis=0)
        middles = np.array([each[1] for _, each in there])
        odd = int(np.sum(np.abs(np.log(middles / theirs[1])) > math.log(_STEADY)))
        steady = odd <= max(len(there) >= _ONE_APART, (1 - _NEARLY_ALL) * len(there))
        ratios.append(mine[1] / theirs[1])
        apart.append(steady and bool(mine[2] < theirs[0] or mine[0] > theirs[2]))
        such.append((device, float(mine[1]), float(theirs[1])))
        compared |= {name for name, _ in there}
    if len(ratios) < _LEAST_DEVICES or np.mean(apart) < _NEARLY_ALL:
        return None
    logs = np.log(ratios)
    size = abs(float(np.median(logs)))
    factor = min(FACTORS, key=lambda known: abs(math.log(known) - size))
    agrees = np.abs(np.abs(logs) - math.log(factor)) <= math.log(_SPREAD)
    agrees &= np.sign(logs) == np.sign(np.median(logs))
    if abs(size - math.log(factor)) > math.log(_NEAR) or np.mean(agrees) < _NEARLY_ALL:
        return None
    place = int(np.argmin(np.abs(np.abs(logs) - size)))
    signed = float(factor) if np.median(logs) > 0 else 1 / factor
    return UnitSuspicion(
        column, (file.name,), signed, (int(agrees.sum()), len(ratios)), such[place], len(compared)
    )
