"""Rows of alarm logs beside what was sent live, and files that are read again."""

from __future__ import annotations

from typing import Any, cast

import pandas as pd
import pyarrow as pa

from feature_sets.ingestion.history.stored_history import StoredHistory
from feature_sets.ingestion.label_state import LabelState, no_statements
from feature_sets.labels.withdrawn import withdrawn
from feature_sets.telemetry.alarm_rows import paired_alarms
from feature_sets.telemetry.frames import Telemetry
from feature_sets.telemetry.incident_events import made_id
from feature_sets.telemetry.incident_rows import END, ID, KNOWN, SOURCE, START, IncidentPart, incident_types
from feature_sets.telemetry.incidents_that_count import LIVE, incidents_that_count
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from tests.feature_sets.telemetry.test_alarm_rows import BEGIN, CONTENT, log, schema, spans


def told(state: LabelState, part: IncidentPart, of: TelemetrySchema) -> LabelState:
    nothing = no_statements(of)
    return state.told(Telemetry(nothing, nothing, nothing, incidents=part), of)


def part(rows: list[tuple[Any, ...]], of: TelemetrySchema, file: str) -> IncidentPart:
    alarms = log(rows, of, file)
    return IncidentPart(paired_alarms(alarms, of).incidents, (file,), alarms)


def live(incidents: pd.DataFrame, end: int) -> IncidentPart:
    """The same incidents, closed live."""
    moment = BEGIN + pd.Timedelta(seconds=end)
    return IncidentPart(incidents.assign(**{SOURCE: LIVE, END: moment, KNOWN: moment}), (LIVE,))


def test_what_was_closed_live_stays_so_while_logs_come_and_the_log_stays_while_live_ones_come() -> None:
    for alarm in ((), ("port",)):
        of = schema(*alarm)
        state = told(LabelState.of(None, of), part([(5, "R", "p")], of, "a.csv"), of)
        state = told(state, live(state.incidents, 7), of)
        assert state.alarms is not None and len(state.alarms) == 1
        assert spans(incidents_that_count(state.incidents, of)) == [(5, 7)]
        # What the log raises again after that is another incident, which it may clear.
        first = state
        state = told(state, part([(6, "R", "p"), (20, "R", "p"), (21, "R", "p")], of, "b.csv"), of)
        assert spans(incidents_that_count(state.incidents, of)) == [(5, 7), (20, None)]
        assert len(state.incidents) == 3
        closed = told(state, part([(30, "C", "p")], of, "c.csv"), of)
        assert spans(incidents_that_count(closed.incidents, of)) == [(5, 7), (20, 30)]
        assert closed.unraised == 0
        # Without a raise in between, the clear of the log is that of the incident.
        late = told(first, part([(9, "C", "p"), (20, "R", "p")], of, "b.csv"), of)
        without_id = [] if alarm else [(5, 9)]
        assert spans(incidents_that_count(late.incidents, of)) == [(5, 7), *without_id, (20, None)]
        assert spans(late.incidents[late.incidents[SOURCE] != LIVE]) == [(5, 9), (20, None)]


def test_the_order_in_which_logs_and_live_ends_come_does_not_matter() -> None:
    for alarm in ((), ("port",)):
        of = schema(*alarm)
        rows = [(5, "R", "p"), (20, "R", "p"), (25, "R", "p"), (40, "R", "p"), (50, "C", "p")]
        whole = told(LabelState.of(None, of), part(rows, of, "a.csv"), of)
        assert spans(whole.incidents) == [(5, 50)]
        sent = live(whole.incidents, 7)
        second = BEGIN + pd.Timedelta(seconds=20)
        named = made_id({DEVICE: "r1", **dict.fromkeys(alarm, "p")}, second.timestamp()) if alarm else None
        again = live(whole.incidents.assign(**{START: second, ID: named}), 40)
        both = IncidentPart(pd.concat([sent.frame, again.frame], ignore_index=True), (LIVE,))
        after = told(whole, both, of)
        before = told(told(LabelState.of(None, of), both, of), part(rows, of, "a.csv"), of)
        assert spans(incidents_that_count(after.incidents, of)) == [(5, 7), (20, 40), (40, 50)]
        pd.testing.assert_frame_equal(after.incidents, before.incidents)


