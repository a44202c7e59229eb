"""A model without labels: how far a device is from its own level, and a threshold by the rate of alarms."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from feature_sets.checks import InputError
from feature_sets.model_package.calibration import Calibration
from feature_sets.model_package.families import OWN_LEVEL_DISTANCE
from feature_sets.model_package.histogram import Histogram
from feature_sets.model_package.schema import ModelSchema
from feature_sets.telemetry.schema import TelemetrySchema
from training.dataset.feature_columns import useless_features
from training.decision.calibration import calibrated
from training.decision.threshold_rules import FALSE_ALARMS, ThresholdRule, find_threshold
from training.packaging.code_version import code_version
from training.packaging.fitted_model import PREDICTION_BINS
from training.packaging.package_writer import model_inputs
from training.search.own_level_distance import OwnLevelDistance
from training.search.pipelines import MODEL_STEP, error_margin

ALARM_SHARE = 0.02
"""Share of the training rows that are alarms, where the threshold rule does not say one."""
THRESHOLD = 0.5
"""What is told as the probability is distance / (distance + limit), a half at the limit."""


@dataclass(frozen=True)
class UnlabeledModel:
    """A model that was made without labels.

    :param pipeline: fitted.
    :param schema: inputs, threshold and shares; version and digests are still empty.
    :param limit: distance from which on a row is an alarm, in spreads.
    :param dropped: feature -> reason it was left out.
    """

    pipeline: Pipeline
    schema: ModelSchema
    limit: float
    dropped: dict[str, str]


def relative_inputs(rows: pd.DataFrame, schema: TelemetrySchema) -> tuple[tuple[str, ...], dict[str, str]]:
    """Features that the distance is made of, and those left out with the reason.

    :param rows: to learn from; features that the table does not have are passed over.
    :raises InputError: if no feature is left.
    """
    names = [name for name in schema.relative_features if name in rows.columns]
    dropped = useless_features(rows, names, constant=True)
    kept = tuple(name for name in names if name not in dropped)
    if not kept:
        rule = (
            "must have a relative feature that varies (derived.relative of the schema); there are no labels"
        )
        raise InputError("training part", rule, dropped or list(rows.columns))
    return kept, dropped


def fit_unlabeled(
    training_part: pd.DataFrame, schema: TelemetrySchema, rule: ThresholdRule
) -> UnlabeledModel:
    """Make the model of all relative features, with a threshold by the share of rows that are alarms.

    All rows are taken to be healthy, which overstates the threshold where errors are frequent. A row without
    any level yet is no row to choose the threshold on.

    :param training_part: device, time, features, label.
    :param rule: ``false_alarms:SHARE`` says the share; another rule needs labels, and ``ALARM_SHARE`` counts.
    :raises InputError: unless a feature varies, and a row has a level.
    """
    names, dropped = relative_inputs(training_part, schema)
    share = rule if rule.kind == FALSE_ALARMS else ThresholdRule(FALSE_ALARMS, ALARM_SHARE)
    inputs = tuple(replace(given, imputation=0.0) for given in model_inputs(training_part, names, schema))
    draft = ModelSchema(telemetry=schema, inputs=inputs, threshold=THRESHOLD, version="")
    pipeline = Pipeline([(MODEL_STEP, OwnLevelDistance())])
    rows = draft.matrix(training_part)
    pipeline.fit(rows.astype(np.float64))
    margins = error_margin(pipeline, rows)[training_part[list(names)].notna().any(axis=1).to_numpy()]
    limit = find_threshold(share, np.zeros(len(margins), dtype=np.int8), margins)
    calibration = Calibration("limit", a=1.0, b=-limit)
    probability = calibrated(margins, calibration)
    counts, edges = np.histogram(probability, bins=PREDICTION_BINS, range=(0.0, 1.0))
    facts = {"alarm_share": float(np.mean(margins >= limit)), "limit": float(np.exp(limit))}
    described = replace(
        draft,
        metrics=facts,
        validation=facts,
        training_start=training_part[schema.time].min().isoformat(),
        training_end=training_part[schema.time].max().isoformat(),
        calibration=calibration,
        threshold_rule=str(share),
        predictions=Histogram(tuple(map(float, edges)), tuple(int(count) for count in counts)),
        algorithm=OWN_LEVEL_DISTANCE,
        parameters={},
        code_version=code_version(),
    )
    return UnlabeledModel(pipeline, described, float(np.exp(limit)), dropped)
