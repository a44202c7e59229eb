"""The JSON of the answers to a list of readings, made of columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, repeat
from typing import Any

import orjson

from feature_sets.telemetry.schema import DEVICE
from graphs.protocol.telemetry_columns import TelemetryColumns
from graphs.protocol.times import iso_time

Pieces = Iterator[tuple[bytes, ...]]


def list_answer(columns: TelemetryColumns, time: str, threshold: float | None) -> bytes:
    """What ``orjson`` makes of the answers, one for each reading; there is no mapping for any.

    :param time: name of the event-time column.
    :param threshold: from which probability on the model of the predictions says 1.
    """
    pieces = chain.from_iterable(_pieces(columns, time, threshold, b","))
    return b"[" + b"".join(pieces)[1:] + b"]"


def answers_apart(columns: TelemetryColumns, time: str, threshold: float | None) -> list[bytes]:
    """The same of each reading."""
    return [b"".join(pieces) for pieces in _pieces(columns, time, threshold)]


def _pieces(columns: TelemetryColumns, time: str, threshold: float | None, first: bytes = b"") -> Pieces:
    """Parts of each answer: the device, its beginning, the probability and its end.

    Few beginnings and ends differ.

    :param first: what each of them begins with.
    """
    count, made = len(columns), columns.made
    decided: Sequence[int | None] = [None] * count
    missing: Sequence[int | None] = [None] * count
    chances: Sequence[bytes] = [b"null"] * count
    if made is not None and len(made):
        parts = _parts(made.probability.tolist())
        if len(made) == count:
            decided, missing, chances = made.decided.tolist(), made.missing.tolist(), parts
        else:
            decided, missing, chances = list(decided), list(missing), list(chances)
            for event, one, absent, part in zip(
                made.events.tolist(), made.decided.tolist(), made.missing.tolist(), parts, strict=True
            ):
                decided[event], missing[event], chances[event] = one, absent, part
    begins = list(zip(columns.plain.times, decided, strict=True))
    model = {} if made is None else {"model": made.model, "version": made.version}
    texts = {at: iso_time(at) for at in set(columns.plain.times)}
    begin_of = {key: _begin(texts[key[0]], key[1], model, time) for key in set(begins)}
    ends = list(zip(missing, columns.statuses, strict=True))
    inputs = None if made is None else len(made.inputs)
    end_of = {key: _end(*key, threshold, inputs, columns.device_status.value) for key in set(ends)}
    return zip(
        repeat(first + _key(DEVICE)),
        _parts(columns.plain.devices),
        map(begin_of.__getitem__, begins),
        chances,
        map(end_of.__getitem__, ends),
        strict=False,
    )


def _key(name: str) -> bytes:
    """The beginning of an object, up to its first value."""
    return b"{" + orjson.dumps(name) + b":"


def _begin(at: str, decided: int | None, model: Mapping[str, Any], time: str) -> bytes:
    """From behind the device up to the probability."""
    named = model if decided is not None else {"model": None, "version": None}
    return b"," + orjson.dumps({time: at, **named, "prediction": decided, "probability": None})[1:-5]


def _end(
    missing: int | None, status: str, threshold: float | None, inputs: int | None, device_status: str
) -> bytes:
    """From behind the probability to the end."""
    told = {} if missing is None else {"threshold": threshold, "inputs": inputs, "missing_inputs": missing}
    nothing = {"threshold": None, "inputs": None, "missing_inputs": None}
    whole = {**nothing, **told, "status": status, "device_status": device_status}
    return b"," + orjson.dumps(whole)[1:]


def _parts(values: Sequence[Any]) -> list[bytes]:
    """The JSON of each of several texts, or of several numbers."""
    text = orjson.dumps(list(values))
    if not text.startswith(b'["'):
        return text[1:-1].split(b",")
    if b"\\" in text:  # A text may have a quotation mark.
        return [orjson.dumps(value) for value in values]
    return [b'"' + part + b'"' for part in text[2:-2].split(b'","')]
