"""What the parts of a telemetry schema have in common: their error, durations, and checks of content."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from feature_sets.checks import InputError

_DURATION = re.compile(r"^(\d+)(s|m|h|d)$")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_RESERVED_PREFIXES = ("t_", "aggr_")
_NAME = re.compile(r"^[A-Za-z][A-Za-z0-9_]*$")


class SchemaError(InputError):
    """A telemetry schema that breaks a rule; the message names the field, the rule and what was given."""

    def __init__(self, name: str, rule: str, got: object) -> None:
        super().__init__(f"schema field '{name}'", rule, got)
        self.field = name


def duration_seconds(text: str, name: str = "duration") -> int:
    """Length in whole seconds of a duration such as ``10s``, ``5m``, ``1h`` or ``1d``.

    :raises SchemaError: if the text is not a whole, non-negative number followed by s, m, h or d.
    """
    match = _DURATION.match(text) if isinstance(text, str) else None
    if match is None:
        raise SchemaError(name, "must be a whole number with a unit s, m, h or d, such as 10s or 5m", text)
    return int(match[1]) * _SECONDS[match[2]]


def check_name(where: str, name: object) -> None:
    """Whether something can be the name of a column.

    :raises SchemaError: if it cannot.
    """
    if not isinstance(name, str) or not _NAME.match(name):
        raise SchemaError(where, "must be a column name of letters, digits and underscores", name)
    if name.startswith(_RESERVED_PREFIXES):
        raise SchemaError(where, "must not start with t_ or aggr_, which MLRun reserves", name)


def mapping(where: str, value: object, allowed: set[str] | None = None) -> dict[str, Any]:
    """A mapping with text keys, of those allowed.

    :raises SchemaError: if it is something else.
    """
    if not isinstance(value, Mapping):
        raise SchemaError(where, "must be a mapping", value)
    for key in value:
        if not isinstance(key, str) or (allowed is not None and key not in allowed):
            known = f"must be among {', '.join(sorted(allowed))}" if allowed else "must have text keys"
            raise SchemaError(where, known, key)
    return dict(value)


def names(where: str, value: object) -> tuple[str, ...]:
    """A list of texts.

    :raises SchemaError: if it is something else.
    """
    if (
        isinstance(value, str)
        or not isinstance(value, Sequence)
        or not all(isinstance(entry, str) for entry in value)
    ):
        raise SchemaError(where, "must be a list of names", value)
    return tuple(value)
