"""Devices are added, changed and retired one by one, each from a time on."""

from __future__ import annotations

import mlrun.feature_store as fstore
import pandas as pd
import pytest

from feature_sets.checks import InputError
from feature_sets.device_labels import within_population
from feature_sets.feature_vector import all_features
from feature_sets.ingestion import device_registry
from feature_sets.ingestion.device_history import ATTRIBUTES
from feature_sets.ingestion.device_registry import (
    add_device,
    missing_attributes,
    moment_of,
    registered_devices,
    retire_device,
)
from feature_sets.ingestion.device_timeline import DeviceTimeline
from feature_sets.ingestion.errors import IngestError
from feature_sets.ingestion.history.stored_history import StoredHistory
from feature_sets.ingestion.ingest import ingest
from feature_sets.ingestion.telemetry_history import TelemetryHistory
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from graphs.protocol.device_status import DeviceStatus
from graphs.protocol.errors import ApiError
from graphs.state.device_store import DeviceStore
from graphs.state.static_devices import StaticDevices
from tests.feature_sets.ingestion.folders import Context, Folder, add_day, forget_all
from tests.feature_sets.ingestion.histories import SCHEMA
from training.dataset.vector_rows import read_vector

PLAIN = TelemetrySchema.from_dict({**SCHEMA.to_dict(), "horizon": "0s"})
NOW = pd.Timestamp("2030-01-01", tz="UTC")


@pytest.fixture
def folder(project, local_stack, tmp_path):
    forget_all()
    made = Folder(tmp_path / "network", PLAIN)
    made.static({"dev-0": "m0", "dev-1": "m1"})
    for day in range(3):
        add_day(made, day)
    ingest(Context(), telemetry=str(made.path), schema=str(made.schema))
    yield made
    forget_all()


def known() -> dict[str, tuple]:
    return {
        one.device: (one.state, one.attributes.get("model"), one.since, one.state_since)
        for one in registered_devices(PLAIN, NOW)
    }


def opened(project: str) -> StaticDevices:
    return StaticDevices(DeviceStore(f"store://feature-sets/{project}/devices"), lambda: 0.0)


def at(text: str) -> float:
    return pd.Timestamp(text).timestamp()


def test_devices_are_listed_with_state_readings_and_attributes(folder):
    first = registered_devices(PLAIN, NOW)[0]
    assert (first.device, first.state, first.attributes) == ("dev-0", "known", {"model": "m0"})
    assert (first.first, first.last) == ("2024-03-01T00:00:00Z", "2024-03-03T00:03:10Z")
    assert first.since == first.state_since == ""


def test_a_device_joins_changes_is_retired_and_comes_back(folder, project):
    before = {
        name: fstore.get_feature_set(name).to_dataframe() for name in ("device_metrics", "device_labels")
    }
    endpoint = opened(project)
    assert "dev-7" not in endpoint
    assert add_device(PLAIN, "dev-7", {"model": "m7"}, None) == ["dev-7 joined"]
    endpoint.reload()
    assert endpoint.features("dev-7", 0.0) == {"model_m0": 0.0, "model_m1": 0.0, "model_m7": 1.0}

    assert add_device(PLAIN, "dev-7", {"model": "m7"}, None) == ["dev-7 is registered like that already"]
    since = moment_of("2024-03-02T00:00:00Z")
    assert add_device(PLAIN, "dev-7", {"model": "m1"}, since) == [
        "dev-7 changed: model 'm7' to 'm1' from 2024-03-02T00:00:00+00:00 on"
    ]
    assert retire_device(PLAIN, "dev-7", moment_of("2024-03-04")) == [
        "dev-7 is retired from 2024-03-04T00:00:00Z on; it stays in the history"
    ]
    assert retire_device(PLAIN, "dev-7", moment_of("2024-03-05"))[0].endswith("already")
    assert known()["dev-7"] == ("retired", "m1", "2024-03-02T00:00:00Z", "2024-03-04T00:00:00Z")

    endpoint.reload()
    assert endpoint.features("dev-7", at("2024-03-01T23:59:59Z"))["model_m7"] == 1.0
    assert endpoint.features("dev-7", at("2024-03-02T00:00:00Z"))["model_m1"] == 1.0
    assert endpoint.status("dev-7", at("2024-03-03T23:59:59Z")) is DeviceStatus.KNOWN
    assert endpoint.status("dev-7", at("2024-03-04T00:00:00Z")) is DeviceStatus.RETIRED
    assert endpoint.status("dev-9", 0.0) is DeviceStatus.UNKNOWN

    back = add_device(PLAIN, "dev-7", {}, moment_of("2024-03-06"))
    assert back == ["dev-7 is in service again from 2024-03-06T00:00:00Z on"]
    endpoint.reload()
    assert endpoint.status("dev-7", at("2024-03-05T00:00:00Z")) is DeviceStatus.RETIRED
    assert endpoint.status("dev-7", at("2024-03-07T00:00:00Z")) is DeviceStatus.KNOWN
    for name, frame in before.items():  # Nothing else was touched.
        pd.testing.assert_frame_equal(fstore.get_feature_set(name).to_dataframe(), frame)


