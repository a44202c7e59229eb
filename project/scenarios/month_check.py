"""Whether a month that was lived through left what one ingestion of all of it leaves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import mlrun.feature_store as fstore
import numpy as np
import pandas as pd

from feature_sets import device_labels, device_metrics, devices
from feature_sets.checks import InputError
from feature_sets.feature_vector import ALL_FEATURES
from feature_sets.model_package.columns import PROBABILITY, VERSION
from feature_sets.model_package.package import ModelPackage
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from project.audit import differing, model_of
from project.offline_answers import answers_differ
from training.dataset.vector_rows import read_vector

TABLES = (devices.NAME, device_metrics.NAME, device_labels.NAME)


def compared_rows(project: str, other: str, schema: TelemetrySchema) -> dict[str, dict[str, int]]:
    """How many rows each feature set of a project has, and how many another's has not, to the last bit.

    :returns: ``rows`` and ``differing_rows``, each by feature set.
    """
    rows, differing = {}, {}
    for name in TABLES:
        ours = _rows(project, name, schema)
        rows[name] = len(ours)
        differing[name] = _differing(ours, _rows(other, name, schema))
    return {"rows": rows, "differing_rows": differing}


def _rows(project: str, name: str, schema: TelemetrySchema) -> pd.DataFrame:
    feature_set = fstore.get_feature_set(f"store://feature-sets/{project}/{name}")
    frame: pd.DataFrame = feature_set.to_dataframe().reset_index()
    keys = [key for key in (DEVICE, schema.time) if key in frame.columns]
    return frame.sort_values(keys, kind="stable", ignore_index=True)


def _differing(rows: pd.DataFrame, others: pd.DataFrame) -> int:
    if len(rows) != len(others) or sorted(rows.columns) != sorted(others.columns):
        return max(len(rows), len(others))
    return int(np.logical_or.reduce([differing(rows[name], others[name]) for name in rows.columns]).sum())


def differing_answers(
    project: str, answers: Sequence[dict[str, Any]], schema: TelemetrySchema
) -> dict[str, int]:
    """How many answers of an endpoint are not what their models say of the features in the history.

    A probability may differ by the rounding of 32 bits, which depends on the rows it is computed with.

    :param answers: device, event time, version and probability of each.
    :returns: ``answers`` and ``differing``.
    """
    answered = pd.DataFrame(answers)
    answered[schema.time] = pd.to_datetime(answered[schema.time], utc=True, format="ISO8601")
    others = 0
    for package, served, history in _by_model(project, answered, schema):
        offline = package.session().probability(package.schema.matrix(history))
        others += int(np.count_nonzero(answers_differ(served[PROBABILITY], offline)))
    return {"answers": len(answered), "differing": others}


def _by_model(
    project: str, served: pd.DataFrame, schema: TelemetrySchema
) -> Iterator[tuple[ModelPackage, pd.DataFrame, pd.DataFrame]]:
    """What each model version served, and in the same order its key, time and inputs as the history has them.

    :param served: device, event time, version and more.
    """
    keys = [DEVICE, schema.time]
    history = read_vector(f"store://feature-vectors/{project}/{ALL_FEATURES}", schema, served[keys])
    for version, part in served.groupby(VERSION):
        package = model_of(project, str(version))
        if package is None:
            raise InputError(f"model version {version}", "must be registered", "none")
        rows = part.reset_index(drop=True)
        known = history[[*keys, *package.schema.input_names]]
        yield package, rows, rows[keys].merge(known, on=keys, how="left", validate="1:1")
