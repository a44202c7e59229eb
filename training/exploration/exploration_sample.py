"""Which rows an exploration looks at: a sample, whole stretches of some devices, and every error state.

A sample tells how values are distributed, but not for how long one stayed the same: its rows are minutes or
hours apart. So the history of some devices is read as well, row after row, in the same read.
"""

from __future__ import annotations

from dataclasses import dataclass

import mlrun
import numpy as np
import numpy.typing as npt
import pandas as pd

from feature_sets.rows.stored_rows import in_utc
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from training.dataset.label_history import read_error_states
from training.dataset.stratified_sample import sample_rows, sample_size
from training.dataset.time_split import TrainingSetError
from training.dataset.training_set import labelled_rows, read_vector, vector_address

STRETCH_ROWS = 20_000
"""Rows of all stretches together, at most."""
SHORTEST_STRETCH = 1_000
"""Rows a stretch may have, at least; so of many devices some have a long one, and not all a short one."""


@dataclass(frozen=True)
class ExploredRows:
    """Rows of one exploration.

    :param sample: device, time, features, target; each class in proportion; sorted by time, then device.
    :param stretches: the same columns; of each device in it rows that follow each other, in that order.
    :param states: device, time and ``state``; every row with an error state, not sampled.
    :param state: column of ``states`` that is 1 where a device is in error.
    """

    sample: pd.DataFrame
    stretches: pd.DataFrame
    states: pd.DataFrame
    state: str


def read_explored_rows(
    context: mlrun.MLClientCtx,
    uri: str,
    schema: TelemetrySchema,
    ratio: float,
    max_rows: int,
    seed: int,
) -> ExploredRows:
    """Rows of a feature vector; the error states are those of its label feature set, labelled or left out.

    Logs how many rows there are (``rows``) and what was left out of them.

    :param context: of the run.
    :param uri: feature vector; its label feature says which feature set holds the labels.
    :param ratio: share of the rows in the sample, in (0, 1].
    :param max_rows: most rows of the sample, and of the stretches.
    :param seed: of the sample and of the stretches.
    :raises TrainingSetError: see ``read_vector``.
    """
    labelled = labelled_rows(vector_address(uri), schema)
    for key, count in labelled.counts.items():
        context.log_result(key, count)
    rows = labelled.rows
    sample, stretches = _positions(rows, schema.target, ratio, max_rows, seed)
    # One read for both: each opens the same files.
    either = np.union1d(sample, stretches)
    frame = read_vector(uri, schema, rows.iloc[either])
    marks = in_utc(rows.iloc[either][[DEVICE, schema.time]], schema.time)
    marks = marks.assign(
        _sampled=np.isin(either, sample),
        _in_stretch=np.isin(either, stretches),
        **{schema.time: marks[schema.time].astype(frame[schema.time].dtype)},
    )
    marked = frame[[DEVICE, schema.time]].merge(marks, on=[DEVICE, schema.time], validate="one_to_one")
    if len(marked) != len(frame):
        raise TrainingSetError(
            f"feature vector {uri} must give rows at the times of its labels, got {len(frame) - len(marked)} "
            "at other times"
        )
    return ExploredRows(
        sample=frame[marked["_sampled"]].reset_index(drop=True),
        stretches=frame[marked["_in_stretch"]].reset_index(drop=True),
        states=read_error_states(uri, schema),
        state=schema.label,
    )


def explored_rows_of(
    frame: pd.DataFrame, schema: TelemetrySchema, ratio: float, max_rows: int, seed: int
) -> ExploredRows:
    """Rows of a data set; the error states are its column of the label or, without one, what is predicted.

    :param frame: device, time (naive counts as UTC), features and target, in any order.
    :param ratio: share of the rows in the sample, in (0, 1].
    :param max_rows: most rows of the sample, and of the stretches.
    :param seed: of the sample and of the stretches.
    :raises TrainingSetError: if a column is absent or holds something else, or there is no row.
    """
    for column in (DEVICE, schema.time, schema.target):
        if column not in frame.columns:
            raise TrainingSetError(f"dataset must have the column '{column}', got {list(frame.columns)}")
    if not len(frame):
        raise TrainingSetError("dataset must have rows, got none")
    if not pd.api.types.is_datetime64_any_dtype(frame[schema.time].dtype):
        raise TrainingSetError(
            f"dataset column '{schema.time}' must hold times, got {frame[schema.time].dtype}"
        )
    for column in (DEVICE, schema.time):
        if frame[column].isna().any():
            raise TrainingSetError(f"dataset column '{column}' must have no missing value, got one")
    wrong = frame[~frame[schema.target].isin([0, 1])]
    if len(wrong):
        raise TrainingSetError(
            f"dataset column '{schema.target}' must be 0 or 1, got {wrong[schema.target].iloc[0]!r}"
        )
    rows = in_utc(frame, schema.time).sort_values([schema.time, DEVICE], kind="stable", ignore_index=True)
    rows = rows.assign(**{schema.target: rows[schema.target].astype(np.int8)})
    state = schema.label if schema.label in rows.columns else schema.target
    states = rows[[DEVICE, schema.time, state]]
    if state != schema.target:
        rows = rows.drop(columns=state)  # it is no feature: it says what is to be predicted
    sample, stretches = _positions(rows, schema.target, ratio, max_rows, seed)
    return ExploredRows(
        sample=rows.iloc[sample].reset_index(drop=True),
        stretches=rows.iloc[stretches].reset_index(drop=True),
        states=states,
        state=state,
    )


def _positions(
    rows: pd.DataFrame, target: str, ratio: float, max_rows: int, seed: int
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    size = sample_size(len(rows), ratio, max_rows)
    return (
        sample_rows(rows[target].to_numpy(), size, seed),
        device_stretches(rows[DEVICE], min(max_rows, STRETCH_ROWS), seed),
    )


def device_stretches(devices: pd.Series, rows: int, seed: int) -> npt.NDArray[np.intp]:
    """Positions of one stretch of rows of each of some random devices: all its rows, or a random part.

    :param devices: device of each row, in order of time.
    :param rows: rows of all stretches together, at most.
    :returns: ascending.
    """
    codes, unique = pd.factorize(devices)
    by_device = np.argsort(codes, kind="stable")
    counts = np.bincount(codes, minlength=len(unique))
    first = np.cumsum(counts) - counts
    random = np.random.default_rng(seed)
    order = random.permutation(len(unique))
    longest = max(SHORTEST_STRETCH, rows // len(unique))
    lengths = np.minimum(counts[order], longest)
    lengths = np.clip(rows - (np.cumsum(lengths) - lengths), 0, lengths)
    begins = first[order] + random.integers(0, counts[order] - lengths + 1)
    chosen = [
        by_device[begin : begin + length] for begin, length in zip(begins, lengths, strict=True) if length
    ]
    return np.sort(np.concatenate(chosen))