def test_an_attribute_that_was_forgotten_is_missing_until_it_is_added_and_may_hold_from_earlier_on(
    folder, project
):
    assert add_device(PLAIN, "dev-7", {}, None) == ["dev-7 joined"]
    assert missing_attributes(PLAIN, "dev-7") == ["model"] and missing_attributes(PLAIN, "dev-0") == []
    add_device(PLAIN, "dev-7", {"model": "m1"}, moment_of("2024-03-01"))
    assert missing_attributes(PLAIN, "dev-7") == []
    endpoint = opened(project)
    assert endpoint.features("dev-7", at("2024-03-01T00:00:00Z"))["model_m1"] == 1.0
    assert endpoint.features("dev-7", at("2024-02-29T00:00:00Z"))["model_m1"] == 0.0


def test_an_ingestion_keeps_who_is_retired(folder):
    retire_device(PLAIN, "dev-1", moment_of("2024-03-02"))
    folder.static({"dev-0": "m0", "dev-1": "m9"})
    add_day(folder, 5)
    folder.ingest()
    assert known()["dev-1"] == ("retired", "m9", "2024-03-06T00:00:00Z", "2024-03-02T00:00:00Z")


def test_a_row_has_the_attributes_of_its_time_in_training_and_live(folder, project):
    """A device that changes its model on the second day has the old one in rows before."""
    since = pd.Timestamp("2024-03-02T00:01:00Z")
    add_device(PLAIN, "dev-0", {"model": "m5"}, since)
    vector = all_features(PLAIN)
    vector.save()
    labels = fstore.get_feature_set("device_labels").to_dataframe().reset_index()
    rows = read_vector(vector.uri, PLAIN, labels)
    assert len(rows) == len(labels)
    mine = rows[rows[DEVICE] == "dev-0"]
    before = (mine["timestamp"] < since).to_numpy()
    assert 0 < before.sum() < len(mine)
    assert mine.loc[before, "model_m0"].eq(1).all() and mine.loc[before, "model_m5"].eq(0).all()
    assert mine.loc[~before, "model_m0"].eq(0).all() and mine.loc[~before, "model_m5"].eq(1).all()
    assert rows.loc[rows[DEVICE] == "dev-1", "model_m1"].eq(1).all()

    # Rows that were read before, with UTC times, are read again as they are.
    pd.testing.assert_frame_equal(read_vector(vector.uri, PLAIN, rows), rows)
    endpoint = opened(project)
    for row in rows.to_dict("records"):
        for name, value in endpoint.features(row[DEVICE], row["timestamp"].timestamp()).items():
            assert row[name] == value


def test_a_change_is_refused_if_another_one_was_made_meanwhile(folder, project, monkeypatch):
    meanwhile = device_registry.device_changes

    def slow(*arguments):
        monkeypatch.setattr(device_registry, "device_changes", meanwhile)
        add_device(PLAIN, "dev-8", {"model": "m8"}, None)
        return meanwhile(*arguments)

    monkeypatch.setattr(device_registry, "device_changes", slow)
    with pytest.raises(IngestError, match="another ingestion was faster; run this again"):
        add_device(PLAIN, "dev-7", {"model": "m7"}, None)
    assert set(known()) == {"dev-0", "dev-1", "dev-8"}
    store = DeviceStore(f"store://feature-sets/{project}/devices")
    assert store.one("dev-7") is None and store.one("dev-8")
    assert add_device(PLAIN, "dev-7", {"model": "m7"}, None) == ["dev-7 joined"]
    assert set(known()) == {"dev-0", "dev-1", "dev-7", "dev-8"}


