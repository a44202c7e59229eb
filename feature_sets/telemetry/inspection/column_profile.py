"""What one column of a file holds."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from feature_sets.checks import InputError
from feature_sets.telemetry.cell_numbers import numbers_of, wholes_of
from feature_sets.telemetry.cell_text import Texts, cell_text, texts_of, truth_of
from feature_sets.telemetry.event_time import DATE_ORDERS, DAY_FIRST
from feature_sets.telemetry.inspection.date_order import EITHER, likely_order
from feature_sets.telemetry.time_columns import ParsedTimes, parse_times, says_something

ROW_NUMBER = "row number"
"""Kind of a column that a program wrote beside the others, with the number of each row."""
SAMPLES = 3
WITHOUT_ZONE = "without a zone"
"""Form of times of which none has one."""
TIME_OF_DAY = "time of day"
"""Kind of a column of times that have no date."""
_NOON = r" ?[AaPp]\.?[Mm]\.?"
_CLOCK = re.compile(rf"^\d{{1,2}}:\d{{2}}({_NOON}|:\d{{2}}([.,]\d+)?({_NOON}|Z|[+-]\d{{2}}:?\d{{2}})?)$")
_SHORT_CLOCK = re.compile(r"^\d{1,2}:\d{2}$")
_CLOCK_NAME = re.compile(r"time|clock|hour|uhr|zeit")
"""What a column of hours and minutes alone is called; slots and ports are written alike."""
_OFFSET = re.compile(r"([Zz]|[Uu][Tt][Cc]|[Gg][Mm][Tt]|[+-]\d{2}(:?\d{2})?)(?=[ \t]*$)")
_UTC = "UTC"
_NONE = ("Z", "UTC", "GMT", "+00", "+0000", "+00:00", "-00", "-0000", "-00:00")
_SHOWN = 40
_FEW = 1000
_EARLIEST = 1e8
"""Smallest number that may be meant as an epoch time: of 1973, in seconds."""


@dataclass(frozen=True)
class ColumnProfile:
    """What one column holds, in the rows that were looked at.

    :param name: in the file.
    :param type: that the file gives it; a CSV file has text alone.
    :param rows: looked at.
    :param missing: of them without a value.
    :param distinct: how many different values; None if nobody counted them, as of measured numbers.
    :param samples: some values.
    :param kind: ``number``, ``truth`` (0 and 1, yes and no), ``time``, ``time of day`` (without a date),
        ``text``, ``empty``, ``nested`` or ``row number``.
    :param whole: whether the numbers are all whole.
    :param low: smallest number.
    :param high: largest number.
    :param times: form of the times: with a zone, without one, or an epoch unit.
    :param naive: whether some times have no zone.
    :param first: earliest time, ISO 8601.
    :param last: latest time.
    :param order: of day and month in dates with the year last, see ``likely_order``.
    :param offsets: from UTC that times have in text, such as ``+01:00``, or the zone of their type.
    """

    name: str
    type: str
    rows: int
    missing: int
    distinct: int | None
    samples: tuple[str, ...]
    kind: str
    whole: bool = False
    low: float | int | None = None
    high: float | int | None = None
    times: str = ""
    naive: bool = False
    first: str = ""
    last: str = ""
    order: str = ""
    offsets: tuple[str, ...] = ()

    @property
    def missing_share(self) -> float:
        """Share of the rows without a value."""
        return self.missing / self.rows if self.rows else 0.0

    @property
    def holds_numbers(self) -> bool:
        """Whether all values are numbers, which may be meant as times."""
        return self.kind in ("number", "truth") or self.times.startswith("epoch")

    @property
    def is_constant(self) -> bool:
        """Whether all values are the same."""
        return self.distinct == 1

    def to_dict(self) -> dict[str, Any]:
        """Plain content for JSON."""
        content = {**asdict(self), "samples": list(self.samples), "missing_share": self.missing_share}
        content["offsets"] = list(self.offsets) or None
        return {name: value for name, value in content.items() if value not in (None, "", False)}

    def words(self) -> str:
        """Type, missing and samples, for people."""
        what = {"truth": "truth value", "time": f"time, {self.times}"}.get(self.kind, self.kind)
        if self.kind == "number":
            what = f"{'whole number' if self.whole else 'number'} {_short(self.low)} to {_short(self.high)}"
        parts = [f"{self.type}: {what}" if self.type != what else what]
        if self.distinct is not None and self.kind in ("text", "truth"):
            parts.append("1 value" if self.is_constant else f"{self.distinct:,} values")
        if self.missing:
            parts.append(f"{self.missing_share:.1%} missing")
        if self.samples:
            parts.append("such as " + ", ".join(self.samples))
        return "; ".join(parts)


def profile_column(
    name: str, column: pa.ChunkedArray, decimal: str = ".", order: str | None = None
) -> ColumnProfile:
    """Look at one column.

    :param column: as ``first_rows`` gives it.
    :param decimal: of numbers in text, a point or a comma.
    :param order: of dates with the year last; by default what their numbers tell.
    """
    kind = _type_name(column.type)
    rows = len(column)
    try:
        if pa.types.is_floating(column.type):
            return _measured(name, kind, column)
        if pa.types.is_timestamp(column.type):
            return _stamped(name, kind, column)
        texts = texts_of(column)
    except InputError:
        return ColumnProfile(name, kind, rows, column.null_count, None, (), "nested")
    missing = int(np.count_nonzero(texts.codes < 0))
    shown = tuple(_cut(value) for value in texts.values[:SAMPLES])
    base: dict[str, Any] = {
        "name": name,
        "type": kind,
        "rows": rows,
        "missing": missing,
        "distinct": len(texts.values),
    }
    if not texts.values:
        return ColumnProfile(**base, samples=(), kind="empty")
    if len(texts.values) <= 4 and all(truth_of(value) is not None for value in texts.values):
        return ColumnProfile(**base, samples=shown, kind="truth")
    numbers = numbers_of(column, decimal)
    is_number = not numbers.refused.any() and not np.isnan(numbers.values).all()
    with_point = numbers if decimal == "." or is_number else numbers_of(column)
    # Beside decimal commas a point marks thousands: 1.234 is no time in seconds either.
    are_numbers = is_number or (decimal != "." and not with_point.refused.any())
    times = _times(column, texts, with_point.values if are_numbers else None)
    order = order or ("" if is_number or times else likely_order(column))
    if times is not None or (order and not is_number):
        told = says_something(texts)
        base["missing"] = int(np.count_nonzero(~told))
        shown = tuple(_cut(texts.values[code]) for code in dict.fromkeys(texts.codes[told][:_FEW]))[:SAMPLES]
        facts = _date_facts(column, order) if times is None else _time_facts(column, times)
        return ColumnProfile(**base, samples=shown, kind="time", **facts)
    if is_number:
        facts = {**_number_facts(numbers.values), **_whole_range(column, decimal)}
        # Words such as NaN count as missing here.
        base["missing"] = int(np.count_nonzero(np.isnan(numbers.values)))
        return ColumnProfile(**base, samples=shown, kind="number", **facts)
    form = (
        _SHORT_CLOCK if _CLOCK_NAME.search(name.lower()) and _SHORT_CLOCK.match(texts.values[0]) else _CLOCK
    )
    is_clock = all(form.match(value) for value in texts.values)
    return ColumnProfile(**base, samples=shown, kind=TIME_OF_DAY if is_clock else "text")


def _stamped(name: str, kind: str, column: pa.ChunkedArray) -> ColumnProfile:
    texts = texts_of(column.slice(0, 100))
    rows, missing = len(column), column.null_count
    if missing == rows:
        return ColumnProfile(name, kind, rows, missing, 0, (), "empty")
    distinct = 1 if pc.min_max(column)["min"] == pc.min_max(column)["max"] else None
    shown = tuple(_cut(value) for value in texts.values[:SAMPLES])
    facts = _time_facts(column, parse_times(column))
    return ColumnProfile(name, kind, rows, missing, distinct, shown, "time", **facts)


def _measured(name: str, kind: str, column: pa.ChunkedArray) -> ColumnProfile:
    values = numbers_of(column).values
    given = values[~np.isnan(values)]
    base: dict[str, Any] = {
        "name": name,
        "type": kind,
        "rows": len(values),
        "missing": len(values) - len(given),
    }
    if not len(given):
        return ColumnProfile(**base, distinct=0, samples=(), kind="empty")
    some = np.unique(given[: 1 << 16])
    shown = tuple(str(cell_text(value)) for value in dict.fromkeys(given[:100].tolist()))[:SAMPLES]
    distinct = 1 if given.min() == given.max() else len(some) if len(some) <= 100 else None
    if distinct is None and (given == np.floor(given)).all():  # Whole numbers may be ids.
        distinct = len(np.unique(given))
    if set(some.tolist()) <= {0.0, 1.0} and given.min() >= 0 and given.max() <= 1:
        return ColumnProfile(**base, distinct=distinct, samples=shown, kind="truth")
    times = _times(column, None, values)
    if times is not None:
        return ColumnProfile(
            **base, distinct=distinct, samples=shown, kind="time", **_time_facts(column, times)
        )
    return ColumnProfile(**base, distinct=distinct, samples=shown, kind="number", **_number_facts(values))


def _times(
    column: pa.ChunkedArray,
    texts: Texts | None,
    numbers: np.ndarray[Any, np.dtype[np.float64]] | None,
) -> ParsedTimes | None:
    """The times, if nearly all cells are times and, as numbers, are large enough to be meant so."""
    if numbers is not None:
        given = numbers[~np.isnan(numbers)]
        if not len(given) or given.min() < _EARLIEST or not np.isfinite(given).all():
            return None
    has_value = says_something(texts) if texts else np.asarray(column.is_valid(), dtype=np.bool_)
    few = np.flatnonzero(has_value)[:_FEW]
    if parse_times(column.take(pa.array(few))).unparsable.all():
        return None
    parsed = parse_times(column)
    found = ~parsed.unparsable
    given_rows = np.count_nonzero(has_value)
    return parsed if given_rows and np.count_nonzero(found) >= 0.99 * given_rows else None


def _date_facts(column: pa.ChunkedArray, order: str) -> dict[str, Any]:
    """Of dates with the year last; when they are is known only if their order is."""
    parsed = parse_times(column, order=order if order in DATE_ORDERS else DAY_FIRST)
    if order in DATE_ORDERS:
        return {**_time_facts(column, parsed, order), "order": order}
    form = "dates of either order" if order == EITHER else "dates of both orders"
    return {"times": form, "naive": bool(parsed.naive.any()), "order": order}


def _time_facts(column: pa.ChunkedArray, parsed: ParsedTimes, order: str | None = None) -> dict[str, Any]:
    naive = bool(parsed.naive.any())
    if parsed.units:
        form = f"epoch {' and '.join(parsed.units)}"
    elif naive:
        share = np.count_nonzero(parsed.naive) / np.count_nonzero(~parsed.unparsable)
        form = WITHOUT_ZONE if share == 1 else f"{share:.1%} without a zone, the others with one"
    else:
        zone = getattr(column.type, "tz", None)
        form = f"zone {zone}" if zone else "with a zone"
    times = (parse_times(column, "UTC", order) if naive else parsed).times.dropna()
    ends = (times.min(), times.max()) if len(times) else ()
    # Of times without a zone as they are, in whatever zone.
    span = [(end.tz_localize(None) if naive else end).isoformat() for end in ends] or ["", ""]
    facts = {"times": form, "naive": naive, "first": span[0], "last": span[1]}
    return facts if parsed.units else {**facts, "offsets": _offsets(column, parsed)}


def _offsets(column: pa.ChunkedArray, parsed: ParsedTimes) -> tuple[str, ...]:
    """Offsets from UTC of the times that have one, or the zone of their type."""
    if pa.types.is_timestamp(column.type):
        return (column.type.tz,) if column.type.tz else ()
    texts = texts_of(column.filter(pa.array(~parsed.naive & ~parsed.unparsable))).values
    found = {match[0].upper() for match in map(_OFFSET.search, texts) if match}
    return tuple(
        sorted({_UTC if each in _NONE else f"{each[:3]}:{each[3:].strip(':') or '00'}" for each in found})
    )


def _number_facts(values: np.ndarray[Any, np.dtype[np.float64]]) -> dict[str, Any]:
    given = values[np.isfinite(values)]
    if not len(given):
        return {}
    return {
        "whole": bool((given == np.floor(given)).all()),
        "low": float(given.min()),
        "high": float(given.max()),
    }


def _whole_range(column: pa.ChunkedArray, decimal: str) -> dict[str, int]:
    """Smallest and largest of whole numbers to the unit; nothing of other numbers."""
    if pa.types.is_integer(column.type):
        ends = pc.min_max(column).as_py()
        return {"low": ends["min"], "high": ends["max"]}
    values, refused = wholes_of(column, decimal=decimal)
    if refused.any() or values.isna().all():
        return {}
    given = values[~values.isna()].to_numpy(dtype=np.uint64)
    return {"low": int(given.min()), "high": int(given.max())}


def _type_name(kind: pa.DataType) -> str:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return "text" if pa.types.is_string(kind) or pa.types.is_large_string(kind) else str(kind)


def _short(number: float | int | None) -> str:
    if number is None:
        return "?"
    return f"{int(number):,}" if number == int(number) else f"{number:.4g}"


def _cut(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "…")
