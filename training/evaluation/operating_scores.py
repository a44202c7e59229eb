"""What a model does at its threshold: false alarms, episodes caught, and F1 beside what needs no model.

A model may rank rows well and still alarm all the time, or never. What an operator gets is what it does at
its threshold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from scipy import stats

from training.evaluation.baselines import MODEL, SINGLE_FEATURE
from training.evaluation.bootstrap import ALWAYS, Intervals, f1_of_always
from training.evaluation.episode_view import EpisodeView
from training.evaluation.interval import Interval

NEVER = "never"
DAYS = 7.0
WORDS = {ALWAYS: "alarming always", NEVER: "alarming never", SINGLE_FEATURE: "the rule of a single feature"}
"""What a model is held to at its threshold, in words."""


class Tie(NamedTuple):
    """A baseline that does as well as the model at its threshold.

    :param baseline: what it is, in words.
    :param f1: of both.
    :param is_rule: whether it is the rule of a single feature, which tells errors apart as the model does.
    """

    baseline: str
    f1: float
    is_rule: bool

    def __str__(self) -> str:
        return f"F1 {self.f1:.3f} of both"

    @property
    def is_perfect(self) -> bool:
        """Whether no threshold could do better."""
        return self.f1 >= 0.9995


@dataclass(frozen=True)
class OperatingScores:
    """A model at its threshold.

    :param f1: of the model, and of ``always``, ``never`` and ``single_feature``.
    :param gains: the same without the model -> interval of the difference, where there are intervals.
    :param caught_interval: 95 % of the share of episodes that raised an alarm; None without episodes.
    :param false_alarms_per_week: runs of alarms a device and week that belong to no episode, None without
        time.
    :param false_alarms_interval: 95 %, over those runs.
    """

    f1: Mapping[str, float]
    gains: Mapping[str, Interval]
    caught_interval: Interval | None
    false_alarms_per_week: float | None
    false_alarms_interval: Interval | None

    @property
    def worse_than(self) -> str:
        """The baseline that does at least as well at the threshold, with both F1; empty if none does.

        Where there is an interval of the difference, no part of it lies above 0.
        """
        return self._beside([name for name in self._no_better if not self._open(name)])

    @property
    def undecided_than(self) -> str:
        """The baseline with at least the same F1 that the model may still be better than; empty if none."""
        return self._beside([name for name in self._no_better if self._open(name)])

    @property
    def tied_with(self) -> Tie | None:
        """The baseline of ``worse_than`` where it has the same F1 as the model, to three digits."""
        best = self._best([name for name in self._no_better if not self._open(name)])
        if best is None or f"{self.f1[best]:.3f}" != f"{self.f1[MODEL]:.3f}":
            return None
        return Tie(WORDS[best], self.f1[best], is_rule=best == SINGLE_FEATURE)

    @property
    def _no_better(self) -> list[str]:
        """Baselines with at least the F1 of the model."""
        return [name for name in self.f1 if name != MODEL and self.f1[name] >= self.f1[MODEL]]

    def _open(self, name: str) -> bool:
        return name in self.gains and self.gains[name].high > 0.0

    def _beside(self, names: Sequence[str]) -> str:
        name = self._best(names)
        if name is None:
            return ""
        text = f"F1 {self.f1[MODEL]:.3f} against {self.f1[name]:.3f} of {WORDS[name]}"
        if name not in self.gains:
            return text
        return f"{text}, difference {self.gains[name].low:+.2f} to {self.gains[name].high:+.2f}"

    def _best(self, names: Sequence[str]) -> str | None:
        return max(names, key=lambda one: self.f1[one], default=None)

    def describe(self) -> dict[str, float | str]:
        """Results ready to be logged; what is not known is not in them."""
        facts: dict[str, float | str] = {
            f"f1_{name}": self.f1[name] for name in (ALWAYS, NEVER) if name in self.f1
        }
        facts["operating_point_worse_than"] = self.worse_than
        facts["operating_point_undecided"] = self.undecided_than
        for name, gain in self.gains.items():
            facts |= {f"f1_gain_over_{name}_low": gain.low, f"f1_gain_over_{name}_high": gain.high}
        if self.caught_interval:
            facts |= {
                "episodes_caught_share_low": self.caught_interval.low,
                "episodes_caught_share_high": self.caught_interval.high,
            }
        if self.false_alarms_per_week is not None and self.false_alarms_interval:
            facts |= {
                "false_alarms_per_device_week": self.false_alarms_per_week,
                "false_alarms_per_device_week_low": self.false_alarms_interval.low,
                "false_alarms_per_device_week_high": self.false_alarms_interval.high,
            }
        return facts


def operating_scores(
    scores: Mapping[str, Mapping[str, float]],
    base_rate: float,
    intervals: Intervals,
    episodes: EpisodeView,
    highest_f1: bool = True,
) -> OperatingScores:
    """The operating point of a model, beside what needs none.

    :param scores: of ``model`` and ``single_feature``.
    :param base_rate: share of errors among the rows.
    :param intervals: of the scores.
    :param episodes: error episodes and false alarms.
    :param highest_f1: whether the threshold was chosen for F1. For another rule alarming always is no
        alternative.
    """
    f1 = {MODEL: scores[MODEL]["f1"], SINGLE_FEATURE: scores[SINGLE_FEATURE]["f1"], NEVER: 0.0}
    if highest_f1:
        f1[ALWAYS] = f1_of_always(base_rate)
    counted = episodes.counted
    caught, weeks = int(counted["caught"].sum()), float(episodes.devices["days"].sum()) / DAYS
    alarms = len(episodes.false_alarms)
    return OperatingScores(
        f1=f1,
        gains={name: gain for name, gain in intervals.f1_gains.items() if name in f1},
        caught_interval=_share(caught, len(counted)) if len(counted) else None,
        false_alarms_per_week=alarms / weeks if weeks else None,
        false_alarms_interval=_rate(alarms, weeks) if weeks else None,
    )


def _share(part: int, whole: int) -> Interval:
    """Interval of E. Wilson 1927, "Probable inference, the law of succession, and statistical inference"."""
    found = stats.binomtest(part, whole).proportion_ci(method="wilson")
    return Interval(float(found.low), float(found.high))


def _rate(events: int, time: float) -> Interval:
    """Interval of F. Garwood 1936, "Fiducial limits for the Poisson distribution", Biometrika 28."""
    low = float(stats.chi2.ppf(0.025, 2 * events)) / 2.0 if events else 0.0
    return Interval(low / time, float(stats.chi2.ppf(0.975, 2 * events + 2)) / 2.0 / time)
