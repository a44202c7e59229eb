"""Where the JSON of an incident tool has what an incident needs."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from feature_sets.checks import InputError, check_mapping, check_names
from feature_sets.telemetry.cell_text import cell_text
from feature_sets.telemetry.event_time import check_zone
from feature_sets.telemetry.label_form import LabelForm

_WHERE = "incident_mapping"
_NOTHING = object()
"""In the place of a value where there is no such field."""


@dataclass(frozen=True)
class IncidentMapping:
    """Where the JSON of an incident tool has the columns of an incident.

    A path is the names of fields from the outside in, with dots; a number is a place in a list, from 0.

    :param fields: column of an incident, by its name in the schema -> path.
    :param each: path of a list with one incident an entry, which the other paths begin in; empty if the body
        is one incident.
    :param open: path -> values with which an incident is open, whatever its end says.
    :param cancelled: path -> values with which it was none.
    :param empty: values that mean none, in any field.
    :param time_zone: zone that times without one are of; that of the schema without it.
    """

    fields: Mapping[str, str]
    each: str = ""
    open: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    cancelled: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    empty: tuple[str, ...] = ("0001-01-01T00:00:00Z",)
    time_zone: str | None = None

    def __post_init__(self) -> None:
        for column, path in self.fields.items():
            _check_path(f"{_WHERE}.fields.{column}", path)
        for name in ("open", "cancelled"):
            for path in getattr(self, name):
                _check_path(f"{_WHERE}.{name}", path)
        if self.each:
            _check_path(f"{_WHERE}.each", self.each)
        if self.time_zone is not None:
            check_zone(f"{_WHERE}.time_zone", self.time_zone)

    def check(self, form: LabelForm, devices: Collection[str], excluding: Collection[str]) -> None:
        """Raise InputError unless the columns are those of incidents of a schema.

        :param devices: columns that devices can be named by.
        :param excluding: columns of ``exclude_labels``.
        """
        if not form.has_incidents:
            raise InputError(_WHERE, "must be absent unless labels.form is incidents", dict(self.fields))
        if form.start not in self.fields:
            raise InputError(f"{_WHERE}.fields", f"must have {form.start}", list(self.fields))
        known = dict.fromkeys([form.id, form.start, form.end, form.kind, form.cancelled, *form.only])
        for column in self.fields:
            if column not in {**known, **dict.fromkeys(devices), **dict.fromkeys(excluding)}:
                rule = f"must be among {', '.join([*known, *devices, *excluding])}"
                raise InputError(f"{_WHERE}.fields", rule, column)

    def incidents(self, body: object) -> list[object] | None:
        """The incidents of a body, each in the tool's own form; None if it is not of the tool."""
        if self.each:
            found = value_at(body, self.each)
            return list(found) if isinstance(found, list) else None
        paths = self.fields.values()
        return [body] if any(value_at(body, path) is not None for path in paths) else None

    def columns(self, incident: object, form: LabelForm, whom: Collection[str]) -> dict[str, Any]:
        """An incident of the tool with the columns of the schema; those without a value are left out.

        One with its start and whom it names is whole: without an end it has none, and unless it says that it
        was none, it is one. Of another, what is not in the body is not said.

        :param whom: columns that devices are named by.
        """
        found = {column: value_at(incident, path, _NOTHING) for column, path in self.fields.items()}
        given = {column: value for column, value in found.items() if not self._is_empty(value)}
        is_whole = form.start in given and any(column in given for column in whom)
        is_open = self._says(self.open, incident)
        if form.end in self.fields:
            has_none = form.end not in given and (is_whole or found[form.end] is not _NOTHING)
            is_open = is_open or has_none
            if is_open:
                given[form.end] = None
        if self._says(self.cancelled, incident):
            given[form.cancelled] = True
        elif (self.cancelled or form.cancelled in self.fields) and (
            is_whole or is_open or self._is_told(form.cancelled, incident)
        ):
            given.setdefault(form.cancelled, False)
        return given

    def nothing_at(self, incident: object) -> tuple[str, ...]:
        """Paths at which an incident of the tool has nothing, not even an empty value."""
        paths = dict.fromkeys([*self.fields.values(), *self.open, *self.cancelled])
        return tuple(path for path in paths if value_at(incident, path, _NOTHING) is _NOTHING)

    def _is_empty(self, value: object) -> bool:
        return value is _NOTHING or value is None or value == "" or value in self.empty

    def _is_told(self, cancelled: str, incident: object) -> bool:
        """Whether a body says anything of whether the incident was none."""
        paths = [*self.cancelled, *(path for name, path in self.fields.items() if name == cancelled)]
        return any(value_at(incident, path, _NOTHING) is not _NOTHING for path in paths)

    @staticmethod
    def _says(values: Mapping[str, tuple[str, ...]], incident: object) -> bool:
        return any(_plain_text(value_at(incident, path)) in among for path, among in values.items())

    @classmethod
    def from_content(cls, content: object) -> IncidentMapping | None:
        """Build from the content of a YAML file; the inverse of ``to_dict``. None without any.

        :raises InputError: naming the field, the rule and what was given.
        """
        if content is None:
            return None
        given = check_mapping(_WHERE, content, {field.name for field in fields(cls)})
        given["fields"] = check_mapping(f"{_WHERE}.fields", given.get("fields") or {})
        for name in ("open", "cancelled"):
            values = check_mapping(f"{_WHERE}.{name}", given.get(name) or {})
            given[name] = {path: _texts(f"{_WHERE}.{name}.{path}", among) for path, among in values.items()}
        if "empty" in given:
            given["empty"] = check_names(f"{_WHERE}.empty", given["empty"])
        if not isinstance(given.get("each", ""), str):
            raise InputError(f"{_WHERE}.each", "must be text", given["each"])
        return cls(**given)

    def to_dict(self) -> dict[str, Any]:
        """Plain content for YAML or JSON."""
        content = asdict(self)
        for name in ("open", "cancelled"):
            content[name] = {path: list(among) for path, among in content[name].items()}
        return {**content, "empty": list(self.empty)}


def value_at(body: object, path: str, nothing: object = None) -> Any:
    """What a body holds at a path; below a field without a value there is none either.

    >>> value_at({"issue": {"parts": [{"name": "r1"}]}}, "issue.parts.0.name")
    'r1'
    >>> value_at({"issue": None}, "issue.parts", "nothing"), value_at({"isue": 1}, "issue", "nothing")
    (None, 'nothing')

    :param nothing: is given if there is no such field.
    """
    found = body
    for name in path.split("."):
        if isinstance(found, Mapping):
            found = found.get(name, nothing)
        elif isinstance(found, list) and name.isdecimal() and int(name) < len(found):
            found = found[int(name)]
        elif found is None or found == "" or found == []:
            return None
        else:
            return nothing
    return found


def _check_path(where: str, path: object) -> None:
    """Raise InputError unless a value is a path."""
    if not isinstance(path, str) or not all(path.split(".")):
        raise InputError(where, "must be names of fields with dots between them", path)


def _texts(where: str, values: object) -> tuple[str, ...]:
    given = values if isinstance(values, list | tuple) else [values]
    return tuple(text for text in (_plain_text(value) for value in given) if text is not None)


def _plain_text(value: object) -> str | None:
    """Text of a plain value; None of what is none."""
    try:
        return cell_text(value)
    except InputError:
        return None
