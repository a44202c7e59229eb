"""How a device's readings are compared with those of its peers, as a telemetry schema declares it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from feature_sets.checks import (
    InputError,
    check_column_name,
    check_each_once,
    check_mapping,
    check_names,
)
from feature_sets.telemetry.neighbors import STATISTICS, check_age

WHERE = "derived.peers"

DIFFERENCE, RATIO = "difference", "ratio"
COMPARISONS = (DIFFERENCE, RATIO)


class PeerFeature(NamedTuple):
    """One feature of peers: a reading, compared with a statistic of the peers' newest ones."""

    name: str
    metric: str
    statistic: str
    comparison: str


@dataclass(frozen=True)
class Peers:
    """Readings of every metric, compared with the newest ones of the other devices of a group.

    :param by: columns of devices with equal values of which are peers, of the key or of the static file.
    :param statistics: over the peers, of ``STATISTICS``.
    :param comparisons: the reading less the statistic, or divided by it.
    :param max_age: how much older than the device's newest reading that of a peer may be.
    """

    by: tuple[str, ...]
    statistics: tuple[str, ...] = ("median",)
    comparisons: tuple[str, ...] = (DIFFERENCE,)
    max_age: str = "5m"

    @classmethod
    def from_content(cls, content: object) -> Peers:
        """Build from the content of a YAML file; the inverse of ``to_dict``.

        :raises InputError: naming the field, the rule and what was given.
        """
        given = check_mapping(WHERE, content, {"by", "statistics", "comparisons", "max_age"})
        by = given.get("by")
        return cls(
            by=check_names(f"{WHERE}.by", [by] if isinstance(by, str) else by),
            statistics=check_names(f"{WHERE}.statistics", given.get("statistics", cls.statistics)),
            comparisons=check_names(f"{WHERE}.comparisons", given.get("comparisons", cls.comparisons)),
            max_age=check_age(WHERE, given.get("max_age", cls.max_age)),
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain content for YAML or JSON."""
        return {
            "by": list(self.by),
            "statistics": list(self.statistics),
            "comparisons": list(self.comparisons),
            "max_age": self.max_age,
        }

    def check(self) -> None:
        """Raise InputError unless each statistic and comparison is one that there is, and named once."""
        check_each_once(f"{WHERE}.statistics", self.statistics, STATISTICS)
        check_each_once(f"{WHERE}.comparisons", self.comparisons, COMPARISONS)

    def check_columns(self, others: Collection[str]) -> None:
        """Raise InputError unless devices can be grouped by the columns.

        :param others: names that can be no column of the key, nor of the static file.
        """
        if not self.by or len(set(self.by)) != len(self.by):
            raise InputError(f"{WHERE}.by", "must name at least one column, each once", list(self.by))
        for column in self.by:
            check_column_name(f"{WHERE}.by", column)
            if column in others:
                rule = "must be a column of the key, or of the static file"
                raise InputError(f"{WHERE}.by", rule, column)

    def features(self, metrics: Sequence[str]) -> Iterator[PeerFeature]:
        """Every feature of peers, in feature order: metric by metric."""
        for metric in metrics:
            for statistic in self.statistics:
                for comparison in self.comparisons:
                    name = f"{metric}_peers_{statistic}_{comparison}"
                    yield PeerFeature(name, metric, statistic, comparison)
