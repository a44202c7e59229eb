"""Which windows a telemetry schema wants relative to the device's own level and spread."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from feature_sets.checks import check_each_once, check_integer, check_mapping, check_names

WHERE = "derived.relative"


class RelativeFeature(NamedTuple):
    """One relative feature and the window feature of the same row that it is about."""

    name: str
    window_feature: str


@dataclass(frozen=True)
class Relative:
    """Windows of every metric as so many spreads away from what they were on the same device until then.

    :param operations: window operations, such as ``avg``.
    :param windows: lengths; feature ``{metric}_{operation}_{window}_relative``.
    :param after: rows of a device after which it has a level and a spread, at least 2.
    """

    operations: tuple[str, ...]
    windows: tuple[str, ...]
    after: int = 20

    @classmethod
    def from_content(cls, content: object) -> Relative:
        """Build from the content of a YAML file; the inverse of ``to_dict``.

        :raises InputError: naming the field, the rule and what was given.
        """
        given = check_mapping(WHERE, content, {"operations", "windows", "after"})
        return cls(
            operations=check_names(f"{WHERE}.operations", given.get("operations")),
            windows=check_names(f"{WHERE}.windows", given.get("windows")),
            after=check_integer(f"{WHERE}.after", given.get("after", 20), at_least=2),
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain content for YAML or JSON."""
        return {"operations": list(self.operations), "windows": list(self.windows), "after": self.after}

    def check(self, lengths: Sequence[str], operations: Sequence[str]) -> None:
        """Raise InputError unless these windows are computed, and each is named once."""
        check_each_once(f"{WHERE}.operations", self.operations, operations, "windows: ")
        check_each_once(f"{WHERE}.windows", self.windows, lengths, "windows: ")

    def features(self, metrics: Sequence[str]) -> Iterator[RelativeFeature]:
        """Every relative feature, in feature order: metric by metric, operation by operation."""
        for metric in metrics:
            for operation in self.operations:
                for window in self.windows:
                    feature = f"{metric}_{operation}_{window}"
                    yield RelativeFeature(f"{feature}_relative", feature)
