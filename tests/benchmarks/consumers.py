"""Whether slow consumers slow an answer: labels, their Parquet files, detectors, a callback that takes long.

``python -m tests.benchmarks.load SECONDS consumers`` prints one JSON line. Two endpoints get single events at
300 a second. One of them has detectors and a callback, too, and is told the label of each event two seconds
later. These go from 0 to 1 and back, so the detectors find drift again and again, and whoever is called takes
seconds to answer. They are measured by turns; a figure is the median of the rounds, and the longest of all.
"""

from __future__ import annotations

import contextlib
import statistics
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from drift.detectors.ddm import DDM
from drift.detectors.eddm import EDDM
from drift.detectors.page_hinkley import PageHinkley
from drift.monitor import DriftMonitor
from project.http_json import get_json, put_json
from tests.benchmarks.load import endpoint
from tests.benchmarks.load_generator import Load
from tests.project.fake_endpoint import fake_endpoint

RATE, LABEL_SECONDS, ANSWER_SECONDS = 300.0, 2.0, 5.0
ROUNDS = 4
FIGURES = ("p50_ms", "p99_ms", "max_ms", "processor_us")


@contextlib.contextmanager
def slow_receiver(seconds: float) -> Iterator[tuple[str, list[Any]]]:
    """Takes callbacks, each after a while; gives its address and what was posted.

    :param seconds: until it answers.
    """
    posted: list[Any] = []
    over = threading.Event()

    def answer(method: str, path: str, body: Any) -> tuple[int, Any]:
        posted.append(body)
        over.wait(seconds)
        return 202, {}

    with fake_endpoint(answer) as address:
        try:
            yield f"{address}/", posted
        finally:
            over.set()


def detectors() -> dict[str, Any]:
    """Detectors that tell each drift anew soon after the one before."""
    return DriftMonitor([DDM(), EDDM(), PageHinkley()], cool_down=100).to_dict()


def consumers(seconds: float, rate: float = RATE, answer_seconds: float = ANSWER_SECONDS) -> dict[str, Any]:
    """Latencies with and without all that reads what was answered.

    :param seconds: how long each endpoint is sent to, in rounds by turns.
    :param rate: events a second.
    :param answer_seconds: until a callback is answered.
    :raises RuntimeError: if there was nothing to consume: no pair, no file, no callback.
    """
    plain = Load(0, connections=16, seconds=seconds / ROUNDS, rate=rate)
    labeled = replace(plain, labels=LABEL_SECONDS)
    with (
        slow_receiver(answer_seconds) as (url, posted),
        endpoint(batch_seconds=1.0) as (_, without),
        endpoint(batch_seconds=1.0, callback_url=url) as (server, others),
    ):
        address = f"http://127.0.0.1:{server[0]}"
        put_json(f"{address}/drift/detectors", detectors())
        parts: list[list[dict[str, Any]]] = [[], []]
        for _ in range(ROUNDS):
            for measured, load, part in zip((without, others), (plain, labeled), parts, strict=True):
                part.append(measured.alone(load))
        deadline = time.monotonic() + 30.0
        while (told := get_json(f"{address}/labeled"))["unwritten"] and time.monotonic() < deadline:
            time.sleep(0.1)
        drift = get_json(f"{address}/drift")
        calls = len(posted)
    if not (told["joined"] and told["batches_written"] and calls):
        raise RuntimeError(f"nothing was consumed: {told}, {calls} callbacks")
    beside, found = map(_over_rounds, parts)
    return {
        "benchmark": "consumers",
        "rate": rate,
        "seconds": seconds,
        **{name: found[name] for name in FIGURES},
        **{f"without_{name}": beside[name] for name in FIGURES},
        "p99_ratio": round(found["p99_ms"] / beside["p99_ms"], 2),
        "statuses": dict(sum((Counter(each["statuses"]) for each in parts[1]), Counter())),
        "labels": told["joined"],
        "files": told["batches_written"],
        "drifts": sum(each["drifts"] for each in drift["detectors"].values()),
        "callbacks": calls,
    }


def _over_rounds(rounds: list[dict[str, Any]]) -> dict[str, float]:
    """Figures of several rounds of one load."""
    found = {name: round(statistics.median(each[name] for each in rounds), 3) for name in FIGURES}
    return {**found, "max_ms": max(each["max_ms"] for each in rounds)}
