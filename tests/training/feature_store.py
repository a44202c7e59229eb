"""Feature sets and a feature vector in MLRun's feature store, filled from one frame."""

from __future__ import annotations

import mlrun.feature_store as fstore
from mlrun.datastore.targets import ParquetTarget

from feature_sets.telemetry.schema import DEVICE

PROJECT = "test-network"


def ingest(name, rows, folder, time="timestamp"):
    feature_set = fstore.FeatureSet(
        name, entities=[fstore.Entity(DEVICE)], timestamp_key=time, engine="pandas"
    )
    feature_set.metadata.project = PROJECT
    feature_set.set_targets([ParquetTarget("parquet", path=str(folder / f"{name}.parquet"))], False)
    # Without a namespace MLRun looks for one in every frame of the stack, which takes longer than the rest.
    feature_set.ingest(rows, namespace=globals(), return_df=False)


def store_vector(frame, folder, labels=None, label="is_error"):
    """Ingest a frame of ``make_frame`` and return the address of the vector that joins it again.

    :param labels: label rows; those of the frame by default.
    :param label: column of them that is predicted.
    """
    if labels is None:
        labels = frame[[DEVICE, "timestamp", "is_error"]]
    ingest("device_metrics", frame.drop(columns=["is_error", "model_a"]), folder)
    ingest("devices", frame[[DEVICE, "model_a"]].drop_duplicates(DEVICE).reset_index(drop=True), folder, None)
    ingest("device_labels", labels, folder)
    vector = fstore.FeatureVector(
        "device_features",
        ["device_metrics.*", "devices.*"],
        label_feature=f"device_labels.{label}",
        with_indexes=True,
    )
    vector.metadata.project = PROJECT
    vector.save()
    return vector.uri
