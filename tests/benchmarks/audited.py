"""The audit of what a benchmark has served: by the code of ``netops audit``, over what was written."""

from __future__ import annotations

from pathlib import Path

import mlrun
import pandas as pd
import yaml

from feature_sets.feature_vector import all_features
from feature_sets.model_package.files import MODEL_FILE
from feature_sets.model_package.package import read_model_package
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from project.audit import Audit, audit
from project.live_history import LiveJournal, take_live
from tests.feature_sets.ingestion.folders import Folder
from tests.mlrun_connection import new_project


def audited(
    dbpath: str,
    package: Path,
    schema: TelemetrySchema,
    past: pd.DataFrame,
    labeled: Path,
    journal: LiveJournal,
) -> Audit:
    """Begin a history, take over what an endpoint accepted, and audit all of its labeled pairs.

    :param dbpath: address of an MLRun API.
    :param package: of the model that has answered, which is registered.
    :param past: readings of each device, before all that any window of the endpoint reaches back to.
    :param labeled: folder of the pairs.
    """
    with new_project(dbpath) as name:
        version = read_model_package(package).schema.version
        model = mlrun.artifacts.ModelArtifact("model", model_file=MODEL_FILE)
        project = mlrun.get_or_create_project(name, context=str(package.parent / "project"))
        where = {"target_path": str(package), "upload": False}
        project.log_artifact(model, labels={"version": version}, **where)
        folder = Folder(package.parent / "past", schema)
        # In the order of the metrics, which the features have, too.
        folder.schema.write_text(yaml.safe_dump(schema.to_dict(), sort_keys=False))
        labels = past[[DEVICE, schema.time]].assign(**{schema.label: 0})
        for table, frame in (("metrics", past), ("labels", labels)):
            frame.to_parquet(folder.path / table / "past.parquet", index=False)
        folder.ingest()
        all_features(schema).save()
        take_live(journal, schema)
        return audit(name, labeled, journal, schema, 10**9, "3650d")
