"""The exploration sample: a stratified sample, whole stretches of some devices, and the label history.

A sample tells how values are distributed, but not for how long one stayed the same: its rows are minutes or
hours apart. So the history of some devices is read as well, row after row, in the same read.
"""

from __future__ import annotations

from dataclasses import dataclass

import mlrun
import numpy as np
import numpy.typing as npt
import pandas as pd

from feature_sets.checks import InputError
from feature_sets.rows.stored_rows import in_utc
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from training.dataset.known_rows import labeled_rows
from training.dataset.label_history import read_label_history
from training.dataset.stratified_sample import sample_rows, sample_size
from training.dataset.too_little import TooLittleDataError, telling_too_little
from training.dataset.vector_rows import read_vector, vector_address
from training.dataset.window_rows import rows_of_window

STRETCH_ROWS = 20_000
"""Rows of all stretches together, at most."""
SHORTEST_STRETCH = 1_000
"""Rows a stretch may have, at least; so of many devices some have a long one, and not all a short one."""


@dataclass(frozen=True)
class ExplorationSample:
    """Rows of one exploration.

    :param sample: device, time, features, target; each class in proportion; sorted by time, then device.
    :param stretches: the same columns; of each device in it rows that follow each other, in that order.
    :param label_history: device, time and ``label``; every label row, not sampled.
    :param label: column of ``label_history`` that is 1 where a device is in error.
    """

    sample: pd.DataFrame
    stretches: pd.DataFrame
    label_history: pd.DataFrame
    label: str


def read_exploration_sample(
    context: mlrun.MLClientCtx,
    uri: str,
    schema: TelemetrySchema,
    ratio: float,
    max_rows: int,
    seed: int,
    window: str = "",
) -> ExplorationSample:
    """Sample of a feature vector; the label history is that of its label feature set, with the rows left out.

    Logs how many rows there are (``rows``), what was left out of them, and how many are older than the window
    (``rows_before_window``).

    :param context: of the run.
    :param uri: feature vector; its label feature says which feature set holds the labels.
    :param ratio: share of the rows in the sample, in (0, 1].
    :param max_rows: most rows of the sample, and of the stretches.
    :param seed: of the sample and of the stretches.
    :param window: how far back they reach, see ``rows_of_window``.
    :raises InputError: see ``known_rows`` and ``read_vector``.
    """
    labeled = labeled_rows(vector_address(uri), schema)
    rows = rows_of_window(labeled.rows, schema.time, window)
    context.log_results({**labeled.counts, "rows_before_window": len(labeled.rows) - len(rows)})
    if not len(rows):
        with telling_too_little(context):
            raise TooLittleDataError("labeled rows", f"must be in {window!r}", 0)
    sample, stretches = _positions(rows, schema.target, ratio, max_rows, seed)
    # One read for both: each opens the same files.
    either = np.union1d(sample, stretches)
    reach = schema.longest_window_seconds if window else None
    frame = read_vector(uri, schema, rows.iloc[either], reach)
    marks = in_utc(rows.iloc[either][[DEVICE, schema.time]], schema.time)
    marks = marks.assign(
        _sampled=np.isin(either, sample),
        _in_stretch=np.isin(either, stretches),
        **{schema.time: marks[schema.time].astype(frame[schema.time].dtype)},
    )
    marked = frame[[DEVICE, schema.time]].merge(marks, on=[DEVICE, schema.time], validate="one_to_one")
    if len(marked) != len(frame):
        rule = "must give rows at the times of its labels only"
        raise InputError(f"feature vector {uri}", rule, f"{len(frame) - len(marked)} at other times")
    return ExplorationSample(
        sample=frame[marked["_sampled"]].reset_index(drop=True),
        stretches=frame[marked["_in_stretch"]].reset_index(drop=True),
        label_history=read_label_history(uri, schema),
        label=schema.label,
    )


def exploration_sample_of(
    frame: pd.DataFrame, schema: TelemetrySchema, ratio: float, max_rows: int, seed: int
) -> ExplorationSample:
    """Sample of a data set; the label history is its label column or, without one, what is predicted.

    :param frame: device, time (naive counts as UTC), features and target, in any order.
    :param ratio: share of the rows in the sample, in (0, 1].
    :param max_rows: most rows of the sample, and of the stretches.
    :param seed: of the sample and of the stretches.
    :raises InputError: unless there are rows, and the three columns hold what they must.
    """
    for column in (DEVICE, schema.time, schema.target):
        if column not in frame.columns:
            raise InputError("dataset", f"must have the column '{column}'", list(frame.columns))
    if not len(frame):
        raise InputError("dataset", "must have rows", 0)
    if not pd.api.types.is_datetime64_any_dtype(frame[schema.time].dtype):
        raise InputError(f"dataset column '{schema.time}'", "must hold times", str(frame[schema.time].dtype))
    for column in (DEVICE, schema.time):
        missing = int(frame[column].isna().sum())
        if missing:
            raise InputError(f"dataset column '{column}'", "must have no missing value", missing)
    wrong = frame[~frame[schema.target].isin([0, 1])]
    if len(wrong):
        raise InputError(f"dataset column '{schema.target}'", "must be 0 or 1", wrong[schema.target].iloc[0])
    rows = in_utc(frame, schema.time).sort_values([schema.time, DEVICE], kind="stable", ignore_index=True)
    rows = rows.assign(**{schema.target: rows[schema.target].astype(np.int8)})
    label = schema.label if schema.label in rows.columns else schema.target
    history = rows[[DEVICE, schema.time, label]]
    if label != schema.target:
        rows = rows.drop(columns=label)  # it is no feature: it says what is to be predicted
    sample, stretches = _positions(rows, schema.target, ratio, max_rows, seed)
    return ExplorationSample(
        sample=rows.iloc[sample].reset_index(drop=True),
        stretches=rows.iloc[stretches].reset_index(drop=True),
        label_history=history,
        label=label,
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
