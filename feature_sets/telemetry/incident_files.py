"""Reader of files of incidents.

A row is left out for the first reason that fits: those of the device, ``missing_scope`` (it names no device),
``unparsable_start``, ``naive_start``, ``unparsable_end``, ``naive_end``, ``unparsable_known``,
``naive_known``, ``bad_cancelled``, ``end_before_start``, ``bad_state`` (of an alarm log),
``from_future`` (it begins then). What it names need not be known: a device may join later.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from feature_sets.checks import duration_seconds
from feature_sets.rows.keyed_rows import Bools
from feature_sets.telemetry.alarm_files import read_alarms
from feature_sets.telemetry.cell_text import truth_of
from feature_sets.telemetry.device_part import device_names
from feature_sets.telemetry.errors import TelemetryError
from feature_sets.telemetry.file_format import PLAIN, FileFormat
from feature_sets.telemetry.folder_files import find_files
from feature_sets.telemetry.incident_rows import (
    CANCELLED,
    END,
    ID,
    KNOWN,
    KNOWN_TWICE,
    REOPENED,
    ROW,
    SOURCE,
    START,
    IncidentPart,
    at,
    incident_types,
    no_incidents,
    said,
    scope_columns,
    texts_about,
)
from feature_sets.telemetry.incidents_that_count import incidents_that_count
from feature_sets.telemetry.incidents_wanted import wanted_rows
from feature_sets.telemetry.ingest_report import FileMark, FileReport
from feature_sets.telemetry.label_form import LabelForm
from feature_sets.telemetry.listed_devices import lists_of, warn_of_lists
from feature_sets.telemetry.open_incidents import open_rows
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from feature_sets.telemetry.scope_notes import note_absent_scopes, warn_of_nobody
from feature_sets.telemetry.table_files import Columns, columns_of, has_column
from feature_sets.telemetry.table_rows import TableRows, split_files

_END = re.compile(
    r"(^|[^a-z])(end|stop|close|clear|resolve|finish)(d|ed|s|ped)?([ _.-]|at|time|date|on|ts|stamp|utc)*$"
    r"|until|(^|[^a-z])to$"
)

TABLES = ("incidents", "labels")
"""Names that the table may have."""


def find_incident_files(folder: Path, optional: bool, form: FileFormat = PLAIN) -> list[Path]:
    """Files with incidents: the table ``incidents``, or ``labels``.

    :param optional: whether there may be none.
    :param form: has the name, if it is another one.
    :raises TelemetryError: if there is none, or both.
    """
    first, second = (find_files(folder, name, True, form) for name in TABLES)
    if first and second and first != second:
        names = [str(found[0].relative_to(folder)) for found in (first, second)]
        raise TelemetryError(TABLES[0], "must be in one table only, 'incidents' or 'labels'", names)
    return first or second or find_files(folder, TABLES[0], optional, form)


def read_incidents(
    folder: Path,
    files: list[Path],
    schema: TelemetrySchema,
    report: FileReport,
    known: Mapping[str, FileMark],
    now: float = math.inf,
    whole: bool = True,
) -> IncidentPart:
    """Incidents of the files that are new or changed.

    :param known: marks of earlier ingestions.
    :param now: epoch seconds; one that begins further ahead of it than the tolerance is left out until then.
    :param whole: whether there is no history yet.
    :raises TelemetryError: if a file cannot be read or lacks a column, or every row is wrong.
    """
    form = schema.labels
    unread, unchanged = split_files(folder, files, known, 0, now)
    report.leave(unchanged)
    if not unread:
        return IncidentPart(no_incidents(schema), ())
    if not known:  # A part of a history need not have a file of each source.
        _note_absent_sources(files, schema, report)
    if form.alarm_log is not None:
        return read_alarms(folder, unread, schema, form.alarm_log, report, now, whole)
    excluding = [column for column in texts_about(schema) if column in schema.exclude_labels]
    optional = {
        name: has_column(folder, unread, schema, name)
        for name in (form.id, form.kind, form.known, form.cancelled)
    }
    here = [name for name, found in optional.items() if found]
    ends = [form.end] if _has_end(folder, unread, schema) else []
    times = [form.start, *ends, *(name for name in here if name == form.known)]
    texts = dict.fromkeys(
        [*form.scope, *form.only, *form.open, *(name for name in here if name != form.known), *excluding]
    )
    ids = frozenset([form.id])
    asked = Columns(times=tuple(times), texts=tuple(texts), keyed=not form.scope, ids=ids)
    rows = TableRows(folder, unread, schema, report, asked)
    if form.scope:
        rows.reject("missing_scope", rows.frame[list(form.scope)].isna().all(axis=1).to_numpy())
    # So that an incident covers all time that it may have had, and nobody knows of it too early.
    rows.settle_twice(form.start, later=False, taken="a start is of the earlier moment")
    for column in ends:
        rows.settle_twice(column, later=True, taken="an end is of the later moment")
    for column in times[1 + len(ends) :]:
        rows.settle_twice(column, later=True, taken=KNOWN_TWICE)
    for column in times:
        rows.reject_times(column, _kind_of(column, schema), optional=column != form.start)
    frame = rows.frame
    if form.cancelled in here:
        cancelled, wrong = _truths(frame[form.cancelled])
        rows.reject("bad_cancelled", wrong, form.cancelled)
    else:
        cancelled = np.zeros(len(frame), dtype=np.bool_)
    never = pd.Series(pd.NaT, index=frame.index, dtype="datetime64[ns, UTC]")
    if ends and form.open:
        frame[form.end] = frame[form.end].mask(open_rows(rows, form.open, form.end, whole))
    if ends:  # A missing end is after no start.
        rows.reject("end_before_start", (frame[form.end] < frame[form.start]).to_numpy(), form.end)
    elif unread:
        report.notes.append(f"no column '{form.end}': all incidents are open")
    if whole and report.rows_read and not rows.keep.any():
        rows.accepted([form.start], some=True)
    if now < math.inf:
        rows.reject_from_future(form.start, now, duration_seconds(schema.windows.future_tolerance))
    nothing = pd.Series(None, index=frame.index, dtype="object")
    found = pd.DataFrame(
        {
            SOURCE: rows.file_names(),
            ROW: np.arange(len(frame), dtype=np.int64),
            ID: frame[form.id] if form.id in here else nothing,
            **{at(column): frame[column] for column in scope_columns(schema)},
            START: frame[form.start],
            END: frame[form.end] if ends else never,
            KNOWN: frame[form.known] if form.known in here else never,
            CANCELLED: cancelled,
            REOPENED: never,
            **{said(name): frame.get(name, nothing) for name in texts_about(schema)},
        }
    ).astype(incident_types(schema))
    wanted = wanted_rows(rows, form.only, whole=whole)
    # One that was among those before, as of another severity, is an incident no more.
    found[CANCELLED] |= ~wanted
    kept = found[rows.keep & (wanted | found[ID].notna())].reset_index(drop=True)
    rows.accepted([form.start], some=False)
    return IncidentPart(kept, tuple(report.marks))


def _note_absent_sources(files: list[Path], schema: TelemetrySchema, report: FileReport) -> None:
    """Note sources of the schema that no file is called by."""
    there = sorted({path.name.partition(".")[0] for path in files})
    absent = [name for name in schema.labels.sources if name not in there]
    if absent:
        what = f"labels.sources: no file of incidents is called {', '.join(absent)}"
        report.notes.append(f"{what}; there are {', '.join(there)}")


def _has_end(folder: Path, files: list[Path], schema: TelemetrySchema) -> bool:
    """Whether incidents may have an end: all are open where no column has the usual name of it, or another.

    :raises TelemetryError: if one has another, which the schema does not name.
    """
    end = schema.labels.end
    if end != LabelForm().end or has_column(folder, files, schema, end):
        return True
    for path in files:
        for column in columns_of(folder, path, schema):
            if column != schema.labels.start and may_be_end(column):
                rule = f"is required; if '{column}' is the end, the schema says so in labels.end"
                raise TelemetryError(f"{path.relative_to(folder)}, column '{end}'", rule, column)
    return False


def may_be_end(column: str) -> bool:
    """Whether a column has the name of an end of something.

    >>> may_be_end("Closed At"), may_be_end("endTime"), may_be_end("close_code"), may_be_end("vendor")
    (True, True, False, False)
    """
    return _END.search(re.sub(r"(?<=[a-z])(?=[A-Z])", "_", column).lower()) is not None


def note_incidents(
    part: IncidentPart,
    schema: TelemetrySchema,
    devices: Collection[str],
    attributes: pd.DataFrame,
    report: FileReport,
) -> None:
    """Note how many incidents are open, which name no device that is known, and which overlap.

    :param devices: keys of the devices that are known.
    :param attributes: of these.
    """
    if not len(part.frame):
        return
    frame = incidents_that_count(part.frame, schema)
    others = len(part.frame) - len(frame)
    still = int(frame[END].isna().sum())
    incidents = "incident" if len(frame) == 1 else "incidents"
    report.notes.append(f"{len(frame):,} {incidents}, {still:,} of them without an end")
    if others and schema.labels.alarm_log is None:
        rows = "1 row does not count: it was" if others == 1 else f"{others:,} rows do not count: they were"
        left_out = "cancelled, or not in labels.only" if schema.labels.only else "cancelled"
        report.notes.append(f"{rows} {left_out}, or a later row is about the same incident")
    if not len(frame):
        return
    if schema.labels.scope:
        wanted = {column: frame[at(column)].dropna() for column in schema.labels.scope}
        nowhere = note_absent_scopes(wanted, schema, devices, attributes, report)
        named = [
            frame[at(column)].isin({value for where, value in nowhere if where == column}).to_numpy()
            for column in wanted
        ]
        unknown = np.logical_or.reduce(named)
    else:
        names = {name for device in devices for name in device_names(device, schema)}
        unknown = ~frame[at(DEVICE)].isin(names).to_numpy()
        _note(report, frame, unknown, schema, "incidents name a device that is not known")
        strangers = frame[at(DEVICE)][unknown].dropna().drop_duplicates()
        warn_of_lists(report, DEVICE, lists_of(strangers, names, schema.separator))
    if unknown.all():
        warn_of_nobody(report, "incidents", len(frame))
    what = "incidents end when they start: no reading is an error by them (labels.tolerance)"
    if schema.labels.tolerance_seconds:
        what = f"incidents end when they start: they last for the {schema.labels.tolerance} before"
    instants = frame[START] == frame[END]
    _note(report, frame, instants.to_numpy(), schema, what)
    order = frame.sort_values(START, kind="stable")
    what = "without an end: all readings from the start on are errors"
    _note(report, order, order[END].isna().to_numpy(), schema, what)
    far = pd.Timestamp.max.tz_localize("UTC")
    ends = order[END].fillna(far)
    keys = [order[at(column)].fillna("") for column in scope_columns(schema)]
    before = ends.groupby(keys).cummax().groupby(keys).shift()
    overlaps = order[START] < before
    what = (
        f"incidents begin before an earlier one ended; both count (labels.conflict: {schema.labels.conflict})"
    )
    _note(report, order, overlaps.to_numpy(), schema, what)


def _note(report: FileReport, frame: pd.DataFrame, rows: Bools, schema: TelemetrySchema, what: str) -> None:
    if not rows.any():
        return
    first = frame.iloc[int(np.argmax(rows))]
    names = ", ".join(
        f"{column} {first[at(column)]!r}" for column in scope_columns(schema) if first[at(column)] is not None
    )
    since = first[START].isoformat()
    report.notes.append(f"{int(rows.sum()):,} {what}, such as {names} from {since} in {first[SOURCE]}")


def _kind_of(column: str, schema: TelemetrySchema) -> str:
    form = schema.labels
    return {form.start: START, form.end: END, form.known: KNOWN}[column]


def _truths(column: pd.Series) -> tuple[Bools, Bools]:
    """What a column of truth values says, false where it is empty, and which cells say none."""
    codes, texts = pd.factorize(column)
    truths = [truth_of(text) for text in texts]
    said_true = np.array([bool(truth) for truth in truths] + [False])[codes]
    return said_true, np.array([truth is None for truth in truths] + [False])[codes]
