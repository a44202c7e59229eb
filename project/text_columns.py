"""Facts as aligned columns of text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_WIDTH = 60


def column_lines(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Aligned columns, nothing cut: an address must be there whole to be copied.

    What would break a line, such as a newline in the name of a device, is written as an escape.
    """
    lines = [[_one_line(cell) for cell in row] for row in [header, *rows]]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in lines
    ]


def _one_line(text: str) -> str:
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def print_columns(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    """Print aligned columns, see ``column_lines``."""
    for line in column_lines(header, rows):
        print(line)


def compact(values: Mapping[str, Any] | None) -> str:
    """Plain values as ``key=value``, cut at ``_WIDTH``."""
    text = ", ".join(
        f"{key}={value:.4g}" if isinstance(value, float) else f"{key}={value}"
        for key, value in (values or {}).items()
        if not isinstance(value, dict | list)
    )
    return text if len(text) <= _WIDTH else text[: _WIDTH - 1] + "…"
