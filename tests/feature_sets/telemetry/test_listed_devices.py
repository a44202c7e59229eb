"""Tickets that name several devices in one cell: they are told, with the way out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from feature_sets.telemetry.inspection.choices import Proposal
from feature_sets.telemetry.inspection.column_profile import profile_column
from feature_sets.telemetry.inspection.key_notes import tell_scopes
from feature_sets.telemetry.inspection.table_profile import TableProfile
from feature_sets.telemetry.listed_devices import lists_of
from feature_sets.telemetry.readers import read_telemetry
from feature_sets.telemetry.schema import TelemetrySchema

KNOWN = {"sw1", "sw2", "core one"}
KEYS = {"oslo/sw1", "oslo/sw2", "rome/sw1"}


@pytest.mark.parametrize("between", [", ", ",", ";", " ; ", "|", " / ", "\n", " & ", " + ", " and ", " "])
def test_names_of_devices_with_a_sign_between_are_a_list(between: str) -> None:
    assert lists_of([between.join(["sw1", "sw2"]), "sw1"], KNOWN) == [between.join(["sw1", "sw2"])]


@pytest.mark.parametrize(
    ("value", "is_list"),
    [
        ("core one, sw1", True),
        ("core one", False),
        ("sw1, sw9", False),
        ("sw1,", False),
        ("oslo/sw1, rome/sw1", True),
        ("oslo/sw1, sw2", True),
        ("rome/sw1, sw3", False),
        ("sandwich", False),
    ],
)
def test_every_part_of_a_list_is_a_device(value: str, is_list: bool) -> None:
    assert lists_of([value], KNOWN | KEYS, "/") == [value] * is_list


def test_the_site_before_the_first_name_holds_for_the_others() -> None:
    given = ["oslo/sw1, sw2", "rome/sw1, sw2", "rome/sw1; oslo/sw2"]
    assert lists_of(given, KEYS, "/") == [given[0], given[2]]


@pytest.mark.parametrize("labels", [{}, {"scope": ["box"]}])
def test_a_ticket_of_several_devices_is_warned_of(tmp_path: Path, labels: dict[str, Any]) -> None:
    rows = "".join(f"{box},2024-05-01T12:0{minute}:00Z,1\n" for minute in range(9) for box in ("a", "b", "c"))
    (tmp_path / "metrics.csv").write_text("box,at,load\n" + rows, encoding="utf-8")
    tickets = '"a, b",2024-05-01T12:01:00Z,\nc,2024-05-01T12:02:00Z,\n'
    (tmp_path / "incidents.csv").write_text("box,start,end\n" + tickets, encoding="utf-8")
    schema = TelemetrySchema.from_dict(
        {
            "name": "lab",
            "entity": ["box"],
            "time": "at",
            "metrics": {"load": None},
            "label": "bad",
            "labels": {"form": "incidents", **labels},
        }
    )
    _, report = read_telemetry(tmp_path, schema)
    (warning,) = report.labels.warnings
    column = "box" if labels else "device"
    assert warning == (
        f"1 value of '{column}' names several devices, 'a, b', and counts for none of them: write a row for "
        "each device, with an id of its own if there is one, such as T7-1 and T7-2"
    )


def test_a_look_at_a_folder_tells_of_lists_once() -> None:
    heads = {"metrics": ["sw1", "sw2", "sw3"], "incidents": ["sw1;sw2", "sw1;sw3", "sw2"]}
    tables = {}
    for name, boxes in heads.items():
        head = pa.table({"box": boxes})
        columns = {"box": profile_column("box", head["box"])}
        tables[name] = TableProfile(name, ("a.csv",), 3, 3, columns, head=head)
    proposal = Proposal()
    tell_scopes(proposal, {"metrics": tables["metrics"]}, tables["incidents"], ["box"])
    (told,) = proposal.decide
    assert told.startswith(
        "Of the incidents, 2 values of 'box' name several devices, such as 'sw1;sw2', and "
    )
