"""A table of links among the files of a folder: it is proposed, and the schema has it read."""

from __future__ import annotations

import pandas as pd
import pytest

from tests.feature_sets.telemetry.inspection.test_folder_check import frames, taken, write

LINKS = pd.DataFrame({"device": ["r0", "r1", "r2"], "neighbor": ["r1", "r2", "r3"]})


def test_a_table_of_two_columns_of_devices_is_proposed_with_features_of_neighbors(tmp_path):
    check, schema = taken(write(tmp_path, {**frames(), "topology": LINKS}, ".csv"))
    assert check.proposal.fields["topology"] == {}
    assert schema.group_features and schema.derived.neighbors.directions == ("any",)
    assert any("topology.csv has links between devices" in sentence for sentence in check.proposal.decide)
    assert not check.unread
    assert check.to_dict()["tables"]["topology"]["columns"]["neighbor"]["role"] == "topology"
    assert any("one end of a link" in line for line in check.lines())


def test_other_names_of_file_and_columns_times_and_a_direction_are_found(tmp_path):
    links = LINKS.set_axis(["child_node", "parent_node"], axis=1).assign(
        port=[1, 2, 3], since="2026-03-01T00:00:00Z", until="2026-03-02T00:00:00Z"
    )
    check, schema = taken(write(tmp_path, {**frames(), "cables": links}, ".csv"))
    assert schema.files.tables == {"topology": "cables"}
    assert schema.topology.to_dict() == {
        "ends": ["parent_node", "child_node"],
        "directed": True,
        "valid_from": "since",
        "valid_until": "until",
    }
    assert schema.derived.neighbors.directions == ("upstream", "downstream")
    columns = check.to_dict()["tables"]["topology"]["columns"]
    assert {name: column["role"] for name, column in columns.items()} == {
        **dict.fromkeys(["parent_node", "child_node", "since", "until"], "topology"),
        "port": "none",
    }


def test_what_names_no_two_devices_a_row_is_no_table_of_links(tmp_path):
    others = {
        "owners": LINKS.rename(columns={"neighbor": "owner"}).assign(owner="jo"),
        "strangers": LINKS.assign(neighbor=["x1", "x2", "r1"]),
        "triples": LINKS.assign(third=LINKS["device"]),
    }
    check, schema = taken(write(tmp_path, {**frames(), **others}, ".csv"))
    assert schema.topology is None and not schema.group_features
    assert sorted(check.unread) == ["owners.csv", "strangers.csv", "triples.csv"]


@pytest.mark.parametrize("of_links", [",", ";", "|"])
@pytest.mark.parametrize("of_others", [",", ";"])
def test_a_table_of_links_may_be_written_in_its_own_way(tmp_path, of_links, of_others):
    for name, frame in frames().items():
        frame.to_csv(tmp_path / f"{name}.csv", sep=of_others, index=False)
    LINKS.to_csv(tmp_path / "cables.csv", sep=of_links, index=False)
    _, schema = taken(tmp_path)
    assert schema.group_features
    assert schema.files.csv_of("cables.csv").separator == of_links
    assert schema.files.csv_of("metrics.csv").separator == of_others


def test_features_of_neighbors_are_proposed_beside_those_relative_to_the_device(tmp_path):
    tables = frames()
    size = 10.0 ** tables["metrics"]["router"].str[1:].astype(int)
    tables["metrics"]["load"] *= size
    _, schema = taken(write(tmp_path, {**tables, "topology": LINKS}, ".csv"))
    assert schema.derived.relative is not None and schema.derived.neighbors is not None


def test_a_table_of_the_part_that_is_called_device_is_one_of_links(tmp_path):
    tables = {}
    for name, frame in frames().items():
        frame = frame.rename(columns={"router": "device"})
        ports = [frame.assign(interface=port) for port in ("eth0", "eth1")]
        tables[name] = pd.concat(ports, ignore_index=True)
    check, schema = taken(write(tmp_path, {**tables, "topology": LINKS}, ".csv"))
    assert schema.entity == ("device", "interface") and check.proposal.fields["topology"] == {}
    assert schema.derived.neighbors is not None
