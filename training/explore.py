"""Exploration: what is in a training set, as tables and interactive plots."""

# No postponed annotations here: MLRun reads a handler's type hints and cannot resolve them from text.

from collections.abc import Mapping
from typing import Any

import mlrun
import pandas as pd
from mlrun.artifacts import PlotlyArtifact

from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from training.exploration import class_balance, class_histograms, correlations, feature_summary
from training.exploration_plots import correlation_figure, histogram_figure, strongest_features
from training.feature_columns import feature_columns
from training.handler_arguments import ArgumentError, fraction, whole_number
from training.row_sample import sample_rows, sample_size
from training.run_artifacts import artifact_path
from training.training_set import TrainingSetError, read_sample


def explore(
    context: mlrun.MLClientCtx,
    feature_vector: str = "",
    schema: Mapping[str, Any] | str = "",
    dataset: mlrun.DataItem = None,
    sample_ratio: float = 1.0,
    max_rows: int = 50_000,
    seed: int = 0,
) -> None:
    """MLRun job: describe a feature vector, or a data set with the same columns.

    Results: ``rows``, ``rows_sampled``, ``features``, ``devices``, ``positives``, ``positive_share``,
    ``missing_share``, ``first_time``, ``last_time``. Data sets: ``class_balance``, ``feature_summary``,
    ``class_histograms``, ``correlations``. Plots: ``histograms_plot``, ``correlations_plot``.

    :param context: of the run.
    :param feature_vector: address of a vector; give this or ``dataset``.
    :param schema: telemetry schema, as content or path; empty for the simulated network's.
    :param dataset: rows with device, time, features and label.
    :param sample_ratio: share of the rows to look at, in (0, 1], each class in proportion.
    :param max_rows: rows to look at, at most.
    :param seed: of the sample.
    """
    telemetry = TelemetrySchema.load(schema)
    sample_ratio = fraction("sample_ratio", sample_ratio, including_one=True)
    max_rows = whole_number("max_rows", max_rows, at_least=100)
    if bool(feature_vector) == (dataset is not None):
        raise ArgumentError("feature_vector", "give either a feature vector or a dataset", feature_vector)
    label = telemetry.target
    if dataset is None:
        rows = read_sample(context, feature_vector, telemetry, sample_ratio, max_rows, seed)
    else:
        frame = _checked(dataset.as_df(), [DEVICE, telemetry.time, label])
        size = sample_size(len(frame), sample_ratio, max_rows)
        rows = frame.iloc[sample_rows(frame[label].to_numpy(), size, seed)]
        context.log_result("rows", len(frame))
    names = feature_columns(rows, telemetry)
    tables = {
        "class_balance": class_balance(rows, label),
        "feature_summary": feature_summary(rows, names, label),
        "class_histograms": class_histograms(rows, names, label),
    }
    matrix = correlations(rows, names, label)
    path = artifact_path(context)
    for key, table in {**tables, "correlations": matrix.rename_axis("feature").reset_index()}.items():
        context.log_dataset(key, df=table, format="parquet", index=False, stats=False, artifact_path=path)
    figures = {
        "histograms_plot": histogram_figure(tables["class_histograms"], strongest_features(matrix, label)),
        "correlations_plot": correlation_figure(matrix),
    }
    for key, figure in figures.items():
        context.log_artifact(PlotlyArtifact(figure=figure, key=key), artifact_path=path)
    context.log_results(
        {
            "rows_sampled": len(rows),
            "features": len(names),
            "devices": int(rows[DEVICE].nunique()),
            "positives": int(rows[label].sum()),
            "positive_share": float(rows[label].mean()),
            "missing_share": float(tables["feature_summary"]["missing_share"].mean()),
            "first_time": rows[telemetry.time].min().isoformat(),
            "last_time": rows[telemetry.time].max().isoformat(),
        }
    )


def _checked(frame: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    for column in columns:
        if column not in frame.columns:
            raise TrainingSetError(f"dataset must have the column '{column}', got {list(frame.columns)}")
    if not len(frame):
        raise TrainingSetError("dataset must have rows, got none")
    return frame
