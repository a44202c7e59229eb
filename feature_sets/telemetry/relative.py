"""Which windows a telemetry schema wants relative to the device's own level and spread."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from feature_sets.checks import check_each_once, check_integer, check_mapping, check_names

WHERE = "derived.relative"


class RelativeFeature(NamedTuple):
    """One relative feature, and the window feature of the same row that it is about.

    ``same_hour`` is true where it is compared with that hour of earlier weeks, and not with all of the past.
    """

    name: str
    window_feature: str
    same_hour: bool = False


@dataclass(frozen=True)
class Relative:
    """Windows of every metric as so many spreads away from what they were on the same device until then.

    :param operations: window operations, such as ``avg``.
    :param windows: lengths; feature ``{metric}_{operation}_{window}_relative``.
    :param after: rows of a device after which it has a level and a spread, at least 2.
    :param same_hour: lengths; feature ``{metric}_{operation}_{window}_same_hour``, of which level and spread
        are those of the same hour of the week, in UTC, in earlier weeks.
    """

    operations: tuple[str, ...]
    windows: tuple[str, ...]
    after: int = 20
    same_hour: tuple[str, ...] = ()

    @classmethod
    def from_content(cls, content: object) -> Relative:
        """Build from the content of a YAML file; the inverse of ``to_dict``.

        :raises InputError: naming the field, the rule and what was given.
        """
        given = check_mapping(WHERE, content, {"operations", "windows", "after", "same_hour"})
        return cls(
            operations=check_names(f"{WHERE}.operations", given.get("operations")),
            windows=check_names(f"{WHERE}.windows", given.get("windows")),
            after=check_integer(f"{WHERE}.after", given.get("after", 20), at_least=2),
            same_hour=check_names(f"{WHERE}.same_hour", given.get("same_hour") or []),
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain content for YAML or JSON."""
        return {
            "operations": list(self.operations),
            "windows": list(self.windows),
            "after": self.after,
            # Absent without any, so that histories of before it existed go on.
            **({"same_hour": list(self.same_hour)} if self.same_hour else {}),
        }

    def check(self, lengths: Sequence[str], operations: Sequence[str]) -> None:
        """Raise InputError unless these windows are computed, and each is named once."""
        each = [("operations", self.operations, operations), ("windows", self.windows, lengths)]
        if self.same_hour:
            each.append(("same_hour", self.same_hour, lengths))
        for field, names, known in each:
            check_each_once(f"{WHERE}.{field}", names, known, "windows: ")

    def features(self, metrics: Sequence[str]) -> Iterator[RelativeFeature]:
        """Every relative feature, in feature order: metric by metric, operation by operation.

        Those of the same hour are after all others.
        """
        for word, windows in (("relative", self.windows), ("same_hour", self.same_hour)):
            for metric in metrics:
                for operation in self.operations:
                    for window in windows:
                        feature = f"{metric}_{operation}_{window}"
                        yield RelativeFeature(f"{feature}_{word}", feature, word == "same_hour")
