"""Cells that name several devices at once, as ``sw1, sw2``, where one cell names one."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from feature_sets.telemetry.ingest_report import FileReport

_BETWEEN = (r",", r";", r"\|", r"\n", r"&", r"\+", r"\band\b", r"/", r"\s")
"""What stands between names; a space comes last, as names may have some."""


def lists_of(values: Iterable[str], known: Collection[str], separator: str = "") -> list[str]:
    """Values of which each part is known, and that are no name themselves.

    >>> lists_of(["sw1, sw2", "sw1;sw9", "sw1"], {"sw1", "sw2"})
    ['sw1, sw2']
    >>> lists_of(["oslo/sw1 sw2"], {"oslo/sw1", "oslo/sw2"}, "/")
    ['oslo/sw1 sw2']

    :param known: names of devices, or of what devices are called by.
    :param separator: of keys: what is before the last one of the first name holds for the others as well.
    """
    return [value for value in values if value not in known and _is_list(value, known, separator)]


def _is_list(value: str, known: Collection[str], separator: str) -> bool:
    for between in _BETWEEN:
        parts = [part.strip() for part in re.split(between, value) if part.strip()]
        if len(parts) < 2 or parts[0] not in known:
            continue
        before = "".join(parts[0].rpartition(separator)[:2]) if separator else ""
        if all(part in known or before + part in known for part in parts):
            return True
    return False


def warn_of_lists(report: FileReport, column: str, lists: Collection[str]) -> None:
    """Warn of cells that name several devices, if there are some.

    :param column: that they are in.
    :param lists: see ``lists_of``, each once.
    """
    if lists:
        report.warnings.append(f"{lists_sentence(column, lists)}: {ONE_EACH}")


def lists_sentence(column: str, lists: Collection[str]) -> str:
    """That cells name several devices.

    >>> lists_sentence("device", ["sw1, sw2"])
    "1 value of 'device' names several devices, 'sw1, sw2', and counts for none of them"
    """
    such, many = repr(next(iter(lists))), f"{len(lists):,} values of '{column}' name several devices"
    if len(lists) == 1:
        return f"1 value of '{column}' names several devices, {such}, and counts for none of them"
    return f"{many}, such as {such}, and count for none of them"


ONE_EACH = "write a row for each device, with an id of its own if there is one, such as T7-1 and T7-2"
"""The way out."""
