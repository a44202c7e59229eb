"""The folds of a training part as matrices: what a search fits and evaluates on."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from feature_sets.checks import InputError
from feature_sets.model_package.imputation import replace_missing
from feature_sets.telemetry.schema import TelemetrySchema
from training.dataset.column_medians import column_medians
from training.dataset.stratified_sample import ONE_EACH, ClassWeights, sample_healthy_rows
from training.search.time_folds import Fold, Folds

Rows = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int8]


@dataclass(frozen=True)
class FoldRows:
    """One fold, ready to fit; imputed by the medians of its fit rows, never of its validation rows.

    :param rows: fit rows, shape (n, inputs of this fold).
    :param labels: their labels, shape (n,).
    :param validation_rows: shape (m, inputs of this fold).
    :param validation_labels: shape (m,).
    :param weights: how many rows each stands for.
    """

    rows: Rows
    labels: Labels
    validation_rows: Rows
    validation_labels: Labels
    weights: ClassWeights = ONE_EACH

    def sample(self, size: int, seed: int) -> tuple[Rows, Labels]:
        """Fewer fit rows, at most ``size``, and their labels; see ``sample_healthy_rows``."""
        chosen, _ = sample_healthy_rows(self.labels, size, seed)
        return self.rows[chosen], self.labels[chosen]


def readable_folds(frame: pd.DataFrame, names: Sequence[str], folds: Folds) -> Folds:
    """The folds without those whose fit rows have no reading of any feature; these are skipped as well.

    Metrics may begin long after the labels, and nothing can be fitted before.

    :param frame: the training part.
    :param names: its features.
    :param folds: positions in the frame.
    :raises InputError: unless a fold is left; says of each why it cannot be used.
    """
    read = frame[list(names)].notna().any(axis=1).to_numpy()
    count = len(folds.used) + len(folds.skipped)
    decision = tuple(fold for fold in folds.decision if read[fold.fit].any())
    used, skipped = [], list(folds.skipped)
    for fold in folds.used:
        if read[fold.fit].any():
            used.append(fold)
        else:
            skipped.append(
                f"the fold of {len(fold.fit)} rows to fit on: none of the {len(names)} features has a "
                "reading in them"
            )
    if not used:
        rule = f"must have at least one of {count} folds with a reading of a feature in the rows to fit on"
        raise InputError("cross-validation", rule, skipped)
    return dataclasses.replace(
        folds, used=tuple(used), skipped=tuple(skipped), decision=decision or tuple(used)
    )


def fold_rows(
    frame: pd.DataFrame,
    names: Sequence[str],
    schema: TelemetrySchema,
    folds: Sequence[Fold],
    weights: ClassWeights = ONE_EACH,
) -> tuple[FoldRows, ...]:
    """Matrices of each fold.

    :param frame: the training part.
    :param names: its features; in a fold whose fit rows have no reading of one, that one is left out.
    :param schema: names the target.
    :param folds: positions in the frame; the fit rows of each have a reading, see ``readable_folds``.
    :param weights: how many rows each row of the frame stands for.
    """
    values = np.column_stack([frame[name].to_numpy(dtype=np.float64, na_value=np.nan) for name in names])
    labels = frame[schema.target].to_numpy()
    prepared = []
    for fold in folds:
        fit, validation = values[fold.fit], values[fold.validation]
        seen = ~np.isnan(fit).all(axis=0)
        medians = column_medians(fit[:, seen])
        prepared.append(
            FoldRows(
                rows=replace_missing(fit[:, seen], medians),
                labels=labels[fold.fit],
                validation_rows=replace_missing(validation[:, seen], medians),
                validation_labels=labels[fold.validation],
                weights=weights,
            )
        )
    return tuple(prepared)
