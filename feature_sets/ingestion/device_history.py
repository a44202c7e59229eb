"""The devices of a history with their attributes: they join, change and stay; and from when each holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pandas as pd
import pyarrow as pa

from feature_sets.checks import InputError
from feature_sets.devices import as_names, devices
from feature_sets.ingestion.device_states import STATES, state_table, stored_states
from feature_sets.ingestion.history.added_rows import SAMPLES
from feature_sets.ingestion.history.stored_history import StoredHistory
from feature_sets.ingestion.vectorized_ingest import Contents, ingest_vectorized
from feature_sets.listed import listed
from feature_sets.rows.keyed_rows import Bools
from feature_sets.telemetry.cell_text import texts_of
from feature_sets.telemetry.frames import VALID_FROM, Telemetry
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from feature_sets.telemetry.valid_from import in_time_order, newest

_MOMENT = pd.Timedelta("1us")

ATTRIBUTES = "_attributes"
"""File beside those of the feature set ``devices``, as Parquet: every attribute with its ``valid_from``."""


@dataclass(frozen=True)
class DeviceChanges:
    """What a part says of the devices.

    :param attributes: all of them, by device and the time from which they hold; NaT is from the beginning.
    :param joined: devices that the history did not have.
    :param changed: device, column, value before and now, and from when; one entry a change.
    :param absent: how many devices of the history the part says nothing of. They stay.
    :param any: whether the attributes are others than those that were known.
    """

    attributes: pd.DataFrame
    joined: tuple[str, ...] = ()
    changed: tuple[dict[str, Any], ...] = ()
    absent: int = 0
    any: bool = True

    @property
    def newest(self) -> pd.DataFrame:
        """One row a device, sorted by device: its newest attributes."""
        return newest(self.attributes).drop(columns=VALID_FROM)

    def changed_lines(self) -> list[str]:
        """A line for each attribute that changed."""
        return [
            f"{change['device']} changed: {change['column']} {change['before']!r} to {change['now']!r} "
            f"from {change['since']} on"
            for change in self.changed
        ]

    def lines(self) -> list[str]:
        """The changes for people."""
        out = []
        if self.joined:
            out.append(f"{len(self.joined):,} devices joined: {listed(self.joined, SAMPLES)}")
        out += self.changed_lines()[:SAMPLES]
        if len(self.changed) > SAMPLES:
            out.append(f"{len(self.changed) - SAMPLES:,} more attributes changed")
        if self.absent:
            out.append(f"{self.absent:,} devices of the history are not in the static file; they stay")
        return out


def stored_attributes(history: StoredHistory) -> pd.DataFrame:
    """Every attribute that a history of the devices knows as text, with ``valid_from``, sorted."""
    table = history.folder.read(ATTRIBUTES)
    since = pd.to_datetime(table[VALID_FROM].to_pandas(), utc=True).dt.as_unit("ns")
    texts = {name: texts_of(table[name]).series() for name in table.column_names if name != VALID_FROM}
    frame: pd.DataFrame = pd.DataFrame({**texts, VALID_FROM: since})[table.column_names]
    return frame


class PastReadings(Protocol):
    """The readings of a history, as far as changes of devices need them."""

    @property
    def last(self) -> pd.Timestamp | None:
        """Latest event time; None without a reading."""

    @property
    def last_seen(self) -> pd.Series:
        """Time of the newest reading of each device, by its key."""


def device_changes(
    part: Telemetry, schema: TelemetrySchema, known: pd.DataFrame | None, past: PastReadings | None
) -> DeviceChanges:
    """What a part says of the devices, beside what is known of them.

    Attributes hold from the time that the part gives; else those of a new device from the beginning, and
    those that change from the device's first reading in the part. What rows of the history are made with
    stays: a change without a time holds after them, and so do the first attributes of a device with peers.

    :param known: see ``stored_attributes``; None without a history.
    :param past: None without a history.
    """
    columns = list(schema.attributes)
    given = part.static if part.attributes is None else part.attributes
    times = given[VALID_FROM] if VALID_FROM in given else pd.Series(pd.NaT, index=given.index)
    given = given.assign(**{VALID_FROM: pd.to_datetime(times, utc=True)})[[DEVICE, VALID_FROM, *columns]]
    if known is None:
        return DeviceChanges(given)
    last = newest(known).set_index(DEVICE)
    is_new = ~given[DEVICE].isin(last.index).to_numpy()
    joined, met = _without_past(given[is_new], schema, past), given[~is_new]
    if part.attributes is None:
        met = met[_differs(met, last.reindex(met[DEVICE]), columns)]
        met = met.assign(**{VALID_FROM: _moments(met, known, part, schema, past)})
    else:
        before = known.set_index([DEVICE, VALID_FROM])
        places = pd.MultiIndex.from_frame(met[[DEVICE, VALID_FROM]])
        met = met[~places.isin(before.index) | _differs(met, before.reindex(places), columns)]
        # The same attribute from the same time takes the place of what was said of it before.
        known = known[~before.index.isin(pd.MultiIndex.from_frame(met[[DEVICE, VALID_FROM]]))]
    # Frames without rows have no part in the types.
    frames = [frame for frame in (known[[DEVICE, VALID_FROM, *columns]], met, joined) if len(frame)]
    attributes = pd.concat(frames)
    attributes[VALID_FROM] = pd.to_datetime(attributes[VALID_FROM], utc=True)
    return DeviceChanges(
        in_time_order(attributes),
        tuple(joined[DEVICE].unique()),
        tuple(_changes(met, last, columns)),
        int((~last.index.isin({*given[DEVICE], *part.restated})).sum()) if len(given) or part.restated else 0,
        bool(len(joined) or len(met)),
    )


def _differs(rows: pd.DataFrame, others: pd.DataFrame, columns: Sequence[str]) -> Bools:
    """Which rows differ from the others at the same places; nothing is nothing."""
    differs = np.zeros(len(rows), dtype=np.bool_)
    for column in columns:
        one, other = rows[column].reset_index(drop=True), others[column].reset_index(drop=True)
        differs |= ~((one == other) | (one.isna() & other.isna())).to_numpy(dtype=np.bool_)
    return differs


def _without_past(rows: pd.DataFrame, schema: TelemetrySchema, past: PastReadings | None) -> pd.DataFrame:
    """Attributes of devices that join, which are no peers of others in readings that the history has of them.

    What such a device was then is missing; without a time, its attributes hold from the newest reading on.
    """
    last = past.last if past is not None else None
    if schema.derived.peers is None or past is None or last is None or not len(rows):
        return rows
    is_seen = rows[DEVICE].isin(past.last_seen.index)
    is_only = ~rows[DEVICE].duplicated(keep=False)
    rows = rows.assign(
        **{VALID_FROM: rows[VALID_FROM].mask(is_seen & is_only & rows[VALID_FROM].isna(), last + _MOMENT)}
    )
    told_before = rows.loc[rows[VALID_FROM].isna(), DEVICE]
    new = rows[is_seen & ~rows[DEVICE].isin(told_before)].drop_duplicates(DEVICE)
    if not len(new):
        return rows
    nothing = new[[DEVICE]].reindex(columns=rows.columns)
    return pd.concat([nothing.astype(rows.dtypes), rows])


def _moments(
    rows: pd.DataFrame,
    known: pd.DataFrame,
    part: Telemetry,
    schema: TelemetrySchema,
    past: PastReadings | None,
) -> pd.Series:
    """From when changed attributes hold: from the first reading of the device in the part.

    Where it has none, from the first one of the part; where that has none, from the last of the history. It
    is after every reading of the device in the history, and with peers after those of all devices.
    """
    first, last = part.all_readings(schema.time).first_seen, past.last if past is not None else None
    start = first.min() if len(first) else part.labels[schema.time].min() if last is None else last
    moments = pd.to_datetime(rows[DEVICE].map(first), utc=True).fillna(start)
    # The newest holds, even if the part is of an earlier time than the change before.
    floors = [rows[DEVICE].map(known.groupby(DEVICE)[VALID_FROM].max())]
    if past is not None and last is not None and not (moments > last).all():
        seen = pd.to_datetime(rows[DEVICE].map(past.last_seen), utc=True)
        floors.append(seen if schema.derived.peers is None else seen.where(seen.isna(), last))
    for floor in floors:
        moments = moments.where(floor.isna() | (moments > floor), floor + _MOMENT)
    return moments


def _changes(rows: pd.DataFrame, last: pd.DataFrame, columns: Sequence[str]) -> list[dict[str, Any]]:
    """The attributes of the rows that are not the newest ones that were known."""
    changes = []
    for row in rows.to_dict("records"):
        moment = row[VALID_FROM]
        since = "the beginning" if pd.isna(moment) else moment.isoformat()
        for column in columns:
            before, now = last.loc[row[DEVICE], column], row[column]
            if before != now and not (pd.isna(before) and pd.isna(now)):
                changes.append(
                    {"device": row[DEVICE], "column": column, "before": before, "now": now, "since": since}
                )
    return changes


def _news_told(history: StoredHistory, contents: Contents) -> bool:
    """Whether a source says of devices what it did not say before, even if it is what was registered."""
    before = history.manifest.sources
    return any(
        read.get("said") != before.get(source, {}).get("said") for source, read in contents.sources.items()
    )


def ingest_devices(
    schema: TelemetrySchema,
    changes: DeviceChanges,
    history: StoredHistory | None,
    contents: Contents,
    states: pd.DataFrame | None = None,
) -> None:
    """Have the feature set ``devices`` show the newest attributes.

    Nothing is written if it does already, and what the sources say of devices is what they said before.

    It has a one-hot feature for each value that an attribute ever had, and its online table stays the same
    one, so that what reads it goes on.

    :param history: what the changes were made from; None replaces what there is.
    :param states: see ``stored_states``; None has them stay.
    :raises InputError: if a column has values of several types.
    :raises IngestError: if ``history`` is no longer the current state; nothing is written then.
    """
    if history is not None and not changes.any and states is None and not _news_told(history, contents):
        return
    states = stored_states(history) if states is None else states
    try:
        table = pa.Table.from_pandas(changes.attributes, preserve_index=False)
    except pa.ArrowException as error:
        raise InputError("static columns", "must be of one type each", str(error)) from error
    ingest_vectorized(
        devices(schema, changes.attributes),
        as_names(changes.newest, schema.static),
        contents=Contents(
            contents.schema, contents.sources, {ATTRIBUTES: table, STATES: state_table(states)}
        ),
        history=history,
    )
