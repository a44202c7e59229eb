"""The features and the label that a model may see, in order."""

from __future__ import annotations

from collections.abc import Sequence

import mlrun.feature_store as fstore

from feature_sets import device_labels, device_metrics, devices
from feature_sets.telemetry.schema import TelemetrySchema

ALL_FEATURES = "device_features"
SELECTED_FEATURES = "device_features_selected"
_AHEAD, _SELECTED = f"{ALL_FEATURES}_within_", "_selected"
"""How the names of vectors of further horizons begin, and those of selected features end."""


def all_features(schema: TelemetrySchema) -> fstore.FeatureVector:
    """Vector of everything known of a device at a time: metrics, windows, static facts and the label."""
    references = [f"{device_metrics.NAME}.{name}" for name in schema.live_features]
    if schema.static:
        references.append(f"{devices.NAME}.*")
    return _vector(ALL_FEATURES, references, schema, "Every feature of a device, with its label")


def of_horizon(vector: fstore.FeatureVector, schema: TelemetrySchema) -> fstore.FeatureVector:
    """The same features with what is predicted with a further horizon, as a vector of another name.

    :param vector: of all features.
    :param schema: with that horizon alone.
    """
    found = _vector(
        f"{_AHEAD}{schema.horizon}", list(vector.spec.features), schema, str(vector.spec.description or "")
    )
    found.metadata.project = vector.metadata.project
    return found


def every_feature_beside(uri: str) -> str:
    """Address of the vector of all features of the same project and horizon as another one.

    >>> every_feature_beside("store://feature-vectors/lab/device_features_within_10m_selected")
    'store://feature-vectors/lab/device_features_within_10m'
    """
    project, _, name = uri.removeprefix("store://feature-vectors/").partition("/")
    name = name.partition(":")[0].partition("@")[0].removesuffix(_SELECTED)
    return f"store://feature-vectors/{project}/{name if name.startswith(_AHEAD) else ALL_FEATURES}"


def selected_features(
    schema: TelemetrySchema, names: Sequence[str], source: str = ALL_FEATURES
) -> fstore.FeatureVector:
    """Vector of chosen features, in the order given.

    :param names: feature names; those that are not of the metrics come from the static feature set.
    :param source: name of the vector they were chosen from; one of a further horizon gives its name.
    """
    of_metrics = set(schema.live_features)
    references = [f"{device_metrics.NAME if name in of_metrics else devices.NAME}.{name}" for name in names]
    name = f"{source}{_SELECTED}" if source.startswith(_AHEAD) else SELECTED_FEATURES
    return _vector(name, references, schema, "The features that were voted for, with the label")


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
