"""A change of the calendar of maintenance, checked at the edge: the body of a request becomes an entry."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any, NamedTuple

from feature_sets.checks import InputError
from feature_sets.rows.entity_keys import KEY_TEXT_RULE, is_key_text
from feature_sets.rows.event_micros import event_micros
from feature_sets.telemetry.calendar import Calendar, Maintenance, checked_scope, scope_columns
from feature_sets.telemetry.event_time import seconds_of
from feature_sets.telemetry.events import EventError, plain_text
from feature_sets.telemetry.intervals import OPEN
from feature_sets.telemetry.maintenance_columns import MaintenanceColumns
from feature_sets.telemetry.schema import TelemetrySchema

ID, CANCEL = "id", "cancel"
"""Fields of a body beside those that the schema names."""

FILE_PREFIX = "file:"
"""Names of entries that files have begin with this; they are changed in the file alone."""

_ID_LIMIT = 200
_REASON_LIMIT = 1000


class MaintenanceEvent(NamedTuple):
    """What an entry of the calendar is from now on; it says everything, so that it can be replayed.

    :param id: name of the entry.
    :param entry: the whole of it; None if it is taken back.
    """

    id: str
    entry: Maintenance | None


class MaintenanceParser:
    """Turns request bodies into changes of the calendar, by the rules of one schema.

    :param schema: names the fields; without ``maintenance`` every body is refused.
    """

    def __init__(self, schema: TelemetrySchema) -> None:
        self._schema = schema
        self._declared = schema.maintenance is not None
        columns = schema.maintenance or MaintenanceColumns()
        self._start, self._end, self._reason = columns.start, columns.end, columns.reason
        self._scope = scope_columns(schema)
        self._fields = (ID, *self._scope, self._start, self._end, self._reason, CANCEL)

    def change(
        self, body: Any, known: Calendar, now: float, cancelled: Container[str] = ()
    ) -> MaintenanceEvent:
        """What a body opens, changes, closes or takes back.

        :param known: the entries there are.
        :param now: when it arrived, epoch seconds: the start of a new entry that names none.
        :param cancelled: names of entries that were taken back: to cancel one again changes nothing.
        :raises EventError: naming the first field that breaks a rule.
        """
        if not self._declared:
            raise EventError("maintenance", "must be in the schema, such as 'maintenance: {}'", None)
        given = self._given(body)
        name = given.get(ID)
        if name is not None:
            self._check_id(name)
        before = known.get(name) if name is not None else None
        if given.get(CANCEL, False) is not False:
            return self._cancelled(given, name, before is not None or name in cancelled)
        scope = {column: plain_text(column, given[column]) for column in self._scope if column in given}
        try:
            checked = before.scope if before and not scope else checked_scope(scope, self._schema)
        except InputError as error:
            raise EventError(error.where, error.rule, error.got) from None
        start = before.start if before else event_micros(now)
        if given.get(self._start) is not None:
            start = self._moment(self._start, given[self._start])
        end = before.end if before else OPEN
        if self._end in given:
            end = OPEN if given[self._end] is None else self._moment(self._end, given[self._end])
        if end <= start:
            raise EventError(self._end, "must be later than the start", given.get(self._end))
        reason = before.reason if before else ""
        if self._reason in given:
            reason = plain_text(self._reason, given[self._reason]) or ""
            if len(reason) > _REASON_LIMIT:
                raise EventError(self._reason, f"must have at most {_REASON_LIMIT} characters", reason)
        entry = Maintenance(checked, start, end, reason)
        return MaintenanceEvent(entry.digest if name is None else name, entry)

    def _given(self, body: Any) -> dict[str, Any]:
        """Fields of a body by their names in the schema."""
        if not isinstance(body, Mapping):
            raise EventError("event", "must be a JSON object", body)
        found: dict[str, Any] = {}
        for field, value in body.items():
            name = field if field in self._fields else self._schema.rename.get(field, field)
            if name not in self._fields:
                raise EventError("field", f"must be one of {', '.join(self._fields)}", field)
            if name in found:  # One of the two would be lost.
                raise EventError(field, f"must not be beside another field that is '{name}'", value)
            found[name] = value
        return found

    def _check_id(self, name: Any) -> None:
        if not isinstance(name, str) or not name.strip() or len(name) > _ID_LIMIT:
            raise EventError(ID, f"must be text of 1 to {_ID_LIMIT} characters", name)
        if not is_key_text(name):
            raise EventError(ID, KEY_TEXT_RULE, name)
        if name.startswith(FILE_PREFIX):
            raise EventError(ID, "must not be of an entry of a file, which is changed there", name)

    def _cancelled(self, given: Mapping[str, Any], name: str | None, is_known: bool) -> MaintenanceEvent:
        if given[CANCEL] is not True:
            raise EventError(CANCEL, "must be true or false", given[CANCEL])
        if name is None or not is_known:
            raise EventError(
                ID,
                "must be of an entry that there is, to cancel it; this one was never opened, or is forgotten",
                name,
            )
        others = [field for field in given if field not in (ID, CANCEL)]
        if others:
            raise EventError(others[0], "must not be given to cancel an entry", given[others[0]])
        return MaintenanceEvent(name, None)

    def _moment(self, field: str, value: Any) -> int:
        try:
            return event_micros(seconds_of(value, *self._schema.time_rules))
        except InputError as error:
            raise EventError(field, error.rule, value) from None
