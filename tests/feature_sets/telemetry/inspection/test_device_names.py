"""Names of devices that tables write in two ways, and what is named in their column and is none."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from feature_sets.telemetry.inspection.column_profile import profile_column
from feature_sets.telemetry.inspection.folder_check import check_folder
from feature_sets.telemetry.inspection.key_and_time import key_candidates
from feature_sets.telemetry.inspection.table_profile import TableProfile
from tests.feature_sets.telemetry.inspection.test_folder_check import frames, write


def test_devices_under_two_names_of_columns_that_are_written_in_two_ways_are_told(tmp_path: Path) -> None:
    tables = frames()
    tables["metrics"]["router"] = "core1/" + tables["metrics"]["router"]
    tables["metrics"].insert(0, "mode", ["On", "off"] * (len(tables["metrics"]) // 2))
    tables["static"].insert(0, "state", ["on", "OFF"] * 3)
    for name in ("labels", "static"):
        tables[name] = tables[name].rename(columns={"router": "Port"})
        tables[name]["Port"] = "CORE1_" + tables[name]["Port"].str.upper()
    (sentence, *_) = check_folder(write(tmp_path, tables)).proposal.missing
    assert sentence == (
        "Nothing names the devices: 'router' of the metrics and 'Port' of the labels seem to, but differ in "
        "the signs between their parts, and upper and lower case, such as 'core1/r0' and 'CORE1_R0'. "
        "All tables must write a device alike."
    )


def test_devices_of_the_static_file_under_another_name_are_taken_whatever_it_is(tmp_path: Path) -> None:
    tables = frames()
    del tables["labels"]
    tables["metrics"] = tables["metrics"].rename(columns={"router": "Cell Name"})
    tables["static"] = tables["static"].rename(columns={"router": "Cell"})
    proposal = check_folder(write(tmp_path, tables)).proposal
    assert not proposal.missing
    assert proposal.fields["entity"] == ["Cell"]
    assert proposal.fields["rename"] == {"Cell Name": "Cell"}


def test_devices_under_two_names_of_columns_that_are_written_alike_are_told(tmp_path: Path) -> None:
    tables = frames()
    del tables["labels"]
    tables["metrics"] = tables["metrics"].rename(columns={"router": "Tower Name"})
    static = tables["static"].rename(columns={"router": "Tower"})
    tables["static"] = pd.concat([static, static])  # Each device twice, so not each row names another.
    (sentence, *_) = check_folder(write(tmp_path, tables)).proposal.missing
    assert sentence == (
        "Nothing names the devices: 'Tower Name' of the metrics and 'Tower' of the static seem to, with "
        "values such as 'r0' in both. Give both columns one name (rename: {Tower: Tower Name})."
    )


def test_columns_of_a_few_equal_words_name_no_devices(tmp_path: Path) -> None:
    tables = frames()
    tables["metrics"]["router"] = "core1/" + tables["metrics"]["router"]
    tables["static"]["state"] = "UP"
    tables["metrics"]["mode"] = "up"
    missing = check_folder(write(tmp_path, tables)).proposal.missing
    assert not any("seem to" in sentence for sentence in missing)


INTERVALS = pd.DataFrame(
    {"start": pd.Timestamp("2026-03-01T00:02:00Z"), "end": pd.Timestamp("2026-03-01T00:05:00Z")},
    index=range(2),
)


@pytest.mark.parametrize("table", ["incidents", "maintenance"])
def test_scopes_that_are_a_site_in_the_column_of_devices_are_told(tmp_path: Path, table: str) -> None:
    tables = frames()
    tables["static"]["site"] = ["oslo", "bergen"] * 3
    rows = INTERVALS.assign(router=["r1", "oslo"])
    if table == "incidents":
        del tables["labels"]
    (told,) = (
        sentence
        for sentence in check_folder(write(tmp_path, {**tables, table: rows})).proposal.decide
        if "no device" in sentence
    )
    assert told == (
        f"'oslo' in 'router' of the {table} is no device, but what 'site' of the static file says, so such "
        "rows count for no device. They need that in a column 'site', and 'router' empty."
    )


def test_incidents_that_write_devices_in_another_way_are_told(tmp_path: Path) -> None:
    tables = {**frames(), "incidents": INTERVALS.assign(router=["R1", "R2"])}
    del tables["labels"]
    (sentence,) = check_folder(write(tmp_path / "all", tables)).proposal.missing
    assert sentence.startswith(
        "2 of 2 values of 'router' in the incidents differ from those of the metrics only"
    )
    tables["incidents"]["router"] = ["r1", "R2"]
    check = check_folder(write(tmp_path / "some", tables))
    assert not check.proposal.missing
    assert any(sentence.startswith("1 of 2 values of 'router'") for sentence in check.proposal.decide)


def test_a_list_of_devices_in_an_incident_is_no_error(tmp_path: Path) -> None:
    tables = {**frames(), "incidents": INTERVALS.assign(router=[["r1", "r2"], ["r3"]])}
    del tables["labels"]
    check = check_folder(write(tmp_path, tables))
    assert check.tables["incidents"].columns["router"].kind == "nested"
    assert not any("no device" in sentence for sentence in check.proposal.decide)


def test_what_holds_devices_comes_first_also_where_it_has_more_values(tmp_path: Path) -> None:
    rows = [
        f"2026-01-01T00:{minute:02}:00Z,{ap},{site},{minute % 7}"
        for minute in range(0, 60, 5)
        for site in ("oslo", "bergen", "bodo")
        for ap in ("ap-1", "ap-2")
    ]
    (tmp_path / "metrics.csv").write_text("\n".join(["time,ap,site,clients", *rows, ""]))
    content = check_folder(tmp_path).proposal.content
    assert content is not None and content["entity"] == ["site", "ap"]


def test_the_time_at_which_an_incident_was_told_is_when_it_was_known(tmp_path: Path) -> None:
    rows = [f"2026-01-01T00:{minute:02}:00Z,r1,{minute % 7}" for minute in range(60)]
    (tmp_path / "metrics.csv").write_text("\n".join(["time,device,cpu", *rows, ""]))
    incidents = [
        f"r1,2026-01-01T00:{at}1:00Z,2026-01-01T00:{at}5:00Z,2026-01-01T00:{at}3:00Z" for at in range(5)
    ]
    (tmp_path / "incidents.csv").write_text("\n".join(["device,start,end,told_at", *incidents, ""]))
    content = check_folder(tmp_path).proposal.content
    assert content is not None and content["labels"] == {"form": "incidents", "known": "told_at"}


@pytest.mark.parametrize(
    ("inner", "outer", "names"),
    [
        ("switch", "pod", [("leaf1", f"pod{place}") for place in range(5)] + [("leaf2", "pod1")]),
        ("router", "Rack_ID", [("r1", f"rack{place}") for place in range(5)] + [("r2", "rack1")]),
        ("slot", "router", [("0", f"r{place}") for place in range(5)] + [("1", "r1")]),
        ("pod", "node", [("a1", "a"), ("a2", "a"), ("b1", "b"), ("b2", "b")]),  # Of Kubernetes.
        ("pod", "host", [("a1", "a"), ("a2", "a"), ("b1", "b"), ("c1", "c")]),
    ],
)
def test_what_holds_devices_is_the_outer_level_whose_names_may_be_more(
    inner: str, outer: str, names: list[tuple[str, str]]
) -> None:
    head = pa.table({inner: [name for name, _ in names], outer: [name for _, name in names]})
    columns = {name: profile_column(name, head[name]) for name in (inner, outer)}
    # A whole number such as a slot names devices where the static file has it.
    metrics, labels, static = (
        TableProfile(name, ("a.csv",), len(names), len(names), columns, head=head)
        for name in ("metrics", "labels", "static")
    )
    tables = {"metrics": metrics, "labels": labels, "static": static}
    assert key_candidates(tables) == [outer, inner]
