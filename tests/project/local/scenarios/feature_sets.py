"""Feature sets ingested, read offline and online."""

from __future__ import annotations

from typing import Any

import mlrun
import mlrun.feature_store as fstore
import pandas as pd
from mlrun.datastore.targets import ParquetTarget, RedisNoSqlTarget

from tests.project.local.scenarios.common import open_project


def feature_sets(project: str) -> dict[str, Any]:
    """Aggregation into Parquet and offline features, without anything that needs a platform."""
    open_project(project)
    metrics = fstore.FeatureSet("metrics", entities=[fstore.Entity("device")], timestamp_key="time")
    metrics.add_aggregation("cpu", ["avg", "max"], ["1h"], "10m")
    metrics.set_targets([ParquetTarget(path="./metrics.parquet")], with_defaults=False)
    answer = metrics.ingest(_telemetry())
    fstore.FeatureVector("features", ["metrics.*"]).save()
    frame = fstore.get_feature_vector(f"{project}/features").get_offline_features().to_dataframe()
    db = mlrun.get_run_db()
    listed = db.list_feature_sets(project)
    found = db.list_features_v2(project, name="cpu")
    before = fstore.get_feature_set(f"store://feature-sets/{project}/metrics").status.state
    fstore.delete_feature_set("metrics", project, force=True)
    return {
        "ingested": len(answer),
        "columns": sorted(frame.columns),
        "averages": frame["cpu_avg_1h"].tolist(),
        "listed": [item.metadata.name for item in listed],
        "features": [item["name"] for item in found["features"]],
        "state": before,
        "after": db.list_feature_sets(project) or [],
        "vectors": [item.metadata.name for item in db.list_feature_vectors(project)],
    }


def online_features(project: str) -> dict[str, Any]:
    """Default targets (local), and an online read of what was written."""
    open_project(project)
    devices = fstore.FeatureSet("devices", entities=[fstore.Entity("device")], timestamp_key="time")
    devices.ingest(_telemetry())
    explicit = fstore.FeatureSet("explicit", entities=[fstore.Entity("device")], timestamp_key="time")
    explicit.set_targets([RedisNoSqlTarget()], with_defaults=False)
    explicit.ingest(_telemetry())
    vector = fstore.FeatureVector("online", ["devices.cpu", "explicit.site"])
    vector.save()
    with vector.get_online_feature_service() as service:
        rows = service.get([{"device": "a"}, {"device": "b"}])
    offline = fstore.FeatureVector("offline", ["devices.*"]).get_offline_features().to_dataframe()
    return {
        "kinds": sorted(target.kind for target in devices.status.targets),
        "paths": [target.path for target in devices.status.targets],
        "online": rows,
        "offline": len(offline),
    }


def _telemetry() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "device": ["a", "b", "a"],
            "cpu": [10.0, 20.0, 30.0],
            "site": ["x", "y", "x"],
            "time": pd.to_datetime(["2024-01-01 10:00", "2024-01-01 10:05", "2024-01-01 10:20"]),
        }
    )
