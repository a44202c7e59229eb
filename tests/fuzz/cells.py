"""What cells of files and fields of bodies may hold, the likely and the absurd."""

from __future__ import annotations

import datetime
import math
from collections.abc import Sequence
from decimal import Decimal
from random import Random
from typing import Any

KEYS: Sequence[Any] = ("r1", "r2", "a/1", "", " ", "ø", "\u2028", "r\0", "07", "1.10", 7, 2**53 + 1, None)
TIMES: Sequence[Any] = (
    "2024-05-01T12:00:00Z",
    "2024-05-01T12:00:10+02:00",
    "2024-05-01 12:00:20",
    "20240501",
    "1714564800",
    1714564800,
    1714564800.25,
    1714564800123456789,
    2**63,
    -1,
    "2036-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
    "0000-00-00",
    "",
    None,
)
NUMBERS: Sequence[Any] = (
    *(0, 1, -1, 0.1, 1e308, -0.0, 2**64, 2**64 - 1, 10**30, "1.5", "1,5", "+1", ".5", "1e5", "0x10", "１"),
    *("nan", "NaN", "inf", "-Infinity", "n/a", "high", "", "true", True, None),
)
TRUTHS: Sequence[Any] = (0, 1, "0", "1", "yes", "No", True, 2, 0.5, "", None, "error")
ABSURD: Sequence[Any] = (
    *(
        math.nan,
        math.inf,
        -math.inf,
        10**400,
        "9" * 400,
        "x" * 3000,
        "\ud800",
        "\x00",
        "'",
        '"',
        "\n",
        "a,b;c\t|",
    ),
    *(
        [],
        [1],
        [[[]]],
        {},
        {"a": 1},
        {"": None},
        [None, {"device": "r1"}],
        "=1+1",
        "{site}",
        "../..",
        "-0",
        "1_0",
    ),
)
COLUMNS = ("device", "at", "cpu", "mem", "bad", "role", "name", "value", "received", "valid_from", "x y", "")


def some(random: Random, likely: Sequence[Any], absurd: float = 0.1) -> Any:
    """One of the likely values, or now and then an absurd one."""
    return random.choice(ABSURD) if random.random() < absurd else random.choice(likely)


def tree(random: Random, depth: int = 3) -> Any:
    """Any JSON value."""
    kind = random.random()
    if depth == 0 or kind < 0.5:
        return some(random, random.choice((KEYS, TIMES, NUMBERS, TRUTHS)), 0.3)
    if kind < 0.75:
        return [tree(random, depth - 1) for _ in range(random.randrange(4))]
    return {random.choice(COLUMNS): tree(random, depth - 1) for _ in range(random.randrange(4))}


def mutated(random: Random, value: Any, share: float = 0.15) -> Any:
    """A value with some of its parts left out, renamed, or made something else."""
    if random.random() < share / 3:
        return tree(random)
    if isinstance(value, dict):
        out = {}
        for name, inner in value.items():
            chance = random.random()
            if chance < share / 3:
                continue
            if chance < share / 2:
                name = random.choice((*COLUMNS, name + "x" if isinstance(name, str) else name))
            out[name] = mutated(random, inner, share)
        return out
    if isinstance(value, list):
        return [
            mutated(random, inner, share) for inner in value for _ in range(random.choice((0, 1, 1, 1, 2)))
        ]
    return tree(random, 1) if random.random() < share else value


def damaged(random: Random, content: bytes) -> bytes:
    """Bytes with some of them changed, cut off or put in."""
    found = bytearray(content)
    for _ in range(random.randrange(1, 4)):
        at = random.randrange(len(found) + 1)
        way = random.randrange(4)
        if way == 0:
            del found[at:]
        elif way == 1:
            found[at : at + 1] = bytes([random.randrange(256)])
        elif way == 2:
            found[at:at] = random.choice(
                (b"\0", b"\xff", b"\n", b'"', b",", b"\xef\xbb\xbf", b"\r\n", b"{", b"\xed\xa0\x80")
            )
        else:
            del found[at : at + random.randrange(1, 9)]
    return bytes(found)


def python_value(random: Random) -> Any:
    """A value of a type that YAML or Arrow may give, beside those of JSON."""
    return random.choice(
        (
            datetime.date(2024, 5, 1),
            datetime.datetime(2024, 5, 1, 12, tzinfo=datetime.UTC),
            datetime.timedelta(seconds=3),
            Decimal("1.10"),
            b"\xff\x00",
            3 + 0j,
            (1, 2),
            {1, 2},
        )
    )
