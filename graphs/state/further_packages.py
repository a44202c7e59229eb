"""The packages of further horizons beside that of the primary one."""

from __future__ import annotations

from pathlib import Path

import mlrun
from mlrun.utils import logger

from feature_sets.model_package.horizon_names import address_of_horizon
from feature_sets.model_package.package import ModelPackage, fetch_model_package
from feature_sets.telemetry.each_horizon import further
from feature_sets.telemetry.schema import TelemetrySchema
from feature_sets.telemetry.schema_content import answers_depend_on

FOLDER = "horizons"
"""Beside a package in a folder, those of further horizons are in here, each in a folder named like it."""


def further_packages(
    model_path: str, schema: TelemetrySchema, verify_key: str | None = None
) -> dict[str, ModelPackage]:
    """Models of further horizons with the same tag as the primary one; a horizon may have none.

    One that was made with another schema of the telemetry is left out, and the log says so: it may ask for
    features that live events do not have any more.

    :param model_path: address of the primary package.
    :param schema: of the primary package.
    :param verify_key: see ``fetch_model_package``.
    :raises ModelPackageError: if a package is there, but cannot be read.
    """
    found = {}
    for horizon, one in further(schema).items():
        package = _fetched(model_path, horizon, verify_key)
        if package is None:
            logger.warn(f"horizon {horizon} has no model: its predictions are null")
        elif package.schema.telemetry != one and (
            answers_depend_on(package.schema.telemetry.to_dict()) != answers_depend_on(one.to_dict())
        ):
            logger.warn(
                f"horizon {horizon} has a model of another telemetry schema: its predictions are null"
            )
        else:
            found[horizon] = package
    return found


def _fetched(model_path: str, horizon: str, verify_key: str | None) -> ModelPackage | None:
    if not mlrun.datastore.is_store_uri(model_path):
        folder = Path(model_path) / FOLDER / horizon
        return fetch_model_package(str(folder), verify_key) if folder.is_dir() else None
    address = address_of_horizon(model_path, horizon)
    try:
        known = bool(address) and mlrun.datastore.get_store_resource(address) is not None
    except mlrun.errors.MLRunNotFoundError:
        known = False
    return fetch_model_package(address, verify_key) if known else None