@pytest.mark.parametrize(
    ("given", "text", "counts"),
    [
        ("yes", "yes", True),
        (" true ", "true", True),
        ("True", "true", True),
        ("1", "1", True),
        ("no", "no", False),
        (" ", None, False),
    ],
)
def test_an_attribute_is_text_as_in_a_file_and_the_population_reads_it(
    project, local_stack, tmp_path, given, text, counts
):
    forget_all()
    schema = TelemetrySchema.from_dict({**PLAIN.to_dict(), "population": {"model": True}})
    made = Folder(tmp_path / "network", schema)
    made.static({"dev-0": "", "dev-1": ""})  # Only the schema tells what it holds.
    add_day(made, 0)
    ingest(Context(), telemetry=str(made.path), schema=str(made.schema))
    add_device(schema, "dev-7", {"model": given}, None)
    found = {one.device: one.attributes["model"] for one in registered_devices(schema, NOW)}
    assert found == {"dev-0": None, "dev-1": None, "dev-7": text}
    labels = pd.DataFrame({DEVICE: ["dev-7"], "timestamp": [NOW], "is_error": [0]})
    attributes = TelemetryHistory.of(schema).attributes
    assert len(within_population(schema, labels, attributes)) == counts
    forget_all()


def test_a_past_whose_files_moved_is_read_where_they_are_now(folder, project):
    store = DeviceStore(f"store://feature-sets/{project}/devices")
    before = fstore.get_feature_set("devices")
    retire_device(PLAIN, "dev-1", moment_of("2024-03-02"))
    with pytest.raises(FileNotFoundError):
        DeviceTimeline.of(before)
    assert store.past()["dev-1"].retired == ((at("2024-03-02T00:00:00Z"), True),)


def test_a_past_that_is_gone_for_good_is_a_503(folder, project):
    store = DeviceStore(f"store://feature-sets/{project}/devices")
    known = StoredHistory.of(fstore.get_feature_set("devices"))
    known.folder.file_system.rm(known.folder.address(ATTRIBUTES))
    with pytest.raises(ApiError, match="must be readable in the feature store") as error:
        store.past()
    assert error.value.status == 503
    known.folder.remove()
    with pytest.raises(ApiError, match="must be readable in the feature store"):
        store.past()


def test_training_reads_attributes_where_they_are_now(folder, monkeypatch):
    since = pd.Timestamp("2024-03-02T00:01:00Z")
    vector = all_features(PLAIN)
    vector.save()
    labels = fstore.get_feature_set("device_labels").to_dataframe().reset_index()
    before = fstore.get_feature_set("devices")
    add_device(PLAIN, "dev-0", {"model": "m5"}, since)
    expected = read_vector(vector.uri, PLAIN, labels)
    asked = []

    def moved(timeline, feature_set):
        asked.append(feature_set)
        return of(before if len(asked) == 1 else feature_set)

    of = DeviceTimeline.of
    monkeypatch.setattr(DeviceTimeline, "of", classmethod(moved))
    pd.testing.assert_frame_equal(read_vector(vector.uri, PLAIN, labels), expected)
    assert len(asked) == 2


