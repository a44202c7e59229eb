"""What we say when drift is found: which, when, how much, on which sample, against what, how sure."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Literal

from drift.wrong_devices import WrongDevices
from feature_sets.checks import InputError, check_choice, check_integer, check_number

Level = Literal["warning", "drift", "improvement", "cleared"]
"""An improvement is a change to the better: told, but nothing has to be done about it. ``cleared`` is the end
of the alert that a drift has raised."""

LEVELS: tuple[Level, ...] = ("warning", "drift", "improvement", "cleared")

Severity = Literal["minor", "moderate", "severe"]
"""How much it matters, however sure it is."""

SEVERITIES: tuple[Severity, ...] = ("minor", "moderate", "severe")


def utc_time(text: object, name: str = "event_time") -> str:
    """Raise InputError unless a text is a time with a zone; gives it in UTC.

    >>> utc_time("2024-05-01T14:00:00+02:00")
    '2024-05-01T12:00:00+00:00'

    :param text: ISO 8601 with an offset or ``Z``.
    :param name: field named in the error.
    """
    found = _in_utc(text) if isinstance(text, str) else None
    if found is None:
        raise InputError(name, "must be ISO 8601 text with a time zone", text)
    return found


def tells_both_rates(event: Mapping[str, Any]) -> bool:
    """Whether a drift event tells the error rates before and after its change."""
    return event.get("reference_rate") is not None and event.get("sample_rate") is not None


@lru_cache(maxsize=4096)  # Of one time there are often several labels.
def _in_utc(text: str) -> str | None:
    """A time in UTC; None if it is none, or has no zone."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return None if time.tzinfo is None else time.astimezone(UTC).isoformat()


@dataclass(frozen=True)
class DriftEvent:
    """One finding of drift.

    :param source: name of the detector or distance, such as ``ddm`` or ``total_variation``; ``all`` for drift
        that all detectors found together.
    :param level: ``warning``, ``drift``, ``improvement``, or ``cleared`` for the end of an alert.
    :param event_time: event time of the value that tipped it, ISO 8601 UTC.
    :param value: what was measured, in the source's own scale; None where it gave no number.
    :param limit: the limit it crossed, in the same scale.
    :param n_seen: how many values the source had seen.
    :param detail: what it was about, for people; may be empty.
    :param onset: event time at which the change began, as far as is known, ISO 8601 UTC; else None.
    :param since_onset: how many values have come since then.
    :param severity: ``minor``, ``moderate`` or ``severe``, by how far the sample is from the reference; None
        if that is not known.
    :param confidence: how sure it is that they differ, 0 to 1, see ``Change``; None if it is not known.
    :param sample_labels: labels, or rows, that were looked at.
    :param sample_rate: share of errors among them, 0 to 1; None of a distance.
    :param reference_labels: labels, or rows, that they were compared with.
    :param reference_rate: share of errors among those; None of a distance, or without any.
    :param group: of the devices that it is about; empty for all devices.
    :param alert: id of the alert that it raises, makes worse or ends; empty without one.
    :param devices: of which devices the wrong labels since the onset are, of a drift; None where that is not
        known.
    :raises InputError: naming the field that breaks its rule.
    """

    source: str
    level: Level
    event_time: str
    value: float | None
    limit: float | None
    n_seen: int
    detail: str = ""
    onset: str | None = None
    since_onset: int | None = None
    severity: Severity | None = None
    confidence: float | None = None
    sample_labels: int | None = None
    sample_rate: float | None = None
    reference_labels: int | None = None
    reference_rate: float | None = None
    group: str = ""
    alert: str = ""
    devices: WrongDevices | None = None

    def __post_init__(self) -> None:
        check_choice("drift event: level", self.level, LEVELS)
        for name in ("source", "detail", "group", "alert"):
            if not isinstance(getattr(self, name), str):
                raise InputError(f"drift event: {name}", "must be text", getattr(self, name))
        check_integer("drift event: n_seen", self.n_seen, at_least=0)
        for name in ("value", "limit"):
            if getattr(self, name) is not None:
                check_number(f"drift event: {name}", getattr(self, name))
        for name in ("since_onset", "sample_labels", "reference_labels"):
            if getattr(self, name) is not None:
                check_integer(f"drift event: {name}", getattr(self, name), at_least=0)
        for name in ("confidence", "sample_rate", "reference_rate"):
            if getattr(self, name) is not None:
                check_number(f"drift event: {name}", getattr(self, name), at_least=0, at_most=1)
        if self.severity is not None:
            check_choice("drift event: severity", self.severity, SEVERITIES)
        if self.devices is not None and not isinstance(self.devices, WrongDevices):
            found = WrongDevices.from_dict("drift event: devices", self.devices)
            object.__setattr__(self, "devices", found)
        object.__setattr__(self, "event_time", utc_time(self.event_time, "drift event: event_time"))
        if self.onset is not None:
            object.__setattr__(self, "onset", utc_time(self.onset, "drift event: onset"))

    def to_dict(self) -> dict[str, Any]:
        """Give the event as plain JSON values; ``devices`` only where they are known.

        A runner of before them refuses the field.
        """
        found = dataclasses.asdict(self)
        del found["devices"]
        return found if self.devices is None else {**found, "devices": self.devices.to_dict()}
