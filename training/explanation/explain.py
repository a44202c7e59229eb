"""What drives a model that was evaluated: importance on a sample of the test rows, and single predictions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from feature_sets.model_package.columns import PROBABILITY
from feature_sets.model_package.onnx_session import OnnxSession
from feature_sets.model_package.schema import ModelSchema
from feature_sets.telemetry.schema import DEVICE
from training.dataset.split import Split
from training.dataset.stratified_sample import sample_healthy_rows
from training.evaluation.clusters import Clusters
from training.evaluation.episode_view import EpisodeView
from training.explanation.contributions import contributions, healthy_row
from training.explanation.importance import COLUMNS, REPEATS, Floats, permutation_importance
from training.explanation.input_groups import InputColumn, InputGroup, Matrix, input_columns, input_groups
from training.explanation.notable_rows import CASE, notable_rows

MOST_ROWS = 2_000
"""Test rows that importance is told of, with all errors up to half of them."""
MOST_PREDICTIONS = 200_000
"""Predictions that it may take: with many features there are fewer rows."""
SHOWN_GROUPS = 5
"""Contributions that are told of each prediction, the largest."""
SHOWN_COLUMNS = 4
"""Features that are named of a group, the most unusual in the row."""
CONTRIBUTION_COLUMNS = [CASE, DEVICE, "time", PROBABILITY, "group", "values", "contribution"]


@dataclass(frozen=True)
class Explanation:
    """What drives a model.

    :param importance: see ``permutation_importance``; empty without labels.
    :param contributions: ``CONTRIBUTION_COLUMNS``: a row for each of the largest contributions to each of the
        ``notable_rows``, the largest first. ``values`` are what the row has in the group, each with what it
        is compared with in brackets; ``contribution`` is in log-odds.
    """

    importance: pd.DataFrame
    contributions: pd.DataFrame


def explain(
    split: Split,
    schema: ModelSchema,
    model: OnnxSession,
    predictions: pd.DataFrame,
    view: EpisodeView,
    clusters: Clusters | None,
    seed: int,
) -> Explanation:
    """Explain a packaged model on the test part, as it is served.

    :param split: of the same rows that trained the model.
    :param schema: of the model.
    :param model: the packaged graph.
    :param predictions: of its evaluation, a row a test row.
    :param view: episodes and alarms of the same rows.
    :param clusters: of the test rows, see ``row_clusters``; None without labels.
    :param seed: of sample, shuffles, resamples and orders.
    """
    columns = input_columns(schema.inputs)
    labels = predictions[split.label].to_numpy()
    matrix = schema.matrix(predictions)
    chosen, weights = sample_healthy_rows(labels, _rows(len(columns)), seed)
    # An error moves many features at once: what moves together when nothing is wrong says the same.
    groups = input_groups(columns, matrix[chosen[labels[chosen] == 0]])
    importance = pd.DataFrame(columns=COLUMNS)
    if clusters is not None:
        importance = permutation_importance(
            model.probability,
            matrix[chosen],
            labels[chosen],
            weights,
            Clusters(clusters.unit, clusters.codes[chosen], clusters.count),
            groups,
            seed,
        )
    notable = notable_rows(predictions, split.time, view, labeled=clusters is not None)
    healthy = schema.matrix(split.train[(split.train[split.label] == 0).to_numpy()])
    normal = Normal(healthy_row(healthy, columns), np.std(healthy, axis=0, dtype=np.float64))
    rows, missing = schema.matrix(notable), notable[list(schema.input_names)].isna().to_numpy()
    parts = contributions(model.probability, rows, normal.row, groups, seed)
    table = []
    for at, place in _largest(parts):
        told = notable.loc[at, [CASE, DEVICE, split.time, PROBABILITY]]
        values = normal.beside(groups[place], rows[at], missing[at])
        table.append((*told, groups[place].name, values, float(parts[at, place])))
    return Explanation(importance, pd.DataFrame(table, columns=CONTRIBUTION_COLUMNS))


@dataclass(frozen=True)
class Normal:
    """What rows are compared with.

    :param row: a healthy row, shape (inputs,).
    :param spread: standard deviation of each input among healthy rows, shape (inputs,).
    """

    row: Matrix
    spread: Floats

    def beside(self, group: InputGroup, row: Matrix, missing: npt.NDArray[np.bool_]) -> str:
        """What a row has in the columns of a group, each with what is normal in brackets.

        :param row: model input, shape (inputs,).
        :param missing: which of these are replaced, as there was no reading.
        """

        def unusual(column: InputColumn) -> float:
            places = list(column.places)
            apart = np.abs(row[places].astype(np.float64) - self.row[places])
            return float(np.max(apart / np.maximum(self.spread[places], 1e-9)))

        columns = sorted(group.columns, key=unusual, reverse=True)
        told = [
            f"{column.name} {column.shown(row, missing)} ({column.shown(self.row)})"
            for column in columns[:SHOWN_COLUMNS]
        ]
        more = len(columns) - len(told)
        return ", ".join([*told, f"and {more} more"] if more else told)


def _rows(columns: int) -> int:
    """Rows of the sample: each column is shuffled, and perhaps a group with it."""
    return max(200, min(MOST_ROWS, MOST_PREDICTIONS // (2 * REPEATS * max(columns, 1))))


def _largest(parts: Floats) -> Iterator[tuple[int, int]]:
    """Row and group of the largest contributions to each row."""
    for at, of_row in enumerate(parts):
        for place in np.argsort(-np.abs(of_row), kind="stable")[:SHOWN_GROUPS]:
            yield at, int(place)
