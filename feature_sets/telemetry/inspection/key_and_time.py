"""Which columns of a folder may name a device, which one its times; how often devices report."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from feature_sets.rows.event_micros import column_micros
from feature_sets.rows.keyed_rows import Bools, Integers
from feature_sets.telemetry.cell_text import texts_of
from feature_sets.telemetry.inspection.column_profile import ColumnProfile
from feature_sets.telemetry.inspection.digit_ids import digit_ids, is_calendar, is_key_name, unnamed_ids
from feature_sets.telemetry.inspection.table_profile import TableProfile

TIME_NAMES = ("timestamp", "time", "ts", "event_time", "datetime", "date_time", "date", "at", "when")
DEVICE_NAME = re.compile(
    r"device|host|node|router|switch|sys_?name|instance|source|agent|element|interface|ifname|port|series|box|site"
    r"|^ne$|^id$|_id$|^(ap|olt|onu|ont|cpe|cell|modem|cmts|bts)([ _.-]?name)?$|access[ _.-]?point|nodeb"
)
"""What columns that name devices, or parts of them, are called."""
_PART_NAME = re.compile(
    r"interface|^if_?(name|descr|index|alias)|(^|[_.-])ports?([_.-]|$)|^port(name|num|id)|queue|lane|series"
    r"|^(slot|module|(line[ _.-]?)?card|channel|vlan|vrf|sector|antenna)s?"
    r"([ _.-]?(id|name|no|nr|num|index))?$"
)
"""What columns are called that name something of a device: names that repeat from device to device."""
_PLACE_NAME = re.compile(
    r"^(site|region|area|country|city|campus|building|floor|pop|market|data[ _.-]?cent(er|re)|dc|tenant|pod"
    r"|rack|row|hall|room|cabinet|cluster|fabric|zone|domain|province|district|company|customer|plant)"
    r"s?([ _.-]?(id|name|code|no|nr))?$"
)
"""What columns are called that name what holds many devices, whose names may repeat in each."""
_FAR = 366
_CHANCE = 0.01
"""Share of rows that may be repeated without a column, if it is not of the key."""
_NEAR, _MOST, _NEARLY_ALL = 0.1, 0.8, 0.99
_PACES = 3
_NO_ORDER = 0.1
ARRIVAL_NAME = re.compile(r"receiv|arriv|ingest|collected")


class Pace(NamedTuple):
    """An interval at which some devices report.

    :param seconds: between two readings.
    :param devices: how many do.
    :param row: that was looked at, of one of them.
    """

    seconds: float
    devices: int
    row: int


@dataclass(frozen=True)
class Cadence:
    """How often devices report, in the rows that were looked at.

    :param devices: different keys.
    :param seconds: usual time between two readings of a device; None if none has two.
    :param repeated: rows that repeat a device and time.
    :param contradicting: those of them that say something else.
    :param merged: those of them that have values which the other lacks.
    :param contradiction: the contradictions in one sentence, with an example; empty without one.
    :param paces: where devices report at a few different intervals: these, the shortest first. Then
        ``seconds`` is the longest of them.
    :param even: whether nearly all devices report as often as that, or leave readings out.
    :param gaps: share of the times between readings that are longer by half or more; 0 where only a sample of
        the readings was looked at.
    """

    devices: int
    seconds: float | None
    repeated: int
    even: bool = False
    gaps: float = 0.0
    contradicting: int = 0
    merged: int = 0
    contradiction: str = ""
    paces: tuple[Pace, ...] = ()

    @property
    def expected(self) -> int | None:
        """Whole seconds between readings that are to be expected; None if nobody can say."""
        if not self.even or self.seconds is None:
            return None
        whole = round(self.seconds)
        return whole if whole >= 1 and abs(whole - self.seconds) <= _NEAR * self.seconds else None


def key_candidates(tables: Mapping[str, TableProfile]) -> list[str]:
    """Columns that every table has and that may name a device, outermost first.

    Those with the fewest values come first, and last those that are called as parts of a device are. What is
    called as a place comes before the devices in it: their names may repeat in each. Whole numbers are among
    them if their name says so, or if nothing else can name a device.
    """
    present = list(tables.values())
    common = common_columns(tables)
    found = [
        name
        for name in common
        if all(_may_be_key(table.columns[name], len(present)) for table in present)
        and not (is_calendar(name) and any(name in table.of_folders for table in present))
    ]
    digits = [name for name in digit_ids(present, common) if name not in found]
    if len(present) > 1 or not any(DEVICE_NAME.search(name.lower()) for name in found):
        found += digits
    if not found and len(present) > 1 and len(alone := unnamed_ids(present, common)) == 1:
        found = alone
    counted = tables.get("static") or present[0]
    ordered = sorted(
        found,
        key=lambda name: (
            _PART_NAME.search(name.lower()) is not None,
            counted.columns[name].distinct or 0,
            name not in counted.of_folders,
            common.index(name),
        ),
    )
    inner = [name for name in ordered if DEVICE_NAME.search(name.lower()) and not _is_place(name)]
    if not inner:
        return ordered
    first = ordered.index(inner[0])
    later = [name for name in ordered[first:] if _is_place(name) and not _is_inside(counted, name, inner[0])]
    return [*ordered[:first], *later, *(name for name in ordered[first:] if name not in later)]


def _is_inside(table: TableProfile, name: str, device: str) -> bool:
    """Whether a pod is one of Kubernetes, each of which is in one node; one of a data center has switches."""
    if not name.lower().startswith("pod"):
        return False
    pairs = pd.DataFrame(
        {each: texts_of(table.head[each]).codes for each in (name, device)}
    ).drop_duplicates()
    return not pairs[name].duplicated().any() and bool(pairs[device].duplicated().any())


def _is_place(name: str) -> bool:
    return _PLACE_NAME.search(name.lower()) is not None


def common_columns(tables: Mapping[str, TableProfile]) -> list[str]:
    """Columns that every table has."""
    first, *others = tables.values()
    return [name for name in first.columns if all(name in table.columns for table in others)]


def key_of_metrics(
    metrics: TableProfile, candidates: Sequence[str], incidents: TableProfile | None
) -> list[str]:
    """Those of the candidates that seem to name a device, if no other table names each.

    :param incidents: which name some; None if there are none.
    """
    named = [name for name in candidates if incidents is not None and name in incidents.columns]
    likely = [name for name in candidates if DEVICE_NAME.search(name.lower()) or is_key_name(name)]
    if not named:
        return likely or _needed(metrics, candidates)
    times = [name for name, column in metrics.columns.items() if column.kind == "time"]
    rows = pd.DataFrame({name: texts_of(metrics.head[name]).codes for name in (*candidates, *times)})
    # Incidents may be of a site, and the readings of its devices; another column may name the metric.
    kept = [*candidates, *times]
    alike = int(rows.duplicated(kept).sum())
    for name in reversed(likely):
        others = [one for one in kept if one != name]
        if name not in named and int(rows.duplicated(others).sum()) <= alike + _CHANCE * len(rows):
            kept = others
    return [name for name in candidates if name in named or (name in likely and name in kept)]


def _needed(metrics: TableProfile, candidates: Sequence[str]) -> list[str]:
    """Those of the candidates without which more rows repeat a key and time, the last ones tried first.

    What changes from reading to reading, or is always the same, names no device; one stays in any case.
    """
    times = time_candidates({"metrics": metrics})[:1]
    rows = pd.DataFrame({name: texts_of(metrics.head[name]).codes for name in (*candidates, *times)})
    kept = list(candidates)
    most = int(rows.duplicated().sum()) + _CHANCE * len(rows)
    for name in reversed(candidates):
        others = [one for one in kept if one != name]
        if times and others and int(rows.duplicated([*others, *times]).sum()) <= most:
            kept = others
    return kept


def _may_be_key(column: ColumnProfile, tables: int) -> bool:
    if column.kind == "text":
        return True
    # Whole numbers may be measured ones, unless the static file has them, too.
    return (
        tables > 2
        and column.kind in ("number", "truth")
        and column.distinct is not None
        and (column.whole or column.kind == "truth")
    )


def fewest_keys(table: TableProfile, candidates: Sequence[str]) -> list[str]:
    """The fewest of the candidates, from the last one on, that tell all rows of a table apart; else none."""
    rows = pd.DataFrame({name: texts_of(table.head[name]).codes for name in candidates})
    for count in range(1, len(candidates) + 1):
        chosen = list(candidates[-count:])
        if not rows[chosen].duplicated().any():
            return chosen
    return []


def time_candidates(tables: Mapping[str, TableProfile]) -> list[str]:
    """Columns of times of the metrics, the likeliest first: also in the labels, then by name."""
    metrics, labels = tables["metrics"], tables.get("labels")
    times = [name for name, column in metrics.columns.items() if column.kind == "time"]

    def unlikely(name: str) -> tuple[bool, bool, bool, int]:
        called = name.lower().strip("_")
        known = TIME_NAMES.index(called) if called in TIME_NAMES else len(TIME_NAMES)
        elsewhere = labels is not None and name not in labels.columns
        # That of a query, such as from when it asks.
        is_constant = metrics.columns[name].is_constant and metrics.columns[name].rows > 1
        return elsewhere, is_constant, ARRIVAL_NAME.search(name.lower()) is not None, known

    return sorted(times, key=unlikely)


def is_far_from(column: ColumnProfile, time: ColumnProfile) -> bool:
    """Whether numbers that could be times are rather numbers: as times they are years from those of the rows.

    :param time: of the event times.
    """
    if not column.times.startswith("epoch") or not column.first or not time.first:
        return False
    # In days, as these may have no zone, or be the last that there are.
    begins, ends, first, last = (
        pd.Timestamp(moment).toordinal() for moment in (column.first, column.last, time.first, time.last)
    )
    return begins > last + _FAR or ends < first - _FAR


def device_times(table: TableProfile, entity: Sequence[str], time: str) -> pd.DataFrame:
    """Number of the ``device`` and the ``time`` of each row that was looked at."""
    codes = pd.DataFrame({name: texts_of(table.head[name]).codes for name in entity})
    return pd.DataFrame({"device": codes.groupby(list(entity)).ngroup(), "time": table.times(time)})


def cadence_of(readings: pd.DataFrame, runs: Integers | None = None, cut: Bools | None = None) -> Cadence:
    """How often devices report.

    :param readings: see ``device_times``.
    :param runs: of each of its rows, see ``TableProfile.runs``: between two runs there may be other readings.
    :param cut: see ``TableProfile.of_cut_files``. Rows of these that are in no order of time have others
        between them that were not looked at.
    """
    given = readings.dropna()
    device, micros = given["device"].to_numpy(), column_micros(given["time"])
    places = given.index.to_numpy()
    run = np.zeros(len(given), dtype=np.int64) if runs is None else runs[places]
    sample = np.zeros(len(given), dtype=bool) if cut is None else _without_order(given, run, cut[places])
    order = np.lexsort((micros, device))
    device, steps, run, sample = device[order], np.diff(micros[order]), run[order], sample[order]
    same = device[1:] == device[:-1]
    apart = same & (steps > 0)
    for known in (run[1:] == run[:-1], ~(sample[1:] | sample[:-1])):
        apart = apart & known if (apart & known).any() else apart
    is_sample = bool(sample[1:][apart].any())
    usual = None
    if apart.any():
        usual = _most_common(steps[apart]) if is_sample else float(np.median(steps[apart]))
    even = usual is not None and _is_even(device[1:][apart], steps[apart], usual)
    paces = (
        () if even or usual is None else _paces(device[1:][apart], steps[apart], given.index, given["device"])
    )
    if paces:  # A window must hold readings of all devices.
        usual = paces[-1].seconds * 1e6
    return Cadence(
        devices=len(np.unique(device)),
        seconds=None if usual is None else usual / 1e6,
        repeated=int(np.count_nonzero(same & (steps == 0))),
        even=even,
        gaps=0.0 if usual is None or is_sample else float(np.mean(steps[apart] > 1.5 * usual)),
        paces=paces,
    )


def _without_order(given: pd.DataFrame, run: Integers, cut: Bools) -> Bools:
    """Rows of files that were not read whole, and whose devices' readings follow each other in no order."""
    rows = given[cut].assign(run=run[cut])
    back = rows.groupby(["run", "device"])["time"].diff() < pd.Timedelta(0)
    shares = back.groupby(rows["run"]).mean()
    found: Bools = cut & np.isin(run, shares.index[shares > _NO_ORDER])
    return found


