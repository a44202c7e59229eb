"""When a schedule is due: MLRun's cron object, read by the library that MLRun's server reads it with.

As there, a weekday's number counts from Monday (0) in the five fields of a crontab, too; ``mon`` to ``sun``
are safe from that. Times are UTC unless the object names another zone.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from apscheduler.triggers.cron import CronTrigger

from project.local.api.documents import Document
from project.local.api.errors import InvalidError

_CRONTAB = ("minute", "hour", "day", "month", "day_of_week")
_FIELDS = ("year", "month", "day", "week", "day_of_week", "hour", "minute", "second")
_LIMITS = ("start_date", "end_date", "timezone", "jitter")


def cron_object(schedule: Any) -> Document:
    """The cron object of a schedule as a client sends it, with all fields of ``ScheduleCronTrigger``.

    :param schedule: five crontab fields as text, or an object.
    :raises InvalidError: unless it is one of them and names times that can be.
    """
    if isinstance(schedule, str):
        values = schedule.split()
        if len(values) != len(_CRONTAB):
            raise InvalidError(f"schedule must have {len(_CRONTAB)} crontab fields, got {schedule!r}")
        given: Document = dict(zip(_CRONTAB, values, strict=True))
    elif isinstance(schedule, dict):
        given = schedule
    else:
        raise InvalidError(f"schedule must be crontab text or an object, got {schedule!r}")
    unknown = sorted(set(given) - {*_FIELDS, *_LIMITS})
    if unknown:
        raise InvalidError(f"schedule must have fields among {[*_FIELDS, *_LIMITS]}, got {unknown}")
    cron = {name: given.get(name) for name in (*_FIELDS, *_LIMITS)}
    if not any(cron[name] is not None for name in _FIELDS):
        raise InvalidError(f"schedule must set a field among {list(_FIELDS)}, got {schedule!r}")
    _trigger(cron)
    return cron


def next_time(cron: Document, after: datetime) -> datetime | None:
    """First time later than ``after`` that the cron object names, in UTC; None if there is none."""
    # Its own way to say "later than" forgets the start date.
    found: datetime | None = _trigger(cron).get_next_fire_time(None, after + timedelta(microseconds=1))
    return found.astimezone(UTC) if found is not None else None


def crontab(cron: Document) -> str:
    """The cron object in words: its five crontab fields, and by name what a crontab does not have.

    :raises InvalidError: if it is none.
    """
    fields = {field.name: str(field) for field in _trigger(cron).fields}
    text = " ".join(fields[name] for name in _CRONTAB)
    others = (name for name in (*_FIELDS, *_LIMITS) if name not in _CRONTAB)
    return " ".join([text, *(f"{name}={cron[name]}" for name in others if cron.get(name) is not None)])


def _trigger(cron: Document) -> CronTrigger:
    zone = str(cron.get("timezone") or "UTC")
    given = {name: cron.get(name) for name in (*_FIELDS, "start_date", "end_date", "jitter")}
    try:
        return CronTrigger(**given, timezone="UTC" if zone.upper() == "UTC" else zone)
    except (ValueError, TypeError, KeyError) as error:
        got = {name: value for name, value in cron.items() if value is not None}
        raise InvalidError(f"schedule must be a cron trigger: {error}; got {got}") from error
