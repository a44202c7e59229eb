"""A mark on a selected feature vector: up to when its selection saw rows, and which rows it did not see.

A vector that was selected with the help of test rows makes an evaluation look better than it is; training
and evaluation refuse it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import mlrun.feature_store as fstore
import pandas as pd

from feature_sets.checks import InputError
from feature_sets.telemetry.split_rule import TIME
from training.dataset.split import Split

LABEL = "selected_until"
"""Metadata label of the vector; whole seconds since the Unix epoch, because labels are short plain text."""

HELD_OUT = "held_out"
"""Metadata label of the vector, and parameter of the model; see ``Split.digest``."""


def mark_selection(vector: Any, split: Split) -> None:
    """Write on a vector that its features were selected on the training part of this split."""
    last = split.train[split.time].max()
    vector.metadata.labels = {
        **(vector.metadata.labels or {}),
        LABEL: str(math.floor(last.timestamp())),
        HELD_OUT: split.digest,
    }


def refuse_selection_on_test_rows(uri: str, split: Split) -> None:
    """Raise InputError unless the selection behind a vector looked at no test row.

    Where time is cut for all, it must have ended before the test part and its embargo. Else it must have been
    made with the same test part.

    :param uri: the vector; one that was never selected from passes.
    :param split: the outer split of training or evaluation.
    """
    labels = fstore.get_feature_vector(uri).metadata.labels or {}
    text = labels.get(LABEL)
    if text is None:
        return
    if split.rule.by != TIME:
        _check_same_part(f"features of {uri}", "selected", labels.get(HELD_OUT, "none"), split)
        return
    until = pd.Timestamp(int(text), unit="s", tz="UTC")
    if until > split.train_until:
        raise InputError(
            f"features of {uri}",
            f"must be selected on rows up to {split.train_until.isoformat()} (use the same test_fraction and "
            "data in selection, training and evaluation)",
            until.isoformat(),
        )


def refuse_training_on_test_rows(parameters: Mapping[str, Any], split: Split) -> None:
    """Raise InputError unless a model was trained with the same test part.

    Where time is cut for all, the model itself says until when it was trained.

    :param parameters: of the model artifact.
    :param split: the outer split of the evaluation.
    """
    if split.rule.by != TIME:
        _check_same_part("model", "trained", parameters.get(HELD_OUT, "none"), split)


def _check_same_part(where: str, what: str, without: object, split: Split) -> None:
    if without == split.digest:
        return
    part = f"the {len(split.held_out)} held-out devices" if split.held_out else "the test rows"
    raise InputError(
        where,
        f"must be {what} without {part} of the split {split.rule}, '{split.digest}' (use the same split, "
        "test_devices, seed and data in selection, training and evaluation)",
        without,
    )
