"""Links and peers of a project: remembered, changed from now on, and never in the past of its rows."""

from __future__ import annotations

from dataclasses import replace

import mlrun.feature_store as fstore
import numpy as np
import pandas as pd
import pytest
import yaml

from feature_sets.checks import InputError
from feature_sets.device_metrics import device_metrics
from feature_sets.group_features import GroupFeatures
from feature_sets.ingestion import telemetry_append
from feature_sets.ingestion.device_registry import add_device
from feature_sets.ingestion.device_timeline import DeviceTimeline
from feature_sets.ingestion.history.stored_history import StoredHistory
from feature_sets.ingestion.telemetry_history import TelemetryHistory
from feature_sets.ingestion.topology_history import stored_groups, stored_links
from feature_sets.telemetry.frames import Telemetry
from feature_sets.telemetry.links import BEGINNING, OPEN
from feature_sets.telemetry.schema import TelemetrySchema
from tests.feature_sets.ingestion.folders import Folder, add_day, day_of, forget_all, run, states
from tests.feature_sets.ingestion.histories import GROUPED, assert_same_bits

SCHEMA = TelemetrySchema.from_dict(
    {
        **GROUPED.to_dict(),
        "topology": {},
        "derived": {
            "neighbors": {"operations": ["avg"], "windows": ["20s"], "statistics": ["max"]},
            "peers": {"by": "model"},
        },
    }
)
DEVICES = ("dev-0", "dev-1", "dev-2")


@pytest.fixture
def folder(tmp_path, project):
    forget_all()
    found = Folder(tmp_path / "telemetry", SCHEMA)
    (found.path / "topology.parquet").unlink()
    found.static(dict.fromkeys(DEVICES, "m"))
    add_day(found, 0, devices=DEVICES)
    yield found
    forget_all()


def links(folder, *pairs, **times):
    frame = pd.DataFrame(pairs, columns=["device", "neighbor"]).assign(**times)
    frame.to_csv(folder.path / "topology.csv", index=False)


def kept():
    return stored_links(StoredHistory.of(device_metrics(SCHEMA)))


