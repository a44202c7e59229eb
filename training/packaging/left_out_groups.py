"""Each group of devices left out in turn: whether what was learned on the others holds there."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from feature_sets.telemetry.schema import DEVICE
from training.dataset.split import MINIMUM_ROWS, Split
from training.decision.calibration import calibrated
from training.evaluation.group_scores import COLUMNS, row_scores
from training.packaging.fitted_model import FittedModel
from training.search.fold_matrices import fold_rows
from training.search.pipelines import build_pipeline, error_margin, fit_pipeline
from training.search.time_folds import Fold

LEFT_OUT_KEY = "left_out_groups"
MOST_GROUPS = 20
"""Groups that are left out, those with the most errors first: each costs a fit."""


def left_out_groups(split: Split, fitted: FittedModel, groups: Mapping[str, str], seed: int) -> pd.DataFrame:
    """Scores on each group of the training part, of the winner fitted on all other groups.

    Calibration and threshold are those of the model that is served: nothing of it is chosen anew.

    :param split: of the training.
    :param fitted: what it gave.
    :param groups: group of each device; rows of others are in no group.
    :param seed: of the models and the intervals.
    :returns: ``COLUMNS``, most errors first; none where fewer than two groups can be left out.
    """
    frame, names, schema = split.train, fitted.schema.input_names, fitted.schema.telemetry
    group = frame[DEVICE].map(groups)
    labels = frame[schema.target].to_numpy()
    errors = pd.Series(labels).groupby(group.to_numpy()).sum().sort_values(ascending=False, kind="stable")
    tables, known = [], group.notna().to_numpy()
    read = frame[list(names)].notna().any(axis=1).to_numpy()
    for name in errors.index[:MOST_GROUPS]:
        within = (group == name).to_numpy()
        fit = np.flatnonzero(~within & known)
        if len(fit) < MINIMUM_ROWS or len(np.unique(labels[fit])) < 2 or not read[fit].any():
            continue
        fold = Fold(fit, np.flatnonzero(within))
        (rows,) = fold_rows(frame, names, schema, [fold])
        pipeline = build_pipeline(fitted.outcome.winner.candidate, seed)
        fit_pipeline(pipeline, rows.rows, rows.labels)
        probability = calibrated(error_margin(pipeline, rows.validation_rows), fitted.point.calibration)
        of, threshold = frame.iloc[fold.validation], fitted.point.threshold
        tables.append(
            row_scores(
                str(name), of, schema, probability, threshold, seed, split.weights, incidents=split.incidents
            )
        )
    return pd.DataFrame(tables if len(tables) > 1 else [], columns=COLUMNS)
