"""A schema for a folder of telemetry, with the reason for every choice and what may be chosen instead."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

import pandas as pd

from feature_sets.listed import listed
from feature_sets.plain_letters import plain_letters
from feature_sets.rows.entity_keys import free_separator
from feature_sets.telemetry.cell_text import plain_value, texts_of
from feature_sets.telemetry.file_format import PLAIN, FileFormat
from feature_sets.telemetry.frames import VALID_FROM
from feature_sets.telemetry.inspection.alarm_shape import alarm_log_of, propose_alarm_log, state_in_text
from feature_sets.telemetry.inspection.choices import Proposal
from feature_sets.telemetry.inspection.clock_change import set_back_in_files, set_back_in_head
from feature_sets.telemetry.inspection.column_profile import ROW_NUMBER
from feature_sets.telemetry.inspection.date_order import EITHER, MIXED
from feature_sets.telemetry.inspection.device_shape import has_times_apart
from feature_sets.telemetry.inspection.folder_dates import propose_order, tell_clocks
from feature_sets.telemetry.inspection.interval_shape import (
    intervals_of,
    not_understood,
    propose_incidents,
    propose_maintenance,
)
from feature_sets.telemetry.inspection.key_and_time import (
    ARRIVAL_NAME,
    cadence_of,
    device_times,
    fewest_keys,
    is_far_from,
    key_candidates,
    key_of_metrics,
    time_candidates,
)
from feature_sets.telemetry.inspection.key_notes import no_key, tell_keys, tell_scopes
from feature_sets.telemetry.inspection.label_shape import propose_labels
from feature_sets.telemetry.inspection.metric_columns import propose_metrics
from feature_sets.telemetry.inspection.other_names import propose_names
from feature_sets.telemetry.inspection.repeats import repeats_of
from feature_sets.telemetry.inspection.table_profile import TableProfile
from feature_sets.telemetry.inspection.unlabeled import (
    NO_LABELS,
    NO_READINGS,
    is_unlabeled,
    propose_unlabeled,
)
from feature_sets.telemetry.schema import TelemetrySchema
from feature_sets.telemetry.split_rule import DEVICE_TIME
from feature_sets.telemetry.window_settings import Windows

_PERIODS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)
_SHORT, _LONG = 6, 30
"""Periods in the two windows that are proposed."""

_CATEGORIES = 20
_SHOWN = 5


def propose(
    name: str,
    found: Mapping[str, TableProfile],
    form: FileFormat = PLAIN,
    names: Mapping[str, str] = MappingProxyType({}),
    date_order: str | None = None,
) -> Proposal:
    """A schema for these tables.

    :param name: of the network.
    :param found: the tables that there are, ``incidents`` and ``maintenance`` among them.
    :param form: of the CSV files.
    :param names: of the files -> those that these columns have in the tables.
    :param date_order: that the owner of the folder says its dates have.
    """
    taken = frozenset(column for table in found.values() for column in table.columns)
    proposal = Proposal(fields={"name": _slug(name)}, taken=taken)
    propose_names(proposal, names)
    # Tables of intervals need not name each device.
    intervals = {table: profile for table in found if (profile := _of_intervals(table, found)) is not None}
    tables = {table: found[table] for table in _TABLES if table in found and table not in intervals}
    incidents = intervals.get("incidents") or intervals.get("labels")
    for table in ("incidents", "maintenance"):
        if table in found and table not in intervals:
            proposal.missing.append(not_understood(found[table]))
    labeled = bool({"labels", "incidents"} & set(found))
    if "metrics" not in tables:
        proposal.missing += [NO_READINGS] if labeled else [NO_READINGS, NO_LABELS]
    elif not labeled:
        propose_unlabeled(proposal, tables["metrics"])
    if "static" not in tables:
        proposal.decide.append(
            "There is no static.parquet or static.csv with one row a device: "
            "the devices are those of the metrics, and there are no static features."
        )
    if form != PLAIN:
        plain = {**PLAIN.to_dict(), "tables": {}}
        proposal.fields["files"] = {
            field: value for field, value in form.to_dict().items() if value != plain.get(field)
        }
    if "metrics" not in tables:
        return proposal
    entity = _entity(proposal, tables, incidents)
    propose_order(proposal, found, date_order)
    time = _time(proposal, tables, form, entity)
    zone = proposal.fields.get("assume_timezone", TableProfile.zone)
    tables = {name: replace(table, zone=zone) for name, table in tables.items()}
    in_two = tell_clocks(proposal, tables, entity, time)
    told = bool(time) and not in_two and tables["metrics"].columns[time].order not in (EITHER, MIXED)
    readings = device_times(tables["metrics"], entity, time) if entity and told else None
    if readings is not None:
        metrics = tables["metrics"]
        proposal.cadence = cadence_of(readings, metrics.runs(), metrics.of_cut_files())
    propose_metrics(proposal, tables["metrics"], readings, form)
    attributes = list(tables["static"].columns) if "static" in tables else []
    if "labels" in tables:
        propose_labels(proposal, tables["labels"], entity, time, tables["metrics"])
    elif incidents is not None and alarm_log_of(incidents, entity) is not None:
        propose_alarm_log(proposal, incidents, entity, attributes, time)
    elif incidents is not None and (hidden := state_in_text(incidents)):
        proposal.missing.append(hidden)
    elif incidents is not None:
        propose_incidents(proposal, incidents, entity, attributes)
    if "maintenance" in intervals:
        propose_maintenance(proposal, intervals["maintenance"], entity, attributes)
    for profile in intervals.values():
        tell_scopes(proposal, tables, profile, entity)
    if "static" in tables:
        _static(proposal, tables["static"], entity)
    _windows(proposal)
    _tell_paces(proposal, tables["metrics"], entity)
    if readings is not None and has_times_apart(_of_one_time(readings, tables["metrics"])):
        proposal.fields["split"] = DEVICE_TIME
        proposal.decide.append(
            "Devices have their readings at different times, so the latest rows of each are evaluated on, "
            "and not those of a few devices (split)."
        )
    if in_two:  # Nothing of the times is known.
        proposal.decide.clear()
    return proposal


_TABLES = ("metrics", "labels", "static")


def _of_intervals(table: str, found: Mapping[str, TableProfile]) -> TableProfile | None:
    """The table, if it holds intervals; one of labels only if it can be nothing else."""
    if table not in ("incidents", "maintenance", "labels") or (table == "labels" and "incidents" in found):
        return None
    profile = found[table]
    is_log = table != "maintenance" and alarm_log_of(profile, sure=table == "labels") is not None
    return profile if is_log or intervals_of(profile) is not None else None


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", plain_letters(name).lower()).strip("-") or "my-network"


def _entity(
    proposal: Proposal, tables: Mapping[str, TableProfile], incidents: TableProfile | None
) -> list[str]:
    candidates = key_candidates(tables)
    if list(tables) == ["metrics"]:
        candidates = key_of_metrics(tables["metrics"], candidates, incidents)
    where = ", ".join(tables)
    if not candidates:
        proposal.missing.append(no_key(tables))
        return []
    tell_keys(proposal, tables, candidates)
    instead = ""
    if "static" in tables:
        fewest = fewest_keys(tables["static"], candidates)
        if not fewest:
            _tell_static(proposal, tables["static"], candidates)
        elif len(fewest) < len(candidates):
            instead = f"{', '.join(fewest)} alone tells all devices apart, too"
    for column in candidates:
        distinct = tables["metrics"].columns[column].distinct or 0
        values = f"{distinct:,} value{'' if distinct == 1 else 's'}"
        why = f"in {where} alike, {values} in the metrics" if len(tables) > 1 else f"{values} in the metrics"
        proposal.choose("metrics", column, "entity", why, instead)
    proposal.fields["entity"] = [proposal.named(column, reserved=False) for column in candidates]
    if len(candidates) > 1:
        _separator(proposal, tables, candidates)
    return candidates


def _tell_static(proposal: Proposal, table: TableProfile, entity: list[str]) -> None:
    """Tell of devices of which two rows say different things, that is with one ``valid_from``."""
    keys = [*entity, *([VALID_FROM] if VALID_FROM in table.columns else [])]
    codes = pd.DataFrame({name: texts_of(table.head[name]).codes for name in keys})
    again = repeats_of(table, codes, keys, [name for name in table.columns if name not in keys])
    if again.contradicting:
        way = "" if VALID_FROM in keys else f"; a column {VALID_FROM} may say from when each holds"
        proposal.decide.append(f"In the static file, {again.sentence()}{way}.")


def _separator(proposal: Proposal, tables: Mapping[str, TableProfile], entity: list[str]) -> None:
    """One that no part of a key has, if the usual one will not do."""
    present = [table for table in tables.values() if all(name in table.columns for name in entity)]
    usual = TelemetrySchema.separator
    with_usual: dict[str, str] = {}
    values: set[str] = set()
    for table in present:
        for name in entity:
            found = texts_of(table.head[name]).values
            values.update(found)
            if first := next((value for value in found if usual in value), ""):
                with_usual.setdefault(name, first)
    separator = free_separator(values)
    if separator == usual:
        return
    shown = ", ".join(f"'{name}' ({value!r})" for name, value in with_usual.items())
    why = f"Values of {shown} have {usual!r} in them"
    if not separator:
        proposal.decide.append(f"{why}: a separator is needed that no value has, such as a word (separator).")
        return
    proposal.fields["separator"] = separator
    proposal.decide.append(f"{why}, so {separator!r} joins the parts of a device's key (separator).")


def _time(
    proposal: Proposal, tables: Mapping[str, TableProfile], form: FileFormat, entity: Sequence[str]
) -> str:
    metrics, labels = tables["metrics"], tables.get("labels")
    # Values may be large enough to be times, and ids as well.
    others = [*entity, form.value] if form.format else entity
    candidates = [name for name in time_candidates(tables) if name not in others]
    if not candidates:
        proposal.missing.append(
            "No column of the metrics holds times (ISO 8601 text, epoch numbers, or a type of times)."
        )
        return ""
    time, *others = candidates
    profile = metrics.columns[time]
    # Large numbers, of a counter perhaps, are no times.
    others = [name for name in others if not is_far_from(metrics.columns[name], profile)]
    instead = f"or {', '.join(others)}" if others else ""
    span = f", {profile.first} to {profile.last}" if profile.first else ""
    proposal.choose("metrics", time, "time", f"{profile.times}{span}", instead)
    proposal.fields["time"] = proposal.named(time)
    proposal.offsets = () if profile.naive else profile.offsets
    if labels is not None and time not in labels.columns:
        proposal.missing.append(
            f"The labels have no column '{time}', the time of the metrics; both need it under one name."
        )
    naive = [table.name for table in tables.values() if time in table.columns and table.columns[time].naive]
    if naive:
        _assume_zone(proposal, metrics, naive, entity, time)
    for column in others:
        if ARRIVAL_NAME.search(column.lower()) and "arrival" not in proposal.fields:
            proposal.fields["arrival"] = proposal.named(column)
            proposal.choose("metrics", column, "arrival", "times with the name of an arrival time")
        else:
            proposal.choose("metrics", column, "none", "a second time", "time or arrival")
    return time


def _assume_zone(
    proposal: Proposal, metrics: TableProfile, tables: Sequence[str], entity: Sequence[str], time: str
) -> None:
    """Say of which zone times without one are.

    :param tables: that have such times.
    """
    column = metrics.columns[time]
    known = bool(entity) and column.naive and column.order not in (EITHER, MIXED)
    found = set_back_in_head(metrics, entity, time) if known else None
    if known and found is None:  # What was not looked at may have one.
        found = set_back_in_files(metrics, entity, time)
    if found is None:
        proposal.assume_utc(tables)
        return
    proposal.assume_zone(found.zones[0], tables, found.sentence)


def _static(proposal: Proposal, table: TableProfile, entity: list[str]) -> None:
    chosen: list[str] = []
    scope = proposal.fields.get("labels", {}).get("scope", ())
    for name, column in table.columns.items():
        if name in entity:
            continue
        distinct = column.distinct or 0
        if proposal.named(name, reserved=False) in scope:
            why = "incidents name devices by it, so it is known; no input of a model"
            proposal.choose("static", name, "no_inputs", why, "static alone, to be an input as well")
            chosen.append(proposal.named(name, reserved=False))
            proposal.fields.setdefault("no_inputs", []).append(chosen[-1])
            continue
        if name == "valid_from":
            proposal.choose("static", name, "none", "is read as the time from which a row holds")
        elif column.kind in ("nested", "empty", "time", ROW_NUMBER) or column.distinct is None:
            proposal.choose("static", name, "none", f"{column.kind}, not categories")
        elif column.is_constant:
            proposal.choose("static", name, "none", f"is {column.samples[0]} for every device")
        elif distinct > min(_CATEGORIES, max(2, column.rows // 2)):
            why = f"{distinct:,} values for {column.rows:,} devices: too many to be categories"
            proposal.choose("static", name, "none", why, "static, if few devices share a value")
        elif (called := proposal.named(name, reserved=False)) in proposal.fields.get("metrics", {}):
            proposal.choose("static", name, "none", "a metric has this name", "static, under another name")
            proposal.decide.append(
                f"'{name}' of the static file is not read, as a metric has the same name: to have it as a "
                "static column, call one of them otherwise in its file."
            )
        else:
            instead = "population, to choose the devices that are trained on"
            proposal.choose("static", name, "static", f"{distinct:,} categories", instead)
            chosen.append(called)
    proposal.fields["static"] = chosen


def _windows(proposal: Proposal) -> None:
    cadence = proposal.cadence
    if cadence is None or cadence.seconds is None:
        if is_unlabeled(proposal):
            lengths = list(Windows().lengths)
            proposal.fields["derived"] = {"relative": {"operations": ["avg", "stddev"], "windows": lengths}}
        return
    period = max((given for given in _PERIODS if given <= cadence.seconds * 1.02), default=1)
    lengths = [_duration(period * _SHORT), _duration(period * _LONG)]
    proposal.fields["windows"] = {"lengths": lengths, "period": _duration(period)}
    if proposal.uneven or is_unlabeled(proposal):
        proposal.fields["derived"] = {"relative": {"operations": ["avg", "stddev"], "windows": lengths}}
    if proposal.uneven:
        names = listed([f"'{name}'" for name in proposal.uneven], _SHOWN)
        proposal.decide.append(
            f"The level of {names} differs more from device to device than the readings of a device do. "
            "So there are features relative to the device's own past (derived.relative)."
        )
    if cadence.expected is not None:
        proposal.fields["expected_interval"] = _duration(cadence.expected)
        gaps = f"; {cadence.gaps:.1%} of the times between them are longer" if cadence.gaps else ""
        proposal.decide.append(
            f"Readings come every {cadence.seconds:g} s{gaps}. So a device that sends none is silent, and "
            "how regularly it sends is a feature (expected_interval)."
        )


def _tell_paces(proposal: Proposal, metrics: TableProfile, entity: Sequence[str]) -> None:
    """Tell of devices that report at different intervals."""
    paces = proposal.cadence.paces if proposal.cadence else ()
    if not paces:
        return
    shown = [
        f"{pace.devices:,} every {pace.seconds:g} s, such as "
        + "/".join(repr(plain_value(metrics.head[name][pace.row])) for name in entity)
        for pace in paces
    ]
    proposal.decide.append(
        f"Devices report at different intervals: {'; '.join(shown)}. The windows are made for the longest. "
        "There is no expected_interval, which holds for all devices: with that of the longest, a device that "
        "reports more often would be silent only after as long."
    )


def _of_one_time(readings: pd.DataFrame, metrics: TableProfile) -> pd.DataFrame:
    """Those of the time that was looked at in all places of the files."""
    last = readings["time"].groupby(metrics.runs()).max()
    return readings[readings["time"] <= last.min()] if metrics.is_cut else readings


def _duration(seconds: int) -> str:
    for unit, size in (("h", 3600), ("m", 60)):
        if seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