def _most_common(steps: Integers) -> float:
    """The most frequent step of whole seconds, which a sample of readings shows, too, as microseconds."""
    return float(pd.Series(np.maximum(1, np.rint(steps / 1e6))).mode().iloc[0]) * 1e6


def _paces(device: Integers, steps: Integers, rows: pd.Index, devices: pd.Series) -> tuple[Pace, ...]:
    """The few intervals at which devices report, each evenly at its own, the shortest first; else none.

    :param device: of each of the steps.
    :param rows: numbers of the rows, and their devices.
    """
    own = pd.Series(steps).groupby(device).median().sort_values()
    of_steps = own.loc[device].to_numpy()
    near = pd.Series(np.abs(steps - of_steps) <= _NEAR * of_steps).groupby(device).mean()
    if (near >= _MOST).mean() < _NEARLY_ALL:
        return ()
    numbers = np.cumsum(own.to_numpy() > (1 + 2 * _NEAR) * own.shift(fill_value=np.inf).to_numpy())
    first = pd.Series(rows, index=devices.to_numpy()).groupby(level=0).first()
    found = [own[numbers == number] for number in np.unique(numbers)]
    if not 1 < len(found) <= _PACES:
        return ()
    return tuple(Pace(float(part.median()) / 1e6, len(part), int(first[part.index[0]])) for part in found)


def _is_even(device: Integers, steps: Integers, usual: float) -> bool:
    """Whether most times between readings are the usual one, and of nearly all devices."""
    near = np.abs(steps - usual) <= _NEAR * usual
    of_devices = pd.Series(steps).groupby(device).median()
    return bool(near.mean() >= _MOST and (np.abs(of_devices - usual) <= _NEAR * usual).mean() >= _NEARLY_ALL)
