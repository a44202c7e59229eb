"""A new model beside the one in production: what was found on rows that neither was trained on."""

from __future__ import annotations

from dataclasses import dataclass

from drift.alarm_share import MOST_FALSE_ALARMS
from drift.share_text import decimal
from training.evaluation.clusters import LEAST_CLUSTERS
from training.evaluation.interval import Interval
from training.evaluation.rounded import rounded
from training.evaluation.usable import is_usable


@dataclass(frozen=True)
class Caught:
    """What an operator would have seen of a model, see ``EpisodeView``.

    :param episodes: error episodes that count.
    :param caught: those of them that raised an alarm.
    :param per_device_day: runs of false alarms in a day of a device; None if the rows span no time.
    """

    episodes: int
    caught: int
    per_device_day: float | None = None

    def __str__(self) -> str:
        """In words, beside a verb such as "catches"."""
        often = "" if self.per_device_day is None else f" with {rounded(self.per_device_day)}"
        return f"{self.caught:,} of {self.episodes:,}{often}"


@dataclass(frozen=True)
class Comparison:
    """The new model beside the champion, the model in production, on rows that neither was trained on.

    :param version: of the champion.
    :param rows: that both were scored on.
    :param units: what was resampled, and how many hold an error, in words.
    :param with_errors: resampling units with an error.
    :param candidate: average precision of the new model; 0 without rows that can be scored.
    :param champion: average precision of the champion.
    :param difference: 95 % interval of the new model's less the champion's, or None on too few units.
    :param f1_difference: the same of F1, each at its own threshold.
    :param obstacle: why the champion cannot be scored, empty if it can.
    :param other_schema: whether that is because the telemetry has another schema since.
    :param candidate_f1: F1 of the new model at its threshold, on the same rows.
    :param champion_f1: the same of the champion.
    :param base_rate: share of errors among the rows: the average precision of guessing.
    :param baseline: what needs no model and has the highest F1 on these rows, in words; empty if not asked.
    :param baseline_f1: its F1.
    :param false_alarm_share: share of the healthy rows that the new model calls an error; None without any.
    :param champion_false_alarm_share: the same of the champion.
    :param caught: what an operator would have seen of the new model on these rows; None if that is not known.
    :param champion_caught: the same of the champion.
    """

    version: str
    rows: int = 0
    units: str = ""
    with_errors: int = 0
    candidate: float = 0.0
    champion: float = 0.0
    difference: Interval | None = None
    f1_difference: Interval | None = None
    obstacle: str = ""
    other_schema: bool = False
    candidate_f1: float = 0.0
    champion_f1: float = 0.0
    base_rate: float = 0.0
    baseline: str = ""
    baseline_f1: float = 0.0
    false_alarm_share: float | None = None
    champion_false_alarm_share: float | None = None
    caught: Caught | None = None
    champion_caught: Caught | None = None

    @property
    def is_enough(self) -> bool:
        """Whether there is enough to compare on."""
        return self.difference is not None and self.with_errors >= LEAST_CLUSTERS

    @property
    def champion_is_no_better_than_a_baseline(self) -> bool:
        """Whether the champion fails what a new model is held to: an F1 above that of what needs no model."""
        return bool(self.baseline) and self.champion_f1 <= self.baseline_f1

    @property
    def none_usable(self) -> str:
        """That neither model knows enough of errors to act on, in words; empty unless that is known."""
        if not self.is_enough or is_usable(max(self.candidate, self.champion), self.base_rate):
            return ""
        return (
            f"NEITHER MODEL IS USABLE on these {self.rows:,} rows: average precision {self.candidate:.3f} of "
            f"the new one and {self.champion:.3f} of version {self.version[:8]} in production, where "
            f"guessing has {decimal(self.base_rate)}"
        )

    @property
    def false_alarms(self) -> str:
        """How many of the healthy rows each of both calls an error, and what an operator would have seen.

        In words; empty if that is not known.
        """
        new, old = self.false_alarm_share, self.champion_false_alarm_share
        if new is None or old is None:
            return ""
        many = f", where a first model may {MOST_FALSE_ALARMS:.0%}" if old > MOST_FALSE_ALARMS else ""
        return (
            f"of the healthy rows it calls {new:.2%} an error, and version {self.version[:8]} in production "
            f"{old:.2%}{many}{self._caught_by_both()}"
        )

    def _caught_by_both(self) -> str:
        new, old = self.caught, self.champion_caught
        if new is None or old is None or not new.episodes:
            return ""
        unit = "" if new.per_device_day is None else " false alarms per device-day"
        return f"; of the error episodes it catches {new}{unit}, and version {self.version[:8]} {old}"

    def describe(self) -> dict[str, float | int | str]:
        """Figures ready to be logged."""
        facts: dict[str, float | int | str] = {"champion_version": self.version}
        if self.false_alarm_share is not None and self.champion_false_alarm_share is not None:
            facts["comparison_false_alarm_share"] = self.false_alarm_share
            facts["champion_false_alarm_share"] = self.champion_false_alarm_share
        for name, seen in (("comparison", self.caught), ("champion", self.champion_caught)):
            if seen is not None:
                facts |= {f"{name}_episodes": seen.episodes, f"{name}_episodes_caught": seen.caught}
            if seen is not None and seen.per_device_day is not None:
                facts[f"{name}_false_alarms_per_device_day"] = seen.per_device_day
        if not self.difference:
            return {**facts, "comparison_rows": self.rows}
        return {
            **facts,
            "comparison_rows": self.rows,
            "comparison_units": self.units,
            "comparison_average_precision": self.candidate,
            "champion_average_precision": self.champion,
            "gain_over_champion_low": self.difference.low,
            "gain_over_champion_high": self.difference.high,
            **self._of_f1(),
        }

    def _of_f1(self) -> dict[str, float]:
        if not self.f1_difference:
            return {}
        return {
            "comparison_f1": self.candidate_f1,
            "champion_f1": self.champion_f1,
            "f1_gain_over_champion_low": self.f1_difference.low,
            "f1_gain_over_champion_high": self.f1_difference.high,
        }
