"""Event times of any common form, made UTC: the one grammar of live events and files.

Times are kept to the microsecond, what is finer is cut off, and they lie between 1970 and 2106. Text is
ISO 8601, such as ``2024-05-01T12:00:00.25+02:00``. It may have a space for the T, no seconds or minutes, no
dashes and colons (``20240501T120000Z``), and ``UTC`` or ``GMT`` for the Z. ``24:00:00`` is the midnight at
the end of its day; a leap second, ``23:59:60``, is refused, as no epoch time stands for it.

A number, or text of one, is an epoch time whose unit follows from its size: below 1e11 seconds, below 1e14
milliseconds, below 1e17 microseconds, else nanoseconds (so an instant from March 1973 on is read alike in
every unit). A number with a fraction is the nearest microsecond. Refused is what may be two times:
nanoseconds as a float, which does not hold them, and digits that may be a date (``20240501``,
``202405011200``).

Where the order of day and month is declared, dates with the year last are read as well, such as
``31.12.2024 23:59:59`` or ``12/31/2024 11:59 PM``. Their marks are points, slashes or dashes. Nothing is
guessed from the digits.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pandas as pd

from feature_sets.checks import InputError, is_finite

LAST_SECOND = 2**32
"""The first second that is not accepted, in 2106: until then a float of seconds tells microseconds apart."""

NAIVE_RULE = "must have a zone, such as a final Z (if all are of one, say assume_timezone: UTC in the schema)"

DAY_FIRST, MONTH_FIRST = "day_first", "month_first"
DATE_ORDERS = (DAY_FIRST, MONTH_FIRST)
"""Which of the two numbers before the year comes first."""

_WHERE = "event time"
_FORM = "must be ISO 8601 text with a zone or an epoch number"
ORDER_RULE = (
    "must be ISO 8601 text with a zone or an epoch number; for dates with the year last the schema says "
    "date_order: day_first or month_first"
)
_RANGE = "must be between 1970 and 2106"
_FLOAT = "must be a whole number of nanoseconds; a number with a decimal point does not hold them"
_DATE = "must be an epoch number or a date with dashes; these digits may be either"
_SPAN = "must be one time, not a span as PRTG writes it: leave its first time in the column"
_LEAP = "must have seconds from 0 to 59; a leap second, :60, is not read: write it as :59, or as the next :00"
_DAY_END = "must be at most 24:00:00, which is the end of the day"
_CLOCK_FORM = re.compile(r"[0-9]:[0-9]{2}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
UNITS = (("s", 1e11, 1_000_000, 1), ("ms", 1e14, 1_000, 1), ("us", 1e17, 1, 1), ("ns", math.inf, 1, 1_000))
DATES = ((19_700_101, 21_061_231), (197_001_010_000, 210_612_312_359))
"""Numbers that may be dates, ``YYYYMMDD`` and ``YYYYMMDDhhmm``;
as epoch times they would be days of 1970 or 1976."""

_INTEGER = r"^[ \t]*([+-]?[0-9]+)(?:\.0*)?[ \t]*$"
NUMBER_PATTERN = r"^[ \t]*[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?[ \t]*$"
ISO_PATTERN = (
    r"^[ \t]*(?P<year>[0-9]{4})(?P<dash>-?)(?P<month>[0-9]{2})(?P<again>-?)(?P<day>[0-9]{2})"
    r"(?:(?:[Tt]| +)(?P<hour>[0-9]{2})(?::?(?P<minute>[0-9]{2})(?::?(?P<second>[0-9]{2})"
    r"(?:[.,](?P<fraction>[0-9]+))?)?)?(?: *(?P<half>[AaPp])\.?[Mm]\.?)?"
    r" *(?P<zone>[Zz]|[Uu][Tt][Cc]|[Gg][Mm][Tt]|[+-][0-9]{2}(?::?[0-9]{2})?)?)?[ \t]*$"
)
LOCAL_PATTERN = (
    r"^[ \t]*(?P<one>[0-9]{1,2})(?P<mark>[./-])(?P<two>[0-9]{1,2})(?P<again>[./-])(?P<year>[0-9]{4})"
    r"(?:(?:[Tt]|,? +)(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})"
    r"(?:[.,](?P<fraction>[0-9]+))?)?(?: *(?P<half>[AaPp])\.?[Mm]\.?)?"
    r" *(?P<zone>[Zz]|[Uu][Tt][Cc]|[Gg][Mm][Tt]|[+-][0-9]{2}(?::?[0-9]{2})?)?)?[ \t]*$"
)
"""A date with the year last; which number is the day is declared, never guessed."""
_USUAL_FORM = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{3}(?:[0-9]{3})?)?Z"
)
_ISO_FORM, _LOCAL_FORM, _INTEGER_FORM, _NUMBER_FORM = (
    re.compile(ISO_PATTERN),
    re.compile(LOCAL_PATTERN),
    re.compile(_INTEGER),
    re.compile(NUMBER_PATTERN),
)


class TimeRules(NamedTuple):
    """What a schema says of the times in its telemetry.

    :param zone: that times without one are of; without it they are refused.
    :param order: of day and month in dates with the year last, one of ``DATE_ORDERS``; without it these are
        refused.
    """

    zone: str | None = None
    order: str | None = None


def seconds_of(value: Any, zone: str | None = None, order: str | None = None) -> float:
    """Epoch seconds of one event time, exact to the microsecond.

    >>> seconds_of("2024-01-01T00:00:00.25Z")
    1704067200.25
    >>> seconds_of(1704067200250), seconds_of(1704067200.25)
    (1704067200.25, 1704067200.25)

    :param value: ISO 8601 text or a datetime with a zone, or an epoch number, as text too.
    :param zone: that times without one are of, such as ``UTC`` or ``Europe/Oslo``; without it they are
        refused, and with it those that clocks show twice or never because they change.
    :param order: see ``TimeRules``.
    :raises InputError: unless it is one.
    """
    given = value
    if isinstance(value, str):
        if _USUAL_FORM.fullmatch(value):
            try:
                return _checked((datetime.fromisoformat(value) - _EPOCH) // _MICROSECOND, given)
            except ValueError:
                pass  # Such as the second 60; what follows says which rule it breaks.
        if _INTEGER_FORM.match(value) and len(value) < 100:
            value = int(value.strip(" \t").partition(".")[0])
        elif _NUMBER_FORM.match(value):
            value = float(value)
        else:
            value = _moment(value, order)
    if isinstance(value, datetime) and value is not pd.NaT:
        if value.tzinfo is None:
            if zone is None:
                raise InputError(_WHERE, NAIVE_RULE, given)
            value = _local(value, zone, given)
        return _checked((value - _EPOCH) // _MICROSECOND, given)
    if isinstance(value, bool) or not isinstance(value, int | float) or not is_finite(value):
        raise InputError(_WHERE, _FORM, given)
    if any(first <= value <= last for first, last in DATES):
        raise InputError(_WHERE, _DATE, given)
    size = abs(value)
    for unit, limit, factor, divisor in UNITS:
        if size < limit:
            if unit == "ns" and isinstance(value, float):
                raise InputError(_WHERE, _FLOAT if size < LAST_SECOND * 1e9 else _RANGE, given)
            scaled = value * factor
            return _checked(scaled // divisor if isinstance(scaled, int) else round(scaled / divisor), given)
    raise InputError(_WHERE, _RANGE, given)


def _checked(micros: int, given: object) -> float:
    if not 0 <= micros < LAST_SECOND * 1_000_000:
        raise InputError(_WHERE, _RANGE, given)
    return micros / 1_000_000


def _local(value: datetime, zone: str, given: object) -> datetime:
    """A time of a zone, unless clocks show it twice or never."""
    first, second = (value.replace(tzinfo=ZoneInfo(zone), fold=fold) for fold in (0, 1))
    one, other = first.utcoffset(), second.utcoffset()
    if one is None or other is None or one == other:
        return first
    if one < other:
        raise InputError(_WHERE, f"must be a moment in {zone}, whose clocks leave this one out", given)
    offsets = " or ".join(moment.isoformat()[-6:] for moment in (first, second))
    rule = f"must be one moment in {zone}, whose clocks show this one twice: write an offset, {offsets}"
    raise InputError(_WHERE, rule, given)


def check_zone(where: str, zone: object) -> str:
    """Raise InputError unless there is a time zone of this name."""
    rule = "must be UTC, the name of a zone such as Europe/Oslo, or absent"
    if not isinstance(zone, str) or not zone:
        raise InputError(where, rule, zone)
    try:
        return ZoneInfo(zone).key
    except (ValueError, OSError, ZoneInfoNotFoundError):
        raise InputError(where, rule, zone) from None


def order_rule(order: str) -> str:
    """What dates must be that have the year last."""
    return f"must have the {order.partition('_')[0]} first, as date_order says"


def _moment(text: str, order: str | None) -> datetime:
    """Time that text says, cut to microseconds."""
    match = _ISO_FORM.match(text)
    if match is not None and match["dash"] == match["again"]:
        return _assembled(match, int(match["month"]), int(match["day"]), text)
    match = _LOCAL_FORM.match(text)
    if match is None or match["mark"] != match["again"]:
        raise InputError(_WHERE, _SPAN if _is_span(text) else _FORM, text)
    if order is None:
        raise InputError(_WHERE, ORDER_RULE, text)
    one, two = int(match["one"]), int(match["two"])
    day, month = (one, two) if order == DAY_FIRST else (two, one)
    if month > 12 >= day:
        raise InputError(_WHERE, order_rule(order), text)
    return _assembled(match, month, day, text)


def _is_span(text: str) -> bool:
    """Whether a text has a time before a dash and one behind it.

    Each part is looked through once: one expression of all of it would take minutes of a text of kilobytes.
    """
    begin, _, end = text.partition(" - ")
    return bool(_CLOCK_FORM.search(begin) and _CLOCK_FORM.search(end))


def _assembled(match: re.Match[str], month: int, day: int, text: str) -> datetime:
    hour, minute, second = (int(match[part] or 0) for part in ("hour", "minute", "second"))
    half = match.groupdict().get("half")
    if half:
        if not 1 <= hour <= 12:
            raise InputError(_WHERE, _FORM, text)
        hour = hour % 12 + (12 if half in "pP" else 0)
    fraction = int((match["fraction"] or "")[:6].ljust(6, "0"))
    if second == 60:
        raise InputError(_WHERE, _LEAP, text)
    days, hour = divmod(hour, 24)
    if days > 1 or (days and (hour or minute or second or fraction)):
        raise InputError(_WHERE, _DAY_END, text)
    try:
        moment = datetime(  # noqa: DTZ001 - it gets its zone below
            int(match["year"]), month, day, hour, minute, second, fraction
        ) + timedelta(days=days)
        if match["zone"] is None:
            return moment
        return moment.replace(tzinfo=UTC) - _offset(match["zone"])
    except (ValueError, OverflowError):
        raise InputError(_WHERE, _FORM, text) from None


def _offset(zone: str) -> timedelta:
    if zone[0] not in "+-":
        return timedelta(0)
    hours, minutes = int(zone[1:3]), int(zone[3:].removeprefix(":") or 0)
    if hours > 23 or minutes > 59:
        raise ValueError(zone)
    size = timedelta(hours=hours, minutes=minutes)
    return -size if zone[0] == "-" else size
