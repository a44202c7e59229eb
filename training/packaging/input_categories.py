"""Which static value a one-hot input is of: kept with the model, because names are made from the values."""

from __future__ import annotations

import dataclasses

import mlrun.feature_store as fstore

from feature_sets import devices
from feature_sets.model_package.schema import ModelSchema


def with_categories(schema: ModelSchema, feature_vector: str) -> ModelSchema:
    """The schema of a model, with the static column and value of each one-hot input.

    :param feature_vector: address of the vector it was trained on; its feature sets describe their features.
    """
    vector = fstore.get_feature_vector(feature_vector)
    project = vector.metadata.project
    if not any(reference.startswith(f"{devices.NAME}.") for reference in vector.spec.features):
        return schema
    features = fstore.get_feature_set(f"store://feature-sets/{project}/{devices.NAME}").spec.features
    described = {feature.name: feature.description or "" for feature in features}
    inputs = tuple(
        dataclasses.replace(column, category=described.get(column.name, "")) for column in schema.inputs
    )
    return dataclasses.replace(schema, inputs=inputs)
