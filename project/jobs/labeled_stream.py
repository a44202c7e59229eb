"""Workflow step: waits until live predictions and late labels meet in the labeled stream."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import httpx
import mlrun

from project.endpoints import endpoint_address
from project.errors import NetopsError


def watch_labeled_stream(
    context: mlrun.MLClientCtx, function: str, min_pairs: int = 50, timeout_seconds: float = 60
) -> None:
    """MLRun job: wait until the labeled stream holds pairs; log how many are joined, waiting, expired.

    :param function: name of the serving function.
    :param min_pairs: new pairs that show that the stream flows.
    :param timeout_seconds: wall time to wait for them.
    :raises NetopsError: if there are fewer by then.
    """
    address = endpoint_address(context.project, function)
    # What a restart replayed from the journal is no sign of a flow.
    before = wait_for_pairs(address, 0, timeout_seconds)["joined"]
    summary = wait_for_pairs(address, before + min_pairs, timeout_seconds)
    for key in ("joined", "waiting", "expired", "conflicting"):
        context.log_result(key, summary[key])


def wait_for_pairs(
    address: str,
    min_pairs: int,
    timeout_seconds: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> dict[str, Any]:
    """Summary of the labeled stream as soon as it has ``min_pairs`` pairs.

    :raises NetopsError: naming how many there were at the end.
    """
    deadline = clock() + timeout_seconds
    while True:
        summary: dict[str, Any] = httpx.get(f"{address}/labeled", timeout=30).raise_for_status().json()
        if summary["joined"] >= min_pairs:
            return summary
        if clock() >= deadline:
            raise NetopsError(
                f"labeled stream of {address} must reach {min_pairs} pairs within {timeout_seconds:g} s, "
                f"got {summary['joined']}"
            )
        sleep(0.5)
