"""Columns that the path of a file gives it, such as the device of a folder with one file a device."""

from __future__ import annotations

import re
from functools import lru_cache

from feature_sets.checks import InputError, check_column_name

_PART = re.compile(r"\{([^{}]*)\}")
_RULE = "must be a path with columns in braces and something between them, such as {site}/{device}"


def check_pattern(where: str, pattern: object) -> None:
    """Raise InputError unless this is a pattern of paths, or empty."""
    if pattern == "":
        return
    if not isinstance(pattern, str):
        raise InputError(where, _RULE, pattern)
    columns = _PART.findall(pattern)
    between = _PART.sub("", pattern)
    if not columns or "}{" in pattern or "{" in between or "}" in between or pattern[0] == "/":
        raise InputError(where, _RULE, pattern)
    for column in columns:
        check_column_name(where, column)
        if columns.count(column) > 1:
            raise InputError(where, "must name each column once", pattern)


def path_values(parts: tuple[str, ...], pattern: str) -> dict[str, str]:
    """Columns of a path, none if it is not of the pattern.

    >>> path_values(("oslo", "leaf-1"), "{site}/{device}")
    {'site': 'oslo', 'device': 'leaf-1'}

    :param parts: see ``path_parts``.
    :param pattern: see ``check_pattern``; it may have the end of the name, such as ``.csv``, or not.
    """
    match = _expression(_without_suffix(pattern)).fullmatch("/".join(parts))
    return match.groupdict() if match else {}


def path_parts(parts: tuple[str, ...]) -> tuple[str, ...]:
    """What may name something in the path of a file in a folder of a table: no ``day=2``, and no end.

    :param parts: of the path, the folder of the table first; there is nothing in that of a single file.
    """
    inner = tuple(part for part in parts[1:-1] if "=" not in part.strip("="))
    return (*inner, _without_suffix(parts[-1])) if len(parts) > 1 else ()


def _without_suffix(path: str) -> str:
    return re.sub(r"\.(parquet|(csv|json|jsonl|ndjson)(\.gz)?)$", "", path)


@lru_cache(maxsize=16)
def _expression(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern_expression(pattern, "[^/]+?"))


def pattern_expression(pattern: str, group: str) -> str:
    """A pattern as a regular expression with a group for each column.

    :param group: what a column may be.
    """
    names = _PART.findall(pattern)
    texts = [re.escape(text) for text in _PART.split(pattern)[::2]]
    groups = [f"(?P<{name}>{group})" for name in names]
    return "".join(text + part for text, part in zip(texts, [*groups, ""], strict=True))
