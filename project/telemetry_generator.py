"""The telemetry generator: a Nuclio function that streams to the serving endpoint once it is deployed.

It stands in for the devices of a real network. ``GET /`` answers how far it is.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import mlrun

from feature_sets.telemetry.schema import TelemetrySchema
from graphs.protocol.roles import Role
from project import parameters
from project.endpoints import endpoint_address
from project.errors import NetopsError
from project.function_names import MODEL, SERVING
from project.http_json import get_json
from project.live_telemetry import NothingNewerError, batches, recorded, simulated
from project.settings import Settings
from project.streaming import StreamReport, stream

LABEL_DELAY_SECONDS = 60.0
"""Event time between an event and its label."""

_READY_SECONDS = 120
"""So long the serving endpoint may take to be ready; the control plane waits no longer, either."""


@dataclass(frozen=True)
class GeneratorOptions:
    """What to stream, and how fast; names and defaults are those of the workflow parameters.

    :param telemetry: folder of which the rows later than the model's are sent, or empty to simulate.
    :param schema: path of the telemetry schema, or empty for the simulated network's.
    :param ticks: readings of each simulated device that were ingested.
    :param stream_seconds: how long, wall time.
    :param stream_rate: events a second.
    """

    telemetry: str
    schema: str
    seed: int
    devices: int
    ticks: int
    stream_seconds: int
    stream_rate: int

    @classmethod
    def from_arguments(cls, arguments: Mapping[str, Any]) -> GeneratorOptions:
        """Fill in the defaults.

        :raises InputError: for an unknown name or a value of another type.
        """
        given = parameters.check(parameters.STREAM, arguments)
        return cls(**{name: given.get(name, parameters.DEFAULTS[name]) for name in parameters.STREAM})

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> GeneratorOptions:
        """Read the variables that the workflow sets on the function: the names in capitals.

        :raises InputError: for a value of another type.
        """
        given = {name: environ[name.upper()] for name in parameters.STREAM if name.upper() in environ}
        return cls.from_arguments(
            {name: parameters.parse(parameters.STREAM, name, text) for name, text in given.items()}
        )


def generate(
    options: GeneratorOptions,
    address: str,
    report: StreamReport,
    stop: threading.Event | None = None,
    headers: Mapping[str, str] | None = None,
) -> StreamReport:
    """Stream to ``address`` until the time is over; for the rest see ``project.streaming.stream``."""
    schema = TelemetrySchema.load(options.schema)
    # A second stream goes on where the first one ended: the endpoint knows the newest event it has.
    report.before = {name: get_json(f"{address}/{name}") for name in ("labeled", "drift")}
    newest = report.before["labeled"]["newest_event_time"]
    model = get_json(f"{address}/v2/models/{MODEL}")["parameters"]
    after = datetime.fromisoformat(newest) if newest else None
    if options.telemetry:
        chunks = recorded(schema, options.telemetry, datetime.fromisoformat(model["training_end"]), after)
    else:
        chunks = simulated(schema, options.devices, options.ticks, options.seed, after)
    return stream(
        batches(chunks, schema, max(1, options.stream_rate // 4), LABEL_DELAY_SECONDS),
        address,
        report,
        seconds=options.stream_seconds,
        events_per_second=options.stream_rate,
        stop=stop,
        headers=headers,
    )


def serving_address(project: str, stop: threading.Event) -> str:
    """Address of the serving endpoint, once it is ready.

    After a start of the machine both are started again at once, and the endpoint takes longer: that is no
    failure of this function. It would be counted, and told, as one.

    :param stop: ends the wait.
    :raises NetopsError: if it is not ready after ``_READY_SECONDS``, or ``stop`` is set before.
    """
    for _ in range(_READY_SECONDS):
        try:
            return endpoint_address(project, SERVING)
        except NetopsError:
            if stop.wait(1.0):
                raise
    return endpoint_address(project, SERVING)


def init_context(context: Any) -> None:
    """Start streaming in the background; called once by Nuclio, or by the local host."""
    settings = Settings.from_environment()
    options = GeneratorOptions.from_environment(os.environ)
    headers = settings.bearer(Role.WRITE)
    context.user_data.report = StreamReport()
    context.user_data.stop = threading.Event()

    def work() -> None:
        try:
            address = serving_address(settings.project, context.user_data.stop)
            generate(options, address, context.user_data.report, context.user_data.stop, headers)
        except NothingNewerError as error:
            context.user_data.report.nothing_newer = str(error)
            context.user_data.report.done = True
            context.logger.info(f"there is nothing to stream: {error}")
        except (NetopsError, ValueError, mlrun.errors.MLRunBaseError) as error:
            context.user_data.report.error = str(error)
            context.user_data.report.done = True
            context.logger.error(f"the stream ended early: {error}")

    threading.Thread(target=work, name="telemetry-generator", daemon=True).start()


def handler(context: Any, event: Any) -> Any:
    """Answer how far the stream is, as JSON."""
    return context.Response(
        body=json.dumps(context.user_data.report.to_dict()), content_type="application/json", status_code=200
    )
