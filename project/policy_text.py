"""Policies as text, such as ``cool_down=30m,runs_a_day=4``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from feature_sets.checks import InputError


def named_values(text: str, names: Sequence[str], where: str, other: str = "") -> Iterator[tuple[str, str]]:
    """What a text gives, each name with its value as it stands there.

    :param names: that there may be.
    :param where: what the text is, for errors.
    :param other: what the text may be instead, for errors.
    :raises InputError: for a name that is none of these.
    """
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, value = (piece.strip() for piece in part.partition("="))
        if name not in names:
            either = f"be {other}, or " if other else ""
            raise InputError(where, f"must {either}name among {', '.join(names)}", part)
        yield name, value
