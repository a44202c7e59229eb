"""The features and the label that a model may see, in order."""

from __future__ import annotations

from collections.abc import Sequence

import mlrun.feature_store as fstore

from feature_sets import device_labels, device_metrics, devices
from feature_sets.telemetry.schema import TelemetrySchema

ALL_FEATURES = "device_features"
SELECTED_FEATURES = "device_features_selected"


def all_features(schema: TelemetrySchema) -> fstore.FeatureVector:
    """Vector of everything known of a device at a time: metrics, windows, static facts and the label."""
    references = [f"{device_metrics.NAME}.{name}" for name in schema.live_features]
    if schema.static:
        references.append(f"{devices.NAME}.*")
    return _vector(ALL_FEATURES, references, schema, "Every feature of a device, with its label")


def selected_features(schema: TelemetrySchema, names: Sequence[str]) -> fstore.FeatureVector:
    """Vector of chosen features, in the order given.

    :param names: feature names; those that are not of the metrics come from the static feature set.
    """
    of_metrics = set(schema.live_features)
    references = [f"{device_metrics.NAME if name in of_metrics else devices.NAME}.{name}" for name in names]
    return _vector(SELECTED_FEATURES, references, schema, "The features that were voted for, with the label")


def _vector(
    name: str, references: list[str], schema: TelemetrySchema, description: str
) -> fstore.FeatureVector:
    return fstore.FeatureVector(
        name,
        references,
        label_feature=f"{device_labels.NAME}.{schema.target}",
        description=description,
        with_indexes=True,
    )
