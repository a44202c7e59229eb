"""The scores of each group of devices: a good one overall may hide a site on which a model is of no use."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from feature_sets.model_package.columns import PROBABILITY
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from training.dataset.incident_spans import NO_INCIDENTS, IncidentSpans
from training.dataset.stratified_sample import ONE_EACH, ClassWeights
from training.evaluation.baselines import MODEL
from training.evaluation.bootstrap import bootstrap
from training.evaluation.clusters import AUTO, Apart, row_clusters
from training.evaluation.scores import Scored, classification_scores

GROUP = "group"
RESAMPLES = 200
MOST_RESAMPLED = 50
"""Groups that get intervals, those with the most errors: more take long."""
_RANGED = ("average_precision", "f1", "precision", "recall")
COLUMNS = [
    GROUP,
    "devices",
    "rows",
    "positives",
    "base_rate",
    *_RANGED,
    "false_alarm_share",
    *(f"{score}_{bound}" for score in _RANGED for bound in ("low", "high")),
    "intervals",
]


def group_scores(
    predictions: pd.DataFrame,
    schema: TelemetrySchema,
    groups: Mapping[str, str],
    threshold: float,
    seed: int,
    incidents: IncidentSpans = NO_INCIDENTS,
) -> pd.DataFrame:
    """Scores of a model on each group of test rows.

    :param predictions: of an evaluation report.
    :param schema: names the columns and gives the embargo.
    :param groups: group of each device; rows of others are in no group.
    :param threshold: of the model.
    :param seed: of the intervals.
    :param incidents: of the devices, see ``Apart``.
    :returns: ``COLUMNS``, most errors first.
    """
    of = predictions.groupby(predictions[DEVICE].map(groups), sort=True)
    positives = of[schema.target].sum().sort_values(ascending=False, kind="stable")
    rows = []
    for place, name in enumerate(positives.index):
        within = predictions.iloc[of.indices[name]]
        resamples = RESAMPLES if place < MOST_RESAMPLED else 0
        probability = within[PROBABILITY].to_numpy()
        rows.append(
            row_scores(
                str(name),
                within,
                schema,
                probability,
                threshold,
                seed,
                resamples=resamples,
                incidents=incidents,
            )
        )
    return pd.DataFrame(rows, columns=COLUMNS)


def row_scores(
    name: str,
    rows: pd.DataFrame,
    schema: TelemetrySchema,
    probability: npt.NDArray[np.float64],
    threshold: float,
    seed: int,
    weights: ClassWeights = ONE_EACH,
    resamples: int = RESAMPLES,
    incidents: IncidentSpans = NO_INCIDENTS,
) -> dict[str, object]:
    """Scores of one group: those that need both classes are missing without.

    Its intervals rest on its own devices or error episodes, see ``row_clusters``; ``intervals`` says on
    which, or why there are none.

    :param rows: device, time and label of each row.
    :param probability: of an error, shape (n,).
    :param threshold: decision threshold, inclusive.
    :param seed: of the intervals.
    :param weights: how many rows each stands for.
    :param resamples: how often to resample; 0 for no intervals.
    :param incidents: of the devices, see ``Apart``.
    """
    labels = rows[schema.target].to_numpy()
    counted = weights.of(labels)
    healthy, alarm = counted * (labels == 0), probability >= threshold
    facts: dict[str, object] = {
        GROUP: name,
        "devices": rows[DEVICE].nunique(),
        "rows": len(labels),
        "positives": int(labels.sum()),
        "base_rate": float(np.average(labels, weights=counted)),
        "intervals": "none: errors and healthy rows are needed",
    }
    if healthy.any():
        facts["false_alarm_share"] = float(healthy[alarm].sum() / healthy.sum())
    if len(np.unique(labels)) < 2:
        return facts
    scores = classification_scores(labels, probability, threshold, counted)
    facts |= {score: scores[score] for score in _RANGED}
    facts["intervals"] = f"only of the {MOST_RESAMPLED} groups with the most errors"
    if resamples:
        apart = Apart.of(schema, incidents)
        clusters = row_clusters(rows, schema.time, schema.target, AUTO, apart)
        scored = {MODEL: Scored(probability, threshold, probability)}
        found = bootstrap(labels, scored, clusters, weights.share(labels), seed, resamples, weights)
        facts["intervals"] = str(found)
        for score in _RANGED if found.resamples else ():
            interval = found.scores[MODEL][score]
            facts |= {f"{score}_low": interval.low, f"{score}_high": interval.high}
    return facts
