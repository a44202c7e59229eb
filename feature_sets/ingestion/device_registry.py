"""The devices of a history: listed, added, changed and retired one by one; nothing is ingested anew."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from feature_sets.checks import InputError
from feature_sets.ingestion.device_history import DeviceChanges, device_changes, ingest_devices
from feature_sets.ingestion.device_states import RETIRED, stored_states, with_state
from feature_sets.ingestion.maintenance_history import calendar_of, intervals_of
from feature_sets.ingestion.telemetry_history import TelemetryHistory
from feature_sets.ingestion.telemetry_ingest import recorded_schema
from feature_sets.ingestion.topology_history import check_past, stored_groups
from feature_sets.ingestion.vectorized_ingest import Contents
from feature_sets.rows.entity_keys import KEY_TEXT_RULE, is_key_text
from feature_sets.telemetry.cell_text import cell_text, one_form
from feature_sets.telemetry.event_time import seconds_of
from feature_sets.telemetry.events import KEY_LIMIT
from feature_sets.telemetry.frames import VALID_FROM, Telemetry
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from feature_sets.telemetry.valid_from import newest

KNOWN, UNKNOWN, MAINTENANCE = "known", "unknown", "maintenance"


@dataclass(frozen=True)
class RegisteredDevice:
    """A device of a history.

    :param device: its key.
    :param state: ``known``, ``retired``, ``maintenance`` if the calendar of the history has it in one, or
        ``unknown`` if it sent readings and was never registered.
    :param attributes: the newest, as text; None where there is none.
    :param since: from when these hold, ISO 8601; empty if from the beginning.
    :param state_since: from when the state holds; empty if from the beginning.
    :param first: time of its first reading in the history; empty without one.
    :param last: time of its last reading.
    """

    device: str
    state: str
    attributes: Mapping[str, Any]
    since: str = ""
    state_since: str = ""
    first: str = ""
    last: str = ""


def registered_devices(schema: TelemetrySchema, now: pd.Timestamp) -> list[RegisteredDevice]:
    """Every device of the current project's history, sorted by key.

    :param now: when the states are asked for.
    """
    history = _history(schema)
    attributes = history.attributes
    if attributes is None:
        raise _nothing_yet()
    last_rows = newest(attributes).set_index(DEVICE)
    states = stored_states(history.static)
    current = states[states[VALID_FROM] <= now].drop_duplicates(DEVICE, keep="last").set_index(DEVICE)
    seen = {str(device): (_text(first), _text(last)) for device, first, last in history.seen.itertuples()}
    calendar = calendar_of(history.labels.manifest.sources) if history.labels else {}
    intervals = intervals_of(schema, calendar, attributes)
    columns = [name for name in last_rows.columns if name != VALID_FROM]
    found = []
    for device in sorted({*last_rows.index, *seen}):
        first, last = seen.get(device, ("", ""))
        if device not in last_rows.index:
            found.append(RegisteredDevice(device, UNKNOWN, {}, first=first, last=last))
            continue
        row = last_rows.loc[device]
        state, since = KNOWN, ""
        if device in current.index:
            state = RETIRED if current.loc[device, RETIRED] else KNOWN
            since = _text(current.loc[device, VALID_FROM])
        inside = intervals.at(str(device), now.value // 1000)
        if state == KNOWN and inside is not None:
            start = pd.Timestamp(calendar[inside].start, unit="us", tz="UTC")
            state, since = MAINTENANCE, _text(start)
        values = {name: None if pd.isna(row[name]) else row[name] for name in columns}
        found.append(RegisteredDevice(device, state, values, _text(row[VALID_FROM]), since, first, last))
    return found


def add_device(
    schema: TelemetrySchema, device: str, attributes: Mapping[str, str], since: pd.Timestamp | None
) -> list[str]:
    """Register a device, change its attributes, or take it back into service.

    :param attributes: by column; text of which spaces around it are left out, as in files, and empty text is
        none. What a known device is not given stays, of a new one it is missing.
    :param since: from when they hold; None is from the beginning for a new device, else from now on.
    :returns: what changed, a line each.
    :raises InputError: if the device or an attribute breaks a rule, or it would have had other peers before;
        nothing is written then.
    :raises IngestError: if another process changed the devices meanwhile; nothing is written then.
    """
    history = _history(schema)
    known = history.attributes
    _check_key(schema, device)
    columns = list(schema.attributes)
    unknown = sorted(set(attributes) - set(columns))
    if unknown:
        rule = f"must be one of {', '.join(columns) or 'none: the schema names no attribute'}"
        raise InputError("attribute", rule, unknown[0])
    before = known[known[DEVICE] == device] if known is not None else pd.DataFrame()
    moment = since
    if len(before) and since is None:
        moment = pd.Timestamp.now(tz="UTC").floor("us")
    last = newest(before).iloc[0] if len(before) else None
    row: dict[str, Any] = {DEVICE: device, VALID_FROM: moment}
    for name in columns:
        row[name] = last[name] if last is not None else None
        if name in attributes:
            row[name] = _attribute(name, attributes[name])
    given = pd.DataFrame([row]).astype({VALID_FROM: "datetime64[ns, UTC]"})
    changes = device_changes(_part(schema, given), schema, known, history)
    states = stored_states(history.static)
    lines = [f"{device} joined"] if device in changes.joined else []
    lines += changes.changed_lines()
    mine = states[states[DEVICE] == device]
    if len(mine) and bool(mine[RETIRED].iloc[-1]):
        moment = moment if moment is not None else pd.Timestamp.now(tz="UTC").floor("us")
        states = with_state(states, device, moment, retired=False)
        lines.append(f"{device} is in service again from {_text(moment)} on")
    if not lines:
        return [f"{device} is registered like that already"]
    _write(schema, history, changes, states)
    return lines


def missing_attributes(schema: TelemetrySchema, device: str) -> list[str]:
    """Attributes of the schema that a device has no value of, by what is newest; in the order of the schema.

    :param device: that is known.
    """
    known = _history(schema).attributes
    if known is None:
        raise _nothing_yet()
    last = newest(known[known[DEVICE] == device]).iloc[0]
    return [name for name in schema.attributes if pd.isna(last[name])]


def retire_device(schema: TelemetrySchema, device: str, since: pd.Timestamp | None) -> list[str]:
    """Retire a device from a time on; it stays in the history.

    :param since: None is from now on.
    :returns: what changed, a line each.
    :raises InputError: unless the device is known.
    :raises IngestError: if another process changed the devices meanwhile; nothing is written then.
    """
    history = _history(schema)
    known = history.attributes
    if known is None or device not in set(known[DEVICE]):
        raise InputError("device", "must be known to be retired; see netops devices", device)
    moment = since if since is not None else pd.Timestamp.now(tz="UTC").floor("us")
    states = stored_states(history.static)
    mine = states[states[DEVICE] == device]
    if len(mine) and bool(mine[RETIRED].iloc[-1]) and mine[VALID_FROM].iloc[-1] <= moment:
        return [f"{device} is retired since {_text(mine[VALID_FROM].iloc[-1])} already"]
    _write(schema, history, DeviceChanges(known), with_state(states, device, moment, retired=True))
    return [f"{device} is retired from {_text(moment)} on; it stays in the history"]


def moment_of(text: str) -> pd.Timestamp:
    """Raise InputError unless a text is a time; without a zone it is UTC."""
    try:
        return pd.Timestamp(round(seconds_of(text, "UTC") * 1_000_000), unit="us", tz="UTC")
    except InputError as error:
        raise InputError("--from", error.rule, text) from None


def _history(schema: TelemetrySchema) -> TelemetryHistory:
    history = TelemetryHistory.of(schema)
    if history is None:
        raise _nothing_yet()
    return history


def _nothing_yet() -> InputError:
    return InputError("devices", "must be of a history, which 'netops ingest' begins", "none")


def _write(
    schema: TelemetrySchema, history: TelemetryHistory, changes: DeviceChanges, states: pd.DataFrame
) -> None:
    if schema.derived.peers is not None:
        before = stored_groups(schema, history.metrics, history.attributes)
        check_past(before, replace(before, attributes=changes.attributes), history)
    sources = history.static.manifest.sources if history.static else {}
    contents = Contents(recorded_schema(schema), sources)
    ingest_devices(schema, changes, history.static, contents, states)


def _part(schema: TelemetrySchema, attributes: pd.DataFrame) -> Telemetry:
    nothing = pd.DataFrame({DEVICE: [], schema.time: []})
    return Telemetry(nothing, nothing, attributes.drop(columns=VALID_FROM), attributes)


def _attribute(name: str, given: str) -> str | None:
    """Raise InputError unless text could be in a file; as readers would take it from there."""
    text = cell_text(given)
    if text is None:
        return None
    if not is_key_text(text):
        raise InputError(f"attribute '{name}'", KEY_TEXT_RULE, text)
    return one_form(text)


def _check_key(schema: TelemetrySchema, device: str) -> None:
    if not is_key_text(device) or not device.strip():
        raise InputError("device", KEY_TEXT_RULE, device)
    if len(device) > KEY_LIMIT:
        raise InputError("device", f"must be a key of at most {KEY_LIMIT} characters", device)
    parts = device.split(schema.separator) if schema.separator and len(schema.entity) > 1 else [device]
    if len(parts) != len(schema.entity) or not all(part.strip() == part and part for part in parts):
        form = schema.separator.join(schema.entity)
        raise InputError("device", f"must be a key of the form {form}", device)


def _text(moment: Any) -> str:
    """ISO 8601, UTC; empty for a time from the beginning."""
    if pd.isna(moment):
        return ""
    stamp = pd.Timestamp(moment)
    return (stamp if stamp.tz else stamp.tz_localize("UTC")).isoformat().replace("+00:00", "Z")
