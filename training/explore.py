"""Exploration: what is in a training set, as tables and interactive plots."""

# No postponed annotations here: MLRun reads a handler's type hints and cannot resolve them from text.

from collections.abc import Mapping, Sequence
from typing import Any

import mlrun
import pandas as pd
import plotly.graph_objects as go

from feature_sets.checks import InputError, check_integer
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from training.dataset.feature_columns import feature_columns
from training.exploration.class_samples import scatter_points, strongest_pairs, violin_values
from training.exploration.error_episodes import error_episodes
from training.exploration.exploration_sample import (
    ExplorationSample,
    exploration_sample_of,
    read_exploration_sample,
)
from training.exploration.plots import (
    correlation_figure,
    episodes_figure,
    histogram_figure,
    scatter_figure,
    staleness_figure,
    strongest_features,
    violin_figure,
)
from training.exploration.staleness import staleness
from training.exploration.tables import class_balance, class_histograms, correlations, feature_summary
from training.job.defaults import SAMPLE_RATIO, SEED, TRAINING_WINDOW
from training.job.parameter_rules import checked
from training.job.run_artifacts import log_figures, log_tables

VIOLINS = 8
"""Features whose distributions are drawn as violins: those most correlated with the label."""


def exploration_tables(
    rows: ExplorationSample, names: Sequence[str], schema: TelemetrySchema, seed: int = 0
) -> dict[str, pd.DataFrame]:
    """All tables of an exploration, by the name they are logged under.

    :param rows: the exploration sample.
    :param names: the features.
    :param schema: names the columns.
    :param seed: of the choice of points that are drawn.
    """
    label, sample = schema.target, rows.sample
    matrix = correlations(sample, names, label)
    return {
        "class_balance": class_balance(sample, label),
        "feature_summary": feature_summary(sample, names, label),
        "class_histograms": class_histograms(sample, names, label),
        "correlations": matrix.rename_axis("feature").reset_index(),
        "scatter_points": scatter_points(sample, strongest_pairs(matrix, label), label, seed),
        "violin_values": violin_values(sample, strongest_features(matrix, label, VIOLINS), label, seed),
        "staleness": staleness(rows.stretches, names, schema.time),
        "error_episodes": error_episodes(rows.label_history, schema.time, rows.label),
    }


def exploration_figures(
    tables: Mapping[str, pd.DataFrame], label: str, period: tuple[pd.Timestamp, pd.Timestamp]
) -> dict[str, go.Figure]:
    """All plots of an exploration, by the name they are logged under.

    :param tables: as of ``exploration_tables``, or as read back from what was logged.
    :param label: column that is predicted.
    :param period: first and last time of the data.
    """
    matrix = tables["correlations"].set_index("feature")
    return {
        "histograms_plot": histogram_figure(tables["class_histograms"], strongest_features(matrix, label)),
        "correlations_plot": correlation_figure(matrix),
        "scatter_plot": scatter_figure(tables["scatter_points"]),
        "violins_plot": violin_figure(tables["violin_values"]),
        "staleness_plot": staleness_figure(tables["staleness"]),
        "error_episodes_plot": episodes_figure(tables["error_episodes"], period),
    }


def explore(
    context: mlrun.MLClientCtx,
    feature_vector: str = "",
    schema: Mapping[str, Any] | str = "",
    dataset: mlrun.DataItem = None,
    sample_ratio: float = SAMPLE_RATIO,
    max_rows: int = 50_000,
    seed: int = SEED,
    training_window: str = TRAINING_WINDOW,
) -> None:
    """MLRun job: describe a feature vector, or a data set with the same columns.

    Values are described on a sample of the rows, staleness on unsampled stretches of some devices, error
    episodes on the whole label history. Of a vector with a training window, rows are those of the window, and
    files of other times are not read.

    Results: ``rows`` and, of a vector, ``rows_before_window``; of the sample ``rows_sampled``, ``features``,
    ``devices``, ``positives``, ``positive_share``, ``missing_share``, ``first_time``, ``last_time``;
    ``staleness_rows`` and
    ``staleness_devices``, what staleness was measured on; ``error_episodes_of`` (the column), ``episodes``,
    ``episode_devices`` and ``error_seconds``. Data sets: ``class_balance``, ``feature_summary``,
    ``class_histograms``, ``correlations``, ``scatter_points``, ``violin_values``, ``staleness``,
    ``error_episodes``. Plots: ``histograms_plot``, ``correlations_plot``, ``scatter_plot``, ``violins_plot``,
    ``staleness_plot``, ``error_episodes_plot``.

    :param context: of the run.
    :param feature_vector: address of a vector; give this or ``dataset``.
    :param schema: telemetry schema, as content or path; empty for the simulated network's.
    :param dataset: rows with device, time, features and label.
    :param sample_ratio: share of the rows to look at, in (0, 1], each class in proportion.
    :param max_rows: rows to look at, at most.
    :param seed: of the sample, the stretches and the points that are drawn.
    :param training_window: how far back the rows of a vector reach; the same as in training.
    """
    telemetry = TelemetrySchema.load(schema)
    sample_ratio = checked("sample_ratio", sample_ratio)
    max_rows = check_integer("argument 'max_rows'", max_rows, at_least=100)
    seed = checked("seed", seed)
    training_window = checked("training_window", training_window)
    if bool(feature_vector) == (dataset is not None):
        rule = "must be given, or a dataset, and not both"
        raise InputError("argument 'feature_vector'", rule, feature_vector)
    if dataset is None:
        size = sample_ratio, max_rows
        rows = read_exploration_sample(context, feature_vector, telemetry, *size, seed, training_window)
    else:
        frame = dataset.as_df()
        rows = exploration_sample_of(frame, telemetry, sample_ratio, max_rows, seed)
        context.log_result("rows", len(frame))
    names = feature_columns(rows.sample, telemetry)
    tables = exploration_tables(rows, names, telemetry, seed)
    times = rows.label_history[telemetry.time]
    figures = exploration_figures(tables, telemetry.target, (times.min(), times.max()))
    log_tables(context, tables)
    log_figures(context, figures)
    sample, episodes = rows.sample, tables["error_episodes"]
    context.log_results(
        {
            "rows_sampled": len(sample),
            "features": len(names),
            "devices": int(sample[DEVICE].nunique()),
            "positives": int(sample[telemetry.target].sum()),
            "positive_share": float(sample[telemetry.target].mean()),
            "missing_share": float(tables["feature_summary"]["missing_share"].mean()),
            "first_time": sample[telemetry.time].min().isoformat(),
            "last_time": sample[telemetry.time].max().isoformat(),
            "staleness_rows": len(rows.stretches),
            "staleness_devices": int(rows.stretches[DEVICE].nunique()),
            "error_episodes_of": rows.label,
            "episodes": len(episodes),
            "episode_devices": int(episodes[DEVICE].nunique()),
            "error_seconds": float(episodes["seconds"].sum()),
        }
    )
