"""Labels that waited for an event by the name of its request, in a journal: each where its event is known."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import orjson

from feature_sets.telemetry.events import LabelEvent
from graphs.protocol.event_names import read_names
from graphs.protocol.routes import Kind
from graphs.state.accepted_entries import AcceptedEntries
from graphs.state.entry_id import EntryId
from graphs.state.journal_entries import RawEntry, encoded
from graphs.state.known_names import Key


def placed_labels(entries: AcceptedEntries, metrics: Sequence[str]) -> AcceptedEntries:
    """The new entries, with such labels behind the entry that has their event, instead of where they waited.

    An endpoint does the same: a label counts from when both have come. Those whose event is not among the
    entries are left out, as nobody knows what they are about.

    :param metrics: columns of a reading in schema order.
    """
    both = [*entries.before, *entries.new]
    wanted = {name for entry in both if _is_waiting(entry) for name in orjson.loads(entry.names)}
    if not wanted:
        return entries
    known = _events(both, wanted, metrics)
    waiting: dict[EntryId, list[LabelEvent]] = {}
    found: list[RawEntry] = []
    for entry in both:
        found.append(_without_waiting(entry, metrics) if _is_waiting(entry) else entry)
        labels = waiting.pop(entry.id, [])
        if _is_waiting(entry):
            for label in _labels(entry, metrics):
                place, key = known.get(label.name, (None, None)) if label.name else (None, None)
                if place is None or key is None:
                    continue
                told = label._replace(device=key[0], time=key[1], name="")
                if place > entry.id:
                    waiting.setdefault(place, []).append(told)
                else:
                    labels.append(told)
        if labels:
            found.append(entry._replace(kind=Kind.LABELS.value, events=encoded(labels), names=""))
    first = entries.new[0].id if entries.new else None
    return replace(entries, new=[entry for entry in found if first is not None and entry.id >= first])


def _is_waiting(entry: RawEntry) -> bool:
    return entry.kind == Kind.LABELS and bool(entry.names)


def _labels(entry: RawEntry, metrics: Sequence[str]) -> list[LabelEvent]:
    return [event for event in entry.decoded(metrics).labels if isinstance(event, LabelEvent)]


def _without_waiting(entry: RawEntry, metrics: Sequence[str]) -> RawEntry:
    kept = [
        event for event in entry.decoded(metrics).labels if not (isinstance(event, LabelEvent) and event.name)
    ]
    return entry._replace(events=encoded(kept), names="")


def _events(
    entries: Iterable[RawEntry], wanted: set[str], metrics: Sequence[str]
) -> dict[str, tuple[EntryId, Key]]:
    """Device and time of the wanted events, with the first entry that has them."""
    found: dict[str, tuple[EntryId, Key]] = {}
    for entry in entries:
        if entry.kind != Kind.TELEMETRY or not entry.names:
            continue
        names = [name for sent in read_names(entry.names) for name in sent.names]
        if wanted.isdisjoint(names):
            continue
        for name, row in zip(names, entry.rows, strict=True):
            if name in wanted:
                found.setdefault(name, (entry.id, (row[0], row[1])))
    return found
