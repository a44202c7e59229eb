"""Labeled predictions with incidents of which a model catches a share."""

from __future__ import annotations

from datetime import UTC, datetime

START = 1_700_000_000


def text(second):
    """Event time of a second of a stream."""
    return datetime.fromtimestamp(START + second, UTC).isoformat()


def rows(caught, rng, step=60, apart=7200, length=5, devices=12):
    """Device, second, label and prediction: one incident every ``apart`` seconds, of ``length`` readings.

    Two devices report at each step: the one that fails, and one that is healthy.

    :param caught: whether the model catches each incident.
    """
    found = []
    for number, is_caught in enumerate(caught):
        one, other = rng.choice(devices, 2, replace=False)
        said = rng.integers(length)
        for place in range(apart // step):
            second = number * apart + place * step
            fails = place < length
            predicted = fails and is_caught and place >= said
            found.append((f"ap-{one}", second, int(fails), int(predicted)))
            found.append((f"ap-{other}", second, 0, 0))
    return found


def fed(missed, stream, start=0):
    """Place and event of all that is told."""
    told = []
    for place, (device, second, label, prediction) in enumerate(stream, start):
        events = missed.add(device, text(second), is_error=bool(label), is_predicted=bool(prediction))
        told += [(place, event) for event in events]
    return told
