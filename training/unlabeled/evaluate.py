"""What can be said of a model without labels: which alarms it raises, and how many."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from feature_sets.model_package.columns import PREDICTION, PROBABILITY
from feature_sets.model_package.onnx_session import OnnxSession
from feature_sets.model_package.schema import ModelSchema
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from training.dataset.split import Split
from training.evaluation.baselines import MODEL
from training.evaluation.device_scores import device_scores
from training.evaluation.episode_view import EpisodeView
from training.evaluation.episodes import ALARM, episode_view
from training.evaluation.scores import Scored

NO_LABELS = "none: there are no labels"
"""What intervals rest on."""


@dataclass(frozen=True)
class UnlabeledReport:
    """A model on rows of which nobody knows whether they are errors.

    :param telemetry: the schema.
    :param scored: what the model says of the test rows.
    :param predictions: as those of ``EvaluationReport``.
    :param episodes: without an episode; the alarms are those that would be false if nothing was wrong.
    :param test_rows: what the rows are, in words.
    :param set_aside: see ``Split``; episodes that are known are then in ``episodes``.
    """

    telemetry: TelemetrySchema
    scored: Scored
    predictions: pd.DataFrame
    episodes: EpisodeView
    test_rows: str
    set_aside: str = ""

    @property
    def scorers(self) -> Mapping[str, Scored]:
        """The model alone: without labels there is no baseline."""
        return {MODEL: self.scored}

    @property
    def scores(self) -> Mapping[str, Mapping[str, float]]:
        """Of the model: ``alarm_share`` of the rows, and ``alarms_per_device_day`` where there are days."""
        share = float(np.mean(self.predictions[PREDICTION]))
        days = float(self.episodes.devices["days"].sum())
        found = {"alarm_share": share}
        if days:
            found["alarms_per_device_day"] = len(self.episodes.false_alarms) / days
        return {MODEL: found}

    @property
    def false_alarm_share(self) -> float:
        """Share of the rows that are alarms, all of them false if nothing was wrong."""
        return self.scores[MODEL]["alarm_share"]

    @property
    def verdict(self) -> str:
        """Two sentences: what the alarms are, and what would tell whether they are right."""
        scores = self.scores[MODEL]
        often = scores.get("alarms_per_device_day")
        rate = "" if often is None else f"; {often:.2g} alarms per device-day"
        if self.set_aside:
            counted = self.episodes.counted
            why = "Too few errors to learn from"
            right = (
                f"It alarms in {counted['caught'].sum()} of {len(counted)} error episodes that are known "
                "of this time. With more of them a model is trained on the labels."
            )
        else:
            why = "No labels"
            right = (
                "Whether the alarms are right is not known: report incidents, and the first of them will "
                "judge this model."
            )
        return (
            f"{why}: {len(self.predictions):,} {self.test_rows} are ranked by distance from each "
            f"device's own level{rate} ({scores['alarm_share']:.1%} of the rows). {right}"
        )

    def describe(self) -> dict[str, float | int | str | bool]:
        """Results ready to be logged."""
        facts = {name: value for name, value in self.episodes.describe().items() if "false" not in name}
        return {
            **self.scores[MODEL],
            **facts,
            "alarms": len(self.episodes.false_alarms),
            "unlabeled": True,
            "intervals": NO_LABELS,
            "predictable": False,
            "beats_baselines": False,
            "verdict": self.verdict,
        }

    def table(self) -> pd.DataFrame:
        """One row, of the model: ``scorer`` and each score."""
        return pd.DataFrame([{"scorer": MODEL, **self.scores[MODEL]}])

    def device_table(self) -> pd.DataFrame:
        """See ``device_scores``; what needs labels is missing."""
        rows = self.predictions
        return device_scores(
            rows[DEVICE], rows[self.telemetry.target], rows[PROBABILITY], rows[PREDICTION], self.episodes
        )


def evaluate_unlabeled(
    split: Split, schema: ModelSchema, model: OnnxSession, label_history: pd.DataFrame
) -> UnlabeledReport:
    """Have a packaged model rank the test part.

    :param split: of the same rows that the model was made from.
    :param label_history: device, time (UTC) and label of every row of the evaluated devices.
    """
    test = split.test
    probability = model.probability(schema.matrix(test))
    scored = Scored(probability, schema.threshold, probability)
    rows = test[[DEVICE, split.time]].assign(**{ALARM: scored.predicted})
    predictions = test[[DEVICE, split.time, *schema.input_names, split.label]].assign(
        **{PREDICTION: scored.predicted.astype("int8"), PROBABILITY: probability}
    )
    return UnlabeledReport(
        schema.telemetry,
        scored,
        predictions,
        episode_view(rows, label_history, schema.telemetry, split.test_starts, split.incidents),
        split.tested_on,
        split.set_aside,
    )
