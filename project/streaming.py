"""Sends live telemetry and its late labels to a serving endpoint, and keeps account of every answer."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from feature_sets.model_package.columns import PREDICTION
from project.errors import NetopsError
from project.live_telemetry import Batch

_RETRY_SECONDS = 30.0


@dataclass
class StreamReport:
    """Account of one stream; every event sent is in exactly one status or in ``rejected``.

    :param statuses: answered events by status (accepted, late, duplicate, ...).
    :param labels: answered labels by status (joined, waiting, ...).
    :param seconds: wall time of each telemetry request, in order.
    :param nothing_newer: why there is nothing to stream, if there is nothing; that is no error.
    :param before: the endpoint's ``labeled`` and ``drift`` as they were when the stream began.
    """

    events_sent: int = 0
    labels_sent: int = 0
    incidents_sent: int = 0
    rejected: int = 0
    rejected_incidents: int = 0
    predicted_errors: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    labels: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    done: bool = False
    error: str = ""
    nothing_newer: str = ""
    before: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """JSON-able summary; latencies in milliseconds a request."""
        ordered = sorted(self.seconds)
        return {
            "events_sent": self.events_sent,
            "labels_sent": self.labels_sent,
            "incidents_sent": self.incidents_sent,
            "rejected": self.rejected,
            "rejected_incidents": self.rejected_incidents,
            "predicted_errors": self.predicted_errors,
            "statuses": dict(self.statuses),
            "labels": dict(self.labels),
            "request_p50_ms": round(1000 * _quantile(ordered, 0.5), 2),
            "request_p99_ms": round(1000 * _quantile(ordered, 0.99), 2),
            "done": self.done,
            "error": self.error,
            "nothing_newer": self.nothing_newer,
            "before": self.before,
        }


def _quantile(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def stream(
    batches: Iterator[Batch],
    address: str,
    report: StreamReport,
    *,
    seconds: float,
    events_per_second: float,
    stop: threading.Event | None = None,
    clock: Callable[[], float] = time.monotonic,
    headers: Mapping[str, str] | None = None,
) -> StreamReport:
    """Post batches to ``/telemetry`` and ``/labels`` at a steady rate until the time or the batches end.

    Labels that are not due by then are not sent.

    :param address: of the serving endpoint, without a path.
    :param report: updated in place, so that another thread can read it.
    :param seconds: how long to stream, wall time.
    :param events_per_second: mean rate.
    :param stop: set from another thread to end early.
    :param headers: of each request, such as that with the token.
    :raises NetopsError: if the endpoint does not answer for 30 s, or answers anything but 200, or 422 with
        the results of the good entries.
    """
    stop = stop or threading.Event()
    started = clock()
    try:
        with httpx.Client(base_url=address, timeout=30.0, headers=headers) as client:
            for batch in batches:
                if stop.is_set() or clock() - started >= seconds:
                    break
                _send_telemetry(client, batch.telemetry, report, stop, clock)
                if batch.incidents:  # In the form of the schema, where a tool may have one of its own.
                    report.rejected_incidents += _post(client, "/labels", batch.incidents, stop, clock)[1]
                    report.incidents_sent += len(batch.incidents)
                _send_labels(client, batch.labels, report, stop, clock)
                ahead = started + report.events_sent / events_per_second - clock()
                if ahead > 0:
                    stop.wait(ahead)
    except NetopsError as error:
        report.error = str(error)
        raise
    finally:
        report.done = True
    return report


def _send_telemetry(
    client: httpx.Client,
    events: list[dict[str, Any]],
    report: StreamReport,
    stop: threading.Event,
    clock: Callable[[], float],
) -> None:
    if not events:
        return
    started = clock()
    answers, rejected = _post(client, "/telemetry", events, stop, clock)
    report.seconds.append(clock() - started)
    report.events_sent += len(events)
    report.rejected += rejected
    for answer in answers:
        report.statuses[answer["status"]] += 1
        report.predicted_errors += answer[PREDICTION] == 1


def _send_labels(
    client: httpx.Client,
    labels: list[dict[str, Any]],
    report: StreamReport,
    stop: threading.Event,
    clock: Callable[[], float],
) -> None:
    if not labels:
        return
    answers, rejected = _post(client, "/labels", labels, stop, clock)
    report.labels_sent += len(labels)
    report.rejected += rejected
    report.labels.update(answer["status"] for answer in answers)


def _post(
    client: httpx.Client,
    path: str,
    body: list[dict[str, Any]],
    stop: threading.Event,
    clock: Callable[[], float],
) -> tuple[list[dict[str, Any]], int]:
    """Answers of the accepted entries and the number rejected. Retries are safe: repeats are duplicates."""
    deadline = clock() + _RETRY_SECONDS
    while True:
        try:
            response = client.post(path, json=body)
            break
        except httpx.TransportError as error:
            if stop.is_set() or clock() > deadline:
                raise NetopsError(f"POST {path} with {len(body)} entries: no answer ({error!r})") from error
            stop.wait(0.5)
    if response.status_code == httpx.codes.OK:
        return response.json(), 0
    refused = f"POST {path} with {len(body)} entries: {response.status_code} {response.text[:500]}"
    if response.status_code != httpx.codes.UNPROCESSABLE_ENTITY:
        raise NetopsError(refused)
    content = response.json()
    if "results" not in content:
        raise NetopsError(refused)
    return [answer for answer in content["results"] if answer is not None], len(content["errors"])
