"""Which windows of its neighbors a device has as features, as a telemetry schema declares them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from feature_sets.checks import (
    InputError,
    check_each_once,
    check_integer,
    check_mapping,
    check_names,
    duration_seconds,
)

WHERE = "derived.neighbors"

ANY, UPSTREAM, DOWNSTREAM = "any", "upstream", "downstream"
DIRECTIONS = (ANY, UPSTREAM, DOWNSTREAM)

STATISTICS = ("max", "mean", "min", "median")
"""What is made of the values of several devices."""

CALLED = {ANY: "neighbors", UPSTREAM: "upstream", DOWNSTREAM: "downstream"}
"""What names of features call the devices in a direction."""
_MOST_HOPS = 4


def check_age(where: str, given: object) -> str:
    """Raise InputError unless an age is a duration, and not none at all; gives it."""
    if not isinstance(given, str) or not duration_seconds(given, f"{where}.max_age"):
        raise InputError(f"{where}.max_age", "must be a duration of at least 1s", given)
    return given


class NeighborFeature(NamedTuple):
    """One feature of neighbors: a statistic of a window feature over the devices in a direction."""

    name: str
    direction: str
    window_feature: str
    statistic: str
    metric: str


@dataclass(frozen=True)
class Neighbors:
    """Windows of every metric on the devices around, one number for all of them.

    :param operations: window operations, such as ``avg``.
    :param windows: lengths.
    :param statistics: over the neighbors, of ``STATISTICS``.
    :param directions: which neighbors, of ``DIRECTIONS``; all but ``any`` need links with a direction.
    :param hops: a device so many links away, or fewer, is a neighbor.
    :param max_age: how much older than the device's newest reading that of a neighbor may be.
    """

    operations: tuple[str, ...]
    windows: tuple[str, ...]
    statistics: tuple[str, ...] = ("max", "mean")
    directions: tuple[str, ...] = (ANY,)
    hops: int = 1
    max_age: str = "5m"

    @classmethod
    def from_content(cls, content: object) -> Neighbors:
        """Build from the content of a YAML file; the inverse of ``to_dict``.

        :raises InputError: naming the field, the rule and what was given.
        """
        fields = {"operations", "windows", "statistics", "directions", "hops", "max_age"}
        given = check_mapping(WHERE, content, fields)
        return cls(
            operations=check_names(f"{WHERE}.operations", given.get("operations")),
            windows=check_names(f"{WHERE}.windows", given.get("windows")),
            statistics=check_names(f"{WHERE}.statistics", given.get("statistics", cls.statistics)),
            directions=check_names(f"{WHERE}.directions", given.get("directions", cls.directions)),
            hops=check_integer(f"{WHERE}.hops", given.get("hops", 1), at_least=1, at_most=_MOST_HOPS),
            max_age=check_age(WHERE, given.get("max_age", cls.max_age)),
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain content for YAML or JSON."""
        return {
            "operations": list(self.operations),
            "windows": list(self.windows),
            "statistics": list(self.statistics),
            "directions": list(self.directions),
            "hops": self.hops,
            "max_age": self.max_age,
        }

    def check(self, lengths: Sequence[str], operations: Sequence[str]) -> None:
        """Raise InputError unless these windows are computed, and each is named once."""
        check_each_once(f"{WHERE}.operations", self.operations, operations, "windows: ")
        check_each_once(f"{WHERE}.windows", self.windows, lengths, "windows: ")
        check_each_once(f"{WHERE}.statistics", self.statistics, STATISTICS)
        check_each_once(f"{WHERE}.directions", self.directions, DIRECTIONS)

    def features(self, metrics: Sequence[str]) -> Iterator[NeighborFeature]:
        """Every feature of neighbors, in feature order: direction by direction, metric by metric."""
        for direction in self.directions:
            for metric in metrics:
                for operation in self.operations:
                    for window in self.windows:
                        feature = f"{metric}_{operation}_{window}"
                        for statistic in self.statistics:
                            name = f"{feature}_{CALLED[direction]}_{statistic}"
                            yield NeighborFeature(name, direction, feature, statistic, metric)
