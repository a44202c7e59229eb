"""How an alarm log says that an alarm is raised, and that it is cleared."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

from feature_sets.checks import InputError, check_column_name, check_mapping, check_names, duration_seconds
from feature_sets.telemetry.cell_text import cell_text, id_text

RAISED = (
    *("raise", "raised", "set", "active", "activated", "asserted", "open", "opened", "new", "problem"),
    "down",
    *("fault", "failed", "failure", "firing", "alerting", "alarm", "alert", "triggered", "start", "started"),
    # Severities, where the word of a cleared alarm takes their place; X.733, syslog, Nagios and Zabbix.
    *("critical", "major", "minor", "warning", "indeterminate", "emergency", "error", "disaster", "high"),
    *("medium", "low", "information", "informational", "info", "notice"),
    *("average", "unknown", "unreachable", "on", "true", "yes", "1", "1.0"),
    *("activate", "assert", "occurred", "appeared", "trigger", "uncleared", "unresolved"),
    *("reopen", "reopened", "re-opened"),
    # Traps of RFC 2863, by name and by number.
    *("linkdown", "if-mib::linkdown", "1.3.6.1.6.3.1.1.5.3", ".1.3.6.1.6.3.1.1.5.3"),
)
"""Words that raise an alarm, where the schema gives none."""

CLEARED = (
    *("clear", "cleared", "ceased", "inactive", "deactivated", "deasserted", "closed", "close", "resolved"),
    *("ok", "up", "normal", "recovery", "recovered", "restored", "end", "ended", "stop", "stopped"),
    *("off", "false", "no", "0", "0.0"),
    *("deactivate", "deassert", "disappeared", "resolve", "restore", "recover", "cease", "clr"),
    *("linkup", "if-mib::linkup", "1.3.6.1.6.3.1.1.5.4", ".1.3.6.1.6.3.1.1.5.4"),
)
"""Words that clear one, where the schema gives none."""

ACKNOWLEDGED = (
    *("ack", "acked", "acknowledge", "acknowledged", "acknowledgement", "acknowledgment"),
    *("unack", "unacked", "unacknowledge", "unacknowledged"),
    # States of a ticket between its start and its end.
    *("in progress", "in-progress", "in_progress", "inprogress", "work in progress", "pending", "on hold"),
    *("onhold", "on-hold", "on_hold", "assigned", "investigating", "identified", "monitoring", "escalated"),
)
"""Words of rows that tell what people did: they change no alarm, unless the schema gives them a meaning."""

WHERE, ONLY, OPEN = "labels.alarm_log", "labels.only", "labels.open"


@dataclass(frozen=True)
class AlarmLog:
    """Incidents as a log: one row when an alarm is raised, and one when it is cleared.

    :param state: column that says which of both a row does.
    :param time: column with the time of the row; by default that of the readings.
    :param alarm: columns that tell alarms of one device apart, such as its id or the port; without one a
        device has one alarm at most at a time.
    :param raised: words that raise, in capitals or not; those that are given are the only ones.
    :param cleared: words that clear, the same.
    :param hold_off: an alarm that is raised again at most that long after it was cleared is the same
        incident, which goes on in between; ``0s`` for none.
    """

    state: str = "state"
    time: str | None = None
    alarm: tuple[str, ...] = ()
    raised: tuple[str, ...] = ()
    cleared: tuple[str, ...] = ()
    hold_off: str = "0s"

    def __post_init__(self) -> None:
        check_column_name(f"{WHERE}.state", self.state)
        if self.time is not None:
            check_column_name(f"{WHERE}.time", self.time)
        for column in self.alarm:
            check_column_name(f"{WHERE}.alarm", column)
        columns = [self.state, *self.alarm, *([] if self.time is None else [self.time])]
        for column in columns:
            if columns.count(column) > 1:
                raise InputError(WHERE, "must name a column once", column)
        duration_seconds(self.hold_off, f"{WHERE}.hold_off")
        raised = {word.lower() for word in self.raised}
        for word in self.cleared:
            if word.lower() in raised:
                rule = "must have other words than raised, in capitals or not"
                raise InputError(f"{WHERE}.cleared", rule, word)

    @property
    def hold_off_micros(self) -> int:
        """How long after its clear a raise goes on with an incident, microseconds."""
        return duration_seconds(self.hold_off) * 1_000_000

    @cached_property
    def _meanings(self) -> dict[str, bool]:
        usual = {
            **({} if self.raised else dict.fromkeys(RAISED, True)),
            **({} if self.cleared else dict.fromkeys(CLEARED, False)),
        }
        given = {**dict.fromkeys(self.raised, True), **dict.fromkeys(self.cleared, False)}
        return {**usual, **{word.lower(): raises for word, raises in given.items()}}

    def raises(self, text: str | None) -> bool | None:
        """Whether a word raises an alarm, or clears it; None if it does neither.

        >>> log = AlarmLog(raised=("0", "critical"))
        >>> log.raises("CRITICAL"), log.raises("0"), log.raises("ok"), log.raises("major")
        (True, True, False, None)
        """
        if text is None:
            return None
        word = text.lower()
        return self._meanings.get(word, self._meanings.get(id_text(word)))

    def acknowledges(self, text: str | None) -> bool:
        """Whether a word says that somebody has seen the alarm, which neither raises nor clears it.

        >>> AlarmLog().acknowledges("ACK"), AlarmLog(cleared=("ack",)).acknowledges("ACK")
        (True, False)
        """
        return text is not None and text.lower() in ACKNOWLEDGED and self.raises(text) is None

    def columns(self, time: str) -> tuple[str, str, tuple[str, ...]]:
        """Columns of the time and of the state, and those that tell alarms apart.

        :param time: of the readings.
        """
        return self.time or time, self.state, self.alarm

    def check(self, devices: Collection[str], time: str) -> None:
        """Raise InputError unless the columns fit those of a schema.

        :param devices: columns that devices can be named by.
        :param time: of the readings.
        """
        moment, state, alarm = self.columns(time)
        for field, column in [("time", moment), ("state", state), *(("alarm", name) for name in alarm)]:
            if column in devices:
                rule = "must not be a column that names devices, of which each has its own alarms"
                raise InputError(f"{WHERE}.{field}", rule, column)
            if field != "time" and column == moment:
                raise InputError(f"{WHERE}.{field}", "must not be the column of the time", column)

    @classmethod
    def from_content(cls, content: object) -> AlarmLog:
        """Build from the content of a YAML file; the inverse of ``to_dict``.

        :raises InputError: naming the field, the rule and what was given.
        """
        given = check_mapping(
            WHERE, {} if content is None else content, {field.name for field in fields(cls)}
        )
        for name in ("state", "time", "hold_off"):
            if name in given and not isinstance(given[name], str):
                raise InputError(f"{WHERE}.{name}", "must be text", given[name])
        alarm = given.get("alarm") or []
        given["alarm"] = check_names(f"{WHERE}.alarm", [alarm] if isinstance(alarm, str) else alarm)
        for name in ("raised", "cleared"):
            given[name] = words_of(f"{WHERE}.{name}", given.get(name))
        return cls(**given)

    def to_dict(self) -> dict[str, Any]:
        """What is not the default, as plain content for YAML or JSON."""
        content: dict[str, Any] = {name: value for name, value in self.__dict__.items() if name in _FIELDS}
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in content.items()
            if value != _FIELDS[name]
        }


_FIELDS: Mapping[str, Any] = {field.name: field.default for field in fields(AlarmLog)}


def words_of(where: str, given: object) -> tuple[str, ...]:
    """Words of a schema, one or a list; a number is its text."""
    if given is None:
        return ()
    rule = "must be a word, or a list of them; YAML takes on, off, yes and no for truth values without quotes"
    words = given if isinstance(given, Sequence) and not isinstance(given, str) else [given]
    for word in words:
        if isinstance(word, bool) or not isinstance(word, str | int) or cell_text(word) is None:
            raise InputError(where, rule, word)
    return tuple(dict.fromkeys(str(cell_text(word)) for word in words))


def only_of(content: object, where: str = ONLY) -> dict[str, tuple[str, ...]]:
    """Column -> its values, of the content of a YAML file.

    >>> only_of({"severity": ["critical", 1], "type": "outage"})
    {'severity': ('critical', '1'), 'type': ('outage',)}

    :raises InputError: unless it is a mapping of columns to at least one value each.
    """
    if content is None:
        return {}
    if not isinstance(content, Mapping):
        raise InputError(where, "must be a mapping: column -> values", content)
    found = {
        check_column_name(where, name): words_of(f"{where}.{name}", given) for name, given in content.items()
    }
    for name, words in found.items():
        if not words:
            raise InputError(f"{where}.{name}", "must have at least one value", content[name])
    return found
