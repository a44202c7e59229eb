"""A history that was begun without a calendar of maintenance gets one, as if it always had it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import mlrun.feature_store as fstore
import numpy as np
import pytest
import yaml

from feature_sets.checks import InputError
from feature_sets.device_labels import device_labels
from feature_sets.ingestion import feature_chunks
from feature_sets.ingestion.history.stored_history import StoredHistory
from feature_sets.ingestion.vectorized_ingest import Contents, ingest_vectorized
from feature_sets.telemetry.maintenance_columns import MaintenanceColumns
from feature_sets.telemetry.schema import TelemetrySchema
from tests.feature_sets.ingestion.folders import MODELS, Folder, add_day, forget_all, states
from tests.feature_sets.ingestion.histories import SCHEMA, assert_same_states, labels, parts, readings
from tests.feature_sets.ingestion.test_label_forms import incidents
from tests.feature_sets.ingestion.test_label_forms import schema as incidents_schema
from tests.feature_sets.ingestion.test_maintenance_history import calendar, entry, marked, random_entries

NOW = replace(SCHEMA, horizon="0s")
OF_INCIDENTS = incidents_schema({"form": "incidents", "tolerance": "5s"}, exclude_labels={})
CALENDAR = MaintenanceColumns()


def use(folder: Folder, schema: TelemetrySchema) -> None:
    folder.schema.write_text(yaml.safe_dump(schema.to_dict()))


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("schema", [SCHEMA, NOW, OF_INCIDENTS], ids=["ahead", "now", "incidents"])
def test_in_the_end_all_is_as_if_it_always_had_one(
    tmp_path: Path,
    project: str,
    local_stack,
    monkeypatch: pytest.MonkeyPatch,
    seed: int,
    schema: TelemetrySchema,
) -> None:
    if seed:  # In chunks, as a long history of labels.
        monkeypatch.setattr(feature_chunks, "CHUNK_BYTES", 1)
        monkeypatch.setattr(feature_chunks, "_LEAST_ROWS", 20)
    generator = np.random.default_rng([seed, 29])
    rows = readings(generator).drop(columns="received")
    forget_all()
    folder = Folder(tmp_path / "growing", schema)
    folder.static(MODELS)
    tables = {"metrics": parts(generator, rows, 3)}
    if schema is OF_INCIDENTS:
        (folder.path / "labels").rmdir()
        (folder.path / "incidents").mkdir()
        tables["incidents"] = np.array_split(incidents(generator), 3)
    else:
        tables["labels"] = parts(generator, labels(generator, rows), 3)
    inside: dict[str, list[int]] = {}
    for day in range(4):
        for table, cut in tables.items():
            if day < len(cut):
                folder.add(table, f"day-{day}", cut[day])
        # The third ingestion brings nothing but the calendar.
        if day == 2:
            use(folder, replace(schema, maintenance=CALENDAR))
        if day >= 1:
            calendar(folder, *random_entries(generator), entry(0, 20, device="dev-0"))
        folder.ingest()
        inside = marked() if day >= 2 else inside
    found = states(local_stack.info.redis_url)
    forget_all()
    folder.ingest()
    assert marked() == inside
    assert_same_states(found, states(local_stack.info.redis_url))


@pytest.fixture
def folder(tmp_path: Path, project: str, local_stack) -> Folder:
    forget_all()
    found = Folder(tmp_path / "net", NOW)
    found.static(MODELS)
    add_day(found, 0)
    found.ingest()
    return found


def test_a_calendar_may_come_alone_and_stays(folder: Folder) -> None:
    calendar(folder, entry(0, 20, device="dev-0"))
    use(folder, replace(NOW, maintenance=CALENDAR))
    results = folder.ingest()
    assert (results["rows_new"], results["label_rows_new"], results["label_rows_rewritten"]) == (0, 0, 2)
    assert marked() == {"dev-0": [0, 10]}
    assert folder.ingest()["label_rows_rewritten"] == 0
    use(folder, NOW)
    with pytest.raises(InputError, match="must be that of the history"):
        folder.ingest()


def test_a_scope_that_the_history_does_not_know_is_refused(folder: Folder) -> None:
    scope = MaintenanceColumns(scope=("device", "region"))
    use(folder, replace(NOW, maintenance=scope))
    frame = {"box": list(MODELS), "model": list(MODELS.values()), "region": ["a", "b"] * 2}
    folder.static(MODELS, region=frame["region"])
    with pytest.raises(InputError, match=r"maintenance\.scope.*device, box, model\. .*--replace"):
        folder.ingest()
    assert "in_maintenance" not in fstore.get_feature_set("device_labels").to_dataframe().columns


def test_nothing_is_written_if_more_is_another(folder: Folder) -> None:
    use(folder, replace(NOW, maintenance=CALENDAR, horizon="90s"))
    with pytest.raises(InputError, match="must be that of the history"):
        folder.ingest()
    assert "in_maintenance" not in fstore.get_feature_set("device_labels").to_dataframe().columns


def test_a_history_without_label_rows_gets_one(tmp_path: Path, project: str, local_stack) -> None:
    forget_all()
    folder = Folder(tmp_path / "net", NOW)
    folder.static(MODELS)
    add_day(folder, 0)
    folder.ingest()
    stored = StoredHistory.of(device_labels(NOW))
    assert stored is not None
    ingest_vectorized(
        device_labels(NOW),
        fstore.get_feature_set("device_labels").to_dataframe().reset_index().head(0),
        contents=Contents(stored.manifest.schema, stored.manifest.sources),
    )
    use(folder, replace(NOW, maintenance=CALENDAR))
    add_day(folder, 1)
    folder.ingest()
    assert "in_maintenance" in fstore.get_feature_set("device_labels").to_dataframe()


def add_readings(folder: Folder, day: int) -> None:
    add_day(folder, day)
    (folder.path / "labels" / f"day-{day:02}.parquet").unlink()


def test_the_mapping_of_a_tool_is_no_part_of_a_history(tmp_path: Path, project: str, local_stack) -> None:
    forget_all()
    mapped = {"incident_mapping": {"fields": {"start": "at"}}}
    folder = Folder(tmp_path / "net", OF_INCIDENTS)
    folder.static(MODELS)
    add_readings(folder, 0)
    incidents(np.random.default_rng(3)).to_parquet(folder.path / "incidents.parquet")
    folder.ingest()
    stored = StoredHistory.of(device_labels(OF_INCIDENTS))
    assert stored is not None and "incident_mapping" not in stored.manifest.schema
    add_readings(folder, 1)
    now = TelemetrySchema.from_dict({**OF_INCIDENTS.to_dict(), "maintenance": {}})
    use(folder, TelemetrySchema.from_dict({**now.to_dict(), **mapped}))  # Both at once.
    folder.ingest()
    # A history of before kept it.
    stored = StoredHistory.of(device_labels(OF_INCIDENTS))
    assert stored is not None
    frame = fstore.get_feature_set("device_labels").to_dataframe().reset_index()
    old = Contents({**stored.manifest.schema, **mapped}, stored.manifest.sources)
    ingest_vectorized(device_labels(now), frame, contents=old)
    add_readings(folder, 2)
    use(folder, now)
    folder.ingest()
    assert "in_maintenance" in fstore.get_feature_set("device_labels").to_dataframe()
