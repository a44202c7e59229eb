"""Columns of event times, read by the grammar of ``event_time`` whatever type a file gave them."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass, field
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from feature_sets.rows.keyed_rows import Bools, Integers
from feature_sets.telemetry.arrow_files import NULL_WORDS
from feature_sets.telemetry.cell_text import Texts, is_text
from feature_sets.telemetry.errors import TelemetryError
from feature_sets.telemetry.event_time import (
    DATES,
    ISO_PATTERN,
    LAST_SECOND,
    LOCAL_PATTERN,
    MONTH_FIRST,
    NUMBER_PATTERN,
    ORDER_RULE,
    UNITS,
    TimeRules,
    order_rule,
)
from feature_sets.telemetry.events import brief
from feature_sets.telemetry.twice_shown import TwiceShown


@dataclass(frozen=True)
class ParsedTimes:
    """A column of event times.

    :param times: UTC, nanosecond type with whole microseconds; NaT where rejected.
    :param naive: rows rejected because they have no zone.
    :param unparsable: rows rejected because they are no time at all, or lie outside 1970 to 2106.
    :param units: epoch unit -> number of rows given in it.
    :param other: unparsable rows that are dates of the other order than the one declared; without a declared
        one, that are dates with the year last.
    :param twice: unparsable rows whose local time clocks show twice, with the two moments it may be.
    :param local: rows without a zone, also where one is given for them.
    """

    times: pd.Series
    naive: Bools
    unparsable: Bools
    units: dict[str, int]
    other: Bools
    twice: TwiceShown = field(default_factory=TwiceShown)
    local: Bools = field(default_factory=lambda: np.zeros(0, dtype=np.bool_))


def parse_times(
    column: pd.Series | pa.ChunkedArray, zone: str | None = None, order: str | None = None
) -> ParsedTimes:
    """Event times of a column of any type; the rules are those of ``seconds_of``, row by row.

    :param zone: that times without one are of; without it they are refused.
    :param order: see ``TimeRules``.
    """
    cells = pa.chunked_array([_cells(column)]) if isinstance(column, pd.Series) else column
    if pa.types.is_dictionary(cells.type):
        cells = cells.unify_dictionaries()
        values = cells.chunk(0).dictionary if cells.num_chunks else pa.nulls(0)
        read = _read(values, order).take(
            cells.combine_chunks().indices if cells.num_chunks else pa.nulls(0, pa.int32())
        )
    else:
        read = _read(cells.combine_chunks(), order)
    local = read.good & read.naive
    twice = TwiceShown() if zone is None else _localize(read, zone)
    good = read.good & (read.micros >= 0) & (read.micros < LAST_SECOND * 1_000_000)
    naive = read.naive & good
    times = read.micros.astype("datetime64[us]").astype("datetime64[ns]")
    times[~good | naive] = np.datetime64("NaT")
    counts = np.bincount(read.unit[good], minlength=len(UNITS) + 1)[1:].tolist()
    units = {unit: count for (unit, *_), count in zip(UNITS, counts, strict=True) if count}
    found = pd.Series(pd.DatetimeIndex(times, tz="UTC"))
    return ParsedTimes(found, naive, ~good, units, read.other, twice, local)


def says_something(column: Texts, words: Collection[str] = ()) -> Bools:
    """Which cells of a column of times are not empty, and no word such as ``NULL``; shape (n,).

    :param words: further ones that mean none, in lower case.
    """
    none = {*NULL_WORDS, *words}
    told = [value.lower() not in none for value in column.values]
    return np.array([*told, False], dtype=np.bool_)[column.codes]


def times_in_order(
    column: pd.Series | pa.ChunkedArray, rules: TimeRules, where: str, first: int = 0
) -> ParsedTimes:
    """``parse_times`` of a column of a file, in which all dates have the order that is declared.

    One that has not tells that the others are misread where nobody can see it. Where no order is declared,
    one date with the year last is refused, too: a column may be read in parts, and all need the same answer.

    :param where: what an error calls the column.
    :param first: number of the first row in the file, from 0 on.
    :raises TelemetryError: if a date fits into the other order only, or needs one and none is declared.
    """
    parsed = parse_times(column, *rules)
    if not parsed.other.any():
        return parsed
    row = int(np.argmax(parsed.other))
    told = None if rules.order is None else f"{order_rule(rules.order)}, in all of its dates"
    rule = f"{told or ORDER_RULE}; nothing of the file is read"
    raise TelemetryError(where, rule, f"{brief(column[row].as_py())!r} in row {first + row + 1:,}")


@dataclass
class _Times:
    """Times as they are read.

    :param micros: microseconds since the epoch.
    :param good: whether they are times.
    :param naive: whether they lack a zone.
    :param unit: number of the epoch unit, or 0.
    :param other: whether they are dates of the other order.
    """

    micros: Integers
    good: Bools
    naive: Bools
    unit: npt.NDArray[np.int8]
    other: Bools

    @classmethod
    def none(cls, size: int) -> _Times:
        no = np.zeros(size, dtype=np.bool_)
        return cls(np.zeros(size, dtype=np.int64), no, no.copy(), np.zeros(size, dtype=np.int8), no.copy())

    def put(self, rows: Integers, part: _Times) -> None:
        """Take these rows from a part."""
        for name in _FIELDS:
            getattr(self, name)[rows] = getattr(part, name)

    def take(self, indices: pa.Array) -> _Times:
        """One row for each index; none for a missing one."""
        at = indices.cast(pa.int64()).fill_null(len(self.good)).to_numpy(zero_copy_only=False)
        longer = _Times.none(len(self.good) + 1)
        longer.put(np.arange(len(self.good)), self)
        return _Times(*(getattr(longer, name)[at] for name in _FIELDS))


_FIELDS = ("micros", "good", "naive", "unit", "other")


def _localize(read: _Times, zone: str) -> TwiceShown:
    """Take the times without a zone as of this one; those that there are twice or never are no times.

    :returns: those that there are twice.
    """
    rows = np.flatnonzero(read.good & read.naive)
    read.naive[:] = False
    if zone == "UTC" or not len(rows):
        return TwiceShown()
    local = pd.DatetimeIndex(read.micros[rows].astype("datetime64[us]"))
    moments = local.tz_localize(ZoneInfo(zone), ambiguous="NaT", nonexistent="NaT").tz_convert("UTC")
    found = np.asarray(moments.notna())
    read.good[rows] = found
    read.micros[rows] = np.where(found, moments.tz_localize(None).to_numpy().astype(np.int64), 0)
    return TwiceShown.of(rows[~found], local[~found], zone)


def _cells(column: pd.Series) -> pa.Array:
    try:
        return pa.Array.from_pandas(column)
    except (pa.ArrowException, OverflowError):
        return pa.array([None if cell is None else str(cell) for cell in column], type=pa.string())


def _read(cells: pa.Array, order: str | None = None) -> _Times:
    kind = cells.type
    if pa.types.is_timestamp(kind):
        return _of_stamps(cells, kind.unit, kind.tz is None)
    if pa.types.is_date(kind):
        return _of_stamps(cells.cast(pa.timestamp("s")), "s", True)
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return _of_numbers(cells)
    if pa.types.is_decimal(kind):
        whole = pa.array([_whole(cell) for cell in cells.to_pylist()], type=pa.int64())
        read = _of_numbers(whole)
        rest = np.flatnonzero(pc.is_null(whole).to_numpy(zero_copy_only=False))
        read.put(rest, _of_numbers(cells.take(pa.array(rest)).cast(pa.float64())))
        return read
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        try:
            cells = cells.cast(pa.string())
        except pa.ArrowInvalid:
            return _Times.none(len(cells))
    if is_text(cells.type):
        return _of_texts(cells.cast(pa.string()), order)
    return _Times.none(len(cells))


def _whole(value: Decimal | None) -> int | None:
    if value is None or value != value.to_integral_value() or abs(value) >= 2**63:
        return None
    return int(value)


def _of_stamps(cells: pa.Array, unit: str, naive: bool) -> _Times:
    _, _, factor, divisor = next(entry for entry in UNITS if entry[0] == unit)
    read = _Times.none(len(cells))
    values = cells.cast(pa.int64()).fill_null(-1).to_numpy(zero_copy_only=False)
    read.good = (values >= 0) & (values < LAST_SECOND * 1_000_000 // factor * divisor)
    read.micros[read.good] = values[read.good] * factor // divisor
    read.naive = read.good & naive
    return read


def _of_numbers(cells: pa.Array) -> _Times:
    """Epoch times; whole numbers stay whole, which nanoseconds need."""
    read = _Times.none(len(cells))
    if pa.types.is_integer(cells.type):
        if pa.types.is_uint64(cells.type):
            cells = pc.min_element_wise(cells, pa.scalar(2**63 - 1, pa.uint64()), skip_nulls=False)
        values = cells.cast(pa.int64()).fill_null(-1).to_numpy(zero_copy_only=False)
    else:
        values = cells.cast(pa.float64()).fill_null(math.nan).to_numpy(zero_copy_only=False)
    plausible = np.ones(len(values), dtype=np.bool_)
    for first, last in DATES:
        plausible &= (values < first) | (values > last)
    below = 0.0
    for number, (unit, limit, factor, divisor) in enumerate(UNITS, 1):
        rows = plausible & (values >= below) & (values < min(limit, LAST_SECOND * 1e6 * divisor / factor))
        below = limit
        if not rows.any():
            continue
        if values.dtype.kind == "f":
            if unit == "ns":
                continue
            read.micros[rows] = np.round(values[rows] * factor / divisor).astype(np.int64)
        else:
            read.micros[rows] = values[rows] * factor // divisor
        read.good[rows] = True
        read.unit[rows] = number
    return read


def _of_texts(cells: pa.Array, order: str | None) -> _Times:
    for kind, naive in ((pa.timestamp("us", tz="UTC"), False), (pa.timestamp("us"), True)):
        try:
            # Ten times as fast, but it takes plain text of one form only, in every row.
            return _of_stamps(cells.cast(kind), "us", naive)
        except pa.ArrowInvalid:
            continue
    read = _Times.none(len(cells))
    is_number = _matches(cells, NUMBER_PATTERN)
    rows = np.flatnonzero(is_number)
    if len(rows):
        read.put(rows, _of_number_texts(cells.take(pa.array(rows))))
    is_local = _matches(cells, LOCAL_PATTERN)
    rows = np.flatnonzero(is_local)
    if len(rows):
        read.put(rows, _of_local_texts(cells.take(pa.array(rows)), order))
    rows = np.flatnonzero(~is_number & ~is_local)
    if len(rows):
        read.put(rows, _of_iso_texts(cells.take(pa.array(rows))))
    return read


def _of_number_texts(cells: pa.Array) -> _Times:
    read = _Times.none(len(cells))
    digits = pc.struct_field(
        pc.extract_regex(cells, r"^[ \t]*(?P<sign>[+-]?)0*(?P<digits>[0-9]+)(?:\.0*)?[ \t]*$"), 1
    )
    sizes = pc.utf8_length(digits).fill_null(0).to_numpy(zero_copy_only=False)
    short = np.flatnonzero((sizes > 0) & (sizes < 19) | (sizes == 19) & _matches(digits, "^[1-4]"))
    if len(short):
        whole = digits.take(pa.array(short)).cast(pa.int64())
        minus = _matches(cells.take(pa.array(short)), r"^[ \t]*-")
        read.put(short, _of_numbers(pc.if_else(pa.array(minus), pc.negate(whole), whole)))
    rest = np.flatnonzero(sizes == 0)
    if len(rest):
        values = [float(text) for text in cells.take(pa.array(rest)).to_pylist()]
        read.put(rest, _of_numbers(pa.array(values, type=pa.float64())))
    return read


def _of_iso_texts(cells: pa.Array) -> _Times:
    read = _Times.none(len(cells))
    found = pc.extract_regex(cells, ISO_PATTERN)
    rows = np.flatnonzero(pc.is_valid(found).to_numpy(zero_copy_only=False))
    part = _parts(found.take(pa.array(rows)))
    same = pc.equal(part["dash"], part["again"]).to_numpy(zero_copy_only=False)
    read.put(rows, _assembled(part, _number(part["month"]), _number(part["day"]), same))
    return read


def _of_local_texts(cells: pa.Array, order: str | None) -> _Times:
    """Dates with the year last; none is a time without an order."""
    part = _parts(pc.extract_regex(cells, LOCAL_PATTERN))
    one, two = _number(part["one"]), _number(part["two"])
    day, month = (two, one) if order == MONTH_FIRST else (one, two)
    same = pc.equal(part["mark"], part["again"]).to_numpy(zero_copy_only=False)
    read, swapped = _assembled(part, month, day, same), _assembled(part, day, month, same)
    if order is None:
        either = read.good | swapped.good
        read = _Times.none(len(cells))
        read.other = either
    else:
        read.other = same & (month > 12) & (day <= 12) & swapped.good
    return read


def _parts(found: pa.Array) -> dict[str, pa.Array]:
    return {found.type.field(i).name: pc.struct_field(found, i) for i in range(found.type.num_fields)}


def _number(text: pa.Array) -> Integers:
    filled = pc.if_else(pc.equal(text, ""), "0", text)
    return np.asarray(filled.cast(pa.int64()).to_numpy(zero_copy_only=False))


def _assembled(part: dict[str, pa.Array], month: Integers, day: Integers, good: Bools) -> _Times:
    """Times of the parts of texts.

    :param good: which of them may be times.
    """
    read = _Times.none(len(month))
    year, hour, minute, second = (_number(part[name]) for name in ("year", "hour", "minute", "second"))
    if "half" in part:
        half = pc.utf8_lower(part["half"])
        told = pc.not_equal(half, "").to_numpy(zero_copy_only=False)
        good = good & (~told | (hour >= 1) & (hour <= 12))
        afternoon = pc.equal(half, "p").to_numpy(zero_copy_only=False)
        hour = np.where(told, hour % 12 + 12 * afternoon, hour)
    fraction = _number(pc.utf8_rpad(pc.utf8_slice_codeunits(part["fraction"], 0, 6), 6, "0"))
    zone = pc.replace_substring(part["zone"], ":", "")
    signed = _matches(zone, "^[+-]")
    of_zone = _number(pc.if_else(pa.array(signed), pc.utf8_slice_codeunits(zone, 1, 3), "0"))
    of_zone_minutes = _number(pc.if_else(pa.array(signed), pc.utf8_slice_codeunits(zone, 3, 5), "0"))
    # Of hour 24 only the end of the day, which is the next midnight.
    ends = (hour == 24) & (minute == 0) & (second == 0) & (fraction == 0)
    good = (
        good
        & (month >= 1)
        & (month <= 12)
        & (day >= 1)
        & ((hour < 24) | ends)
        & (minute < 60)
        & (second < 60)
    )
    good &= (of_zone < 24) & (of_zone_minutes < 60)
    months = ((year - 1970) * 12 + np.where(good, month, 1) - 1).astype("datetime64[M]")
    good &= months.astype("datetime64[D]") + day <= (months + 1).astype("datetime64[D]")
    days = months.astype("datetime64[D]").astype(np.int64) + day - 1
    offset = np.where(_matches(zone, "^-"), -1, 1) * (of_zone * 3600 + of_zone_minutes * 60)
    seconds = days * 86_400 + hour * 3600 + minute * 60 + second - offset
    read.good = good
    read.micros = seconds * 1_000_000 + fraction
    read.naive = good & pc.equal(zone, "").to_numpy(zero_copy_only=False)
    return read


def _matches(cells: pa.Array, pattern: str) -> Bools:
    """Whether the pattern is found in each cell."""
    found = pc.match_substring_regex(cells, pattern).fill_null(False)
    return np.asarray(found.to_numpy(zero_copy_only=False), dtype=np.bool_)
