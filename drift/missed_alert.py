"""The alert that a model catches fewer incidents than it did, and how it is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from drift.detectors.saved_form import saved_mapping
from drift.drift_event import SEVERITIES, Severity, utc_time
from drift.wrong_devices import WrongDevices
from feature_sets.checks import InputError, check_choice, check_integer

SOURCE = "missed_incidents"
"""Source of its events."""

MOST_APART = 2
"""Devices that may each be told by itself; a third one is the fleet."""

_SEVERE, _MODERATE = 1 / 3, 2 / 3


@dataclass(frozen=True)
class MissedAlert:
    """One of them.

    :param id: names it, among the alerts of one model.
    :param raised: event time of the label that raised it, ISO 8601 UTC.
    :param onset: event time of the start of the first incident that it rests on, ISO 8601 UTC.
    :param severity: see ``severity_of_share``.
    :param incidents: that it rests on, the newest when it was raised.
    :param caught: how many of them were.
    :param base_incidents: those of the base.
    :param base_caught: how many of them were.
    :param base_live: how many of the base were live ones.
    :param since: incidents since it was told.
    :param cleared: event time of the label that cleared it, ISO 8601 UTC; None while it is open.
    :param devices: on which devices those incidents were, and whether they are of one of them; None where
        nobody knows.
    :param apart: devices that it is of, each by itself, while it is not of the fleet.
    """

    id: str
    raised: str
    onset: str
    severity: Severity
    incidents: int
    caught: int
    base_incidents: int
    base_caught: int
    base_live: int = 0
    since: int = 0
    cleared: str | None = None
    devices: WrongDevices | None = None
    apart: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain content for JSON."""
        devices = self.devices and self.devices.to_dict()
        return {"source": SOURCE, **vars(self), "devices": devices, "apart": list(self.apart)}


def saved_alert(owner: str, saved: Any) -> MissedAlert | None:
    """Inverse of ``to_dict``; None of none.

    :raises InputError: naming the field, the rule and what was given.
    """
    if saved is None:
        return None
    names = tuple(field.name for field in fields(MissedAlert))
    if isinstance(saved, Mapping):  # An earlier version named no devices.
        saved = {"devices": None, "apart": [], **saved}
    values = dict(saved_mapping(owner, "itself", saved, ("source", *names)))
    for name in ("raised", "onset", "cleared"):
        if name != "cleared" or values[name] is not None:
            values[name] = utc_time(values[name], f"{owner}: {name}")
    check_choice(f"{owner}: severity", values["severity"], SEVERITIES)
    for name, least in (("incidents", 1), ("base_incidents", 1), ("since", 0)):
        check_integer(f"{owner}: {name}", values[name], at_least=least)
    check_integer(f"{owner}: caught", values["caught"], at_least=0, at_most=values["incidents"])
    most = values["base_incidents"]
    check_integer(f"{owner}: base_live", values["base_live"], at_least=0, at_most=most)
    check_integer(f"{owner}: base_caught", values["base_caught"], at_least=0, at_most=most)
    if values["devices"] is not None:
        values["devices"] = WrongDevices.from_dict(f"{owner}: devices", values["devices"])
    values["apart"] = saved_keys(f"{owner}: apart", values["apart"], MOST_APART)
    return MissedAlert(**{name: values[name] for name in names})


def saved_keys(owner: str, saved: Any, most: int) -> tuple[str, ...]:
    """Keys of devices, each once.

    :raises InputError: naming the field, the rule and what was given.
    """
    if not isinstance(saved, list) or not all(isinstance(each, str) and each for each in saved):
        raise InputError(owner, "must be a list of device keys", saved)
    if len(saved) > most or len(set(saved)) < len(saved):
        raise InputError(owner, f"must be at most {most}, each once", saved)
    return tuple(saved)


def severity_of_share(base: float, now: float) -> Severity:
    """How much it matters that fewer incidents are caught.

    ``severe`` is a third or less of what it was, ``moderate`` two thirds or less.

    >>> severity_of_share(0.9, 0.3), severity_of_share(0.9, 0.5), severity_of_share(0.9, 0.7)
    ('severe', 'moderate', 'minor')

    :param base: share of incidents that were caught, 0 to 1.
    :param now: the same now.
    """
    if now <= _SEVERE * base + 1e-9:
        return "severe"
    return "moderate" if now <= _MODERATE * base + 1e-9 else "minor"


def base_in_words(live: int) -> str:
    """What the base is.

    :param live: how many of its incidents were live ones.
    """
    return f"its test data and the first {live:,} live" if live else "its test data"


def caught_in_words(newest: int, caught: int, base: int, base_caught: int, base_live: int = 0) -> str:
    """How many incidents were caught, and of the base.

    >>> caught_in_words(24, 0, 60, 48)
    'of the newest 24 incidents 0 were caught (0%), of 60 on its test data 48 (80%)'
    """
    was = "was" if caught == 1 else "were"
    what = f"of the newest {newest:,} incidents {caught:,} {was} caught"
    where = base_in_words(base_live)
    beside = f"of {base:,} on {where} {base_caught:,} ({base_caught / base:.0%})"
    return f"{what} ({caught / newest:.0%}), {beside}"


def alert_in_words(alert: Mapping[str, Any]) -> str:
    """What an alert says, and on which devices the missed incidents were, if that is known.

    :param alert: see ``MissedAlert.to_dict``.
    """
    names = ("incidents", "caught", "base_incidents", "base_caught", "base_live")
    counts = caught_in_words(*(alert[name] for name in names))
    devices, apart = alert.get("devices"), alert.get("apart") or ()
    fewer = "catches fewer incidents than on its test data"
    if apart:
        what = "each of 2 devices" if len(apart) > 1 else "1 device"
        fewer = f"misses incidents of {what}, {' and '.join(apart)}, and of the others as many as before"
    return "; ".join(filter(None, (f"{fewer}: {counts}", missed_on(devices))))


def missed_on(told: Mapping[str, Any] | None) -> str:
    """On which devices missed incidents were, for people; empty where nobody knows.

    An incident of several devices counts for each of them.

    >>> named = [{"device": d, "wrong": n, "labels": 9} for d, n in (("AP-01", 9), ("AP-02", 7))]
    >>> missed_on({"devices": 4, "with_wrong": 3, "named": named})
    'missed on 3 of 4 devices: AP-01 9 of 9, AP-02 7 of 9 and 1 more'

    :param told: see ``WrongDevices.to_dict``.
    """
    if not told or not told["with_wrong"]:
        return ""
    named = ", ".join(f"{each['device']} {each['wrong']:,} of {each['labels']:,}" for each in told["named"])
    left = told["with_wrong"] - len(told["named"])
    more = f" and {left:,} more" if left else ""
    devices = f"{told['devices']:,} device{'s' * (told['devices'] > 1)}"
    return f"missed on {told['with_wrong']:,} of {devices}: {named}{more}"


def cleared_in_words(newest: int, caught: int) -> str:
    """Why an alert is over.

    :param newest: the newest incidents.
    :param caught: how many of them were.
    """
    return f"of the newest {newest} incidents {caught} were caught, as on its test data"