def test_links_without_times_change_from_the_newest_reading_on(folder, local_stack):
    links(folder, ("dev-0", "dev-1"))
    done = folder.ingest()
    assert kept() == {("dev-0", "dev-1"): ((BEGINNING, OPEN),)}
    # The first row of each device comes before all others, and nobody is linked to the third.
    assert done["without_others"] == {"neighbors": 22, "peers": 3}
    assert any("neighbors: 22 of 60 rows (36.7 %) have no value" in line for line in done["report_lines"])
    last = int(pd.Timestamp(done["last_event"]).value // 1000)

    links(folder, ("dev-1", "dev-2"))
    add_day(folder, 1, devices=DEVICES)
    done = folder.ingest()
    assert kept() == {
        ("dev-0", "dev-1"): ((BEGINNING, last + 1),),
        ("dev-1", "dev-2"): ((last + 1, OPEN),),
    }
    assert done["rows_rewritten"] == 0 and done["without_others"] == {"neighbors": 22, "peers": 3}
    # Without the table they stay, and so they do when it is read again.
    add_day(folder, 2, devices=DEVICES)
    folder.ingest()
    (folder.path / "topology.csv").unlink()
    add_day(folder, 3, devices=DEVICES)
    folder.ingest()
    assert list(kept()) == [("dev-0", "dev-1"), ("dev-1", "dev-2")]

    table = states(local_stack.info.redis_url)[0].table.to_pandas()
    shown = table.groupby([table["timestamp"].dt.day, "device"], observed=True)["cpu_avg_20s_neighbors_max"]
    assert shown.apply(lambda column: column.notna().any()).unstack().to_numpy().tolist() == [
        [True, True, False],
        *([[False, True, True]] * 3),
    ]


def test_a_table_with_times_in_parts_leaves_what_one_ingestion_leaves(folder, local_stack):
    times = {"valid_from": ["", "2024-03-02T00:00:50Z"], "valid_until": ["2024-03-02T00:01:00Z", ""]}
    links(folder, ("dev-0", "dev-1"), ("dev-1", "dev-2"), **times)
    folder.ingest()
    add_day(folder, 1, devices=DEVICES)
    folder.ingest()
    in_parts = states(local_stack.info.redis_url)[0].table
    forget_all()
    folder.ingest()
    assert_same_bits(states(local_stack.info.redis_url)[0].table, in_parts)


def test_the_past_cannot_get_other_links_or_peers(folder, local_stack):
    links(folder, ("dev-0", "dev-1"))
    folder.ingest()
    before = states(local_stack.info.redis_url)[0]
    links(folder, ("dev-0", "dev-1"), ("dev-1", "dev-2"), valid_from="2024-03-01T00:00:10Z")
    add_day(folder, 1, devices=DEVICES)
    with pytest.raises(InputError, match=r"link of dev-0 and dev-1: must hold as the history was made"):
        folder.ingest()
    links(folder, ("dev-0", "dev-1"))
    since = pd.to_datetime(["2024-03-01T00:00:10Z"] * len(DEVICES))
    folder.static(dict(zip(DEVICES, "nmm", strict=True)), valid_from=since)
    with pytest.raises(InputError, match=r"peers of dev-0: must hold as the history was made"):
        folder.ingest()
    assert states(local_stack.info.redis_url)[0].folder == before.folder
    # From the second day on it may, and a device that joins changes nothing of before.
    since = pd.to_datetime(["2024-03-02T00:00:00Z"] * (len(DEVICES) + 1))
    folder.static(dict(zip((*DEVICES, "dev-9"), "nmmm", strict=True)), valid_from=since)
    done = folder.ingest()
    assert done["rows_new"] == 60 and done["rows_rewritten"] == 0
    table = states(local_stack.info.redis_url)[0].table.to_pandas()
    alone = table[(table["device"] == "dev-0") & (table["timestamp"].dt.day == 2)]
    assert len(alone) == 20 and np.isnan(alone["cpu_peers_median_difference"]).all()


def test_a_device_cannot_be_registered_with_other_peers_in_the_past(folder, local_stack):
    links(folder, ("dev-0", "dev-1"))
    folder.ingest()
    before = pd.Timestamp("2024-03-01T00:00:30Z")
    with pytest.raises(InputError, match=r"peers of dev-0: must hold as the history was made"):
        add_device(SCHEMA, "dev-0", {"model": "n"}, before)
    assert add_device(SCHEMA, "dev-0", {"model": "n"}, None)[0].startswith("dev-0 changed: model 'm' to 'n'")
    assert add_device(SCHEMA, "dev-7", {"model": "m"}, None) == ["dev-7 joined"]


def test_links_of_a_device_that_joins_hold_though_its_readings_failed_at_first(
    folder, local_stack, monkeypatch
):
    always = {"valid_from": "", "valid_until": "2025-01-01T00:00:00Z"}
    links(folder, ("dev-0", "dev-1"), **always)
    folder.ingest()
    links(folder, ("dev-0", "dev-1"), ("dev-1", "dev-9"), **always)
    folder.static(dict.fromkeys((*DEVICES, "dev-9"), "m"))
    add_day(folder, 1, devices=(*DEVICES, "dev-9"))

    def failing(*given):
        raise OSError("the disk is gone")

    with monkeypatch.context() as patch:
        patch.setattr(telemetry_append, "prepare_readings", lambda *given: failing)
        with pytest.raises(OSError, match="the disk is gone"):
            folder.ingest()
    assert folder.ingest()["rows_new"] == 80
    in_parts = states(local_stack.info.redis_url)[0].table
    forget_all()
    folder.ingest()
    assert_same_bits(states(local_stack.info.redis_url)[0].table, in_parts)


def first_day(url):
    table = states(url)[0].table.to_pandas()
    rows = table[table["timestamp"] < "2024-03-02"].astype({"device": str})
    return rows.sort_values(["timestamp", "device"], ignore_index=True)


def attributes_of(device):
    known = TelemetryHistory.of(SCHEMA).attributes
    rows = known[known["device"] == device]
    since = [None if pd.isna(time) else time.isoformat()[:19] for time in rows["valid_from"]]
    return dict(zip(since, rows["model"].where(rows["model"].notna(), None), strict=True))


def test_a_change_without_a_time_holds_after_the_history_though_labels_and_readings_with_it_are_older(
    folder, local_stack
):
    """Labels come late, and a file that grows has its old rows, too."""
    days = [day_of(number, devices=DEVICES)[0] for number in (0, 1)]
    links(folder, ("dev-0", "dev-1"))
    folder.ingest()
    before = first_day(local_stack.info.redis_url)
    folder.add("labels", "late", days[0][["device", "timestamp"]].assign(is_error=1, repair=False)[:3])
    folder.static(dict(zip(DEVICES, "nmm", strict=True)))
    done = folder.ingest()
    assert done["devices_changed"] == 1 and done["rows_rewritten"] == 0
    assert attributes_of("dev-0") == {None: "m", "2024-03-01T00:03:10": "n"}
    pd.testing.assert_frame_equal(first_day(local_stack.info.redis_url), before, check_exact=True)
    folder.static(dict(zip(DEVICES, "nnm", strict=True)))
    folder.add("metrics", "day-00", pd.concat(days))
    done = folder.ingest()
    assert (done["devices_changed"], done["rows_new"], done["rows_rewritten"]) == (1, 60, 0)
    assert attributes_of("dev-1") == {None: "m", "2024-03-01T00:03:10": "n"}
    pd.testing.assert_frame_equal(first_day(local_stack.info.redis_url), before, check_exact=True)
    table = states(local_stack.info.redis_url)[0].table.to_pandas()
    shown = table[table["timestamp"] >= "2024-03-02"].groupby("device", observed=True)
    found = shown["cpu_peers_median_difference"].apply(lambda column: column.notna().any())
    assert found.to_dict() == {
        "dev-0": True,
        "dev-1": True,
        "dev-2": False,
    }


def test_without_peers_a_change_holds_after_the_device_s_own_readings(tmp_path, project, local_stack):
    forget_all()
    folder = Folder(tmp_path / "plain")
    folder.static(dict.fromkeys(DEVICES, "m"))
    add_day(folder, 0, devices=DEVICES[:2])
    folder.ingest()
    # One has readings of the time, another has none; its first ones come with the change.
    for table, frame in zip(("metrics", "labels"), day_of(0, devices=DEVICES), strict=True):
        folder.add(table, "all", frame[frame["timestamp"] >= "2024-03-01T00:00:20Z"])
    folder.static(dict.fromkeys(DEVICES, "n"))
    folder.ingest()
    assert attributes_of("dev-0") == {None: "m", "2024-03-01T00:03:10": "n"}
    assert attributes_of("dev-2") == {None: "m", "2024-03-01T00:00:20": "n"}
    forget_all()


def seen_live(device):
    """Have readings of a device that nobody registered in the history, as those that were sent live."""
    rows = day_of(0, devices=(device,))[0]
    history = TelemetryHistory.of(SCHEMA)
    part = Telemetry(rows, rows.head(0), pd.DataFrame({"device": [], "model": []}, dtype=object))
    part = replace(part, labels=rows.head(0)[["device", "timestamp"]].assign(is_error=[], repair=[]))
    telemetry_append.append_telemetry(part, SCHEMA, history, "live", {})


def test_a_device_that_was_only_seen_live_gets_no_other_past(folder, local_stack):
    links(folder, ("dev-0", "dev-1"))
    folder.ingest()
    for device in ("dev-7", "dev-8", "dev-9"):
        seen_live(device)
    # Registered by hand it is a peer from now on, or from a later time.
    assert add_device(SCHEMA, "dev-7", {"model": "m"}, pd.Timestamp("2024-03-01T00:05:00Z")) == [
        "dev-7 joined"
    ]
    assert attributes_of("dev-7") == {None: None, "2024-03-01T00:05:00": "m"}
    assert add_device(SCHEMA, "dev-9", {"model": "m"}, None) == ["dev-9 joined"]
    assert attributes_of("dev-9") == {None: None, "2024-03-01T00:03:10": "m"}
    # Serving and training take what was missing for nothing that they know.
    timeline = DeviceTimeline.of(fstore.get_feature_set("devices")).features
    assert timeline.loc[timeline["device"] == "dev-9", "model_m"].tolist() == [0.0, 1.0]
    before = first_day(local_stack.info.redis_url)
    assert "dev-8" in before["device"].tolist()
    # Links and peers that hold in the past are refused, with the way out.
    links(folder, ("dev-0", "dev-1"), ("dev-1", "dev-8"), valid_from="", valid_until="2025-01-01T00:00:00Z")
    way_out = r"at 2024-03-01T00:03:10Z; give a later time .*valid_from, or --from.*netops ingest --replace"
    folder.static(dict.fromkeys((*DEVICES, "dev-8"), "m"))
    add_day(folder, 1, devices=DEVICES)
    with pytest.raises(
        InputError, match=rf"link of dev-1 and dev-8.*must hold as the history was made.*{way_out}"
    ):
        folder.ingest()
    with pytest.raises(InputError, match="peers of dev-"):
        add_device(SCHEMA, "dev-8", {"model": "m"}, pd.Timestamp("2024-03-01T00:00:10Z"))
    # Without a time they hold after what there is.
    links(folder, ("dev-0", "dev-1"), ("dev-1", "dev-8"))
    done = folder.ingest()
    assert (done["devices_new"], done["rows_rewritten"]) == (1, 0)
    assert kept()[("dev-1", "dev-8")][0][0] == pd.Timestamp("2024-03-01T00:03:10.000001Z").value // 1000
    assert attributes_of("dev-8") == {None: None, "2024-03-01T00:03:10": "m"}
    pd.testing.assert_frame_equal(first_day(local_stack.info.redis_url), before, check_exact=True)
    table = states(local_stack.info.redis_url)[0].table.to_pandas()
    assert table.loc[table["timestamp"] >= "2024-03-02", "cpu_peers_median_difference"].notna().any()
    # What is said again changes nothing.
    assert folder.ingest()["devices_changed"] == 0


PORTS = [f"r{router}/e{port}" for router in (1, 2) for port in range(3)]


def test_links_by_the_part_called_device_reach_every_interface_offline_and_live(
    tmp_path, project, local_stack
):
    forget_all()
    content = {**SCHEMA.to_dict(), "entity": ["device", "port"], "static": []}
    content["derived"] = {"neighbors": SCHEMA.derived.neighbors.to_dict()}
    schema = TelemetrySchema.from_dict(content)
    rows, labels = day_of(0, devices=PORTS)
    times = rows["timestamp"] + pd.to_timedelta(np.arange(len(rows)) % 6, unit="s")
    for name, frame in (("metrics", rows), ("labels", labels)):
        parts = frame["device"].str.split("/", expand=True)
        frame = frame.assign(device=parts[0], port=parts[1], timestamp=times)
        frame.to_csv(tmp_path / f"{name}.csv", index=False)
    (tmp_path / "topology.csv").write_text("device,neighbor\nr1,r2\n")
    path = tmp_path / "schema.yaml"
    path.write_text(yaml.safe_dump(schema.to_dict()))
    assert run(tmp_path, path)["without_others"] == {"neighbors": 3}
    history = TelemetryHistory.of(schema)
    groups = stored_groups(schema, history.metrics, history.attributes)
    assert len(groups.links) == 9 and {groups.shard_key(port) for port in PORTS} == {"r1/e0"}
    offline = states(local_stack.info.redis_url)[0].table.to_pandas()
    offline = offline.sort_values("timestamp", ignore_index=True).astype({"device": str})
    features = GroupFeatures(schema)
    state, served = features.state(groups), []
    for row in offline.to_dict("records"):
        at = np.array([[row["timestamp"].value // 1000] * 2])
        given = {name: row[name] for name in features.inputs}
        features.add_to([given], [row["device"]], at, state)
        served.append([given[name] for name in features.names])
    np.testing.assert_array_equal(offline[list(features.names)].to_numpy(), np.array(served))
    forget_all()
