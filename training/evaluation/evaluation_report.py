"""What the test found: a packaged model on later rows, beside what needs no model, and a verdict in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from feature_sets.model_package.columns import PREDICTION, PROBABILITY
from feature_sets.model_package.onnx_session import OnnxSession
from feature_sets.model_package.schema import ModelSchema
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from training.dataset.time_split import TimeSplit, TrainingSetError
from training.evaluation.baselines import MAJORITY_CLASS, SINGLE_FEATURE, SingleFeatureRule, baselines
from training.evaluation.bootstrap import BASE_RATE, SKILL, Intervals, bootstrap
from training.evaluation.clusters import AUTO, BY_DEVICE, row_clusters
from training.evaluation.device_scores import device_scores
from training.evaluation.episodes import ALARM, EpisodeView, episode_view
from training.evaluation.scores import Scored, brier_skill, scores_of
from training.exploration.durations import in_words

MODEL = "model"

LEAST_GAIN = 0.05
"""Share of the way from the base rate to 1 that an average precision must go for alarms to be of use."""


@dataclass(frozen=True)
class Judgement:
    """What the test found.

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
    """

    telemetry: TelemetrySchema
    scorers: Mapping[str, Scored]
    scores: Mapping[str, Mapping[str, float]]
    intervals: Intervals
    rule: SingleFeatureRule
    predictions: pd.DataFrame
    episodes: EpisodeView

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
    def predictable(self) -> bool:
        """Whether the model says more of errors than their share does, and enough of it to act on.

        Its average precision must lie at least ``LEAST_GAIN`` of the way from the base rate to 1 and, where
        there are intervals, that of its difference from the base rate above 0.
        """
        gain = self._precision(MODEL) - self.base_rate
        possible = not self.intervals.resamples or self.intervals.gains[BASE_RATE].low > 0.0
        return possible and gain >= LEAST_GAIN * (1.0 - self.base_rate)

    @property
    def false_alarm_share(self) -> float:
        """Share of the rows without an error that are called one."""
        scores = self.scores[MODEL]
        return scores["false_positives"] / (scores["false_positives"] + scores["true_negatives"])

    @property
    def verdict(self) -> str:
        """Two sentences: how good the model is beside what needs none, and what to do about it."""
        return f"{self._found()} {self._advice()}"

    def _precision(self, name: str) -> float:
        return self.scores[name]["average_precision"]

    def _found(self) -> str:
        interval = ""
        if self.intervals.resamples:
            interval = f" ({self.intervals.scores[MODEL]['average_precision']}, {self.intervals})"
        facts = self.episodes.describe()
        caught = "there is no error episode to catch"
        if facts["episodes"]:
            caught = f"it catches {facts['episodes_caught']:,} of {facts['episodes']:,} error episodes"
            if facts["episodes_already_on"]:
                caught += f" ({facts['episodes_already_on']:,} by an alarm that was on before)"
            median = facts.get(f"median_{self.episodes.lag}")
            if median is not None:
                when = "before they begin" if self.episodes.horizon_seconds else "after they began"
                caught += (
                    f", in the median {in_words(median)} {when}" if median else ", in the median at once"
                )
        alarms = facts.get("false_alarms_per_device_day")
        runs = f"{_rounded(alarms)} false alarms a device and day, " if alarms is not None else ""
        false = f", with {runs}{_rounded(100.0 * self.false_alarm_share)} % of the healthy rows"
        return (
            f"On {len(self.predictions):,} later rows the model's average precision is "
            f"{self._precision(MODEL):.3f}{interval}, where guessing has {self.base_rate:.3f} and the rule "
            f"{self.rule} has {self._precision(SINGLE_FEATURE):.3f}; {caught}{false}."
        )

    def _advice(self) -> str:
        what = f"'{self.telemetry.label}'"
        if self.telemetry.horizon_seconds:
            what = f"That {what} starts within {self.telemetry.horizon}"
        if not self.predictable:
            return f"{what} is not predictable from these features: do not act on this model's alarms."
        if not self.intervals.resamples:
            return f"{what} looks predictable, but intervals: {self.intervals}; judge on more data."
        if not self.beats_baselines:
            return f"{what} is predictable, but the model is not clearly better than that rule: use the rule."
        return f"{what} is predictable, and the model is clearly better than both baselines."

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


def _rounded(number: float) -> str:
    """Two digits, or all before the point."""
    return f"{number:.2g}" if number < 10.0 else f"{number:,.0f}"


def judge(
    split: TimeSplit,
    schema: ModelSchema,
    model: OnnxSession,
    states: pd.DataFrame,
    seed: int = 0,
    bootstrap_by: str = AUTO,
) -> Judgement:
    """Score a packaged model on the test part, beside the baselines.

    :param split: of the same rows that trained the model.
    :param schema: of the model.
    :param model: the packaged ONNX graph, as it will be served.
    :param states: device, time (UTC) and label of every label row of the judged devices.
    :param seed: of the resamples.
    :param bootstrap_by: what is drawn for the intervals, see ``row_clusters``; with held-out devices ``auto``
        is devices, for then it is another device that the scores must hold for.
    :raises TrainingSetError: if the model was trained on rows that reach into the test part or its embargo,
        or does not say on which.
    """
    if split.held_out and bootstrap_by == AUTO:
        bootstrap_by = BY_DEVICE
    if not schema.training_end:
        raise TrainingSetError("the model must say when its training rows end, got nothing in training_end")
    if pd.Timestamp(schema.training_end) > split.train_until:
        raise TrainingSetError(
            f"the test part must begin {split.embargo_seconds} s after the last training row, got training "
            f"rows up to {schema.training_end} and test rows from {split.cut.isoformat()}; use the same "
            "test_fraction and data in training and test"
        )
    test, telemetry = split.test, schema.telemetry
    labels: npt.NDArray[np.int8] = test[split.label].to_numpy()
    probability = model.probability(schema.matrix(test))
    without_model, rule = baselines(split.train, test, schema.input_names, split.label)
    scorers = {
        MODEL: Scored(probability, schema.threshold, probability),
        SINGLE_FEATURE: without_model[SINGLE_FEATURE],
        MAJORITY_CLASS: without_model[MAJORITY_CLASS],
    }
    predicted = scorers[MODEL].predicted
    clusters = row_clusters(test, split.time, split.label, bootstrap_by)
    known_rate = float(split.train[split.label].mean())
    scores = {name: scores_of(labels, scored) for name, scored in scorers.items()}
    scores[MODEL][SKILL] = brier_skill(labels, probability, known_rate)
    rows = test[[DEVICE, split.time]].assign(**{ALARM: predicted})
    return Judgement(
        telemetry=telemetry,
        scorers=scorers,
        scores=scores,
        intervals=bootstrap(labels, scorers, clusters, known_rate, seed),
        rule=rule,
        predictions=test[[DEVICE, split.time, *schema.input_names, split.label]].assign(
            **{PREDICTION: predicted.astype("int8"), PROBABILITY: probability}
        ),
        episodes=episode_view(rows, states, telemetry, split.cut),
    )