def test_what_ends_live_when_it_starts_or_was_cancelled_ends_nothing_else() -> None:
    of = schema("port")
    rows = [(1, "R", "p"), (5, "C", "p"), (5, "R", "p"), (20, "R", "p")]
    state = told(LabelState.of(None, of), part(rows, of, "a.csv"), of)
    second = state.incidents.tail(1)
    for sent in (live(second, 5), IncidentPart(live(second, 9).frame.assign(cancelled=True), (LIVE,))):
        found = told(state, sent, of).incidents
        assert spans(found[found[SOURCE] != LIVE]) == [(1, 5), (5, None)]


def test_a_file_that_is_read_again_has_its_new_rows_in_place_of_the_old_ones() -> None:
    of = schema("port")
    state = told(LabelState.of(None, of), part([(5, "R", "p"), (6, "R", "q")], of, "a.csv"), of)
    state = told(state, part([(9, "C", "p"), (8, "C", "x")], of, "b.csv"), of)
    assert spans(state.incidents) == [(5, 9), (6, None)]
    assert state.unraised == 1
    state = told(state, part([(5, "R", "p"), (6, "R", "q"), (7, "R", "x")], of, "a.csv"), of)
    assert spans(state.incidents) == [(5, 9), (6, None), (7, 8)]
    assert state.unraised == 0


def test_rows_of_a_log_that_are_told_with_another_text_or_known_later_are_not_withdrawn() -> None:
    of = schema("port")
    before = told(LabelState.of(None, of), part([(5, "R", "p", "minor", 6), (9, "C", "p")], of, "a.csv"), of)
    rows: list[tuple[Any, ...]]
    for rows, count in (
        ([(5, "R", "p", "minor", 30), (9, "C", "p")], 0),
        ([(5, "R", "p", "major"), (9, "C", "p", None, 9)], 0),
        ([(5, "R", "p", "minor", 6), (10, "C", "p")], 1),
        ([(5, "R", "q", "minor", 6), (9, "C", "p")], 1),
        ([(9, "C", "p")], 1),
    ):
        again = part(rows, of, "a.csv")
        now = told(before, again, of)
        found = withdrawn(before.incidents, now.incidents, before.alarms, now.alarms, again, of)
        assert found.count == count, rows


class Kept:
    """A history beside which something is kept."""

    def __init__(self, state: LabelState) -> None:
        self.folder, self._tables = self, state.attachments()

    def has(self, name: str) -> bool:
        return name in self._tables

    def read(self, name: str) -> pa.Table:
        return self._tables[name]


def test_ids_that_an_earlier_version_kept_as_they_were_written_are_those_of_now() -> None:
    of = schema("port")
    kept = cast(
        "StoredHistory", Kept(told(LabelState.of(None, of), part([(5, "R", "7.0")], of, "a.csv"), of))
    )
    state = told(LabelState.of(kept, of), part([(9, "C", "7")], of, "b.csv"), of)
    assert spans(incidents_that_count(state.incidents, of)) == [(5, 9)] and state.unraised == 0
    assert LabelState.of(kept, of, with_log=False).alarms is None

    tickets = TelemetrySchema.from_dict({**CONTENT, "labels": {"form": "incidents", "kind": "severity"}})
    opened = part([(5, "R", "p")], of, "a.csv").frame[list(incident_types(tickets))]
    first = told(
        LabelState.of(None, tickets), IncidentPart(opened.assign(**{ID: "7.0"}), ("a.csv",)), tickets
    )
    closed = opened.assign(**{SOURCE: "b.csv", ID: "7", END: BEGIN + pd.Timedelta(seconds=9)})
    known = LabelState.of(cast("StoredHistory", Kept(first)), tickets)
    state = told(known, IncidentPart(closed, ("b.csv",)), tickets)
    assert spans(incidents_that_count(state.incidents, tickets)) == [(5, 9)]
