"""Which readings lie in an incident."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from feature_sets.labels.excluded import rows_left_out
from feature_sets.rows.entity_keys import key_parts
from feature_sets.rows.event_micros import column_micros
from feature_sets.rows.keyed_rows import Bools, Integers
from feature_sets.telemetry.device_part import device_part
from feature_sets.telemetry.frames import VALID_FROM
from feature_sets.telemetry.incident_rows import END, ID, START, at, said, scope_columns, texts_about
from feature_sets.telemetry.incidents_that_count import source_ranks
from feature_sets.telemetry.label_form import FIRST
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from feature_sets.telemetry.valid_from import from_beginning

FOREVER = np.iinfo(np.int64).max


@dataclass(frozen=True)
class DeviceIncidents:
    """Incidents of each device, shape (n,): an incident of several devices occurs for each of them.

    :param codes: number of the device.
    :param start: first moment that is in it, microseconds.
    :param end: first moment after it; ``FOREVER`` while it is open.
    :param row: of the incident.
    """

    codes: Integers
    start: Integers
    end: Integers
    row: Integers

    def take(self, rows: npt.NDArray[np.intp]) -> DeviceIncidents:
        """Those at these places."""
        return DeviceIncidents(self.codes[rows], self.start[rows], self.end[rows], self.row[rows])


def device_incidents(
    incidents: pd.DataFrame, keys: Sequence[str], attributes: pd.DataFrame | None, schema: TelemetrySchema
) -> DeviceIncidents:
    """The devices that incidents name, by what held of them at the time.

    An incident begins earlier by the tolerance of the schema.

    :param incidents: those that count.
    :param keys: of the devices.
    :param attributes: of devices, with ``valid_from``; needed for a scope of static columns.
    """
    start = column_micros(incidents[START]) - schema.labels.tolerance_seconds * 1_000_000
    end = np.where(incidents[END].isna(), FOREVER, column_micros(incidents[END].fillna(incidents[START])))
    columns = scope_columns(schema)
    given = incidents[[at(column) for column in columns]].set_axis(columns, axis=1)
    filled = given.notna().to_numpy()
    found = []
    for pattern in np.unique(filled, axis=0):
        rows = np.flatnonzero((filled == pattern).all(axis=1))
        by = [column for column, is_filled in zip(columns, pattern.tolist(), strict=True) if is_filled]
        if not by:
            continue
        stretches = _stretches(keys, by, attributes, schema)
        named = given.iloc[rows][by].assign(_row=rows).merge(stretches, on=by)
        row = named["_row"].to_numpy()
        found.append(
            DeviceIncidents(
                named["_code"].to_numpy(),
                np.maximum(start[row], named["_from"].to_numpy()),
                np.minimum(end[row], named["_to"].to_numpy()),
                row,
            )
        )
    parts = ("codes", "start", "end", "row")
    nothing = np.empty(0, dtype=np.int64)
    joined = DeviceIncidents(
        *(np.concatenate([nothing, *(getattr(part, name) for part in found)]) for name in parts)
    )
    joined = joined.take(np.flatnonzero(joined.start < joined.end))
    return _of_first_source(joined, incidents, schema)


def _stretches(
    keys: Sequence[str], columns: Sequence[str], attributes: pd.DataFrame | None, schema: TelemetrySchema
) -> pd.DataFrame:
    """Devices with these columns, each with the stretch of time in which they held.

    A device is there by its key and, if it has one, by its part of the name ``device``.
    """
    frame = pd.DataFrame({DEVICE: pd.Series(list(keys), dtype="object"), "_code": np.arange(len(keys))})
    always = {"_from": np.iinfo(np.int64).min, "_to": FOREVER}
    static = [column for column in columns if column != DEVICE and column not in schema.entity]
    if static:
        known = attributes if attributes is not None else pd.DataFrame(columns=[DEVICE, VALID_FROM, *static])
        ordered = from_beginning(known)[[DEVICE, VALID_FROM, *static]]
        since = column_micros(ordered[VALID_FROM])
        same = ordered[DEVICE].eq(ordered[DEVICE].shift(-1)).to_numpy(dtype=np.bool_)
        until = np.where(same, np.append(since[1:], 0), FOREVER)
        since = np.where(ordered[DEVICE].duplicated(), since, always["_from"])
        frame = frame.merge(ordered.drop(columns=VALID_FROM).assign(_from=since, _to=until), on=DEVICE)
    else:
        frame = frame.assign(**always)
    levels = [column for column in columns if column in schema.entity and column != DEVICE]
    for column in levels:
        place = schema.entity.index(column)
        parts = [key_parts(key, len(schema.entity), schema.separator) for key in frame[DEVICE]]
        frame[column] = pd.Series(
            [part[place] if place < len(part) else None for part in parts], dtype="object"
        )
    if DEVICE not in columns:
        return frame
    parts_of_name = [device_part(key, schema) for key in frame[DEVICE]]
    by_part = frame.assign(**{DEVICE: pd.Series(parts_of_name, index=frame.index, dtype="object")})
    return pd.concat([frame, by_part[by_part[DEVICE].notna()]], ignore_index=True)


def _of_first_source(
    found: DeviceIncidents, incidents: pd.DataFrame, schema: TelemetrySchema
) -> DeviceIncidents:
    """Those that overlap none of an earlier source, where the schema asks for it."""
    if schema.labels.conflict != FIRST or not len(found.codes):
        return found
    ranks = source_ranks(incidents, schema)[found.row]
    kept = np.zeros(len(ranks), dtype=np.bool_)
    for rank in np.unique(ranks):
        mine = np.flatnonzero(ranks == rank)
        kept[mine] = ~_overlaps(found.take(mine), found.take(np.flatnonzero(kept)))
    return found.take(np.flatnonzero(kept))


def _overlaps(some: DeviceIncidents, others: DeviceIncidents) -> Bools:
    """Which of some overlap one of the others on the same device."""
    met = np.zeros(len(some.codes), dtype=np.bool_)
    for code in np.intersect1d(some.codes, others.codes):
        mine, theirs = np.flatnonzero(some.codes == code), np.flatnonzero(others.codes == code)
        starts, ends = np.sort(others.start[theirs]), np.sort(others.end[theirs])
        # More have begun before this one ends than have ended when it starts.
        begun = np.searchsorted(starts, some.end[mine], side="left")
        ended = np.searchsorted(ends, some.start[mine], side="right")
        met[mine] = begun > ended
    return met


def covering(
    codes: Integers,
    micros: Integers,
    found: DeviceIncidents,
    incidents: pd.DataFrame,
    schema: TelemetrySchema,
) -> Integers:
    """The incident that each reading lies in, by its row; -1 where there is none.

    Of several it is one that ``exclude_labels`` leaves out; else the one that began first.

    :param codes: number of the device of each reading.
    :param micros: its time.
    """
    which = np.full(len(codes), -1, dtype=np.int64)
    if not len(found.codes) or not len(codes):
        return which
    instants = np.unique(micros)
    width = len(instants) + 1  # A device has so many places: one before each time, and one after all.
    places = codes * width + np.searchsorted(instants, micros)
    order = np.argsort(places, kind="stable")
    begin, end = (
        np.searchsorted(places[order], found.codes * width + np.searchsorted(instants, times))
        for times in (found.start, found.end)
    )
    # In a long history most incidents are over when the readings that are asked for begin.
    met = np.flatnonzero(begin < end)
    begin, end, found = begin[met], end[met], found.take(met)
    excluded = excluded_incidents(incidents, schema)[found.row]
    ids = incidents[ID].fillna("").to_numpy(dtype=object)[found.row].astype(str)
    # What is written last stays.
    for place in np.lexsort((ids, found.end, found.start, ~excluded))[::-1].tolist():
        which[order[begin[place] : end[place]]] = found.row[place]
    return which


def excluded_incidents(incidents: pd.DataFrame, schema: TelemetrySchema) -> Bools:
    """Which incidents ``exclude_labels`` leaves out."""
    names = texts_about(schema)
    texts = incidents[[said(name) for name in names]].set_axis(names, axis=1)
    for column in schema.exclude_labels:
        if column not in texts:  # Such as the label itself, which every incident says is 1.
            texts = texts.assign(**{column: "1" if column == schema.label else None})
    return rows_left_out(texts, schema)
