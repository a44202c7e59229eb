"""Selection rows: those that features are voted on by, which no fold of the search is evaluated on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from feature_sets.telemetry.schema import TelemetrySchema
from training.dataset.feature_columns import useless_features
from training.dataset.fold_shape import ONE_TIME, FoldShape
from training.search.time_folds import Positions, always_fitted

FIRST_HALF = "first half"
WHOLE = "whole training part"

FEWEST_ROWS = 30
"""With fewer rows of a class, scorers order features by chance."""

ALL_EVALUATED = (
    "it has no row that every fold is fitted on: error episodes, devices or groups are left out in turn"
)


@dataclass(frozen=True)
class SelectionRows:
    """Rows to select features by.

    :param positions: in the training part, ascending.
    :param part: ``FIRST_HALF`` or ``WHOLE``.
    :param useless: feature -> why it cannot be voted on there, though it carries something later.
    :param reason: why it is the whole training part; empty for the first half.
    """

    positions: Positions
    part: str
    useless: Mapping[str, str]
    reason: str


def selection_rows(
    training_part: pd.DataFrame, names: Sequence[str], schema: TelemetrySchema, shape: FoldShape = ONE_TIME
) -> SelectionRows:
    """The rows that every fold of the search is fitted on, or all where those are too few.

    The search, calibration and threshold are evaluated on the later half. A feature chosen by the labels of
    those rows makes them look better than the model is, noise too (C. Ambroise and G. McLachlan 2002,
    "Selection bias in gene extraction on the basis of microarray gene-expression data", PNAS 99).

    :param training_part: time, features and target, any order.
    :param names: the features to vote on; each varies in the training part.
    :param schema: names the columns and gives the embargo.
    :param shape: of the folds of the search.
    """
    early = np.empty(0, dtype=np.intp)
    if not shape.groups:
        spans = shape.incidents.numbers(training_part, schema.time)
        early = always_fitted(shape.in_order(training_part, schema.time), schema, spans)
    rows = training_part.iloc[early]
    errors, healthy = (int((rows[schema.target] == label).sum()) for label in (1, 0))
    if not len(early):
        return SelectionRows(np.arange(len(training_part)), WHOLE, {}, ALL_EVALUATED)
    if min(errors, healthy) < FEWEST_ROWS:
        reason = f"has {errors} error rows and {healthy} healthy ones, and needs {FEWEST_ROWS} of each"
    elif len(
        useless := useless_features(rows, names, constant=True, where="first half of the training part")
    ) == len(names):
        reason = f"has no feature that varies, of {len(names)}"
    else:
        return SelectionRows(early, FIRST_HALF, useless, "")
    return SelectionRows(np.arange(len(training_part)), WHOLE, {}, f"its first half {reason}")
