"""A mark on a selected feature vector: up to when its selection saw rows, and of which devices none.

A vector that was selected with the help of test rows makes the test look better than it is; training and
test refuse it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import mlrun.feature_store as fstore
import pandas as pd

from training.dataset.time_split import TimeSplit, TrainingSetError

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
    """Check that the selection behind a vector ended before the test part and its embargo.

    :param uri: the vector; one that was never selected from passes.
    :param split: the outer split of training or test.
    :raises TrainingSetError: naming both times, or that devices that are held out were looked at.
    """
    labels = fstore.get_feature_vector(uri).metadata.labels or {}
    text = labels.get(LABEL)
    if text is None:
        return
    without = labels.get(HELD_OUT, "none")
    if split.held_out and without != split.held_out_digest:
        raise TrainingSetError(
            f"the features of {uri} must be selected without the {len(split.held_out)} held-out devices, got "
            f"a selection without '{without}'; use the same test_devices and seed in selection, training and "
            "test"
        )
    until = pd.Timestamp(int(text), unit="s", tz="UTC")
    if until > split.train_until:
        raise TrainingSetError(
            f"the features of {uri} must be selected on rows up to {split.train_until.isoformat()}, got one "
            f"up to {until.isoformat()}; use the same test_fraction and data in selection, training and test"
        )


def refuse_training_on_test_devices(parameters: Mapping[str, Any], split: TimeSplit) -> None:
    """Check that a model was not trained on the devices that it is judged on alone.

    :param parameters: of the model artifact.
    :param split: the outer split of the test.
    :raises TrainingSetError: if other devices were held out in training, or none.
    """
    without = parameters.get(HELD_OUT, "none")
    if split.held_out and without != split.held_out_digest:
        raise TrainingSetError(
            f"the model must be trained without the {len(split.held_out)} held-out devices, got one trained "
            f"without '{without}'; use the same test_devices and seed in training and test"
        )
