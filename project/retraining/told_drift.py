"""A drift event in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drift.missed_alert import SOURCE as MISSED
from drift.missed_alert import missed_on
from drift.share_text import percent
from drift.wrong_devices import devices_in_words, is_of_one_device

_NEARLY_CERTAIN = 0.9999

WEAK = "weak model"
"""Source of what is no drift: the model in production is of no use, and its errors are the usual ones."""


def of_group(event: Mapping[str, Any]) -> str:
    """Of which devices a drift is, to be put behind it; empty of all."""
    return f" of group {event['group']}" if event.get("group") else ""


def found_by(event: Mapping[str, Any]) -> str:
    """Who found a drift, of which devices, and at which event time."""
    if event["source"] == WEAK:
        return f"no drift, a {WEAK}: {event['detail']}"
    return f"{event['source']} found drift{of_group(event)} at {event['event_time'][:19]}"


def where_of(event: Mapping[str, Any]) -> str:
    """On which devices a drift shows; empty where nobody knows."""
    devices = event.get("devices")
    if event.get("source") != MISSED:
        return devices_in_words(devices)
    one = "of 1 device, the others are as before: " if is_of_one_device(event) else ""
    return f"{one}{missed_on(devices)}"


def evidence_of(event: Mapping[str, Any]) -> str:
    """What was measured, on which labels, how much it was, and of which devices."""
    if event["source"] == WEAK:
        return f"its errors are the usual ones; it has learned until {event['onset'][:19]}"
    measured, about = "", event.get("detail", "").removeprefix("error stream").lstrip(":; ")
    if event.get("value") is not None and event.get("limit") is not None:
        measured = f" {event['value']:.3g} against a limit of {event['limit']:.3g}"
    since = f", about since {event['onset'][:19]}" if event.get("onset") else ""
    sample = f", {event['since_onset']:,} of them since" if event.get("since_onset") is not None else ""
    what = f" ({about})" if about else ""
    at = f"{event['source']}{of_group(event)}{measured} at {event['event_time'][:19]}{what}"
    # What an alert of missed incidents is about tells its devices, too.
    more = [size_of(event), "" if event["source"] == MISSED else where_of(event)]
    counted = "incidents" if event["source"] == MISSED else "labels"
    return "; ".join([f"{at}{since}; {event['n_seen']:,} {counted} seen{sample}", *filter(None, more)])


def size_of(event: Mapping[str, Any]) -> str:
    """How much it was, against what, how sure and how severe; empty of an event from before it said so."""
    if event.get("sample_rate") is None or event.get("reference_rate") is None:
        return ""
    what = "incidents missed" if event["source"] == MISSED else "labels wrong"
    rates = f"{percent(event['sample_rate'])} of {event['sample_labels']:,} {what}"
    before = percent(event["reference_rate"])
    if event.get("reference_labels"):
        before += f" of the {event['reference_labels']:,} before"
    return f"{event['severity']}: {rates} after {before}{_sure(event.get('confidence'))}"


def _sure(confidence: float | None) -> str:
    """How sure it is, never as if it could not be otherwise."""
    if confidence is None:
        return ""
    return f", sure by {confidence:.2%}" if confidence < _NEARLY_CERTAIN else ", sure by more than 99.99%"
