"""Labels that are rows: 0 and 1, words for them, or errors only; at the times of readings, or beside them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from feature_sets.listed import listed
from feature_sets.rows.event_micros import column_micros
from feature_sets.rows.latest_row import latest_rows
from feature_sets.telemetry.cell_text import texts_of, truth_of
from feature_sets.telemetry.inspection.choices import Proposal
from feature_sets.telemetry.inspection.column_profile import ROW_NUMBER
from feature_sets.telemetry.inspection.date_order import EITHER, MIXED
from feature_sets.telemetry.inspection.interval_shape import LABEL
from feature_sets.telemetry.inspection.key_and_time import device_times
from feature_sets.telemetry.inspection.repeats import repeats_of
from feature_sets.telemetry.inspection.table_profile import TableProfile
from feature_sets.telemetry.inspection.word_labels import (
    knows_health,
    meaning_of,
    means_healthy,
    words_of,
)
from feature_sets.telemetry.label_form import POSITIVES

_NAME = re.compile(r"error|fail|fault|label|anomal|incident|outage|broken|down|target|alarm|bad")
_WORD_NAME = re.compile(_NAME.pattern + "|stat|sever|level|health|condition|class|result")
_TOLERANCES = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600)
_BESIDE = 0.1
"""Share of the labels that lie beside the readings, from which on a tolerance is proposed."""
_COVERED = 95
"""Per cent of these that the tolerance that is proposed covers."""
_SHOWN = 10
_MANY = 0.25
"""Rows of labels a reading, from which on they are not likely to be those of errors only."""
_EVERY = 0.9
"""The same where a column says 1 in each of them."""


def propose_labels(
    proposal: Proposal,
    table: TableProfile,
    entity: Sequence[str],
    time: str,
    metrics: TableProfile,
) -> None:
    """The label, and the form of the labels where it is not the usual one.

    :param entity: columns of the files that name a device.
    :param time: column of the event time.
    :param metrics: with the readings.
    """
    form: dict[str, Any] = {}
    share = _rows_a_reading(table, metrics, entity, time)
    label = _label(proposal, table, entity, time, form, share)
    if not label:
        return
    if entity and time and time in table.columns and table.columns[time].order not in (EITHER, MIXED):
        if label in table.columns:
            keys = device_times(table, entity, time).dropna()
            again = repeats_of(table, keys, [*entity, time], [label])
            if again.contradicting:
                proposal.decide.append(f"Of the labels, {again.sentence()}.")
        tolerance = _tolerance(table, metrics, entity, time)
        if tolerance:
            form["tolerance"] = tolerance
            proposal.decide.append(
                f"Labels are up to {tolerance} later than a reading: each is that of the latest reading of "
                "its device before it (labels.tolerance)."
            )
    if form:
        proposal.fields["labels"] = form


def _label(
    proposal: Proposal,
    table: TableProfile,
    entity: Sequence[str],
    time: str,
    form: dict[str, Any],
    share: float,
) -> str:
    """Choose the label and note what the other columns would be; empty if nothing can be one.

    :param share: rows for each reading; of many it is not likely that they are those of errors only.
    """
    many = share >= _MANY
    rest = {name: column for name, column in table.columns.items() if name not in (*entity, time)}
    candidates = [name for name, column in rest.items() if column.kind == "truth"]
    if candidates:
        label = _among(proposal, table, candidates)
        _tell_values(proposal, table, label, form, share >= _EVERY)
    elif label := _of_words(proposal, table, list(rest), form, many):
        proposal.fields["label"] = proposal.named(label)
    elif (
        time
        and time in table.columns
        and not many
        and all(column.kind in ("text", "empty", ROW_NUMBER) for column in rest.values())
    ):
        label = LABEL
        proposal.fields["label"] = LABEL
        _positives(proposal, form, "The labels have no column of 0 and 1")
    else:
        proposal.missing.append(_no_label(table, list(rest)))
        return ""
    for name, column in rest.items():
        if name != label:
            instead = "exclude_labels" if column.kind in ("truth", "text", "number") else ""
            proposal.choose("labels", name, "none", "the label is another column", instead)
    return label


def _tell_values(
    proposal: Proposal, table: TableProfile, label: str, form: dict[str, Any], every: bool
) -> None:
    """Tell of a label of 0 and 1 that has one of them only, or seems to say the opposite.

    :param every: whether about every reading has one.
    """
    column = table.columns[label]
    if not column.is_constant:
        if means_healthy(label):
            proposal.missing.append(
                f"'{label}' sounds as if 1 were no error, and the label needs 1 for an error: turn it "
                "round in the files, or write words such as up and down (labels.values)."
            )
        return
    only = column.samples[0]
    if truth_of(only.strip("'")) and not every:
        _positives(proposal, form, f"'{label}' is 1 in every row looked at")
    else:
        proposal.decide.append(
            f"'{label}' is {only} in every row looked at: nothing can be learned from that."
        )


def _of_words(
    proposal: Proposal, table: TableProfile, names: Sequence[str], form: dict[str, Any], many: bool
) -> str:
    """Choose a label that has words, or two numbers, for 0 and 1; empty if there is none."""
    for name in sorted(names, key=lambda name: not _WORD_NAME.search(name.lower())):
        column = table.columns[name]
        words = words_of(table, name) if column.kind in ("text", "number") else {}
        # Of rows that are errors only, words tell the cause.
        if not words or not (many or knows_health(words)):
            continue
        meaning = meaning_of(words, column)
        if meaning is not None:
            if values := meaning.field():
                form["values"] = values
            proposal.choose("labels", name, "label", f"{len(words):,} words, some of them of errors")
            proposal.decide.append(meaning.sentence(name))
            return name
    return ""


def _no_label(table: TableProfile, names: Sequence[str]) -> str:
    """What is missing where no column can be the label."""
    none = "No column of the labels holds 0 and 1 (or true and false, yes and no)"
    words = {name: words_of(table, name) for name in names if table.columns[name].kind in ("text", "number")}
    for name, found in words.items():
        if found:
            shown = listed([repr(word) for word in found], _SHOWN)
            return (
                f"{none}. If '{name}' says it, the schema needs label: {name}, and in labels.values 0 or 1 "
                f"for each of {shown}."
            )
    return f"{none}."


def _rows_a_reading(table: TableProfile, metrics: TableProfile, entity: Sequence[str], time: str) -> float:
    """Rows of labels for each reading, in the time that was looked at of both; 0 if nobody knows."""
    if not entity or not time or any(name not in table.columns for name in (*entity, time)):
        return 0.0
    readings, labels = (_keyed(profile, entity, time).drop_duplicates() for profile in (metrics, table))
    labels = labels[labels["time"] <= readings["time"].max()]
    devices = list(entity)
    if metrics.rows != metrics.looked_at:  # The other devices may come later.
        labels = labels.merge(readings[devices].drop_duplicates(), on=devices)
    if table.rows != table.looked_at:
        readings = readings[readings["time"] <= labels["time"].max()]
        readings = readings.merge(labels[devices].drop_duplicates(), on=devices)
    return len(labels) / len(readings) if len(readings) else 0.0


def _among(proposal: Proposal, table: TableProfile, candidates: Sequence[str]) -> str:
    """Choose the label among columns of 0 and 1."""
    changing = [name for name in candidates if not table.columns[name].is_constant]
    named = [name for name in changing if _NAME.search(name.lower())]
    label = (named or changing or candidates)[0]
    others = [name for name in candidates if name != label]
    why = "0 and 1" + (", and its name says an error" if label in named else "")
    instead = f"or {', '.join(others)}" if others else ""
    proposal.choose("labels", label, "label", why, instead)
    proposal.fields["label"] = proposal.named(label)
    if others:
        proposal.decide.append(
            f"'{label}' is the label that is predicted; {', '.join(others)} could be as well."
        )
    return label


def _positives(proposal: Proposal, form: dict[str, str], why: str) -> None:
    form |= {"form": POSITIVES, "watched": "readings"}
    proposal.decide.append(
        f"{why}: each row is an error, and a reading without one was healthy (labels.form: positives). That "
        "must be true of all readings, or labels.watched says from when to when."
    )


def _tolerance(table: TableProfile, metrics: TableProfile, entity: Sequence[str], time: str) -> str:
    """How much later than readings labels may be, if many have none at their own time; else empty."""
    readings, labels = _keyed(metrics, entity, time).drop_duplicates(), _keyed(table, entity, time)
    labels = labels[labels["time"] <= readings["time"].max()]  # Later readings were not looked at.
    both = pd.concat([readings, labels])
    codes = both.groupby(list(entity), sort=False).ngroup().to_numpy(dtype=np.int64)
    micros = column_micros(both["time"])
    size = len(readings)
    oldest = _TOLERANCES[-1] * 1_000_000
    alone = latest_rows(codes[size:], micros[size:], codes[:size], micros[:size], 0) < 0
    latest = latest_rows(codes[size:], micros[size:], codes[:size], micros[:size], oldest)
    beside = alone & (latest >= 0)
    if not beside.any() or alone.mean() < _BESIDE:
        return ""
    late = (micros[size:] - micros[:size][np.maximum(latest, 0)])[beside] / 1e6
    wanted = float(np.percentile(late, _COVERED))
    return f"{next(seconds for seconds in _TOLERANCES if seconds >= wanted)}s"


def _keyed(table: TableProfile, entity: Sequence[str], time: str) -> pd.DataFrame:
    """Keys as text and times of rows that have both, of those looked at that follow each other."""
    keys = {name: texts_of(table.head[name]).series() for name in entity}
    runs = table.runs()
    rows = pd.DataFrame({**keys, "time": table.times(time)}).dropna()
    return pd.DataFrame(rows[runs[rows.index] == runs[:1]])
