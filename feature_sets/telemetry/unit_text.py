"""Units behind numbers, as tools for people write them: ``35 ms``, ``12.3%``, ``1.2 Mb/s``."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

_NUMBER = r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_WITH_UNIT = re.compile(rf"({_NUMBER})\s*((?![eE][+-]?[0-9]|[xX][0-9A-Fa-f])[^\s0-9.,+-].*)")
"""A number and what is behind it, which is no exponent and no hexadecimal digit."""
_LONGEST = 80
"""Longest text that is looked at."""

_TIMES = {
    **dict.fromkeys(("ns",), 1e-9),
    **dict.fromkeys(("us", "\u00b5s", "\u03bcs"), 1e-6),
    **dict.fromkeys(("ms", "msec", "millisecond", "milliseconds"), 1e-3),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), 1.0),
    **dict.fromkeys(("min", "mins", "minute", "minutes"), 60.0),
    **dict.fromkeys(("h", "hour", "hours"), 3600.0),
    **dict.fromkeys(("d", "day", "days"), 86_400.0),
}
_THOUSANDS = {"": 1.0, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15}
_BINARY = {"Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40, "Pi": 2.0**50}
_SMALL = {"m": 1e-3, "\u00b5": 1e-6, "\u03bc": 1e-6, "u": 1e-6, "n": 1e-9}

_BITS = {"b": 1, "bit": 1, "bits": 1, "B": 8, "byte": 8, "bytes": 8, "Byte": 8, "Bytes": 8}
_RATES = {"bps": 1, "Bps": 8}
_OTHERS = {
    **dict.fromkeys(("Hz",), "frequency"),
    **dict.fromkeys(("pps", "p/s", "packets/s", "pkt/s"), "packets a second"),
    **dict.fromkeys(("W",), "power"),
    **dict.fromkeys(("V",), "voltage"),
    **dict.fromkeys(("A",), "current"),
}


class Unit(NamedTuple):
    """What a unit measures.

    :param kind: units of one kind can be converted.
    :param size: how many of the base unit of its kind it is.
    """

    kind: str
    size: float


@lru_cache(maxsize=1024)
def unit_of(text: str) -> Unit | None:
    """A unit that is known; None of others, and of ``KB``, which is 1000 or 1024 bytes.

    >>> unit_of("Mb/s"), unit_of("kByte"), unit_of("KB"), unit_of("dBm")
    (Unit(kind='data a second', size=1000000.0), Unit(kind='data', size=8000.0), None, None)
    """
    if text in _TIMES:
        return Unit("time", _TIMES[text])
    if text in ("%", "percent", "pct"):
        return Unit("share", 1.0)
    for prefix, times in {**_BINARY, **_THOUSANDS, **_SMALL}.items():
        if not text.startswith(prefix) or not (rest := text.removeprefix(prefix)):
            continue
        if rest in _OTHERS:
            return Unit(_OTHERS[rest], times)
        base = re.sub(r"(/s|/sec)$", "", rest)
        bits = _RATES.get(rest) or _BITS.get(base)
        if bits is None or prefix in _SMALL:
            continue
        if prefix == "K" and bits == 8:
            return None
        return Unit("data a second" if rest != base or rest in _RATES else "data", times * bits)
    return None


def split_unit(text: str, decimal: str = ".") -> tuple[str, str] | None:
    """The number and the unit of a text; None if it is not of this form.

    >>> split_unit("12.3%"), split_unit("-4,5 dBm", ","), split_unit("1,234 ms"), split_unit("1E+19")
    (('12.3', '%'), ('-4.5', 'dBm'), None, None)

    :param decimal: of the number, a point or a comma; the number that is returned has a point.
    """
    word = text.strip().replace("\u2212", "-").replace("\u00a0", " ")
    if len(word) > _LONGEST:
        return None
    if decimal == ",":
        word = word.replace(".", "?").replace(",", ".")
    found = _WITH_UNIT.fullmatch(word)
    return None if found is None else (found[1], found[2])


def number_in_unit(text: str, unit: str, decimal: str = ".") -> float | None:
    """A number with a unit as a number in another one of its kind; None where that cannot be.

    >>> number_in_unit("1.2 s", "ms"), number_in_unit("-40 dBm", "dBm"), number_in_unit("5 %", "ms")
    (1200.0, -40.0, None)

    :param unit: that the number shall be in; any text is the same unit as itself.
    :param decimal: of the number, a point or a comma.
    """
    parts = split_unit(text, decimal)
    if parts is None or not unit:
        return None
    number, given = float(parts[0]), parts[1]
    if given == unit:
        return number
    known, wanted = unit_of(given), unit_of(unit)
    if known is None or wanted is None or known.kind != wanted.kind:
        return None
    return number if known.size == wanted.size else number * known.size / wanted.size


def unit_hint(text: str, unit: str, decimal: str = ".") -> str:
    """Why a text that has a unit is no number; empty if it has none.

    >>> unit_hint("35 ms", "")
    "has the unit 'ms', and the metric names none (unit) to convert it to"

    :param unit: of the metric.
    :param decimal: see ``split_unit``.
    """
    parts = split_unit(text, decimal)
    if parts is None:
        return ""
    given = parts[1]
    if not unit:
        return f"has the unit {given!r}, and the metric names none (unit) to convert it to"
    if given.startswith("K") and unit_of(given) is None and unit_of("k" + given[1:]) is not None:
        return f"has the unit {given!r}, which may be 1000 or 1024 bytes"
    return f"has the unit {given!r}, which cannot be converted to the unit of the metric, {unit!r}"
