"""Alarm logs: tables with one row where an alarm is raised and one where it is cleared."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from feature_sets.listed import listed
from feature_sets.rows.event_micros import column_micros
from feature_sets.rows.keyed_rows import Bools, Integers
from feature_sets.telemetry.alarm_log import AlarmLog
from feature_sets.telemetry.alarm_rows import AlarmPairs, rows_that
from feature_sets.telemetry.cell_text import ids_of, texts_of, truth_of
from feature_sets.telemetry.inspection.ask_only import ask_only
from feature_sets.telemetry.inspection.choices import Proposal
from feature_sets.telemetry.inspection.interval_shape import (
    KNOWN_NAME,
    LABEL,
    has_named_ends,
    intervals_of,
    kind_column,
    name_scope,
    note_others,
)
from feature_sets.telemetry.inspection.none_states import means_none
from feature_sets.telemetry.inspection.table_profile import TableProfile
from feature_sets.telemetry.label_form import INCIDENTS, LabelForm

_STATE = re.compile(
    r"stat(e|us)|action|event|notif|transition|raise|clear|activ|set$|alarm|sever|level|up|down|trap"
    r"|^value$"
)
_SEVERITY = re.compile(r"sever|level|prio")
_CLEARED = re.compile(r"clear|resolv|recover|closed|(^|_)(ok|up)$")
"""What a column of truth values is called where true is no alarm."""
_IDENTITY = re.compile(
    r"alarm|alert|event|trigger|problem|fingerprint|service|port|interface|^if_?(name|index|descr)|probable|cause|object|component"
    r"|check|type|code|sensor|slot|(^|_)id$|^name$"
)
_KIND = re.compile(r"kind|cause|type|class")
_NO_KIND = re.compile(r"stat(e|us)")
"""Such as the ``state_type`` of Nagios, which is of one row: HARD or SOFT."""
_NO_IDENTITY = re.compile(r"sever|level|prio|stat(e|us)|text|message|descr|note|comment|user|ack")
_SURE = frozenset(
    [
        *("raise", "raised", "clear", "cleared", "ceased", "problem", "recovery", "recovered", "resolved"),
        *("firing", "linkdown", "linkup"),
    ]
)
"""Words that are about an event, and not about a state that each row could tell."""
_IN_TEXT = _SURE | {"up", "down", "active", "inactive"}
"""Words that say it within a text such as ``Interface ge0, changed state to down``."""
_MOST_WORDS = 20
_KNOWN_SHARE = 0.8
"""Share of the rows whose word must raise or clear, of those that do not acknowledge."""
_NOISE = 0.1
"""Of the pairs that cells by chance would part, the share that a column which tells alarms apart may part.

