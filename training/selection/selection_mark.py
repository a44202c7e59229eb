"""A mark on a selected feature vector: up to when its selection saw rows, and of which devices none.

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
from training.dataset.time_split import TimeSplit

LABEL = "selected_until"
"""Metadata label of the vector; whole seconds since the Unix epoch, because labels are short plain text."""

HELD_OUT = "held_out"
"""Metadata label of the vector, and parameter of the model; see ``TimeSplit.held_out_digest``."""


def mark_selection(vector: Any, split: TimeSplit) -> None:
    """Write on a vector that its features were selected on the training part of this split."""
    last = split.train[split.time].max()
    vector.metadata.labels = {
        **(vector.metadata.labels or {}),
        LABEL: str(math.floor(last.timestamp())),
        HELD_OUT: split.held_out_digest,
    }


def refuse_selection_on_test_rows(uri: str, split: TimeSplit) -> None:
    """Raise InputError unless the selection behind a vector ended before the test part and its embargo.

    :param uri: the vector; one that was never selected from passes.
    :param split: the outer split of training or evaluation; the selection must not have looked at its
        held-out devices.
    """
    labels = fstore.get_feature_vector(uri).metadata.labels or {}
    text = labels.get(LABEL)
    if text is None:
        return
    without = labels.get(HELD_OUT, "none")
    if split.held_out and without != split.held_out_digest:
        raise InputError(
            f"features of {uri}",
            f"must be selected without the {len(split.held_out)} held-out devices, '{split.held_out_digest}' "
            "(use the same test_devices and seed in selection, training and evaluation)",
            without,
        )
    until = pd.Timestamp(int(text), unit="s", tz="UTC")
    if until > split.train_until:
        raise InputError(
            f"features of {uri}",
            f"must be selected on rows up to {split.train_until.isoformat()} (use the same test_fraction and "
            "data in selection, training and evaluation)",
            until.isoformat(),
        )


def refuse_training_on_test_devices(parameters: Mapping[str, Any], split: TimeSplit) -> None:
    """Raise InputError unless a model was trained without the devices that it is evaluated on alone.

    :param parameters: of the model artifact.
    :param split: the outer split of the evaluation.
    """
    without = parameters.get(HELD_OUT, "none")
    if split.held_out and without != split.held_out_digest:
        raise InputError(
            "model",
            f"must be trained without the {len(split.held_out)} held-out devices, '{split.held_out_digest}' "
            "(use the same test_devices and seed in training and evaluation)",
            without,
        )
