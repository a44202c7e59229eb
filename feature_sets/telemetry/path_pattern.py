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

    >>> path_values(("oslo", "leaf-1.csv.gz"), "{site}/{device}")
    {'site': 'oslo', 'device': 'leaf-1'}

    :param parts: of the path below the folder of the table.
    :param pattern: see ``check_pattern``; it may have the end of the name, such as ``.csv``, or not.
    """
    path = "/".join(parts)
    match = _expression(_without_suffix(pattern)).fullmatch(_without_suffix(path))
    return match.groupdict() if match else {}


def _without_suffix(path: str) -> str:
    return re.sub(r"\.(parquet|(csv|json|jsonl|ndjson)(\.gz)?)$", "", path)


@lru_cache(maxsize=16)
def _expression(pattern: str) -> re.Pattern[str]:
    names = _PART.findall(pattern)
    texts = [re.escape(text) for text in _PART.split(pattern)[::2]]
    groups = [f"(?P<{name}>[^/]+?)" for name in names]
    return re.compile("".join(text + group for text, group in zip(texts, [*groups, ""], strict=True)))
