"""What an evaluation found: a packaged model on later rows, beside what needs no model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from feature_sets.model_package.columns import PREDICTION, PROBABILITY
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from training.decision.threshold_rules import MAX_F1
from training.evaluation.baselines import MODEL, SINGLE_FEATURE, SingleFeatureRule
from training.evaluation.bootstrap import ALWAYS, BASE_RATE, Intervals
from training.evaluation.calibration_check import CalibrationFinding, check_calibration
from training.evaluation.device_scores import device_scores
from training.evaluation.episode_view import EpisodeView
from training.evaluation.operating_scores import NEVER, WORDS, OperatingScores, operating_scores
from training.evaluation.promotion_gate import Candidate, decide
from training.evaluation.scores import Scored
from training.evaluation.usable import LEAST_GAIN, is_usable
from training.evaluation.verdict import advice, finding


@dataclass(frozen=True)
class EvaluationReport:
    """What an evaluation found.

    :param telemetry: what was predicted from what.
    :param scorers: ``model``, ``single_feature`` and ``majority_class`` -> what each says of the test rows.
    :param scores: the same names -> average_precision, roc_auc, f1, precision, recall, brier and the
        confusion matrix; of the model ``brier_skill`` as well, against always saying the training part's
        share of errors.
    :param intervals: of those scores, all on the same resamples.
    :param rule: the single-feature baseline.
    :param predictions: device, time, model inputs (missing values not imputed), label, prediction (0 or 1),
        probability; one row a test row, sorted by time.
    :param episodes: error episodes and false alarms.
    :param threshold_uncertain: whether other episodes may well have given another threshold, see
        ``OperatingPoint``.
    :param threshold_rule: that chose the threshold.
    :param tested_on: what the rows are that it was evaluated on, in words.
    """

    telemetry: TelemetrySchema
    scorers: Mapping[str, Scored]
    scores: Mapping[str, Mapping[str, float]]
    intervals: Intervals
    rule: SingleFeatureRule
    predictions: pd.DataFrame
    episodes: EpisodeView
    threshold_uncertain: bool = False
    threshold_rule: str = MAX_F1
    tested_on: str = "later rows"

    @cached_property
    def base_rate(self) -> float:
        """Share of errors among the test rows: the average precision of guessing."""
        return float(self.predictions[self.telemetry.target].mean())

    @property
    def beats_baselines(self) -> bool:
        """Whether the model's average precision is clearly higher than that of every baseline.

        Clearly: the interval of the difference, both scored on the same resamples, lies above 0. Without
        intervals nothing is clear.
        """
        gains = self.intervals.gains
        return bool(gains) and all(gain.low > 0.0 for gain in gains.values())

    @property
    def better_than_rule(self) -> bool:
        """Whether the model's average precision is higher than that of the rule, clearly or not."""
        return self._precision(MODEL) > self._precision(SINGLE_FEATURE)

    @property
    def undecided(self) -> str:
        """What the model may be better than or not, with the interval of the difference; empty if nothing."""
        guessing, rule = "guessing", "the rule of a single feature"
        if self.beats_baselines:
            return ""
        if not self.intervals.resamples:
            which = guessing if not self.predictable else rule if not self.better_than_rule else ""
            return which and f"{which} (there are no intervals)"
        for name, what in ((BASE_RATE, guessing), (SINGLE_FEATURE, rule)):
            gain = self.intervals.gains[name]
            if gain.low <= 0.0 < gain.high and gain.high >= LEAST_GAIN * (1.0 - self.base_rate):
                return f"{what} (difference {gain.low:+.2f} to {gain.high:+.2f})"
        return ""

    @cached_property
    def operating(self) -> OperatingScores:
        """What the model does at its threshold."""
        return operating_scores(
            self.scores, self.base_rate, self.intervals, self.episodes, self.threshold_rule == MAX_F1
        )

    @cached_property
    def calibration(self) -> CalibrationFinding:
        """Whether the probabilities say how often an error follows."""
        rows = self.predictions
        return check_calibration(rows[self.telemetry.target].to_numpy(), rows[PROBABILITY].to_numpy())

    @property
    def predictable(self) -> bool:
        """Whether the model knows more of errors than their share, and enough to act on.

        Its average precision must lie at least ``LEAST_GAIN`` of the way from the base rate to 1 and, where
        there are intervals, that of its difference from the base rate above 0.
        """
        possible = not self.intervals.resamples or self.intervals.gains[BASE_RATE].low > 0.0
        return possible and is_usable(self._precision(MODEL), self.base_rate)

    @property
    def baselines(self) -> dict[str, Scored]:
        """What the model is held to at its threshold, in words -> what it says of the test rows."""
        every = np.ones(len(self.predictions))
        said = {
            SINGLE_FEATURE: self.scorers[SINGLE_FEATURE],
            ALWAYS: Scored(every, 0.5, every),
            NEVER: Scored(0.0 * every, 0.5, 0.0 * every),
        }
        return {WORDS[name]: said[name] for name in self.operating.f1 if name != MODEL}

    def candidate(self, version: str) -> Candidate:
        """What the gate looks at.

        :param version: of the model.
        """
        resampled = bool(self.intervals.resamples)
        return Candidate(
            version=version,
            predictable=self.predictable,
            beats_baselines=self.beats_baselines,
            better_than_rule=self.better_than_rule,
            false_alarm_share=self.false_alarm_share,
            undecided=self.undecided,
            worse_than=self.operating.worse_than,
            undecided_than=self.operating.undecided_than,
            no_intervals="" if resampled else str(self.intervals).removeprefix("none: "),
            is_of_unended=not self.episodes.unended.empty,
        )

    @property
    def may_serve(self) -> bool:
        """Whether the gate takes the model where there is no other."""
        return decide(self.candidate(""), None).passed

    @property
    def false_alarm_share(self) -> float:
        """Share of the rows without an error that are called one."""
        scores = self.scores[MODEL]
        return scores["false_positives"] / (scores["false_positives"] + scores["true_negatives"])

    @property
    def verdict(self) -> str:
        """Two sentences: how good the model is beside what needs none, and what to do about it."""
        found = finding(
            f"{len(self.predictions):,} {self.tested_on}",
            {name: self._precision(name) for name in self.scores},
            self.base_rate,
            self.intervals,
            self.rule,
            self.episodes,
            self.false_alarm_share,
        )
        todo = advice(
            self.telemetry,
            self.intervals,
            predictable=self.predictable,
            beats_baselines=self.beats_baselines,
            better_than_rule=self.better_than_rule,
            undecided=self.undecided,
            worse_than=self.operating.worse_than,
            tie=self.operating.tied_with,
            undecided_than=self.operating.undecided_than,
            may_serve=self.may_serve,
            threshold_uncertain=self.threshold_uncertain,
        )
        return f"{found} {todo}"

    def _precision(self, name: str) -> float:
        return self.scores[name]["average_precision"]

    def describe(self) -> dict[str, float | int | str | bool]:
        """Results ready to be logged; those of the model have no name in front."""
        facts: dict[str, float | int | str | bool] = {}
        for name, scores in self.scores.items():
            front = "" if name == MODEL else f"{name}_"
            facts |= {f"{front}{score}": value for score, value in scores.items()}
            for score, interval in self.intervals.scores.get(name, {}).items():
                facts |= {f"{front}{score}_low": interval.low, f"{front}{score}_high": interval.high}
        facts |= {BASE_RATE: self.base_rate, "false_alarm_share": self.false_alarm_share}
        for interval in self.intervals.scores.get(BASE_RATE, {}).values():
            facts |= {f"{BASE_RATE}_low": interval.low, f"{BASE_RATE}_high": interval.high}
        for name, gain in self.intervals.gains.items():
            facts |= {f"gain_over_{name}_low": gain.low, f"gain_over_{name}_high": gain.high}
        return {
            **facts,
            **self.episodes.describe(),
            **self.operating.describe(),
            **self.calibration.describe(),
            "undecided": self.undecided,
            "threshold_uncertain": self.threshold_uncertain,
            "intervals": str(self.intervals),
            "single_feature_rule": str(self.rule),
            "beats_baselines": self.beats_baselines,
            "predictable": self.predictable,
            "verdict": self.verdict,
        }

    def table(self) -> pd.DataFrame:
        """A row a scorer, the model first: ``scorer``, each score, its ``_low`` and ``_high`` where known."""
        rows = []
        for name, scores in self.scores.items():
            row: dict[str, object] = {"scorer": str(self.rule) if name == SINGLE_FEATURE else name}
            for score, value in scores.items():
                row[score] = value
                if score in self.intervals.scores.get(name, {}):
                    interval = self.intervals.scores[name][score]
                    row |= {f"{score}_low": interval.low, f"{score}_high": interval.high}
            rows.append(row)
        return pd.DataFrame(rows)

    def device_table(self) -> pd.DataFrame:
        """See ``device_scores``."""
        rows = self.predictions
        return device_scores(
            rows[DEVICE], rows[self.telemetry.target], rows[PROBABILITY], rows[PREDICTION], self.episodes
        )
