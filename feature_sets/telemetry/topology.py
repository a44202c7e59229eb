"""How the links between devices are written: the columns of the table ``topology``."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, fields
from typing import Any

from feature_sets.checks import InputError, check_boolean, check_column_name, check_mapping, check_names
from feature_sets.telemetry.neighbors import ANY, Neighbors
from feature_sets.telemetry.peers import Peers


@dataclass(frozen=True)
class Topology:
    """Columns of the table ``topology``, with one link a row.

    :param ends: the two columns with the devices that are linked: their keys, or the part that is called
        ``device``, which stands for every device with it.
    :param directed: whether the first end is upstream of the second.
    :param valid_from: from when a link holds; empty is from the beginning. The column may be absent.
    :param valid_until: from when it no longer does; empty while it does. The column may be absent.
    """

    ends: tuple[str, ...] = ("device", "neighbor")
    directed: bool = False
    valid_from: str = "valid_from"
    valid_until: str = "valid_until"

    def __post_init__(self) -> None:
        if len(self.ends) != 2:
            raise InputError("topology.ends", "must name two columns", list(self.ends))
        columns = [*self.ends, self.valid_from, self.valid_until]
        for field, column in zip(("ends", "ends", "valid_from", "valid_until"), columns, strict=True):
            check_column_name(f"topology.{field}", column)
            if columns.count(column) > 1:
                raise InputError("topology", "must name each column once", column)

    @classmethod
    def from_content(cls, content: object) -> Topology:
        """Build from the content of a YAML file; the inverse of ``to_dict``.

        :raises InputError: naming the field, the rule and what was given.
        """
        given = check_mapping("topology", content, {field.name for field in fields(cls)})
        if "ends" in given:
            given["ends"] = check_names("topology.ends", given["ends"])
        if "directed" in given:
            given["directed"] = check_boolean("topology.directed", given["directed"])
        return cls(**given)

    def to_dict(self) -> dict[str, Any]:
        """Plain content for YAML or JSON."""
        return {
            "ends": list(self.ends),
            "directed": self.directed,
            "valid_from": self.valid_from,
            "valid_until": self.valid_until,
        }


def check_groups(
    neighbors: Neighbors | None, peers: Peers | None, topology: Topology | None, others: Collection[str]
) -> None:
    """Raise InputError unless there is what says which devices are neighbors, and which are peers.

    :param others: names that can be no column of the key, nor of the static file.
    """
    if peers is not None:
        peers.check_columns(others)
    if neighbors is None:
        return
    if topology is None:
        raise InputError("derived.neighbors", "must come with 'topology', the columns of the links", None)
    directions = [direction for direction in neighbors.directions if direction != ANY]
    if directions and not topology.directed:
        rule = "must be 'any', as the links have no direction (topology.directed)"
        raise InputError("derived.neighbors.directions", rule, directions)
