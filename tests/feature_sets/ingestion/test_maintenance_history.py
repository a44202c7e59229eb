"""A calendar that grows and changes: in the end the labels are as if all had been ingested at once."""

from __future__ import annotations

import mlrun.feature_store as fstore
import numpy as np
import pandas as pd
import pytest

from feature_sets.ingestion.maintenance_history import CALENDAR, changed_times, with_calendar
from feature_sets.labels.excluded import excluded_rows
from feature_sets.telemetry.calendar import Maintenance
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from tests.feature_sets.ingestion.folders import MODELS, Folder, add_day, forget_all, states
from tests.feature_sets.ingestion.histories import (
    MIDNIGHT,
    SCHEMA,
    assert_same_states,
    labels,
    parts,
    readings,
    seeds,
)
from tests.feature_sets.ingestion.test_label_forms import incidents
from tests.feature_sets.ingestion.test_label_forms import schema as incidents_schema

WITH = TelemetrySchema.from_dict({**SCHEMA.to_dict(), "maintenance": {}})
NOW = TelemetrySchema.from_dict({**WITH.to_dict(), "horizon": "0s"})
FIRST = pd.Timestamp("2024-03-01", tz="UTC")


def calendar(folder: Folder, *rows: dict[str, object]) -> None:
    frame = pd.DataFrame(rows, columns=["device", "model", "start", "end", "reason"])
    for column in ("start", "end"):
        frame[column] = pd.to_datetime(frame[column], utc=True)
    frame.to_parquet(folder.path / "maintenance.parquet", index=False)


def entry(start: int, end: int | None, **scope: str) -> dict[str, object]:
    """An entry from some seconds of the first day on, up to others."""
    until = None if end is None else FIRST + pd.Timedelta(seconds=end)
    return {"start": FIRST + pd.Timedelta(seconds=start), "end": until, **scope}


