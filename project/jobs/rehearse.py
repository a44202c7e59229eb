"""Workflow step: plays recorded telemetry that is later than the model's through the staging endpoint."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import mlrun
import pandas as pd

from feature_sets.rows.stored_rows import in_utc
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from graphs.protocol.label_status import LabelStatus
from graphs.protocol.roles import Role
from project.endpoints import endpoint_address
from project.errors import NetopsError
from project.function_names import MODEL
from project.http_json import get_json
from project.parameters import STREAM_RATE, STREAM_SECONDS
from project.replay.recording import KNOWN, Recording, read_recording
from project.replay.timeline import timeline
from project.settings import Settings
from project.streaming import StreamReport, stream

_FIRST = pd.Timestamp(0, tz="UTC")
_LAST = pd.Timestamp("2106-01-01", tz="UTC")
_OLDER = "what was played arrived later, and may have been learned from"
_REPORTED = (
    *("events_sent", "labels_sent", "incidents_sent", "rejected", "rejected_incidents", "predicted_errors"),
    *("statuses", "labels", "request_p50_ms", "request_p99_ms"),
)


def rehearse(
    context: mlrun.MLClientCtx,
    function: str,
    schema: str = "",
    stream_seconds: int = STREAM_SECONDS,
    stream_rate: int = STREAM_RATE,
    test_set: mlrun.DataItem = None,
) -> None:
    """MLRun job: send recorded readings and labels that a model has not learned from to an endpoint.

    Those are what is later than its training by event time, and the time from the first to the last test row
    of each device that it was evaluated on apart from time. They are sent as they became known. Where there
    are none, what became known later is sent all the same, to try the endpoint.

    Results: ``events_sent``, ``labels_sent``, ``incidents_sent``, ``rejected``, ``rejected_incidents``,
    ``predicted_errors``, ``statuses`` and ``labels`` by what became of them, ``request_p50_ms``,
    ``request_p99_ms``; ``joined``, ``waiting``, ``expired`` and ``conflicting`` of the labeled stream;
    ``nothing_newer``, why nothing was sent, empty if something was; ``older``, in words, that what was sent
    is no later than the training rows, empty if it is later.

    :param function: name of the serving function, one of its own for rehearsals.
    :param schema: path of the telemetry schema; empty for the simulated network's.
    :param stream_seconds: with the rate, how many events are sent: the first ones, as fast as they are taken.
    :param stream_rate: events a second.
    :param test_set: rows that the model was evaluated on.
    :raises NetopsError: if every event is rejected, or labels were sent and none met its prediction.
    """
    telemetry = TelemetrySchema.load(schema)
    address = endpoint_address(context.project, function)
    trained = get_json(f"{address}/v2/models/{MODEL}")["parameters"]["training_end"]
    after = pd.Timestamp(datetime.fromisoformat(trained)) if trained else _FIRST
    after += pd.Timedelta(microseconds=1)
    tested = _tested(test_set.as_df() if test_set is not None else None, telemetry.time, after)
    nothing_newer = older = ""
    report = StreamReport()
    try:
        found = read_recording(telemetry, min([after, *tested["min"]]), _LAST)
        found = found.of_population(telemetry)
        unseen = _unseen(found, tested, after, telemetry.time)
        if unseen.metrics.empty:
            older = f"no reading is later than the training rows, which end at {trained}: {_OLDER}"
            unseen = found
        recording = _first(unseen, stream_seconds * stream_rate, telemetry.time)
    except NetopsError as error:
        nothing_newer = str(error)
    else:
        batches = timeline(recording, telemetry, labels_every=60)
        stream(
            batches,
            address,
            report,
            seconds=math.inf,
            events_per_second=math.inf,
            headers=Settings.from_environment().bearer(Role.WRITE),
        )
    account = report.to_dict()
    labeled = written_pairs(address) if report.events_sent else get_json(f"{address}/labeled")
    for key in _REPORTED:
        context.log_result(key, account[key])
    for key in ("joined", "waiting", "expired", "conflicting"):
        context.log_result(key, labeled[key])
    context.log_result("nothing_newer", nothing_newer)
    context.log_result("older", older)
    check(report, labeled["joined"])


def _tested(rows: pd.DataFrame | None, time: str, after: pd.Timestamp) -> pd.DataFrame:
    """First and last test row of each device (``min`` and ``max``) that has one before a time."""
    if rows is None or rows.empty:
        return pd.DataFrame({"min": [], "max": []})
    times = in_utc(rows[[DEVICE, time]], time).groupby(DEVICE)[time].agg(["min", "max"])
    return times[times["min"] < after]


def _unseen(recording: Recording, tested: pd.DataFrame, after: pd.Timestamp, time: str) -> Recording:
    """What is from a time on, or between the first and the last test row of its device."""

    def kept(rows: pd.DataFrame) -> pd.DataFrame:
        is_unseen = (
            rows[time] >= after
        )  # By event time: a backlog arrives after a training that has its time.
        if not tested.empty:
            first, last = (rows[DEVICE].map(tested[bound]) for bound in ("min", "max"))
            is_unseen |= (rows[time] >= first) & (rows[time] <= last)
        return rows[is_unseen]

    return replace(recording, metrics=kept(recording.metrics), labels=kept(recording.labels))


def _first(recording: Recording, most: int, time: str) -> Recording:
    """The readings that became known first, with the labels of these."""
    if len(recording.metrics) <= most:
        return recording
    order = recording.metrics[KNOWN].argsort(kind="stable")[:most]
    metrics, key = recording.metrics.iloc[order], [DEVICE, time]
    there = recording.labels.set_index(key).index.isin(metrics.set_index(key).index)
    return replace(recording, metrics=metrics, labels=recording.labels[there])


def check(report: StreamReport, joined: int) -> None:
    """Raise NetopsError unless the endpoint took the recording: events were accepted, and labels met them."""
    if report.events_sent and report.rejected >= report.events_sent + report.labels_sent:
        raise NetopsError(
            f"the staging endpoint must take recorded events, got all {report.events_sent:,} rejected; "
            "what is in production stays"
        )
    # Those that the schema excludes meet no prediction.
    if report.labels_sent > report.labels[LabelStatus.KEPT] and not joined:
        raise NetopsError(
            f"of {report.labels_sent:,} recorded labels some must meet a prediction on the staging endpoint, "
            f"got {dict(report.labels)}; what is in production stays"
        )


def written_pairs(
    address: str,
    timeout_seconds: float = 30.0,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> dict[str, Any]:
    """Counts of the labeled stream, as soon as all its pairs are in batches, or the time is over."""
    deadline = clock() + timeout_seconds
    while True:
        labeled: dict[str, Any] = get_json(f"{address}/labeled")
        if not labeled["unwritten"] or clock() >= deadline:
            return labeled
        sleep(0.2)
