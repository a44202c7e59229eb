"""The table of links: what is read of it, and every row that is left out, with file, column and row."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from feature_sets.groups import Groups
from feature_sets.telemetry import topology_table
from feature_sets.telemetry.errors import TelemetryError
from feature_sets.telemetry.links import BEGINNING, OPEN
from feature_sets.telemetry.readers import KnownTelemetry, read_telemetry
from feature_sets.telemetry.schema import TelemetrySchema

NEIGHBORS = {"neighbors": {"operations": ["avg"], "windows": ["1m"]}}


def schema_of(**content):
    return TelemetrySchema.from_dict(
        {
            "name": "lab",
            "entity": ["site", "box"],
            "time": "at",
            "metrics": {"load": {}},
            "label": "bad",
            "assume_timezone": "UTC",
            "topology": {},
            "derived": NEIGHBORS,
            **content,
        }
    )


@pytest.fixture
def folder(tmp_path):
    rows = pd.DataFrame(
        {
            "site": "s",
            "box": np.repeat(["a", "b", "c"], 5),
            "at": np.tile(pd.date_range("2024-01-01", periods=5, freq="1min"), 3),
            "load": 1.0,
        }
    )
    rows.to_csv(tmp_path / "metrics.csv", index=False)
    rows.assign(bad=0).drop(columns="load").to_csv(tmp_path / "labels.csv", index=False)
    return tmp_path


def links(folder, text, schema=None, known=None):
    (folder / "topology.csv").write_text(text)
    rows, report = read_telemetry(folder, schema or schema_of(), known)
    return rows.links, report.topology


def test_links_are_read_with_their_times(folder):
    text = "device,neighbor,valid_from,valid_until\ns/b,s/a,2024-01-01T00:01:00,\ns/b,s/c,,2024-01-02\n"
    found, report = links(folder, text)
    since, until = (int(pd.Timestamp(text).value // 1000) for text in ("2024-01-01T00:01", "2024-01-02"))
    assert found.links == {("s/a", "s/b"): ((since, OPEN),), ("s/b", "s/c"): ((BEGINNING, until),)}
    assert found.timed and report.rows_accepted == 2 and not report.rejected
    # With a direction the ends stay as they are; without columns of times, links hold always.
    schema = schema_of(topology={"ends": ["up", "down"], "directed": True})
    found, _ = links(folder, "up,down\ns/b,s/a\n", schema)
    assert found.links == {("s/b", "s/a"): ((BEGINNING, OPEN),)} and not found.timed


def test_rows_that_cannot_be_are_left_out_and_told(folder):
    text = (
        "device,neighbor,valid_from,valid_until\n"
        "s/a,s/b,2024-01-01,2024-01-03\n"
        "s/a,,,\n"
        "s/a,s/nobody,,\n"
        "s/a,s/a,,\n"
        "s/b,s/c,2024-01-05,2024-01-04\n"
        "s/b,s/c,soon,\n"
        "s/b,s/a,2024-01-02,\n"
        "s/a,s/b,2024-01-01,2024-01-03\n"
        "s/b,s/a,2024-01-03,\n"
    )
    found, report = links(folder, text)
    assert report.rejected == {
        **{"missing_end": 1, "unknown_device": 1, "self_link": 1, "end_before_start": 1},
        **{"unparsable_valid_from": 1, "overlapping_link": 1, "duplicate": 1},
    }
    assert len(found.links[("s/a", "s/b")]) == 2
    assert "'s/nobody' in row 3 of topology.csv" in report.samples["unknown_device"]
    assert "row 5 of topology.csv" in report.samples["end_before_start"]


def test_two_devices_cannot_be_upstream_of_each_other(folder):
    schema = schema_of(topology={"directed": True})
    found, report = links(folder, "device,neighbor\ns/a,s/b\ns/b,s/a\n", schema)
    assert report.rejected == {"opposite_link": 1} and list(found.links) == [("s/a", "s/b")]


def test_the_table_must_be_there_when_features_need_it(folder):
    with pytest.raises(TelemetryError, match=r"topology: must exist as topology.parquet"):
        read_telemetry(folder, schema_of())
    rows, _ = read_telemetry(folder, schema_of(derived={}))
    assert rows.links is None
    rows, _ = read_telemetry(folder, schema_of(), KnownTelemetry(devices=["s/a"]))
    assert rows.links is None
    with pytest.raises(TelemetryError, match=r"topology.csv, column 'neighbor': is required"):
        links(folder, "device,peer\ns/a,s/b\n")
    with pytest.raises(TelemetryError, match="topology"):
        links(folder, "device,neighbor\ns/a,s/x\n")


def test_without_the_field_the_file_belongs_to_no_table(folder):
    (folder / "topology.csv").write_text("device,neighbor\ns/a,s/b\n")
    content = schema_of().to_dict()
    del content["topology"], content["derived"]
    rows, report = read_telemetry(folder, TelemetrySchema.from_dict(content))
    assert rows.links is None and report.topology is None
    assert any("topology.csv" in note for note in report.metrics.notes)


@pytest.fixture
def routers(tmp_path):
    """Two routers of two and three interfaces, and a third of one."""
    keys = [("r1", "e0"), ("r1", "e1"), ("r2", "e0"), ("r2", "e1"), ("r2", "e2"), ("r3", "e0")]
    rows = pd.DataFrame(
        [
            {"device": device, "port": port, "at": at, "load": 1.0}
            for at in pd.date_range("2024-01-01", periods=5, freq="1min")
            for device, port in keys
        ]
    )
    rows.to_csv(tmp_path / "metrics.csv", index=False)
    rows.assign(bad=0).drop(columns="load").to_csv(tmp_path / "labels.csv", index=False)
    return tmp_path


def ports(**content):
    return schema_of(entity=["device", "port"], **content)


def test_an_end_may_be_the_part_that_is_called_device_for_all_that_have_it(routers):
    text = "device,neighbor\nr1,r2\nr2/e0,r3/e0\n"
    found, report = links(routers, text, ports())
    expected = {(f"r1/e{one}", f"r2/e{other}") for one in range(2) for other in range(3)}
    assert set(found.links) == {*expected, ("r2/e0", "r3/e0")}
    assert set(found.links.values()) == {((BEGINNING, OPEN),)}
    assert (report.rows_accepted, dict(report.rejected)) == (2, {})
    # Every interface sees all of the other device, and its own not by that.
    groups = Groups(ports(), found.links)
    (relation,) = groups.relations
    assert {key for key, _, _ in relation.members["r1/e0"]} == {"r2/e0", "r2/e1", "r2/e2"}
    assert {key for key, _, _ in relation.members["r2/e0"]} == {"r1/e0", "r1/e1", "r3/e0"}
    assert groups.shard_key("r3/e0") == "r1/e0"
    # One that is known from before counts as those of the folder do.
    known = KnownTelemetry(devices=["r1/e9", *(f"r2/e{at}" for at in range(3))])
    found, _ = links(routers, "device,neighbor\nr1,r2/e1\n", ports(), known)
    assert ("r1/e9", "r2/e1") in found.links


def test_more_pairs_than_can_be_kept_are_refused_before_they_are_made(routers, monkeypatch):
    monkeypatch.setattr(topology_table, "MOST_PAIRS", 5)
    with pytest.raises(TelemetryError, match=r"at most 5 pairs of devices .* 'r1' and 'r2'"):
        links(routers, "device,neighbor\nr1,r2\n", ports())
    monkeypatch.setattr(topology_table, "MOST_PAIRS", 6)
    assert len(links(routers, "device,neighbor\nr1,r2\n", ports())[0].links) == 6


def test_a_part_and_a_key_may_link_the_same_and_what_cannot_be_is_left_out(routers):
    text = (
        "device,neighbor,valid_from,valid_until\n"
        "r1,r3,2024-01-01,2024-01-03\n"
        "r1/e0,r3/e0,2024-01-02,2024-01-05\n"
        "r1,r3,2024-01-01,2024-01-03\n"
        "r1,r3,2024-01-02,\n"
        "r1,r1,,\n"
        "r3,r3/e0,,\n"
        "r1,r9,,\n"
        "r3,r1/e1,2024-01-02,\n"
    )
    found, report = links(routers, text, ports())
    assert report.rejected == {"duplicate": 1, "overlapping_link": 1, "self_link": 2, "unknown_device": 1}
    first, last = (int(pd.Timestamp(day).value // 1000) for day in ("2024-01-01", "2024-01-05"))
    assert found.links == {
        ("r1/e0", "r3/e0"): ((first, last),),
        ("r1/e1", "r3/e0"): ((first, OPEN),),
    }
    directed = ports(topology={"directed": True})
    _, report = links(routers, "device,neighbor\nr1,r2\nr2/e2,r1/e0\n", directed)
    assert report.rejected == {"opposite_link": 1}


def test_without_a_part_of_that_name_an_end_is_a_key(routers):
    schema = schema_of(entity=["box", "port"], rename={"device": "box"}, topology={"ends": ["one", "other"]})
    with pytest.raises(TelemetryError, match="topology"):
        links(routers, "one,other\nr1,r2\n", schema)
