"""Whether a month that was lived through left what one ingestion of all of it leaves."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import mlrun
import mlrun.feature_store as fstore
import numpy as np
import pandas as pd

from feature_sets import device_labels, device_metrics, devices
from feature_sets.feature_vector import ALL_FEATURES
from feature_sets.model_package.columns import PROBABILITY, VERSION
from feature_sets.model_package.package import ModelPackage, fetch_model_package
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from project.jobs.model_server_tester import TOLERANCE
from training.dataset.vector_rows import read_vector

TABLES = (devices.NAME, device_metrics.NAME, device_labels.NAME)


def rows_of(project: str, schema: TelemetrySchema) -> dict[str, int]:
    """How many rows each feature set of a project has."""
    return {name: len(_rows(project, name, schema)) for name in TABLES}


def differing_rows(project: str, other: str, schema: TelemetrySchema) -> dict[str, int]:
    """How many rows of each feature set of two projects are not the same, to the last bit."""
    return {name: _differing(_rows(project, name, schema), _rows(other, name, schema)) for name in TABLES}


def _rows(project: str, name: str, schema: TelemetrySchema) -> pd.DataFrame:
    feature_set = fstore.get_feature_set(f"store://feature-sets/{project}/{name}")
    frame: pd.DataFrame = feature_set.to_dataframe().reset_index()
    keys = [key for key in (DEVICE, schema.time) if key in frame.columns]
    return frame.sort_values(keys, kind="stable", ignore_index=True)


def _differing(rows: pd.DataFrame, others: pd.DataFrame) -> int:
    if len(rows) != len(others) or sorted(rows.columns) != sorted(others.columns):
        return max(len(rows), len(others))
    same = np.ones(len(rows), dtype=np.bool_)
    for column in rows.columns:
        left, right = rows[column].to_numpy(), others[column].to_numpy()
        same &= (left == right) | (pd.isna(left) & pd.isna(right))
    return int((~same).sum())


def differing_pairs(project: str, directory: Path, schema: TelemetrySchema) -> dict[str, int]:
    """How many labeled pairs of an endpoint have inputs that are not those of the history, to the last bit.

    :param directory: of the Parquet batches.
    :returns: ``pairs`` and ``differing``.
    """
    files = [pd.read_parquet(path) for path in sorted(directory.glob("*.parquet"))]
    keys = [DEVICE, schema.time]
    pairs = pd.concat(files, ignore_index=True).sort_values([schema.time, DEVICE], ignore_index=True)
    history = _features(project, schema, pairs[keys])
    differing = 0
    for version, part in pairs.groupby(VERSION):
        inputs = list(_package(project, str(version)).schema.input_names)
        known = part[keys].merge(history[[*keys, *inputs]], on=keys, how="left", validate="1:1")
        differing += _differing(part[[*keys, *inputs]].reset_index(drop=True), known)
    return {"pairs": len(pairs), "differing": differing}


def differing_answers(
    project: str, answers: Sequence[dict[str, Any]], schema: TelemetrySchema
) -> dict[str, int]:
    """How many answers of an endpoint are not what their models say of the features in the history.

    A probability may differ by the rounding of 32 bits, which depends on the rows it is computed with.

    :param answers: device, event time, version and probability of each.
    :returns: ``answers`` and ``differing``.
    """
    served = pd.DataFrame(answers)
    served[schema.time] = pd.to_datetime(served[schema.time], utc=True, format="ISO8601")
    keys = [DEVICE, schema.time]
    features = _features(project, schema, served[keys])
    differing = 0
    for version, part in served.groupby(VERSION):
        package = _package(project, str(version))
        inputs = list(package.schema.input_names)
        rows = part[keys].merge(features[[*keys, *inputs]], on=keys, how="left", validate="1:1")
        offline = package.session().probability(package.schema.matrix(rows))
        differing += int(np.count_nonzero(~(np.abs(offline - part[PROBABILITY].to_numpy()) <= TOLERANCE)))
    return {"answers": len(served), "differing": differing}


def _features(project: str, schema: TelemetrySchema, rows: pd.DataFrame) -> pd.DataFrame:
    return read_vector(f"store://feature-vectors/{project}/{ALL_FEATURES}", schema, rows)


def _package(project: str, version: str) -> ModelPackage:
    found = mlrun.get_run_db().list_artifacts(project=project, labels=f"version={version}", kind="model")
    return fetch_model_package(str(found[0]["spec"]["target_path"]))
