"""The first items of each group of a list, where the query asks for that."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, TypeVar

from project.local.api.errors import InvalidError
from project.local.api.http.calls import Call

Item = TypeVar("Item")


def partition(
    call: Call,
    items: Sequence[Item],
    *,
    by: str,
    group: Callable[[Item], Hashable],
    sort_fields: Mapping[str, Callable[[Item], Any]],
    default_field: str = "",
) -> list[Item]:
    """The first ``rows-per-partition`` items of each of the first ``max-partitions`` groups.

    Without ``partition-by`` in the query, the items as they are; else in the order they were ranked in.

    :param by: the only value of ``partition-by`` that the list knows.
    :param group: which group an item is in.
    :param sort_fields: values to rank by, for each value of ``partition-sort-by``.
    :param default_field: ``partition-sort-by`` when the query does not say; empty if it must.
    :raises InvalidError: if the list does not know the value of ``partition-by`` or ``partition-sort-by``.
    """
    asked = call.value("partition-by")
    if not asked:
        return list(items)
    field = call.value("partition-sort-by", default=default_field)
    if asked != by or field not in sort_fields:
        choices = " or ".join(f"'{name}'" for name in sort_fields)
        raise InvalidError(
            f"partition-by must be '{by}' with partition-sort-by {choices}, got {asked!r} with {field!r}"
        )
    descending = call.value("partition-order", default="desc") == "desc"
    rows = call.number("rows-per-partition", default=1) or 1
    groups = call.number("max-partitions", default=0) or len(items)
    taken: dict[Hashable, int] = {}
    kept = []
    for item in sorted(items, key=sort_fields[field], reverse=descending):
        name = group(item)
        if name not in taken and len(taken) >= groups:
            continue
        taken[name] = taken.get(name, 0) + 1
        if taken[name] <= rows:
            kept.append(item)
    return kept
