"""The part of the training job that makes a model without labels, and what it logs."""

from __future__ import annotations

from typing import Any

import mlrun
import pandas as pd

from feature_sets.model_package.families import OWN_LEVEL_DISTANCE
from feature_sets.model_package.schema import ModelSchema
from feature_sets.telemetry.schema import TelemetrySchema
from training.dataset.split import Split
from training.decision.threshold_rules import FALSE_ALARMS, ThresholdRule
from training.unlabeled.fit import UnlabeledModel, fit_unlabeled


def make_unlabeled(
    context: mlrun.MLClientCtx, parts: Split, telemetry: TelemetrySchema, rule: ThresholdRule
) -> UnlabeledModel:
    """Make the model, and say what a reader of the results should know."""
    made = fit_unlabeled(parts.train, telemetry, rule)
    context.logger.warning(
        "there are no labels: the model ranks by the distance of a device from its own level, "
        f"and alarms from {made.limit:.3g} of its own spreads on ({made.schema.threshold_rule})"
    )
    if rule.kind != FALSE_ALARMS:
        context.logger.warning(f"threshold rule {rule} needs labels and is not used")
    return made


def unlabeled_table(made: UnlabeledModel, parts: Split) -> pd.DataFrame:
    """The table of the search, with the only candidate; what needs labels is missing."""
    row: dict[str, Any] = {"iteration": 1, "family": OWN_LEVEL_DISTANCE, "parameters": "", "rung": 0}
    row |= {"rows": len(parts.train), "average_precision": float("nan"), "f1": float("nan")}
    return pd.DataFrame([{**row, "seconds": 0.0, "best": True}])


def unlabeled_facts(written: ModelSchema, made: UnlabeledModel) -> dict[str, Any]:
    """Results of the model as it was written."""
    return {
        **written.validation,
        "unlabeled": True,
        "candidate": OWN_LEVEL_DISTANCE,
        "family": OWN_LEVEL_DISTANCE,
        "threshold": written.threshold,
        "threshold_rule": written.threshold_rule,
        "calibration_a": written.calibration.a,
        "calibration_b": written.calibration.b,
        "version": written.version,
        "code_version": written.code_version,
        "n_features": len(written.inputs),
        "dropped": dict(made.dropped),
    }
