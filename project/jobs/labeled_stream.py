"""Workflow step: waits until live predictions and late labels meet in the labeled stream."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import mlrun

from project.endpoints import endpoint_address
from project.errors import NetopsError
from project.http_json import get_json


def watch_labeled_stream(
    context: mlrun.MLClientCtx,
    function: str,
    generator: str = "",
    min_pairs: int = 50,
    timeout_seconds: float = 60,
) -> None:
    """MLRun job: wait until the labeled stream holds new pairs; log how many are joined, waiting, expired.

    Results: ``joined``, ``waiting``, ``expired`` and ``conflicting`` of all that the endpoint knows;
    ``new_pairs`` of this run; ``nothing_newer``, why nothing was streamed, empty if something was.

    :param function: name of the serving function.
    :param generator: name of the function that streams; if it ends, there is nothing to wait for any more.
    :param min_pairs: new pairs that show that the stream flows.
    :param timeout_seconds: wall time to wait for them.
    :raises NetopsError: if there are fewer by then, or as soon as the stream failed, with its cause.
    """
    address = endpoint_address(context.project, function)
    source = endpoint_address(context.project, generator) if generator else ""
    found = wait_for_pairs(address, source, min_pairs, timeout_seconds)
    for key, value in found.items():
        context.log_result(key, value)


def wait_for_pairs(
    address: str,
    generator: str,
    min_pairs: int,
    timeout_seconds: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> dict[str, Any]:
    """Counts of the labeled stream as soon as it has ``min_pairs`` pairs more than when the stream began.

    :param address: of the serving function.
    :param generator: address of the function that streams, or empty to wait for pairs of any source.
    :raises NetopsError: naming why there are fewer.
    """
    deadline = clock() + timeout_seconds
    # What a restart replayed from the journal is no sign of a flow.
    before = get_json(f"{address}/labeled")["joined"]
    while True:
        # First: the pairs of a stream that ended are all joined by the time that they are counted.
        report = get_json(generator) if generator else {}
        if report.get("before"):
            before = report["before"]["labeled"]["joined"]
        labeled = get_json(f"{address}/labeled")
        new = labeled["joined"] - before
        nothing = report.get("nothing_newer", "")
        if new >= min_pairs or nothing:
            counts = {key: labeled[key] for key in ("joined", "waiting", "expired", "conflicting")}
            return {**counts, "new_pairs": new, "nothing_newer": nothing}
        if report.get("error"):
            raise NetopsError(f"the telemetry stream ended early: {report['error']}")
        late = clock() >= deadline
        if report.get("done") or late:
            when = f"within {timeout_seconds:g} s" if late else "by the end of the telemetry stream"
            raise NetopsError(
                f"labeled stream of {address} must reach {min_pairs} new pairs {when}, got {new}; "
                "stream for longer with --seconds, or faster with --set stream_rate"
            )
        sleep(0.5)
