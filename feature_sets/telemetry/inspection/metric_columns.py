"""The metrics of a folder: a column of numbers each, or one row a value."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import pyarrow as pa

from feature_sets.listed import listed
from feature_sets.telemetry.cell_text import texts_of
from feature_sets.telemetry.file_format import FileFormat
from feature_sets.telemetry.inspection.choices import Proposal
from feature_sets.telemetry.inspection.column_profile import ROW_NUMBER, ColumnProfile
from feature_sets.telemetry.inspection.long_names import numeric_names
from feature_sets.telemetry.inspection.metric_kinds import MetricKinds
from feature_sets.telemetry.inspection.repeats import repeats_of
from feature_sets.telemetry.inspection.table_profile import TableProfile
from feature_sets.telemetry.inspection.text_numbers import (
    both_signs_sentence,
    has_both_signs,
    has_unit,
    number_way,
    plain_number_hint,
)
from feature_sets.telemetry.inspection.unlabeled import may_be_label
from feature_sets.telemetry.inspection.word_metrics import has_words

_METRICS = 200
_SHOWN = 10
_REST = 0.1
_STATIC = "a static column, if it is in the static file"
_NAMES = re.compile(r"metric|name|oid|counter|kpi|field|measure|item|object")

_SURE_NAME = re.compile(
    r"^_?(metric|kpi|counter|oid|measure|measurement|field|item|indicator)s?([ _.-]?(name|key|id|type))?$"
)
"""What a column is called that names the metric of each row, whatever else there is."""
_VALUE = re.compile(r"^(last|metric|counter|item|mean|avg)?[ _.-]*val(ue)?s?$")


def propose_metrics(
    proposal: Proposal, table: TableProfile, readings: pd.DataFrame | None, form: FileFormat
) -> None:
    """The metrics, each with what it is.

    :param readings: ``device`` and ``time`` of each row that was looked at; None if nobody knows.
    :param form: of the files.
    """
    taken = {choice.column for choice in proposal.choices if choice.table == "metrics"}
    rest = {name: column for name, column in table.columns.items() if name not in taken}
    if form.format:
        _long(proposal, table, readings, rest, (form.metric, form.value))
        if not proposal.fields["metrics"]:
            proposal.missing.append(f"No metric of the {form.format} files holds numbers that change.")
        return
    columns = _long_columns(proposal, table, readings, rest)
    if columns is not None:
        metric, value = columns
        layout = {"layout": "long", "metric": proposal.named(metric), "value": proposal.named(value)}
        proposal.fields["files"] = {**proposal.fields.get("files", {}), **layout}
        _long(proposal, table, readings, rest, columns)
    else:
        _wide(proposal, table, readings, rest)
    if not proposal.fields["metrics"]:
        proposal.missing.append("No column of the metrics holds numbers that change.")


def _wide(
    proposal: Proposal,
    table: TableProfile,
    readings: pd.DataFrame | None,
    rest: Mapping[str, ColumnProfile],
) -> None:
    kinds = MetricKinds(proposal, table, readings)
    partial: list[str] = []
    unseen: list[str] = []
    both_signs: list[str] = []
    keys = [choice.column for choice in proposal.choices if choice.role in ("entity", "time")]
    for name in (name for name in keys if name in table.partial):
        without = [file for file, here in zip(table.files, table.present, strict=True) if name not in here]
        proposal.missing.append(
            f"{len(without):,} of {len(table.files):,} files of the metrics have no column '{name}', such as "
            f"{without[0]}: it has to be in every file, or to be renamed from what these call it (rename)."
        )
    for name, column in rest.items():
        if name in table.of_folders:
            proposal.choose("metrics", name, "none", "names of folders")
        elif column.kind == ROW_NUMBER:
            proposal.choose("metrics", name, "none", "numbers of the rows, not readings")
        elif hint := plain_number_hint(table, name) if column.kind in ("text", "time") else "":
            instead = "a metric, with a unit" if has_unit(hint) else "a metric, if they are plain numbers"
            proposal.choose("metrics", name, "none", f"text: {hint}", instead)
            proposal.decide.append(f"'{name}' has {hint}: {number_way(name, hint)}")
        elif column.kind == "text" and has_both_signs(table, name):
            instead = "a metric, if all have one decimal sign"
            proposal.choose("metrics", name, "none", "text: numbers with a decimal point or comma", instead)
            both_signs.append(name)
        elif column.kind in ("text", "truth") and _words(proposal, table, kinds, name):
            partial += [name] if name in table.partial else []
        elif not column.holds_numbers or (column.kind == "truth" and has_words(table.head[name])):
            instead = _STATIC if _may_be_static(proposal, column) else ""
            where = " in the rows looked at" if column.kind == "empty" and table.is_cut else ""
            proposal.choose("metrics", name, "none", f"{column.kind}{where}, not numbers", instead)
            unseen += [name] if where else []
        elif name in table.partial:
            partial.append(name)
            instead = "an optional metric, or one that the other files have under another name (rename)"
            proposal.choose("metrics", name, "none", "not in every file", instead)
        elif column.is_constant:
            value = column.samples[0] if column.samples else ""
            proposal.choose("metrics", name, "none", f"is {value} in every row", "a metric")
        else:
            kinds.add(name, table.head[name])
    if both_signs:
        proposal.decide.append(both_signs_sentence(table, both_signs))
    if unseen:
        names = listed([f"'{name}'" for name in unseen], _SHOWN)
        proposal.decide.append(
            f"No metric is what is empty in the rows looked at: {names}. "
            "If others have numbers there, name them in metrics."
        )
    if partial:
        names = listed([f"'{name}'" for name in partial], _SHOWN)
        proposal.decide.append(
            f"No metric is what some files of the metrics do not have: {names}. With optional: true it is "
            "one, and they have no reading of it. If two of these are one metric, rename gives both one name."
        )
    values = [
        name
        for name, column in rest.items()
        if column.kind not in ("time", "empty", "nested", ROW_NUMBER) and name not in table.of_folders
    ]
    numbers = [name for name in values if table.columns[name].kind != "text"]
    _tell_repeated(proposal, table, readings, numbers or values)
    for name, found in kinds.propose().items():
        proposal.choose("metrics", name, *found)


def _words(proposal: Proposal, table: TableProfile, kinds: MetricKinds, name: str) -> bool:
    """Choose what a column of words that change is; whether it is one."""
    if may_be_label(name):
        if kinds.words_of(table.head[name]) is None:
            return False
        instead = "a metric, with a number for each word (values)"
        proposal.choose("metrics", name, "none", "words that change: may be the label, no metric", instead)
        return True
    if name in table.partial:
        if kinds.words_of(table.head[name]) is None:
            return False
        instead = "an optional metric, with a number for each word (values)"
        proposal.choose("metrics", name, "none", "words that change, not in every file", instead)
        return True
    if not kinds.add_words(name, table.head[name]):
        return False
    if name not in kinds:
        instead = "a metric, with a number for each (values)"
        proposal.choose("metrics", name, "none", "words that change, not numbers", instead)
    return True


def _may_be_static(proposal: Proposal, column: ColumnProfile) -> bool:
    """Whether a column of text may say something of devices: there are as many of these, at least."""
    devices = None if proposal.cadence is None else proposal.cadence.devices
    return column.kind in ("text", "truth") and (devices is None or (column.distinct or 0) <= devices)


def _long(
    proposal: Proposal,
    table: TableProfile,
    readings: pd.DataFrame | None,
    rest: Mapping[str, ColumnProfile],
    columns: tuple[str, str],
) -> None:
    """Metrics of a table with one row a value.

    :param columns: that with the names of metrics, and that with their values.
    """
    kinds = MetricKinds(proposal, table, readings)
    metric, value = columns
    found = numeric_names(table, metric, value)
    constant, texts = [], []
    codes, names = texts_of(table.head[metric]) if metric in table.columns else (np.zeros(0), [])
    for name in names if value in table.columns else []:
        rows = np.flatnonzero(codes == names.index(name))
        column = table.head[value].take(pa.array(rows))
        if len(np.unique(texts_of(column).codes)) < 2:
            constant.append(name)
        elif name not in found:
            texts += [] if kinds.add_words(name, column, pd.Index(rows)) else [name]
        else:
            kinds.add(name, column, pd.Index(rows))
    for name in columns:
        if name in rest:
            role = "metric" if name == metric else "value"
            count = len({*found, *(one for one in names if one in kinds)})
            why = f"names of {count:,} metrics: one row a value"
            why = why if name == metric else "values of the metrics"
            proposal.choose("metrics", name, f"files.{role}", why)
    for name in rest:
        if name not in columns:
            proposal.choose("metrics", name, "none", "neither name nor value of a metric")
    _tell_repeated(proposal, table, readings, [value], metric if metric in table.columns else "")
    told = kinds.propose()
    proposal.decide.append(
        f"The metrics are those that '{metric}' names in the {table.looked_at:,} rows looked at: "
        f"{listed(list(told), _SHOWN)}."
    )
    if constant:
        proposal.decide.append(f"No metric is what never changes there: {listed(constant, _SHOWN)}.")
    if texts:
        proposal.decide.append(f"No metric is what has text there: {listed(texts, _SHOWN)}.")


def _long_columns(
    proposal: Proposal,
    table: TableProfile,
    readings: pd.DataFrame | None,
    rest: Mapping[str, ColumnProfile],
) -> tuple[str, str] | None:
    """Columns with the names of metrics and with their values, if the table seems to have one row a value."""
    values = [name for name, column in rest.items() if column.holds_numbers] or _of_words_too(table, rest)
    names = [
        name
        for name, column in rest.items()
        if column.kind == "text"
        and 2 <= (column.distinct or 0) <= min(_METRICS, column.rows // 2)
        and name not in values
    ]
    repeated = 0 if proposal.cadence is None else proposal.cadence.repeated
    if len(values) > 1:  # Beside it may be parts of the time, or numbers of series.
        values = [name for name in values if _VALUE.search(name.lower())]
        names = [name for name in names if _SURE_NAME.search(name.lower()) or name.lower() in ("key", "key_")]
    if len(values) != 1:
        return None
    if readings is None or not repeated:  # Each device may have one metric, another one each.
        sure = [name for name in names if _SURE_NAME.search(name.lower())]
        is_value = _VALUE.search(values[0].lower())
        return (sure[0], values[0]) if is_value and len(sure) == 1 and readings is not None else None
    # What names the metric tells the values of one device and time apart; a unit may not.
    left = {
        name: int(readings.assign(name=texts_of(table.head[name]).codes).dropna().duplicated().sum())
        for name in names
    }
    apart = [name for name in names if len(names) == 1 or left[name] <= repeated * _REST]
    best = min(apart, key=lambda name: (left[name], not _NAMES.search(name.lower())), default="")
    return (best, values[0]) if best else None


def _of_words_too(table: TableProfile, rest: Mapping[str, ColumnProfile]) -> list[str]:
    """The column that is called as values are, and has numbers for some names and words for others."""
    named = [name for name in rest if _SURE_NAME.search(name.lower())]
    values = [name for name, column in rest.items() if column.kind == "text" and _VALUE.search(name.lower())]
    return [value for value in values if any(numeric_names(table, name, value) for name in named)]


def _tell_repeated(
    proposal: Proposal,
    table: TableProfile,
    readings: pd.DataFrame | None,
    values: Sequence[str],
    metric: str = "",
) -> None:
    """Tell of values of one device and time, of which one is read, and which column tells them apart.

    :param values: columns with what the rows say.
    :param metric: column with the names of metrics, if there is one.
    """
    if readings is None or proposal.cadence is None:
        return
    rows = readings.assign(metric=texts_of(table.head[metric]).codes) if metric else readings
    rows = rows[rows.notna().all(axis=1)]
    count = int(rows.duplicated().sum())
    keys = [
        choice.column
        for choice in proposal.choices
        if choice.table == "metrics" and choice.role in ("entity", "time")
    ]
    named = [*keys, *([metric] if metric else [])]
    given = [name for name in values if name in table.columns]
    found = repeats_of(table, rows, named, given, parts=not metric)
    proposal.cadence = dataclasses.replace(
        proposal.cadence,
        repeated=count,
        contradicting=found.contradicting,
        merged=found.more,
        contradiction=found.sentence(),
    )
    if found.contradicting > len(rows) / 2:
        proposal.missing.append(
            f"{found.contradicting:,} of {len(rows):,} rows contradict another of the same "
            f"{' and '.join(named)}, so these do not name a reading: a column of the key is missing, or is "
            "not seen to be one."
        )
    others = [
        choice.column
        for choice in proposal.choices
        if choice.table == "metrics" and choice.role == "none" and table.columns[choice.column].kind == "text"
    ]
    for name in others if count > found.more else []:
        codes = texts_of(table.head[name]).codes[rows.index]
        if int(rows.assign(other=codes).duplicated().sum()) < count * _REST:
            proposal.decide.append(
                f"{count:,} rows repeat the device and time of another, and one of each stays. "
                f"'{name}' tells them apart: if it is of the key (entity), the labels need it, too."
            )
            return
