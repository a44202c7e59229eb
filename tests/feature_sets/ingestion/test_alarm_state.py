"""Rows of alarm logs beside what was sent live, and files that are read again."""

from __future__ import annotations

from typing import Any

import pandas as pd

from feature_sets.ingestion.label_state import LabelState, no_statements
from feature_sets.telemetry.alarm_rows import paired_alarms
from feature_sets.telemetry.frames import Telemetry
from feature_sets.telemetry.incident_rows import END, KNOWN, SOURCE, IncidentPart
from feature_sets.telemetry.incidents_that_count import LIVE, incidents_that_count
from feature_sets.telemetry.schema import TelemetrySchema
from tests.feature_sets.telemetry.test_alarm_rows import BEGIN, log, schema, spans


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
        # The log has not cleared it, so it is raised again, as what is open.
        state = told(state, part([(20, "R", "p")], of, "b.csv"), of)
        assert spans(incidents_that_count(state.incidents, of)) == [(5, 7)]
        assert len(state.incidents) == 2


def test_a_file_that_is_read_again_has_its_new_rows_in_place_of_the_old_ones() -> None:
    of = schema("port")
    state = told(LabelState.of(None, of), part([(5, "R", "p"), (6, "R", "q")], of, "a.csv"), of)
    state = told(state, part([(9, "C", "p"), (8, "C", "x")], of, "b.csv"), of)
    assert spans(state.incidents) == [(5, 9), (6, None)]
    assert state.unraised == 1
    state = told(state, part([(5, "R", "p"), (6, "R", "q"), (7, "R", "x")], of, "a.csv"), of)
    assert spans(state.incidents) == [(5, 9), (6, None), (7, 8)]
    assert state.unraised == 0
