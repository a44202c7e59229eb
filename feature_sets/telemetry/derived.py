"""Features that are computed from the windows of the same row, as a telemetry schema declares them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from feature_sets.checks import InputError, check_mapping, check_names, duration_seconds
from feature_sets.telemetry.neighbors import Neighbors
from feature_sets.telemetry.peers import Peers
from feature_sets.telemetry.relative import Relative


@dataclass(frozen=True)
class Ratio:
    """A statistic over a short window, divided by the same over a long one.

    :param operation: the statistic, a window operation such as ``avg``.
    :param short: length of the short window.
    :param long: length of the long one.
    """

    operation: str
    short: str
    long: str


class DerivedFeature(NamedTuple):
    """One derived feature and the two window features of the same row that it is computed from.

    :param name: of the feature.
    :param kind: ``ratio`` or ``variation``, which are left / right and have no unit, or ``change``, which is
        left - right in the unit of the metric.
    :param left: window feature.
    :param right: window feature.
    :param metric: whose windows these are.
    """

    name: str
    kind: str
    left: str
    right: str
    metric: str


@dataclass(frozen=True)
class Derived:
    """What is derived of every metric.

    :param ratios: see ``Ratio``; feature ``{metric}_{operation}_{short}_to_{long}``.
    :param variation: windows whose coefficient of variation, stddev / |avg|, is ``{metric}_cv_{window}``.
    :param change: windows whose change, last - first reading, is ``{metric}_change_{window}``.
    :param relative: windows relative to the device's own past, see ``Relative``; None for none. They are not
        among ``features``, as they depend on earlier rows.
    :param neighbors: windows of the devices around, see ``Neighbors``; not among ``features`` either.
    :param peers: readings against those of a group, see ``Peers``; the same.
    """

    ratios: tuple[Ratio, ...] = ()
    variation: tuple[str, ...] = ()
    change: tuple[str, ...] = ()
    relative: Relative | None = None
    neighbors: Neighbors | None = None
    peers: Peers | None = None

    @classmethod
    def from_content(cls, content: object) -> Derived:
        """Build from the content of a YAML file; the inverse of ``to_dict``.

        :raises InputError: naming the field, the rule and what was given.
        """
        fields = {"ratios", "variation", "change", "relative", "neighbors", "peers"}
        given = check_mapping("derived", content, fields)
        ratios, relative = given.get("ratios") or [], given.get("relative")
        neighbors, peers = given.get("neighbors"), given.get("peers")
        if isinstance(ratios, str) or not isinstance(ratios, Sequence):
            raise InputError("derived.ratios", "must be a list", ratios)
        return cls(
            ratios=tuple(_ratio(ratio) for ratio in ratios),
            variation=check_names("derived.variation", given.get("variation") or []),
            change=check_names("derived.change", given.get("change") or []),
            relative=None if relative is None else Relative.from_content(relative),
            neighbors=None if neighbors is None else Neighbors.from_content(neighbors),
            peers=None if peers is None else Peers.from_content(peers),
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain content for YAML or JSON."""
        return {
            "ratios": [
                {"operation": ratio.operation, "short": ratio.short, "long": ratio.long}
                for ratio in self.ratios
            ],
            "variation": list(self.variation),
            "change": list(self.change),
            # Absent without any, so that histories of before it existed go on.
            **({"relative": self.relative.to_dict()} if self.relative is not None else {}),
            **({"neighbors": self.neighbors.to_dict()} if self.neighbors is not None else {}),
            **({"peers": self.peers.to_dict()} if self.peers is not None else {}),
        }

    def check(self, lengths: Sequence[str], operations: Sequence[str]) -> None:
        """Raise InputError unless the windows that the features need are computed.

        :param lengths: windows of the schema.
        :param operations: its window operations.
        """
        for ratio in self.ratios:
            _check_operations("derived.ratios", (ratio.operation,), operations)
            _check_lengths("derived.ratios", (ratio.short, ratio.long), lengths)
            if not duration_seconds(ratio.short) < duration_seconds(ratio.long):
                rule = "must have a short window that is shorter than the long one"
                raise InputError("derived.ratios", rule, [ratio.short, ratio.long])
        if self.variation:
            _check_operations("derived.variation", ("stddev", "avg"), operations)
            _check_lengths("derived.variation", self.variation, lengths)
        if self.change:
            _check_operations("derived.change", ("last", "first"), operations)
            _check_lengths("derived.change", self.change, lengths)
        if self.relative is not None:
            self.relative.check(lengths, operations)
        if self.neighbors is not None:
            self.neighbors.check(lengths, operations)
        if self.peers is not None:
            self.peers.check()
        for field, entries in (
            ("ratios", self.ratios),
            ("variation", self.variation),
            ("change", self.change),
        ):
            if len(set(entries)) != len(entries):
                raise InputError(f"derived.{field}", "must not repeat a feature", list(entries))

    def features(self, metrics: Sequence[str]) -> tuple[DerivedFeature, ...]:
        """Every derived feature, in feature order: metric by metric, ratios first."""
        return tuple(feature for metric in metrics for feature in self._features_of(metric))

    def group_features(self, metrics: Sequence[str]) -> tuple[str, ...]:
        """Names of the features of neighbors, then of peers."""
        neighbors = self.neighbors.features(metrics) if self.neighbors is not None else ()
        peers = self.peers.features(metrics) if self.peers is not None else ()
        return (*(part.name for part in neighbors), *(part.name for part in peers))

    @property
    def group_age_seconds(self) -> int:
        """How much older the values of neighbors and peers are at most; 0 without such features."""
        return max(
            (duration_seconds(part.max_age) for part in (self.neighbors, self.peers) if part is not None),
            default=0,
        )

    def _features_of(self, metric: str) -> Iterator[DerivedFeature]:
        for ratio in self.ratios:
            short = f"{metric}_{ratio.operation}_{ratio.short}"
            long = f"{metric}_{ratio.operation}_{ratio.long}"
            yield DerivedFeature(f"{short}_to_{ratio.long}", "ratio", short, long, metric)
        for w in self.variation:
            spread, mean = f"{metric}_stddev_{w}", f"{metric}_avg_{w}"
            yield DerivedFeature(f"{metric}_cv_{w}", "variation", spread, mean, metric)
        for w in self.change:
            last, first = f"{metric}_last_{w}", f"{metric}_first_{w}"
            yield DerivedFeature(f"{metric}_change_{w}", "change", last, first, metric)


def _ratio(content: object) -> Ratio:
    given = check_mapping("derived.ratios", content, {"operation", "short", "long"})
    for part in ("operation", "short", "long"):
        if not isinstance(given.get(part), str):
            raise InputError(f"derived.ratios.{part}", "must be text", given.get(part))
    return Ratio(given["operation"], given["short"], given["long"])


def _check_operations(where: str, needed: Sequence[str], operations: Sequence[str]) -> None:
    for operation in needed:
        if operation not in operations:
            raise InputError(where, f"needs '{operation}' among windows.operations", list(operations))


def _check_lengths(where: str, needed: Sequence[str], lengths: Sequence[str]) -> None:
    for length in needed:
        if length not in lengths:
            raise InputError(where, f"must name windows among {', '.join(lengths)}", length)
