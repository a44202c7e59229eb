"""A model without labels: how far a device is from its own level, and a threshold by the rate of alarms."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats
from sklearn.pipeline import Pipeline

from feature_sets.checks import InputError
from feature_sets.model_package.calibration import Calibration
from feature_sets.model_package.families import OWN_LEVEL_DISTANCE
from feature_sets.model_package.schema import ModelSchema
from feature_sets.telemetry.relative import OF_MAX
from feature_sets.telemetry.schema import TelemetrySchema
from training.dataset.feature_columns import useless_features
from training.decision.calibration import calibrated
from training.decision.threshold_rules import FALSE_ALARMS, ThresholdRule, find_threshold
from training.packaging.code_version import code_version
from training.packaging.package_writer import model_inputs, prediction_histogram
from training.search.own_level_distance import SMALLEST, OwnLevelDistance
from training.search.pipelines import MODEL_STEP, error_margin

ALARM_SHARE = 0.002
"""Share of the healthy rows that are alarms, where the threshold rule says none: see ``limit_of_middle``."""
COUNTED_SHARE = 0.02
"""Share of the training rows that are alarms, where their middle tells nothing."""
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
    """Features in spreads of the device, which the distance is made of, and those left out with the reason.

    :param rows: to learn from; features that the table does not have are passed over.
    :raises InputError: if no feature is left.
    """
    relative = schema.derived.relative
    declared = relative.features(schema.metric_names) if relative is not None else ()
    names = [part.name for part in declared if part.kind != OF_MAX and part.name in rows.columns]
    dropped = useless_features(rows, names, constant=True)
    kept = tuple(name for name in names if name not in dropped)
    if not kept:
        rule = (
            "must have a relative feature that varies (derived.relative of the schema); there are no labels"
        )
        raise InputError("training part", rule, dropped or list(rows.columns))
    return kept, dropped


def limit_of_middle(distances: npt.NDArray[np.float64], share: float) -> float:
    """Distance that so many healthy rows exceed, told by the middle of all rows instead of counted.

    The farthest training rows are what nobody vouches for: incidents that were not told, and a device's first
    rows, whose spread was that of little. The nearer half has neither. The cube root of a squared distance is
    nearly normal (E. B. Wilson and M. M. Hilferty 1931, "The distribution of chi-square", PNAS 17), so its
    median and its quantile one deviation above tell where a share of the healthy rows ends.

    :param distances: of all training rows, incidents included; at least one.
    :param share: in (0, 0.5).
    :returns: 0 if nearly all rows are at their level.
    """
    median, above = np.quantile(distances ** (2.0 / 3.0), (0.5, stats.norm.cdf(1.0)))
    return float((median + stats.norm.ppf(1.0 - share) * (above - median)) ** 1.5)


def fit_unlabeled(
    training_part: pd.DataFrame, schema: TelemetrySchema, rule: ThresholdRule
) -> UnlabeledModel:
    """Make the model of all relative features, with a threshold by the share of rows that are alarms.

    A row without any level yet is no row to choose the threshold on.

    :param training_part: device, time, features, label.
    :param rule: ``false_alarms:SHARE`` is the share of the training rows, all taken to be healthy. Another
        rule needs labels: then it is ``ALARM_SHARE`` of the healthy ones, see ``limit_of_middle``.
    :raises InputError: unless a feature varies, and a row has a level.
    """
    names, dropped = relative_inputs(training_part, schema)
    inputs = tuple(replace(given, imputation=0.0) for given in model_inputs(training_part, names, schema))
    draft = ModelSchema(telemetry=schema, inputs=inputs, threshold=THRESHOLD, version="")
    pipeline = Pipeline([(MODEL_STEP, OwnLevelDistance())])
    rows = draft.matrix(training_part)
    pipeline.fit(rows.astype(np.float64))
    margins = error_margin(pipeline, rows)[training_part[list(names)].notna().any(axis=1).to_numpy()]
    share, limit = _limit(margins, rule)
    calibration = Calibration("limit", a=1.0, b=-limit)
    facts = {"alarm_share": float(np.mean(margins >= limit)), "limit": float(np.exp(limit))}
    described = replace(
        draft,
        metrics=facts,
        validation=facts,
        training_start=training_part[schema.time].min().isoformat(),
        training_end=training_part[schema.time].max().isoformat(),
        calibration=calibration,
        threshold_rule=str(share),
        predictions=prediction_histogram(calibrated(margins, calibration)),
        algorithm=OWN_LEVEL_DISTANCE,
        parameters={},
        code_version=code_version(),
    )
    return UnlabeledModel(pipeline, described, float(np.exp(limit)), dropped)


def _limit(margins: npt.NDArray[np.float64], rule: ThresholdRule) -> tuple[ThresholdRule, float]:
    """The rule that holds, and the logarithm of the distance from which on a row is an alarm."""
    if rule.kind != FALSE_ALARMS:
        limit = limit_of_middle(np.exp(margins), ALARM_SHARE)
        if limit > 2.0 * SMALLEST:
            return ThresholdRule(FALSE_ALARMS, ALARM_SHARE), float(np.log(limit))
        rule = ThresholdRule(FALSE_ALARMS, COUNTED_SHARE)
    return rule, find_threshold(rule, np.zeros(len(margins), dtype=np.int8), margins)
