"""The form in which a user has labels: rows, rows of errors only, or incidents with a start and an end."""

from __future__ import annotations

import datetime
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field, fields
from functools import cached_property
from typing import Any

from feature_sets.checks import (
    InputError,
    check_choice,
    check_column_name,
    check_mapping,
    check_names,
    duration_seconds,
)
from feature_sets.telemetry.alarm_log import OPEN, AlarmLog, only_of
from feature_sets.telemetry.cell_text import truth_of
from feature_sets.telemetry.event_time import seconds_of
from feature_sets.telemetry.label_words import label_words

ROWS, POSITIVES, INCIDENTS = FORMS = ("rows", "positives", "incidents")
UNION, FIRST = CONFLICTS = ("union", "first")
READINGS = "readings"

_COLUMNS = ("start", "end", "kind", "id", "known", "cancelled")


@dataclass(frozen=True)
class LabelForm:
    """The form of the labels, in the files and live.

    :param form: ``rows`` say 0 or 1 of a device and time; ``positives`` are rows of 1 only; ``incidents``
        have a start and an end, which is empty while they are open.
    :param tolerance: a label belongs to the latest reading of its device at or before it, not older than
        that; and an incident begins that much earlier. ``0s``: the times of labels are those of readings.
    :param watched: the period in which every error was noted, so that a reading without one was healthy:
        ``readings`` for all of them, or a mapping with ``from`` and ``to``, the second not included. Of
        incidents ``readings`` unless said otherwise; of positives it must be said.
    :param healthy_after: how much older than the newest reading, in event time, a reading without an error
        must be to count as healthy; live than the newest prediction. By default ``0s``. Live ``0s`` is the
        deadline of labels: a prediction is not healthy as soon as it is made.
    :param start: column with the start of an incident.
    :param end: column with its end, which belongs to it no more.
    :param kind: column that says what kind it was.
    :param id: column with its id, if it has one: a row takes the place of an earlier one of the same id.
    :param known: column with the time from which a row was known: of those with one id the last counts.
    :param cancelled: column that says whether an incident was none.
    :param scope: columns by which incidents name devices: those of the entity, ``device``, static ones. A
        cell may be empty where another has a value. By default the device.
    :param sources: names of the files of incidents, first those that count first.
    :param conflict: what counts where incidents of several files overlap on a device: ``union`` all of them,
        ``first`` those of the first file.
    :param values: word of the label -> 1 if it says an error, 0 if it says none; of rows and positives whose
        label has other words than those of truth values.
    :param alarm_log: how the files of incidents say that an alarm is raised and cleared, if they have a row
        for each of both; they have no columns of the start, the end, the id and the cancellation then.
    :param only: column -> values, in capitals or not: rows of files of incidents that have another one in it
        are no incidents. What is sent live counts, whatever it says.
    :param open: column -> values, in capitals or not, with which an incident is open, whatever its end says.
    """

    form: str = ROWS
    tolerance: str = "0s"
    watched: str | Mapping[str, str] | None = None
    healthy_after: str = "0s"
    start: str = "start"
    end: str = "end"
    kind: str = "kind"
    id: str = "id"
    known: str = "known"
    cancelled: str = "cancelled"
    scope: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    conflict: str = UNION
    values: Mapping[str, int] = field(default_factory=dict)
    alarm_log: AlarmLog | None = None
    only: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    open: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_choice("labels.form", self.form, FORMS)
        check_choice("labels.conflict", self.conflict, CONFLICTS)
        duration_seconds(self.tolerance, "labels.tolerance")
        duration_seconds(self.healthy_after, "labels.healthy_after")
        for name in _COLUMNS:
            check_column_name(f"labels.{name}", getattr(self, name))
        columns = [getattr(self, name) for name in _COLUMNS] + list(self.scope)
        for column in columns:
            if columns.count(column) > 1:
                raise InputError("labels", "must name a column once", column)
        for column in self.scope:
            check_column_name("labels.scope", column)
        label_words(self.values)
        self._check_use()
        self._period()

    def _check_use(self) -> None:
        """Raise InputError if something is said that the form has no use for, or not said that it needs."""
        if self.form == POSITIVES and self.watched is None:
            rule = (
                "is required for positives: outside of the time that was watched nothing is known. It is "
                "'readings' for all readings, or a mapping with 'from' and 'to'"
            )
            raise InputError("labels.watched", rule, None)
        of_rows = ("watched", "healthy_after") if self.form == ROWS else ()
        of_others = ("scope", "sources", "alarm_log", "only", "open") if self.form != INCIDENTS else ()
        of_incidents = ("values",) if self.form == INCIDENTS else ()
        of_intervals = ("open",) if self.alarm_log is not None else ()
        for names, rule in (
            (of_incidents, "must be absent for incidents, which have no column of the label"),
            (of_rows, "must be absent for rows, which say what is healthy"),
            (of_others, "must be absent unless the form is incidents"),
            (of_intervals, "must be absent beside alarm_log, whose rows have no end"),
        ):
            for name in names:
                if getattr(self, name) not in (None, (), "0s", {}):
                    raise InputError(f"labels.{name}", rule, getattr(self, name))

    def _period(self) -> tuple[float | None, float | None]:
        """Start and end of what was watched, epoch seconds; None where it is that of the readings."""
        if self.watched is None or self.watched == READINGS:
            return None, None
        where = "labels.watched"
        if isinstance(self.watched, str):
            raise InputError(where, f"must be '{READINGS}' or a mapping with 'from' and 'to'", self.watched)
        given = check_mapping(where, self.watched, ("from", "to"))
        times: dict[str, float] = {}
        for name, time in given.items():
            try:
                times[name] = seconds_of(time)
            except InputError as error:
                raise InputError(f"{where}.{name}", error.rule, time) from None
        start, end = times.get("from"), times.get("to")
        if start is not None and end is not None and end <= start:
            raise InputError(f"{where}.to", "must be after 'from'", given["to"])
        return start, end

    @cached_property
    def _meanings(self) -> dict[str, bool]:
        return {word.lower(): bool(meaning) for word, meaning in self.values.items()}

    def truth_of(self, text: str | None) -> bool | None:
        """What the text of a label says: by ``values``, else as a truth value; None if it is neither.

        >>> form = LabelForm(values={"critical": 1, "ok": 0})
        >>> form.truth_of("OK"), form.truth_of("1"), form.truth_of("0"), form.truth_of("warning")
        (False, True, False, None)
        """
        if text is None:
            return None
        return self._meanings.get(text.lower(), truth_of(text))

    def check(
        self, devices: Collection[str], others: Collection[str], excluding: Collection[str], time: str
    ) -> None:
        """Raise InputError unless the columns fit those of a schema.

        :param devices: columns that devices can be named by.
        :param others: columns with another meaning.
        :param excluding: columns of ``exclude_labels``.
        :param time: of the readings.
        """
        if self.alarm_log is not None:
            self.alarm_log.check(devices, time)
        for name in ("only", "open"):
            for column in getattr(self, name):
                if column in (self.start, self.end, self.known):
                    raise InputError(f"labels.{name}", "must not be a column of times", column)
        for column in self.scope:
            if column not in devices:
                raise InputError("labels.scope", f"must be among {', '.join(devices)}", column)
        for name in _COLUMNS:
            column = getattr(self, name)
            if self.has_incidents and column in {*devices, *others}:
                raise InputError(f"labels.{name}", "must not be a column with another meaning", column)
            if self.has_incidents and name != "kind" and column in excluding:
                raise InputError("exclude_labels", f"must not be the column of labels.{name}", column)

    @property
    def watched_from(self) -> float | None:
        """Start of what was watched, epoch seconds; None if that is the first reading."""
        return self._period()[0]

    @property
    def watched_to(self) -> float | None:
        """End of what was watched, which is not in it; None if that is the newest reading."""
        return self._period()[1]

    @property
    def tolerance_seconds(self) -> int:
        """How much later than its reading a label may be."""
        return duration_seconds(self.tolerance)

    @property
    def healthy_seconds(self) -> int:
        """How old a reading in the history must be to count as healthy."""
        return duration_seconds(self.healthy_after)

    @property
    def has_incidents(self) -> bool:
        """Whether labels are incidents."""
        return self.form == INCIDENTS

    @property
    def is_derived(self) -> bool:
        """Whether label rows are made at the times of readings, and not taken as they are given."""
        return self.form != ROWS or self.tolerance_seconds > 0

    @classmethod
    def from_content(cls, content: object) -> LabelForm:
        """Build from the content of a YAML file; the inverse of ``to_dict``.

        :raises InputError: naming the field, the rule and what was given.
        """
        given = check_mapping("labels", content, {field.name for field in fields(cls)})
        for name in ("scope", "sources"):
            given[name] = check_names(f"labels.{name}", given.get(name) or [])
        if isinstance(given.get("watched"), Mapping):
            given["watched"] = {name: _text(value) for name, value in given["watched"].items()}
        given["values"] = label_words(given.get("values") or {})
        given["only"], given["open"] = only_of(given.get("only")), only_of(given.get("open"), OPEN)
        if "alarm_log" in given:
            given["alarm_log"] = AlarmLog.from_content(given["alarm_log"])
        return cls(**given)

    def to_dict(self) -> dict[str, Any]:
        """What is not the default, as plain content for YAML or JSON."""
        content = {name: value for name, value in asdict(self).items() if value != getattr(AS_ROWS, name)}
        if self.alarm_log is not None:
            content["alarm_log"] = self.alarm_log.to_dict()
        for field_name in ("only", "open"):
            if field_name in content:
                content[field_name] = {name: list(of) for name, of in getattr(self, field_name).items()}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in content.items()}


def _text(value: Any) -> Any:
    """A time as text, which YAML may have read as one."""
    if isinstance(value, datetime.datetime | datetime.date):
        return value.isoformat()
    return value


AS_ROWS = LabelForm()
"""Rows of 0 and 1 at the times of readings."""
