"""Reader of alarm logs: files of incidents with one row for a raise and one for a clear.

A row is left out for the first reason that fits: those of the device, ``missing_scope``, ``unparsable_time``,
``naive_time``, ``unparsable_known``, ``naive_known``, ``bad_state`` (its word neither raises nor clears,
nor acknowledges), ``from_future``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from feature_sets.checks import duration_seconds
from feature_sets.rows.keyed_rows import Bools
from feature_sets.telemetry.alarm_log import AlarmLog
from feature_sets.telemetry.alarm_rows import (
    LATER,
    RAISES,
    TIME,
    alarm_part,
    alarm_types,
    paired_alarms,
    rows_that,
)
from feature_sets.telemetry.incident_rows import (
    KNOWN,
    KNOWN_TWICE,
    ROW,
    SOURCE,
    IncidentPart,
    at,
    said,
    scope_columns,
    texts_about,
)
from feature_sets.telemetry.incidents_wanted import wanted_rows
from feature_sets.telemetry.ingest_report import FileReport
from feature_sets.telemetry.schema import TelemetrySchema
from feature_sets.telemetry.table_files import Columns, has_column
from feature_sets.telemetry.table_rows import TableRows

UNRAISED, REPEATED, SEEN = "clear_without_raise", "raise_repeated", "acknowledged"
HELD = "raise_in_hold_off"
"""What the report counts."""


def read_alarms(
    folder: Path,
    files: Sequence[Path],
    schema: TelemetrySchema,
    log: AlarmLog,
    report: FileReport,
    now: float = math.inf,
    whole: bool = True,
) -> IncidentPart:
    """Rows of files, and the incidents that they make without those of other files.

    :param log: of the schema.
    :param now: epoch seconds; a row further ahead of it than the tolerance is left out until then.
    :param whole: whether nothing else is known: a clear without a raise clears nothing.
    :raises TelemetryError: if a file cannot be read or lacks a column, or every row is wrong.
    """
    form = schema.labels
    time, state, alarm = log.columns(schema.time)
    here = [name for name in (form.kind, form.known) if has_column(folder, list(files), schema, name)]
    excluding = [column for column in texts_about(schema) if column in schema.exclude_labels]
    times = [time, *(name for name in here if name == form.known)]
    texts = [
        *form.scope,
        state,
        *alarm,
        *form.only,
        *(name for name in here if name != form.known),
        *excluding,
    ]
    asked = Columns(
        times=tuple(times), texts=tuple(dict.fromkeys(texts)), keyed=not form.scope, ids=frozenset(alarm)
    )
    rows = TableRows(folder, files, schema, report, asked)
    if form.scope:
        rows.reject("missing_scope", rows.frame[list(form.scope)].isna().all(axis=1).to_numpy())
    codes, words = pd.factorize(rows.frame[state])
    meanings = [log.raises(word) for word in words]
    seen = np.array([log.acknowledges(word) for word in words] + [False])[codes]
    unknown = np.array([one is None for one in meanings] + [True])[codes]
    up: Bools = np.array([bool(one) for one in meanings] + [False])[codes]
    later = _later(rows, time)
    rows.reject_times(time, "time")
    for column in times[1:]:
        rows.settle_twice(column, later=True, taken=KNOWN_TWICE)
        rows.reject_times(column, "known", optional=True)
    rows.reject("bad_state", unknown & ~seen, state)
    lost = int(np.count_nonzero(~rows.keep & ~unknown & ~up))
    if lost:
        what, were = rows_that(lost, "clear"), "was" if lost == 1 else "were"
        report.notes.append(
            f"{what} an alarm, but {were} left out above: it stays open unless a later row clears it"
        )
    frame = rows.frame
    if whole and report.rows_read and not rows.keep.any():
        rows.accepted([time], some=True)
    if now < math.inf:
        rows.reject_from_future(time, now, duration_seconds(schema.windows.future_tolerance))
    nothing = pd.Series(None, index=frame.index, dtype="object")
    never = pd.Series(pd.NaT, index=frame.index, dtype="datetime64[ns, UTC]")
    found = pd.DataFrame(
        {
            SOURCE: rows.file_names(),
            ROW: np.arange(len(frame), dtype=np.int64),
            **{at(column): frame[column] for column in scope_columns(schema)},
            **{alarm_part(column): frame[column] for column in alarm},
            TIME: frame[time],
            LATER: later,
            KNOWN: frame[form.known] if form.known in here else never,
            RAISES: up,
            **{said(name): frame.get(name, nothing) for name in texts_about(schema)},
        }
    ).astype(alarm_types(schema))
    report.count(SEEN, state, int((rows.keep & seen).sum()))
    wanted = wanted_rows(rows, form.only, log, state, whole)
    places = np.flatnonzero(rows.keep & ~seen & wanted)
    kept = found.iloc[places].reset_index(drop=True)
    rows.accepted([time], some=False)
    paired = paired_alarms(kept, schema)
    raises = int(kept[RAISES].sum())
    clear = rows_that(len(kept) - raises, "clear")
    report.notes.append(f"alarm log: {rows_that(raises, 'raise')} an alarm, {clear} one")
    if whole and len(kept) and raises in (0, len(kept)):
        does, field = ("clears", "cleared") if raises else ("raises", "raised")
        report.warnings.append(f"no row {does} an alarm: labels.alarm_log.{field} names the words that do")
    report.count(REPEATED, state, len(paired.repeated))
    report.count(HELD, state, paired.held)
    alone = places[paired.unraised]
    if len(alone) and whole:
        report.count(UNRAISED, state, len(alone))
        report.samples[UNRAISED] = rows.shown(UNRAISED, int(alone[0]), state)
    elif len(alone):
        clear = rows_that(len(alone), "clear")
        shown = rows.shown(UNRAISED, int(alone[0]), state)
        report.notes.append(
            f"{clear} what these files do not raise, such as {shown}: what the history has open ends then"
        )
    return IncidentPart(paired.incidents, tuple(report.marks), kept)


def _later(rows: TableRows, time: str) -> pd.Series:
    """The later moment of rows whose local time clocks show twice; they are taken for the earlier one so far.

    Which of both it is depends on rows that may be in other files, see ``paired_alarms``.
    """
    twice = rows.twice(time)
    rows.settle(time, twice, twice.first)
    found = pd.Series(pd.NaT, index=rows.frame.index, dtype="datetime64[ns, UTC]")
    if len(twice.rows):
        moments = twice.second.astype("datetime64[us]").astype("datetime64[ns]")
        found.iloc[twice.rows] = pd.DatetimeIndex(moments, tz="UTC")
        said = "a raise is of the earlier one and a clear of the later one, unless the rows of the alarm tell"
        rows.note_twice(time, twice, said)
    return found