def test_readings_of_a_device_that_was_never_registered_are_listed_as_unknown(folder):
    from feature_sets.ingestion.telemetry_append import append_telemetry
    from feature_sets.telemetry.frames import Telemetry

    moment = pd.DatetimeIndex(["2024-03-09T00:00:00Z"]).as_unit("ns")
    metrics = pd.DataFrame({DEVICE: ["dev-9"], "timestamp": moment, "cpu": [1.0], "latency": [1.0]})
    labels = pd.DataFrame({DEVICE: ["dev-9"], "timestamp": moment, "is_error": [0], "repair": ["false"]})
    nobody = pd.DataFrame({DEVICE: [], "model": []}, dtype="object")
    done = append_telemetry(Telemetry(metrics, labels, nobody), PLAIN, TelemetryHistory.of(PLAIN))
    assert (done.metrics.new, done.labels.new) == (1, 1)
    assert known()["dev-9"] == ("unknown", None, "", "")


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (lambda: add_device(PLAIN, "dev-1", {"color": "red"}, None), "attribute: must be one of model"),
        (lambda: add_device(PLAIN, "dev-1", {"model": "m\0"}, None), "attribute 'model': .* without NUL"),
        (lambda: add_device(PLAIN, " ", {}, None), "device: must"),
        (lambda: add_device(PLAIN, "x" * 600, {}, None), "at most 512 characters"),
        (lambda: retire_device(PLAIN, "dev-9", None), "must be known to be retired"),
        (lambda: moment_of("tomorrow"), "--from: must be"),
    ],
)
def test_what_is_wrong_is_refused_before_anything_is_written(folder, act, words):
    state = fstore.get_feature_set("devices").status.targets["parquet"].run_id
    with pytest.raises(InputError, match=words):
        act()
    assert fstore.get_feature_set("devices").status.targets["parquet"].run_id == state


def test_without_a_history_there_are_no_devices(project, local_stack):
    forget_all()
    with pytest.raises(InputError, match="netops ingest"):
        registered_devices(PLAIN, NOW)


def test_a_feature_set_of_another_engine_has_no_timeline(project, local_stack, tmp_path):
    forget_all()
    made = Folder(tmp_path / "network", PLAIN)
    made.static({"dev-0": "m0", "dev-1": "m1"})
    schema = TelemetrySchema.from_dict(
        {
            **PLAIN.to_dict(),
            "windows": {"operations": ["avg", "min"], "lengths": ["20s", "1m"]},
            "derived": {},
        }
    )
    made = Folder(tmp_path / "network", schema)
    add_day(made, 0)
    ingest(Context(), telemetry=str(made.path), schema=str(made.schema), engine="storey")
    assert DeviceTimeline.of(fstore.get_feature_set("devices")) is None
    forget_all()


def test_a_static_file_that_says_nothing_new_does_not_undo_a_change(folder):
    add_device(PLAIN, "dev-0", {"model": "m9"}, pd.Timestamp("2024-01-02", tz="UTC"))
    add_day(folder, 3)
    lines = ingest_again(folder)
    assert known()["dev-0"][1] == "m9"
    assert not [line for line in lines if line.startswith("static: dev-") or "they stay" in line]
    # What the file says of another device counts, and so does what it says anew of this one.
    folder.static({"dev-0": "m0", "dev-1": "m5"})
    ingest_again(folder)
    assert (known()["dev-0"][1], known()["dev-1"][1]) == ("m9", "m5")
    folder.static({"dev-0": "m7", "dev-1": "m5"})
    ingest_again(folder)
    assert (known()["dev-0"][1], known()["dev-1"][1]) == ("m7", "m5")


def test_the_simulated_network_does_not_undo_a_change_either(project, local_stack):
    forget_all()
    schema = TelemetrySchema.load()
    ingest(Context(), devices=3, ticks=50)
    device = registered_devices(schema, NOW)[0].device
    add_device(schema, device, {"model": "m9"}, None)
    for ticks in (50, 60):
        ingest(Context(), devices=3, ticks=ticks)
        assert registered_devices(schema, NOW)[0].attributes["model"] == "m9"
    forget_all()


def test_a_static_file_that_says_what_was_registered_does_not_say_it_again_later(folder):
    add_device(PLAIN, "dev-0", {"model": "m9"}, pd.Timestamp("2024-01-02", tz="UTC"))
    folder.static({"dev-0": "m9", "dev-1": "m1"})
    ingest_again(folder)
    add_device(PLAIN, "dev-0", {"model": "m4"}, pd.Timestamp("2024-01-03", tz="UTC"))
    ingest_again(folder)
    assert known()["dev-0"][1] == "m4"


def ingest_again(folder: Folder) -> list[str]:
    context = Context()
    ingest(context, telemetry=str(folder.path), schema=str(folder.schema))
    return context.results["report_lines"]
