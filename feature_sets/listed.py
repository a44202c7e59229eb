"""Names in a sentence: the first few of them, and how many more there are."""

from __future__ import annotations

from collections.abc import Sequence


def listed(names: Sequence[str], most: int) -> str:
    """The names with commas between them.

    >>> listed(["a", "b", "c"], most=2)
    'a, b and 1 more'

    :param most: how many are shown.
    """
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return f"{', '.join(names[:most])}{more}"
