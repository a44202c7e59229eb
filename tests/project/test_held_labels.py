"""Pairs of which the history has a target, will have one, or has none for good."""

from __future__ import annotations

import pandas as pd

from feature_sets.ingestion.telemetry_history import TelemetryHistory
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from project.held_labels import held_labels
from tests.feature_sets.ingestion.folders import MODELS, Folder, forget_all
from tests.feature_sets.ingestion.histories import MIDNIGHT, SCHEMA
from tests.feature_sets.ingestion.test_label_forms import one_day, tell


def test_a_row_in_an_incident_that_was_told_late_has_no_target_for_good(tmp_path, project):
    content = {**SCHEMA.to_dict(), "labels": {"form": "incidents", "kind": "kind"}, "horizon": "20s"}
    schema = TelemetrySchema.from_dict({**content, "exclude_labels": {"kind": "test"}})
    forget_all()
    folder = Folder(tmp_path / "telemetry", schema)
    (folder.path / "labels").rmdir()
    folder.static(MODELS)
    rows = one_day(folder)
    pairs = rows[[DEVICE, "timestamp"]]
    tell(folder, (30, 50), (70, 80), kind=["link", "test"])
    history = TelemetryHistory.of(schema)
    assert history is not None
    labeled, never = held_labels(history.labels, pairs, schema)
    # Readings of 0 to 90 s: 30 and 40 are in error, 70 is left out, and of the last two nobody knows yet.
    assert never.tolist() == [at in (3, 4, 7) for at in range(10)]
    # Within the horizon of 50 and 60 is what is left out: they wait as those at the end.
    assert labeled.tolist() == [at in (0, 1, 2) for at in range(10)]
    later = pairs.assign(timestamp=pairs["timestamp"] + pd.Timedelta("1h"))
    assert not any(flags.any() for flags in held_labels(history.labels, later, schema))
    assert not any(flags.any() for flags in held_labels(None, pairs, schema))
    assert rows["timestamp"].iloc[0] == MIDNIGHT
