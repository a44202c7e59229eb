"""Which rows selectors vote on: those that no fold of the search judges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from feature_sets.telemetry.schema import TelemetrySchema
from training.dataset.feature_columns import useless_features
from training.search.time_folds import Positions, always_fitted

FIRST_HALF = "first half"
WHOLE = "whole training part"

FEWEST_ROWS = 30
"""With fewer rows of a class, selectors order features by chance."""


@dataclass(frozen=True)
class VotingRows:
    """Rows to vote on.

    :param positions: in the training part, ascending.
    :param voted_on: ``FIRST_HALF`` or ``WHOLE``.
    :param mute: feature -> why it cannot be voted on there, though it says something later.
    :param reason: why it is the whole training part; empty for the first half.
    """

    positions: Positions
    voted_on: str
    mute: Mapping[str, str]
    reason: str


def voting_rows(training_part: pd.DataFrame, names: Sequence[str], schema: TelemetrySchema) -> VotingRows:
    """The rows that every fold of the search is fitted on, or all where those say too little.

    The search, calibration and threshold are judged on the later half. A feature chosen by the labels of
    those rows makes them look better than the model is, noise too (C. Ambroise and G. McLachlan 2002,
    "Selection bias in gene extraction on the basis of microarray gene-expression data", PNAS 99).

    :param training_part: time, features and target, any order.
    :param names: the features to vote on; each varies in the training part.
    :param schema: names the columns and gives the embargo.
    """
    early = always_fitted(training_part, schema)
    rows = training_part.iloc[early]
    errors, healthy = (int((rows[schema.target] == label).sum()) for label in (1, 0))
    mute = useless_features(rows, names, constant=True, where="first half of the training part")
    if min(errors, healthy) < FEWEST_ROWS:
        reason = f"has {errors} error rows and {healthy} healthy ones, and needs {FEWEST_ROWS} of each"
    elif len(mute) == len(names):
        reason = f"has no feature that varies, of {len(names)}"
    else:
        return VotingRows(early, FIRST_HALF, mute, "")
    return VotingRows(np.arange(len(training_part)), WHOLE, {}, f"its first half {reason}")