def marked() -> dict[str, list[int]]:
    """Seconds of the first day at which each device is in maintenance, as the history has it."""
    rows = fstore.get_feature_set("device_labels").to_dataframe().reset_index()
    inside = rows[rows["in_maintenance"] == 1]
    times = pd.to_datetime(inside["timestamp"], utc=True)
    seconds = ((times - FIRST) // pd.Timedelta(seconds=1)).astype(int)
    found: dict[str, list[int]] = {}
    for device, second in sorted(zip(inside[DEVICE], seconds, strict=True)):
        found.setdefault(device, []).append(second)
    return found


@pytest.fixture
def folder(tmp_path, project, local_stack):
    forget_all()
    folder = Folder(tmp_path / "net", NOW)
    folder.static(MODELS)
    return folder


def test_labels_in_maintenance_are_marked_and_excluded(folder):
    add_day(folder, 0)  # dev-0 and dev-1, every 10 s, 20 times
    calendar(folder, entry(30, 50, device="dev-0"), entry(180, None, model="m1"))
    results = folder.ingest()
    assert marked() == {"dev-0": [30, 40], "dev-1": [180, 190]}
    rows = fstore.get_feature_set("device_labels").to_dataframe().reset_index()
    assert excluded_rows(rows, NOW).sum() == 4
    assert results["report"]["maintenance"]["rows_read"] == 2
    assert results["label_rows_in_maintenance"] == 4


def test_a_calendar_that_changes_later_changes_labels_of_the_history(folder):
    add_day(folder, 0)
    assert folder.ingest()["label_rows_in_maintenance"] == 0
    assert folder.ingest()["label_rows_rewritten"] == 0

    calendar(folder, entry(0, 20, device="dev-0"))
    results = folder.ingest()
    assert (results["label_rows_rewritten"], results["label_rows_new"]) == (2, 0)
    assert results["label_rows_in_maintenance"] == 2
    assert marked() == {"dev-0": [0, 10]}
    assert folder.ingest()["label_rows_rewritten"] == 0

    # Later by ten seconds: the first row is taken back, and a third one joins.
    calendar(folder, entry(10, 30, device="dev-0"))
    assert folder.ingest()["label_rows_rewritten"] == 2
    assert marked() == {"dev-0": [10, 20]}

    # The table stays, without an entry: none holds any longer.
    calendar(folder)
    assert folder.ingest()["label_rows_rewritten"] == 2
    assert marked() == {}


def test_a_calendar_that_is_not_in_the_folder_stays_and_another_folder_adds_to_it(folder, tmp_path):
    add_day(folder, 0)
    calendar(folder, entry(0, 10, device="dev-0"))
    folder.ingest()
    other = Folder(tmp_path / "day", NOW)
    calendar(other, entry(10, 20, device="dev-1"))
    add_day(other, 1)
    other.ingest()
    (folder.path / "maintenance.parquet").unlink()
    add_day(folder, 2)
    folder.ingest()
    assert marked() == {"dev-0": [0], "dev-1": [10]}


def test_a_device_that_changes_its_attribute_changes_what_is_marked(folder):
    add_day(folder, 0)
    calendar(folder, entry(0, 40, model="m0"))
    folder.ingest()
    assert marked() == {"dev-0": [0, 10, 20, 30]}
    # It turns out that the device was another model from 20 s on.
    since = [None, FIRST + pd.Timedelta(seconds=20), None]
    frame = pd.DataFrame({"box": ["dev-0", "dev-0", "dev-1"], "model": ["m0", "m1", "m1"]})
    frame["valid_from"] = pd.to_datetime(pd.Series(since), utc=True)
    frame.to_parquet(folder.path / "static.parquet", index=False)
    assert folder.ingest()["label_rows_rewritten"] == 2
    assert marked() == {"dev-0": [0, 10]}


@pytest.mark.parametrize("with_static", [True, False])
def test_devices_of_an_earlier_day_are_known_to_the_calendar_of_the_next(folder, tmp_path, with_static):
    add_day(folder, 0)
    folder.ingest()
    other = Folder(tmp_path / "day", NOW)
    add_day(other, 1, devices=("dev-0",))
    if with_static:
        other.static({"dev-9": "m9"})
    calendar(other, entry(0, 9, model="m0"), entry(0, 9, device="dev-1"), entry(0, 9, model="m7"))
    notes = other.ingest()["report"]["maintenance"]["notes"]
    there = "'m0', 'm1', 'm9'" if with_static else "'m0', 'm1'"
    assert notes == [f"model: no device has 'm7'; there are {there}"]


def test_a_schema_without_a_calendar_has_no_column_of_it(tmp_path, project, local_stack):
    forget_all()
    folder = Folder(tmp_path / "net", SCHEMA)
    folder.static(MODELS)
    add_day(folder, 0)
    calendar(folder, entry(0, 10, device="dev-0"))
    results = folder.ingest()
    assert "label_rows_in_maintenance" not in results
    assert "in_maintenance" not in fstore.get_feature_set("device_labels").to_dataframe().columns


def random_entries(generator: np.random.Generator) -> list[dict[str, object]]:
    entries = []
    for _ in range(int(generator.integers(0, 6))):
        start = MIDNIGHT + pd.Timedelta(seconds=int(generator.integers(-300, 300)))
        start += pd.Timedelta(days=int(generator.choice([-1, 0, 0, 1])))
        end = start + pd.Timedelta(seconds=int(generator.integers(1, 200)))
        scope = [{"device": "dev-1"}, {"device": "dev-2"}, {"model": "m0"}][int(generator.integers(3))]
        entries.append({"start": start, "end": None if generator.random() < 0.1 else end, **scope})
    return entries


@pytest.mark.parametrize("seed", seeds(1, 6))
@pytest.mark.parametrize("schema", [WITH, NOW], ids=["ahead", "now"])
def test_in_the_end_all_is_as_if_ingested_at_once(tmp_path, project, local_stack, seed, schema):
    generator = np.random.default_rng([seed, 13])
    rows = readings(generator).drop(columns="received")
    tables = {"metrics": parts(generator, rows, 3), "labels": parts(generator, labels(generator, rows), 3)}
    forget_all()
    growing = Folder(tmp_path / "growing", schema)
    growing.static(MODELS)
    for day in range(4):
        for table, cut in tables.items():
            if day < len(cut):
                growing.add(table, f"day-{day}", cut[day])
        if generator.random() < 0.8:
            calendar(growing, *random_entries(generator))
        growing.ingest()
    found = states(local_stack.info.redis_url)
    forget_all()
    growing.ingest()
    assert_same_states(found, states(local_stack.info.redis_url))


@pytest.mark.parametrize("seed", seeds(1, 4))
@pytest.mark.parametrize("horizon", [["0s", "90s", "3m"], "0s"], ids=str)
def test_labels_made_of_incidents_are_in_maintenance_too(tmp_path, project, local_stack, seed, horizon):
    generator = np.random.default_rng([seed, 17])
    schema = incidents_schema(
        {"form": "incidents", "tolerance": "5s"}, horizon=horizon, maintenance={}, exclude_labels={}
    )
    cut = parts(generator, readings(generator).drop(columns="received"), 3)
    told = np.array_split(incidents(generator), 4)
    forget_all()
    growing = Folder(tmp_path / "growing", schema)
    (growing.path / "labels").rmdir()
    (growing.path / "incidents").mkdir()
    growing.static(MODELS)
    inside = []
    for day in range(4):
        if day < len(cut):
            growing.add("metrics", f"day-{day}", cut[day])
        growing.add("incidents", f"day-{day}", told[day])
        calendar(growing, *random_entries(generator))
        inside.append(growing.ingest()["label_rows_in_maintenance"])
    assert growing.ingest()["label_rows_rewritten"] == 0
    assert len(set(inside)) > 1
    found = states(local_stack.info.redis_url)
    forget_all()
    growing.ingest()
    assert_same_states(found, states(local_stack.info.redis_url))


def test_labels_of_before_a_part_of_the_key_was_compared_are_made_anew():
    of = TelemetrySchema.from_dict({**WITH.to_dict(), "entity": ["site", "device"]})
    by_part, by_key = (
        {"now": {CALENDAR: {"one": Maintenance(((DEVICE, name),), 10, 20).to_list()}}}
        for name in ("r1", "oslo/r1")
    )
    compared = with_calendar(of, by_part, by_part, "now", None, None)
    assert changed_times(of, by_part, compared) == ((10, 20),)
    assert changed_times(of, compared, with_calendar(of, compared, compared, "now", None, None)) == ()
    assert with_calendar(of, by_key, by_key, "now", None, None) == by_key
