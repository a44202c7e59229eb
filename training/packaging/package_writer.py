"""The model package: ``model.onnx``, ``model.json`` and ``golden.json``, what training hands to serving.

Nothing is pickled. The ONNX graph is checked against scikit-learn on real rows before it is written, and
the same rows and seed give the same bytes.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.pipeline import Pipeline

from feature_sets.model_package.calibration import Calibration
from feature_sets.model_package.errors import ModelPackageError
from feature_sets.model_package.files import MODEL_FILE
from feature_sets.model_package.golden import GOLDEN_FILE, GoldenRows
from feature_sets.model_package.model_input import Histogram, ModelInput
from feature_sets.model_package.onnx_session import OnnxSession
from feature_sets.model_package.schema import SCHEMA_FILE, ModelSchema
from feature_sets.telemetry.expected_interval import AGE
from feature_sets.telemetry.peers import DIFFERENCE
from feature_sets.telemetry.schema import TelemetrySchema
from training.dataset.column_medians import column_medians
from training.dataset.stratified_sample import ONE_EACH, ClassWeights
from training.decision.calibration import calibrated
from training.packaging.onnx_export import export_onnx
from training.search.pipelines import error_margin

HISTOGRAM_BINS = PREDICTION_BINS = 20
TOLERANCE = 1e-5
"""Largest difference between a probability of the ONNX graph and scikit-learn's."""


def model_inputs(
    rows: pd.DataFrame,
    names: Sequence[str],
    schema: TelemetrySchema,
    weights: ClassWeights = ONE_EACH,
) -> tuple[ModelInput, ...]:
    """Input columns with their units, imputation values and baseline histograms.

    :param rows: the rows the model is fitted on, shape (n, any).
    :param names: input columns in model order; each with at least one reading.
    :param schema: gives the units and names the target.
    :param weights: how many rows each stands for.
    :returns: imputation is the median of the known readings; the histogram counts the imputed column in
        equal bins from its smallest to its largest value.
    :raises ModelPackageError: if a column has no reading.
    """
    units = input_units(schema)
    counted = None if weights == ONE_EACH else weights.of(rows[schema.target].to_numpy())
    inputs = []
    for name in names:
        values = rows[name].to_numpy(dtype=np.float64, na_value=np.nan)
        missing = np.isnan(values)
        if missing.all():
            raise ModelPackageError(
                f"input '{name}'", "needs at least one reading", f"none in {len(rows)} rows"
            )
        median = float(column_medians(values[:, None])[0])
        counts, edges = np.histogram(np.where(missing, median, values), bins=HISTOGRAM_BINS, weights=counted)
        inputs.append(
            ModelInput(
                name=name,
                unit=units.get(name, ""),
                imputation=median,
                edges=tuple(float(edge) for edge in edges),
                counts=tuple(round(float(count)) for count in counts),
            )
        )
    return tuple(inputs)


def write_model_package(
    directory: Path, pipeline: Pipeline, schema: ModelSchema, check_rows: npt.NDArray[np.float32]
) -> ModelSchema:
    """Convert a fitted pipeline with its calibration, check it, and write the files.

    :param directory: existing directory; files of an older package are replaced.
    :param pipeline: fitted, from ``build_pipeline``.
    :param schema: of the model; its version and digests are filled in here.
    :param check_rows: rows on which ONNX and scikit-learn must agree, shape (n, inputs).
    :returns: the schema as written.
    :raises ModelPackageError: if a probability differs by more than ``TOLERANCE``.
    """
    graph = export_onnx(pipeline, len(schema.inputs), schema.calibration, schema.threshold)
    check_equal(graph, pipeline, schema.calibration, check_rows)
    return write_graph(directory, graph, schema, check_rows)


def write_graph(
    directory: Path, graph: bytes, schema: ModelSchema, rows: npt.NDArray[np.float32]
) -> ModelSchema:
    """Write the files of a graph; some of the rows are its golden ones.

    :param schema: of the model; its version and digests are filled in here.
    :param rows: of the model's inputs, shape (n, inputs).
    :returns: the schema as written.
    """
    session = OnnxSession(graph, threads=1)
    golden = GoldenRows.of(rows, lambda chosen: session.probability(schema.impute(chosen)))
    written = dataclasses.replace(
        schema,
        version=model_version(graph, schema),
        sha256={
            MODEL_FILE: hashlib.sha256(graph).hexdigest(),
            GOLDEN_FILE: hashlib.sha256(golden.to_bytes()).hexdigest(),
        },
    )
    write_files(directory, written, graph, golden)
    return written


