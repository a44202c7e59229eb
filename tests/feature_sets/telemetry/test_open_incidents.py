"""Incidents that are open whatever their end says, as a ticket that was reopened: in files and live alike."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from feature_sets.telemetry.errors import SchemaError
from feature_sets.telemetry.events import EventParser
from feature_sets.telemetry.incident_parser import IncidentParser
from feature_sets.telemetry.inspection.choices import Proposal
from feature_sets.telemetry.inspection.column_profile import profile_column
from feature_sets.telemetry.inspection.table_profile import TableProfile
from feature_sets.telemetry.inspection.ticket_states import open_states
from feature_sets.telemetry.readers import read_telemetry
from feature_sets.telemetry.schema import TelemetrySchema
from graphs.protocol.openapi import openapi_document

OPEN = {"open": {"state": ["Reopened", "In Progress"]}}
START, END = "2024-05-01T12:02:00Z", "2024-05-01T12:04:00Z"


def schema(**labels: Any) -> TelemetrySchema:
    content = {"name": "lab", "entity": ["box"], "time": "at", "metrics": {"load": None}, "label": "bad"}
    return TelemetrySchema.from_dict({**content, "labels": {"form": "incidents", **(labels or OPEN)}})


def test_the_end_of_an_open_ticket_does_not_count_in_files_and_live(tmp_path: Path) -> None:
    rows = "".join(f"{box},2024-05-01T12:0{minute}:00Z,1\n" for minute in range(9) for box in "abcd")
    (tmp_path / "metrics.csv").write_text("box,at,load\n" + rows, encoding="utf-8")
    # The last one was reopened at another start than its end is of.
    cells = [
        ("T1", "a", START, END, "Closed"),
        ("T2", "b", START, END, " REOPENED "),
        ("T3", "c", START, "", "In progress"),
        ("T4", "d", START, "2024-05-01T12:01:00Z", "reopened"),
    ]
    lines = ["id,box,start,end,state", *(",".join(row) for row in cells), ""]
    (tmp_path / "incidents.csv").write_text("\n".join(lines), encoding="utf-8")
    telemetry, report = read_telemetry(tmp_path, schema())
    assert not report.labels.rejected
    assert report.labels.values == {"end_of_open": {"state": 2}}
    assert not any("no row has" in note for note in report.labels.notes)
    assert telemetry.incidents is not None
    ends = telemetry.incidents.frame["end"]
    assert ends.tolist() == [pd.Timestamp(END), pd.NaT, pd.NaT, pd.NaT]
    parser = IncidentParser(schema(), EventParser(schema()))
    fields = ("id", "box", "start", "end", "state")
    live = [parser.incident(dict(zip(fields, row, strict=True))) for row in cells]
    assert [event.end for event in live] == [pd.Timestamp(END).timestamp(), None, None, None]
    assert all(event.ended for event in live)


def test_a_state_that_opens_is_the_same_as_an_end_of_null() -> None:
    parser = IncidentParser(schema(), EventParser(schema()))
    for body in ({"id": "T1"}, {"id": "T1", "box": "a", "start": START}):
        assert parser.incident({**body, "state": "Reopened"}) == parser.incident({**body, "end": None})
        assert parser.incident({**body, "state": "Closed"}) == parser.incident(body)
    sent = openapi_document(schema())["components"]["schemas"]["Incident"]["properties"]["state"]
    assert sent["description"] == "it is open if this is one of: Reopened, In Progress"


def test_a_value_that_no_row_has_is_told(tmp_path: Path) -> None:
    (tmp_path / "metrics.csv").write_text(f"box,at,load\na,{START},1\na,{END},2\n", encoding="utf-8")
    rows = f"id,box,start,end,state\nT1,a,{START},{END},Reopend\n"
    (tmp_path / "incidents.csv").write_text(rows, encoding="utf-8")
    _, report = read_telemetry(tmp_path, schema())
    told = "no row has 'Reopened', 'In Progress' in 'state', which labels.open names; there are 'Reopend'"
    assert told in report.labels.notes


def test_it_is_kept_and_is_of_incidents_with_an_end() -> None:
    assert schema().to_dict()["labels"] == {"form": "incidents", **OPEN}
    assert TelemetrySchema.from_dict(schema().to_dict()) == schema()
    for labels, told in (
        ({"form": "rows", **OPEN}, r"labels\.open': must be absent unless the form is incidents"),
        ({"alarm_log": {}, **OPEN}, r"labels\.open': must be absent beside alarm_log"),
        ({"open": ["Reopened"]}, r"labels\.open': must be a mapping: column -> values"),
        ({"open": {"state": []}}, r"labels\.open\.state': must have at least one value"),
        ({"open": {"end": ["never"]}}, r"labels\.open': must not be a column of times"),
    ):
        with pytest.raises(SchemaError, match=told):
            schema(**labels)


@pytest.mark.parametrize(
    ("states", "ends", "words"),
    [
        (["Closed", "Reopened", "In Progress", "Closed"], [END] * 4, ["Reopened", "In Progress"]),
        (["Resolved", "open", "open", "Closed"], [END, "", END, END], ["open"]),
        (["Resolved", "open", "open", "Closed"], [END, "", "", END], None),
        (["Resolved", "done", "Closed", "Closed"], [END] * 4, None),
        (["new", "open", "open", "new"], [END] * 4, None),
    ],
)
def test_states_of_open_tickets_with_an_end_are_proposed(
    states: list[str], ends: list[str], words: list[str] | None
) -> None:
    head = pa.table({"Ticket State": states, "end": ends})
    columns = {name: profile_column(name, head[name]) for name in head.column_names}
    table = TableProfile("incidents", ("a.csv",), 4, 4, columns, head=head)
    proposal = Proposal()
    assert open_states(proposal, table, "end", ()) == ({"Ticket_State": words} if words else {})
    assert len(proposal.decide) == bool(words)
    assert open_states(proposal, table, "", ()) == {}
