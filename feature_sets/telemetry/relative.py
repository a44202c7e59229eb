"""Which windows a telemetry schema wants relative to the device's own level and spread."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from feature_sets.checks import check_each_once, check_integer, check_mapping, check_names

WHERE = "derived.relative"

LEVEL, SAME_HOUR, OF_MAX = "relative", "same_hour", "of_max"
"""A row is compared with all of the past, with that hour of earlier weeks, or with the largest value."""


class RelativeFeature(NamedTuple):
    """One relative feature, the window feature of the same row that it is about, and its kind."""

    name: str
    window_feature: str
    kind: str


@dataclass(frozen=True)
class Relative:
    """Windows of every metric beside what they were on the same device until then, mostly in its spreads.

    :param operations: window operations, such as ``avg``.
    :param windows: lengths; feature ``{metric}_{operation}_{window}_relative``.
    :param after: rows of a device after which it has a level and a spread, at least 2.
    :param same_hour: lengths; feature ``{metric}_{operation}_{window}_same_hour``, of which level and spread
        are those of the same hour of the week, in UTC, in earlier weeks.
    :param of_max: lengths; feature ``{metric}_{operation}_{window}_of_max``, which is the window divided by
        the largest value that it had on the device until then.
    """

    operations: tuple[str, ...]
    windows: tuple[str, ...]
    after: int = 20
    same_hour: tuple[str, ...] = ()
    of_max: tuple[str, ...] = ()

    @classmethod
    def from_content(cls, content: object) -> Relative:
        """Build from the content of a YAML file; the inverse of ``to_dict``.

        :raises InputError: naming the field, the rule and what was given.
        """
        fields = {"operations", "windows", "after", "same_hour", "of_max"}
        given = check_mapping(WHERE, content, fields)
        return cls(
            operations=check_names(f"{WHERE}.operations", given.get("operations")),
            windows=check_names(f"{WHERE}.windows", given.get("windows")),
            after=check_integer(f"{WHERE}.after", given.get("after", 20), at_least=2),
            same_hour=check_names(f"{WHERE}.same_hour", given.get("same_hour") or []),
            of_max=check_names(f"{WHERE}.of_max", given.get("of_max") or []),
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain content for YAML or JSON."""
        return {
            "operations": list(self.operations),
            "windows": list(self.windows),
            "after": self.after,
            # Absent without any, so that histories of before it existed go on.
            **({"same_hour": list(self.same_hour)} if self.same_hour else {}),
            **({"of_max": list(self.of_max)} if self.of_max else {}),
        }

    def check(self, lengths: Sequence[str], operations: Sequence[str]) -> None:
        """Raise InputError unless these windows are computed, and each is named once."""
        each = [("operations", self.operations, operations), ("windows", self.windows, lengths)]
        for field, names in (("same_hour", self.same_hour), ("of_max", self.of_max)):
            if names:
                each.append((field, names, lengths))
        for field, names, known in each:
            check_each_once(f"{WHERE}.{field}", names, known, "windows: ")

    def features(self, metrics: Sequence[str]) -> Iterator[RelativeFeature]:
        """Every relative feature, in feature order: metric by metric, operation by operation.

        Those of the same hour are after those of all of the past; those of the maximum are last.
        """
        for kind, windows in ((LEVEL, self.windows), (SAME_HOUR, self.same_hour), (OF_MAX, self.of_max)):
            for metric in metrics:
                for operation in self.operations:
                    for window in windows:
                        feature = f"{metric}_{operation}_{window}"
                        yield RelativeFeature(f"{feature}_{kind}", feature, kind)
