"""A serving graph in this process, through which a recording is played."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import mlrun

from feature_sets.telemetry.schema import DEVICE
from project.errors import NetopsError
from project.live_telemetry import Batch


@dataclass
class Played:
    """What became of a recording, event by event.

    :param readings: device, event time as it was sent, status, prediction and probability of each reading.
    :param labels: labels by what became of them when they came.
    :param joined: predictions and labels that met; a label may come before its late reading.
    :param rejected: refused readings by their reason.
    :param rejected_labels: refused labels by their reason.
    :param rejected_incidents: refused incidents by their reason.
    """

    readings: list[tuple[str, str, str, int | None, float | None]] = field(default_factory=list)
    labels: Counter[str] = field(default_factory=Counter)
    joined: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    rejected_labels: Counter[str] = field(default_factory=Counter)
    rejected_incidents: Counter[str] = field(default_factory=Counter)


class GraphInstance:
    """Sends requests to a graph of its own.

    :param function: MLRun serving function; it is not deployed.
    """

    def __init__(self, function: mlrun.runtimes.ServingRuntime) -> None:
        self._server = function.to_mock_server()

    def answer(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Status and content of the answer to one request."""
        sent = None if body is None else json.dumps(body).encode()
        response = self._server.test(
            path, body=sent, method=method, silent=True, get_body=False, content_type="application/json"
        )
        return response.status_code, json.loads(response.body)

    def play(
        self,
        batches: Iterator[Batch],
        time_column: str,
        speed: float | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        told: Callable[[int], None] = lambda sent: None,
    ) -> Played:
        """Send batches in their order.

        :param time_column: of event times.
        :param speed: times as fast as it was; None for as fast as possible.
        :param told: called with the number of readings that were sent, after some more of them.
        :raises NetopsError: if the graph fails.
        """
        played, sent_so_far = Played(), 0
        started, first = clock(), None
        for batch in batches:
            first = batch.known if first is None else first
            if speed is not None:
                sleep(max(0.0, started + (batch.known - first) / speed - clock()))
            if batch.telemetry:
                answers = self._results("/telemetry", batch.telemetry, played.rejected)
                played.readings += [
                    (sent[DEVICE], sent[time_column], said["status"], said["prediction"], said["probability"])
                    for sent, said in zip(batch.telemetry, answers, strict=True)
                    if said is not None
                ]
                sent_so_far += len(batch.telemetry)
                told(sent_so_far)
            if batch.incidents:  # In the form of the schema, where a tool may have one of its own.
                self._results("/labels", batch.incidents, played.rejected_incidents)
            if batch.labels:
                answers = self._results("/labels", batch.labels, played.rejected_labels)
                played.labels.update(said["status"] for said in answers if said is not None)
        _, labeled = self.answer("GET", "/labeled")
        played.joined = labeled["joined"]
        return played

    def _results(
        self, path: str, body: list[dict[str, Any]], rejected: Counter[str]
    ) -> list[dict[str, Any] | None]:
        """Answer to each entry, None for one that was refused."""
        status, content = self.answer("POST", path, body)
        results: list[dict[str, Any] | None] = content
        if status != 200:
            if "results" not in content:
                raise NetopsError(f"POST {path} with {len(body)} entries: {status} {content}")
            rejected.update(f"{error['field']}: {error['rule']}" for error in content["errors"])
            results = content["results"]
        return results