A log lacks rows, and then the clear of another alarm had the place of one.
"""
_SHOWN = 5


class AlarmShape(NamedTuple):
    """What seems to be an alarm log.

    :param state: column that says whether a row raises or clears.
    :param raised: words that raise.
    :param cleared: words that clear.
    :param others: words that do neither.
    :param usual: whether these words mean that without being named.
    """

    state: str
    raised: tuple[str, ...]
    cleared: tuple[str, ...]
    others: tuple[str, ...]
    usual: bool


def alarm_log_of(table: TableProfile, entity: Sequence[str] = (), sure: bool = False) -> AlarmShape | None:
    """How a table raises and clears alarms; None if it is no alarm log.

    :param entity: columns that name a device, of which one must have rows of both kinds, if they are there.
    :param sure: whether its words must be those of events: it could hold a state for each reading as well.
    """
    if has_named_ends(table) or not any(column.kind == "time" for column in table.columns.values()):
        return None
    found = [
        shape
        for name, column in table.columns.items()
        if name not in entity and column.kind in ("text", "truth", "number") and _STATE.search(name.lower())
        if (shape := _shape(table, name)) is not None and _has_both(table, shape, entity)
    ]
    if sure:
        found = [
            shape for shape in found if _SURE & {word.lower() for word in (*shape.raised, *shape.cleared)}
        ]
    # A severity may be there beside the state itself.
    return min(found, key=lambda shape: _SEVERITY.search(shape.state.lower()) is not None, default=None)


def _shape(table: TableProfile, name: str) -> AlarmShape | None:
    texts = texts_of(table.head[name])
    if not 1 < len(texts.values) <= _MOST_WORDS:
        return None
    usual = not (table.columns[name].kind == "truth" and _CLEARED.search(name.lower()))
    log = AlarmLog()
    meanings = [log.raises(word) if usual else _opposite(word) for word in texts.values]
    rows = np.bincount(texts.codes[texts.codes >= 0], minlength=len(texts.values))
    told = sum(int(count) for count, one in zip(rows, meanings, strict=True) if one is not None)
    seen = sum(int(count) for count, word in zip(rows, texts.values, strict=True) if log.acknowledges(word))
    raised, cleared, others = (
        tuple(word for word, one in zip(texts.values, meanings, strict=True) if one is wanted)
        for wanted in (True, False, None)
    )
    if not raised or not cleared or told < _KNOWN_SHARE * (len(texts.codes) - seen):
        return None
    return AlarmShape(name, raised, cleared, others, usual)


def _opposite(word: str) -> bool | None:
    truth = truth_of(word)
    return None if truth is None else not truth


def state_in_text(table: TableProfile) -> str:
    """What is missing in a log whose state is a word within a text; empty of other tables."""
    found, log = intervals_of(table), AlarmLog()
    if found is not None and found.end:
        return ""
    for name, column in table.columns.items():
        if column.kind != "text":
            continue
        texts = texts_of(table.head[name])
        words = [_IN_TEXT.intersection(re.findall("[a-z]+", text.lower())) for text in texts.values]
        told = [{log.raises(word) for word in each} for each in words]
        shown = {
            raises: next((repr(texts.values[at]) for at, one in enumerate(told) if one == {raises}), "")
            for raises in (True, False)
        }
        clear = np.array([len(one) == 1 for one in told] + [False])[texts.codes]
        if all(shown.values()) and clear.mean() >= _KNOWN_SHARE:
            return (
                f"{table.files[0]} says within the text of '{name}' whether an alarm is raised or cleared, "
                f"as in {shown[True]} and {shown[False]}: that word needs a column of its own, such as "
                "'state', see labels.alarm_log."
            )
    return ""


def _raises(table: TableProfile, shape: AlarmShape) -> tuple[Bools, Bools]:
    """Which rows raise, and which raise or clear."""
    texts = texts_of(table.head[shape.state])
    up, told = (
        np.array([word in words for word in texts.values] + [False], dtype=np.bool_)[texts.codes]
        for words in (shape.raised, (*shape.raised, *shape.cleared))
    )
    return up, told


def _has_both(table: TableProfile, shape: AlarmShape, entity: Sequence[str]) -> bool:
    named = [name for name in entity if name in table.columns]
    if not named:
        return True
    up, told = _raises(table, shape)
    keys = _keys(table, named)
    return bool(np.intersect1d(keys[told & up], keys[told & ~up]).size)


def _keys(table: TableProfile, columns: Sequence[str]) -> Integers:
    """A number for each row: those with the same cells have the same."""
    if not columns:
        return np.zeros(table.head.num_rows, dtype=np.int64)
    codes = pd.DataFrame({name: ids_of(table.head[name]).codes for name in columns})
    found: Integers = codes.groupby(list(columns), sort=False).ngroup().to_numpy().astype(np.int64)
    return found


def propose_alarm_log(
    proposal: Proposal, table: TableProfile, entity: Sequence[str], attributes: Sequence[str], time: str
) -> None:
    """Labels that are made of an alarm log.

    :param entity: columns of the files that name a device.
    :param attributes: columns of the static file.
    :param time: column of the metrics with the event time.
    """
    shape = alarm_log_of(table, entity)
    scope = name_scope(proposal, table, entity, attributes)
    if shape is None or scope is None:
        return
    moment = _time(proposal, table, time)
    words = f"{_words(shape.raised)} raises an alarm, {_words(shape.cleared)} clears it"
    proposal.choose(table.name, shape.state, "labels.alarm_log.state", words)
    devices = [choice.column for choice in proposal.choices if choice.table == table.name]
    devices = [name for name in devices if name not in (moment, shape.state)]
    log: dict[str, Any] = {"state": proposal.named(shape.state, reserved=False)}
    if proposal.named(moment, reserved=False) != proposal.fields.get("time"):
        log["time"] = proposal.named(moment, reserved=False)
    pairs = _Pairs(table, shape, moment)
    alarm = _identity(table, [*devices, moment, shape.state], pairs, devices)
    for name in alarm:
        proposal.choose(table.name, name, "labels.alarm_log.alarm", "tells alarms of one device apart")
    if alarm:
        log["alarm"] = [proposal.named(name, reserved=False) for name in alarm]
    if not shape.usual:
        log |= {"raised": list(shape.raised), "cleared": list(shape.cleared)}
    fields: dict[str, Any] = {"form": INCIDENTS, "alarm_log": log}
    if scope:
        fields["scope"] = scope
    known = _known(table, moment)
    if known:
        proposal.choose(table.name, known, "labels.known", "a time by which a row is known")
        if proposal.named(known, reserved=False) != LabelForm().known:
            fields["known"] = proposal.named(known, reserved=False)
    kinds = [name for name in alarm if _KIND.search(name.lower())]
    kind = kinds[0] if kinds else kind_column(table, proposal)
    if _NO_KIND.search(kind.lower()):
        kind = ""
    if kind:
        if kind not in alarm:
            proposal.choose(table.name, kind, "labels.kind", "few values, which say what kind it was")
        if proposal.named(kind, reserved=False) != LabelForm().kind:
            fields["kind"] = proposal.named(kind, reserved=False)
    note_others(proposal, table)
    _tell(proposal, shape, pairs, devices, alarm, table)
    proposal.fields["label"] = LABEL
    proposal.fields["labels"] = fields


def _time(proposal: Proposal, table: TableProfile, time: str) -> str:
    times = [name for name, column in table.columns.items() if column.kind == "time"]
    moment = (
        time
        if time in times
        else next((name for name in times if not KNOWN_NAME.search(name.lower())), times[0])
    )
    profile = table.columns[moment]
    span = f", {profile.first} to {profile.last}" if profile.first else ""
    proposal.choose(table.name, moment, "labels.alarm_log.time", f"{profile.times}{span}")
    if profile.naive:
        proposal.have_no_zone(table.name)
    return moment


def _known(table: TableProfile, moment: str) -> str:
    times = [name for name, column in table.columns.items() if column.kind == "time" and name != moment]
    return next((name for name in times if KNOWN_NAME.search(name.lower())), "")


class _Pairs:
    """Pairs of the rows that were looked at, by the columns that tell alarms apart."""

    def __init__(self, table: TableProfile, shape: AlarmShape, moment: str) -> None:
        times = table.times(moment)
        up, told = _raises(table, shape)
        self._table = table
        self.rows = np.flatnonzero(told & times.notna().to_numpy())
        self._micros, self._up = column_micros(times.iloc[self.rows]), up[self.rows]

    def by(self, columns: Sequence[str]) -> AlarmPairs:
        """Pairs by these columns."""
        return self._of(self._keys(columns))

    def unpaired(self, columns: Sequence[str]) -> int:
        """Rows that are no part of a pair."""
        return _unpaired(self.by(columns))

    def unpaired_by_chance(self, columns: Sequence[str], name: str) -> int:
        """The same with a further column whose cells are dealt out anew among the rows of each alarm."""
        keys, cells = self._keys(columns), self._keys([name])
        dealt = np.empty_like(cells)
        random = np.random.default_rng(0).random(len(keys))
        dealt[np.argsort(keys, kind="stable")] = cells[np.lexsort((random, keys))]
        return _unpaired(self._of(keys * (cells.max() + 1) + dealt))

    def alarms(self, columns: Sequence[str]) -> int:
        """How many alarms these columns tell apart."""
        return len(np.unique(self._keys(columns)))

    def _keys(self, columns: Sequence[str]) -> Integers:
        return _keys(self._table, columns)[self.rows]

    def _of(self, keys: Integers) -> AlarmPairs:
        return AlarmPairs.of(keys, self._micros, self._up)


def _unpaired(pairs: AlarmPairs) -> int:
    return len(pairs.repeated) + len(pairs.unraised) + int((pairs.closed < 0).sum())


def _identity(table: TableProfile, taken: Sequence[str], pairs: _Pairs, devices: Sequence[str]) -> list[str]:
    """Columns that tell alarms of one device apart: with them as many rows have a partner as without.

    Hardly fewer in a log that lacks rows, where some have had a wrong partner.
    """
    chosen: list[str] = []
    if not len(pairs.rows):
        return chosen
    left, alarms = pairs.unpaired(devices), pairs.alarms(devices)
    for name, column in table.columns.items():
        called = name.lower()
        may = (
            column.kind in ("text", "number") and _IDENTITY.search(called) and not _NO_IDENTITY.search(called)
        )
        if not may or name in taken:
            continue
        known = [*devices, *chosen]
        unpaired, told = pairs.unpaired([*known, name]), pairs.alarms([*known, name])
        noise = _NOISE * (pairs.unpaired_by_chance(known, name) - left)
        if told > alarms and unpaired <= left + max(0.0, noise):
            chosen.append(name)
            left, alarms = unpaired, told
    return chosen


def _tell(
    proposal: Proposal,
    shape: AlarmShape,
    pairs: _Pairs,
    devices: Sequence[str],
    alarm: Sequence[str],
    table: TableProfile,
) -> None:
    found = pairs.by([*devices, *alarm]) if len(pairs.rows) else None
    opened = 0 if found is None else len(found.opened)
    still = 0 if found is None else int((found.closed < 0).sum())
    text = (
        f"Of '{shape.state}', {_words(shape.raised)} raises an alarm, and {_words(shape.cleared)} clears it "
        f"(labels.alarm_log): {opened:,} incidents, {still:,} of them without an end."
    )
    if table.is_cut:
        text = f"{text[:-1]}, in the {table.looked_at:,} rows looked at."
    again, alone = (0, 0) if found is None else (len(found.repeated), len(found.unraised))
    if again:
        text += f" {rows_that(again, 'raise')} what is raised already: that is the same incident."
    if alone:
        text += f" {rows_that(alone, 'clear')} what is not raised: that says nothing."
    if shape.others:
        text += f" Rows that say {_words(shape.others)} are left out."
    if none := [word for word in shape.others if means_none(word)]:
        text += (
            f" An alarm of which one says {_words(none)} counts all the same, until another row clears it."
        )
    proposal.decide.append(text)
    if found is not None:
        ask_only(proposal, table, pairs.rows[found.opened], [*devices, shape.state])
    proposal.decide.append(
        f"A reading inside of an incident is {LABEL}: 1, and one outside of all of them is healthy; if less "
        "than all readings were watched, say so in labels.watched."
    )


def _words(words: Sequence[str]) -> str:
    return listed([repr(word) for word in words], _SHOWN)