def prediction_histogram(
    probability: npt.NDArray[np.float64], weights: npt.NDArray[np.float64] | None = None
) -> Histogram:
    """Histogram of probabilities in equal bins from 0 to 1.

    :param weights: how many rows each stands for; 1 by default.
    """
    counts, edges = np.histogram(probability, bins=PREDICTION_BINS, range=(0.0, 1.0), weights=weights)
    return Histogram(tuple(map(float, edges)), tuple(round(float(count)) for count in counts))


def check_equal(
    graph: bytes, pipeline: Pipeline, calibration: Calibration, rows: npt.NDArray[np.float32]
) -> None:
    """Check that an ONNX graph answers what the pipeline and its calibration do.

    :raises ModelPackageError: with the largest difference and its row.
    """
    expected = calibrated(error_margin(pipeline, rows), calibration)
    difference = np.abs(OnnxSession(graph).probability(rows) - expected)
    if len(difference) and not float(difference.max()) <= TOLERANCE:
        worst = int(np.argmax(difference))
        raise ModelPackageError(
            f"{MODEL_FILE}: probabilities",
            f"must equal scikit-learn's to {TOLERANCE}",
            f"a difference of {float(difference[worst]):.3g} in row {worst} of {len(rows)}",
        )


def model_version(graph: bytes, schema: ModelSchema) -> str:
    """Version of a model: a digest of all that decides its answers, and of the rows it learned from.

    Scores are not part of it: evaluating a model does not make it another one. Nor is the version of the
    code: a change that leaves the answers as they are does not either.
    """
    content = dataclasses.replace(
        schema, version="", metrics={}, validation={}, code_version="", sha256={}
    ).to_dict()
    digest = hashlib.sha256(graph)
    digest.update(json.dumps(content, sort_keys=True).encode())
    return digest.hexdigest()[:12]


def write_files(directory: Path, schema: ModelSchema, graph: bytes, golden: GoldenRows | None) -> None:
    """Write the files; the keys of ``model.json`` keep their order, so equal models give equal bytes.

    :param golden: rows with their answers; None for a model of an earlier version, which had none.
    """
    (directory / MODEL_FILE).write_bytes(graph)
    if golden is not None:
        (directory / GOLDEN_FILE).write_bytes(golden.to_bytes())
    content = json.dumps(schema.to_dict(), indent=2, allow_nan=False)
    (directory / SCHEMA_FILE).write_text(content + "\n", encoding="utf-8")


def input_units(schema: TelemetrySchema) -> dict[str, str]:
    """Feature name -> unit, for every raw metric, rolling feature and derived feature of a schema.

    A change and a difference have the unit of their metric, a window of neighbors that of the window, an age
    is in seconds; a ratio, a coefficient of variation and the share of expected readings have none (``""``).
    A one-hot column is not in it: it has no unit.
    """
    units = {metric.name: metric.unit for metric in schema.metrics}
    for metric in schema.metrics:
        for operation in schema.windows.operations:
            unit = metric.unit
            if operation == "count":
                unit = "readings"
            elif operation in ("stdvar", "sqr") and unit:
                unit = f"({unit})^2"
            for length in schema.windows.lengths:
                units[f"{metric.name}_{operation}_{length}"] = unit
    for name in schema.presence_features:
        units[name] = "s" if name == AGE else ""
    for feature in schema.derived.features(schema.metric_names):
        units[feature.name] = units[feature.metric] if feature.kind == "change" else ""
    units |= dict.fromkeys(schema.relative_features, "")
    neighbors, peers = schema.derived.neighbors, schema.derived.peers
    if neighbors is not None:
        units |= {part.name: units[part.window_feature] for part in neighbors.features(schema.metric_names)}
    if peers is not None:
        for part in peers.features(schema.metric_names):
            units[part.name] = units[part.metric] if part.comparison == DIFFERENCE else ""
    return units
