"""All that was said of errors, kept beside the label rows that are made of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from feature_sets.ingestion.history.added_rows import SAMPLES
from feature_sets.ingestion.history.stored_history import StoredHistory
from feature_sets.ingestion.history.whole_rows import Stretches
from feature_sets.ingestion.incident_changes import END_OF_TIME, told_again
from feature_sets.rows.event_micros import column_micros
from feature_sets.telemetry.alarm_rows import LATER, alarm_ids, joined_alarms, no_alarms, paired_alarms
from feature_sets.telemetry.cell_text import ids_of, texts_of
from feature_sets.telemetry.device_part import has_device_part
from feature_sets.telemetry.each_horizon import ahead_targets, longest_horizon_seconds
from feature_sets.telemetry.events import label_columns
from feature_sets.telemetry.frames import Telemetry
from feature_sets.telemetry.incident_rows import (
    ID,
    KNOWN,
    REOPENED,
    SOURCE,
    IncidentPart,
    joined_incidents,
    no_incidents,
    scope_columns,
)
from feature_sets.telemetry.incidents_that_count import LIVE
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema

STATEMENTS, INCIDENTS, MADE_OF, ALARMS = BESIDE = "_statements", "_incidents", "_made_of", "_alarms"
"""Files beside those of the feature set: labels as they were given, incidents, which rows were made of which
files of readings, and the rows of alarm logs."""


@dataclass(frozen=True)
class Retold:
    """What became of label rows that were told.

    :param new: that were not known.
    :param known: of a device and time of which a label is known.
    :param conflicting: of the known ones those that say something else; the first stays.
    :param conflicts: some of these, as those of ``Appended``.
    """

    new: int = 0
    known: int = 0
    conflicting: int = 0
    conflicts: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True)
class LabelState:
    """What the label rows of a history are made of.

    :param statements: labels that are rows, as they were given; each device and time once.
    :param incidents: rows of all sources.
    :param files: files of readings, with their first and last time in microseconds.
    :param attributes: digest of those that matter.
    :param newest: time of the newest reading; None without one.
    :param alarms: rows of an alarm log of all sources, see ``alarm_types``: a clear may come later than its
        raise, in another file. None without one.
    :param unraised: rows of these that clear what is not raised; None unless such rows were just told.
    """

    statements: pd.DataFrame
    incidents: pd.DataFrame
    files: Mapping[str, tuple[int, int]]
    attributes: str = ""
    newest: int | None = None
    alarms: pd.DataFrame | None = None
    unraised: int | None = None

    @classmethod
    def of(cls, stored: StoredHistory | None, schema: TelemetrySchema, with_log: bool = True) -> LabelState:
        """As it is kept beside the labels of a history.

        :param with_log: whether rows of alarm logs are read; only who adds to a history needs them.
        """
        if stored is None or not stored.folder.has(MADE_OF):
            return cls(no_statements(schema), no_incidents(schema), {})
        content = json.loads(stored.folder.read(MADE_OF)["content"][0].as_py())
        return cls(
            _frame(stored.folder.read(STATEMENTS), no_statements(schema)),
            _frame(stored.folder.read(INCIDENTS), no_incidents(schema), (ID,)),
            {path: (first, last) for path, (first, last) in content["files"].items()},
            content["attributes"],
            content["newest"],
            _frame(stored.folder.read(ALARMS), no_alarms(schema), alarm_ids(schema))
            if with_log and stored.folder.has(ALARMS)
            else None,
        )

    def attachments(self) -> dict[str, pa.Table]:
        """As files beside those of the feature set."""
        content = {
            "files": {path: list(times) for path, times in sorted(self.files.items())},
            "attributes": self.attributes,
            "newest": self.newest,
        }
        return {
            STATEMENTS: _table(self.statements),
            INCIDENTS: _table(self.incidents),
            MADE_OF: pa.table({"content": pa.array([json.dumps(content)], pa.string())}),
            **({} if self.alarms is None else {ALARMS: _table(self.alarms)}),
        }

    def told(self, rows: Telemetry, schema: TelemetrySchema) -> LabelState:
        """The same with what a part says. Of two labels of a device and time the first stays."""
        keys = [DEVICE, schema.time]
        incidents, alarms, unraised = self.incidents, self.alarms, None
        if rows.incidents is not None:
            others = incidents[~incidents[SOURCE].isin(rows.incidents.files)]
            given_now = rows.incidents.frame
            if rows.incidents.alarms is not None:
                alarms, given_now = self._alarms_with(rows.incidents, schema), no_incidents(schema)
            if alarms is not None:  # What was sent live may close what a log raises again.
                sent = joined_incidents([others[others[SOURCE] == LIVE], given_now], schema)
                paired = paired_alarms(alarms, schema, sent)
                others, given_now = sent, paired.incidents
                unraised = None if rows.incidents.alarms is None else len(paired.unraised)
            incidents = joined_incidents([others, given_now], schema)
            incidents = incidents.sort_values([SOURCE, "row"], kind="stable", ignore_index=True)
        given = [frame for frame in (self.statements, rows.labels) if len(frame)]
        statements = self.statements
        if given:
            statements = pd.concat(given, ignore_index=True)[list(self.statements.columns)]
            statements = statements.drop_duplicates(keys).sort_values(
                [schema.time, DEVICE], kind="stable", ignore_index=True
            )
        return LabelState(statements, incidents, self.files, self.attributes, self.newest, alarms, unraised)

    def _alarms_with(self, part: IncidentPart, schema: TelemetrySchema) -> pd.DataFrame:
        """Rows of alarm logs, those of files that were read again in place of what they had."""
        known = no_alarms(schema) if self.alarms is None else self.alarms
        return joined_alarms([known[~known[SOURCE].isin(part.files)], part.alarms], schema)

    def retold(self, labels: pd.DataFrame, schema: TelemetrySchema) -> Retold:
        """What of some label rows is known already."""
        keys = [DEVICE, schema.time]
        # Within the part, the first of a device and time stays as well.
        first = labels.drop_duplicates(keys)
        met = labels.merge(
            pd.concat([self.statements, first], ignore_index=True).drop_duplicates(keys)[
                [*keys, schema.label]
            ],
            on=keys,
            suffixes=("", "_kept"),
        )
        stored = first.merge(self.statements[keys], on=keys)
        differ = met[met[schema.label] != met[f"{schema.label}_kept"]]
        samples = [
            {
                "key": row[DEVICE],
                "time": row[schema.time].isoformat(),
                "column": schema.label,
                "kept": row[f"{schema.label}_kept"],
                "given": row[schema.label],
            }
            for row in differ.head(SAMPLES).to_dict("records")
        ]
        new = len(first) - len(stored)
        return Retold(new, len(labels) - new, len(differ), tuple(samples))

    def at_readings(
        self, metrics: StoredHistory | None, attributes: pd.DataFrame, schema: TelemetrySchema
    ) -> LabelState:
        """The same for the readings and the attributes that there are now."""
        files = metrics.manifest.files if metrics else ()
        return LabelState(
            self.statements,
            self.incidents,
            {file.path: (file.first, file.last) for file in files},
            _digest(attributes, schema),
            max((file.last for file in files), default=None),
            self.alarms,
        )

    def changed_since(self, before: LabelState, schema: TelemetrySchema) -> Stretches:
        """The stretches of time in which a label may be another one than before."""
        if self.attributes != before.attributes:
            return Stretches.of([(0, END_OF_TIME)])
        tolerance = schema.labels.tolerance_seconds * 1_000_000
        found = [
            times
            for path, times in [*self.files.items(), *before.files.items()]
            if (path in self.files) != (path in before.files)
        ]
        # A reading takes labels that belonged to the one before it, and announces errors without one.
        reach = max(tolerance, longest_horizon_seconds(schema) * 1_000_000)
        firsts, lasts = (
            [column + shift]
            for column, shift in zip(
                np.array(found, dtype=np.int64).reshape(-1, 2).T, (-tolerance, reach), strict=True
            )
        )
        retold = told_again(self.incidents, before.incidents, schema)
        firsts.append(retold.first)
        lasts.append(retold.last)
        for rows in _differing(self.statements, before.statements):
            moments = column_micros(rows[schema.time])
            firsts.append(moments - tolerance)
            lasts.append(moments)
        healthy = schema.labels.healthy_seconds * 1_000_000
        bounds = [state.newest - healthy for state in (self, before) if state.newest is not None]
        if len(set(bounds)) == 2:
            firsts.append(np.array([min(bounds)]))
            lasts.append(np.array([max(bounds)]))
        return Stretches(np.concatenate(firsts), np.concatenate(lasts))


def no_statements(schema: TelemetrySchema) -> pd.DataFrame:
    """A frame of label rows without a row."""
    types = {
        DEVICE: "object",
        schema.time: "datetime64[ns, UTC]",
        schema.label: "int64",
        **dict.fromkeys(label_columns(schema), "object"),
    }
    return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in types.items()})


def _table(frame: pd.DataFrame) -> pa.Table:
    arrays = {}
    for name in frame.columns:
        column = frame[name]
        if column.dtype.kind == "O":
            arrays[name] = pa.array(column, pa.string(), from_pandas=True)
        elif isinstance(column.dtype, pd.DatetimeTZDtype):
            moments = column.dt.tz_convert("UTC").dt.tz_localize(None)
            arrays[name] = pa.array(moments, pa.timestamp("us"), from_pandas=True, safe=False)
        else:
            arrays[name] = pa.array(column)
    return pa.table(arrays)


def _frame(table: pa.Table, like: pd.DataFrame, ids: Collection[str] = ()) -> pd.DataFrame:
    """Columns of a file with the types that they have in a frame.

    :param ids: columns of ids. An earlier version kept them as they were written, such as 7.0 for 7.
    """
    columns = {}
    for name, kind in ((str(column), kind) for column, kind in like.dtypes.items()):
        if name in (LATER, REOPENED) and name not in table.column_names:  # Of an earlier version.
            columns[name] = pd.Series(pd.NaT, index=range(table.num_rows), dtype=kind)
            if name == REOPENED:  # It kept when each was sent last, and no file could end it before that.
                columns[name] = columns[KNOWN].where(columns[SOURCE] == LIVE)
        elif isinstance(kind, pd.DatetimeTZDtype):
            moments = table[name].to_pandas().astype("datetime64[ns]")
            columns[name] = moments.dt.tz_localize("UTC")
        elif kind.kind == "O":
            columns[name] = (ids_of if name in ids else texts_of)(table[name]).series()
        else:
            columns[name] = table[name].to_pandas().astype(kind)
    return pd.DataFrame(columns)


def _differing(now: pd.DataFrame, before: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows that one of two frames has and the other has not."""
    marked = pd.concat([now.assign(_side=0), before.assign(_side=1)], ignore_index=True)
    once = ~marked.drop(columns="_side").duplicated(keep=False)
    return marked[once & (marked["_side"] == 0)], marked[once & (marked["_side"] == 1)]


def _digest(attributes: pd.DataFrame, schema: TelemetrySchema) -> str:
    """Digest of the attributes that labels depend on; empty if they depend on none."""
    static = [name for name in scope_columns(schema) if name not in (DEVICE, *schema.entity)]
    columns = list(dict.fromkeys([*static, *schema.population]))
    if not schema.labels.is_derived:
        return ""
    # Part of it, so that labels of before incidents could name a part of the key are made anew.
    named = schema.labels.has_incidents and DEVICE in scope_columns(schema) and has_device_part(schema)
    made_by = "by part" if named else ""
    # The same of labels of before there were errors without a reading.
    made_by += " with onsets" if ahead_targets(schema) else ""
    if not columns:
        return made_by
    rows = attributes.sort_values([DEVICE, "valid_from"], kind="stable")
    content = rows[[DEVICE, "valid_from", *columns]].astype(str).to_csv(index=False)
    return hashlib.sha256((made_by + content).encode("utf-8", "surrogatepass")).hexdigest()[:16]
