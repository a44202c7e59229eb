"""A model that was not trained here becomes a package that the endpoint serves."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from onnxruntime.capi.onnxruntime_pybind11_state import InvalidArgument, InvalidProtobuf

from feature_sets.checks import InputError
from feature_sets.model_package.errors import ModelPackageError
from feature_sets.model_package.files import MODEL_FILE
from feature_sets.model_package.onnx_session import OnnxSession
from feature_sets.model_package.schema import ModelSchema
from feature_sets.telemetry.schema import TelemetrySchema
from training.packaging.package_writer import model_inputs, prediction_histogram, write_graph


def package_own_model(
    directory: Path,
    graph: bytes,
    rows: pd.DataFrame,
    inputs: Sequence[str],
    threshold: float,
    schema: TelemetrySchema,
    algorithm: str = "own",
) -> ModelSchema:
    """Write the package of an ONNX graph.

    Its golden rows, what stands for a missing reading, and the histograms of the base come from the rows.

    :param directory: existing directory; files of an older package are replaced.
    :param graph: takes float32, shape (n, inputs), without missing values. Its output ``probabilities`` has
        the probability of an error in its last column, as classifiers of skl2onnx have it without a zip map.
    :param rows: that it was trained on, of the feature vector: the inputs, and the time of the schema in UTC.
    :param inputs: columns in the order that the graph takes.
    :param threshold: predicted 1 when the probability is at least this.
    :param schema: that the endpoint runs with.
    :param algorithm: what people call it.
    :returns: the content of ``model.json``; its version is a digest of graph and rows.
    :raises InputError: if a column is not there, or is not of times or numbers.
    :raises ModelPackageError: if the graph has other inputs, or an answer that is no probability.
    """
    lacking = [name for name in (schema.time, *inputs) if name not in rows.columns]
    if lacking or rows.empty:
        raise InputError("rows", "must have the time and each input", lacking or "no row")
    times = _times(rows[schema.time])
    try:
        rows[[*inputs]].astype("float64")
    except (ValueError, TypeError) as error:
        raise InputError("rows", "must have a number, or none, in each input", str(error)) from error
    draft = ModelSchema(
        telemetry=schema,
        inputs=model_inputs(rows, inputs, schema),
        threshold=threshold,
        version="",
        training_start=times.min().isoformat(),
        training_end=times.max().isoformat(),
        algorithm=algorithm,
    )
    matrix = draft.matrix(rows)
    try:
        probability = OnnxSession(graph, threads=1).probability(matrix)
    except (InvalidProtobuf, InvalidArgument) as error:
        rule = f"must be an ONNX graph that takes {len(inputs)} inputs as float32"
        raise ModelPackageError(MODEL_FILE, rule, error) from error
    refused = ~((probability >= 0) & (probability <= 1))
    if refused.any():
        rule = "must answer each row with a probability"
        raise ModelPackageError(MODEL_FILE, rule, float(probability[refused][0]))
    described = dataclasses.replace(draft, predictions=prediction_histogram(probability))
    return write_graph(directory, graph, described, matrix)


def _times(column: pd.Series) -> pd.Series:
    """A column as times in UTC; a number is none, as nobody knows its unit."""
    rule = "must be a time in each row"
    if pd.api.types.is_numeric_dtype(column):
        raise InputError(f"rows, column '{column.name}'", rule, column.iloc[0])
    try:
        times = pd.to_datetime(column, utc=True)
    except (ValueError, TypeError) as error:
        raise InputError(f"rows, column '{column.name}'", rule, str(error)) from error
    if times.isna().any():
        raise InputError(f"rows, column '{column.name}'", rule, f"none in {int(times.isna().sum()):,} rows")
    return times
