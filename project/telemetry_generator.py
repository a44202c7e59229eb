"""The telemetry generator: a Nuclio function that streams to the serving endpoint once it is deployed.

It stands in for the devices of a real network. ``GET /`` answers how far it is.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import httpx

from feature_sets.telemetry.schema import TelemetrySchema
from project.endpoints import endpoint_address
from project.live_telemetry import batches, recorded, simulated
from project.settings import SERVING, Settings
from project.streaming import StreamError, StreamReport, stream


@dataclass(frozen=True)
class GeneratorOptions:
    """What to stream, and how fast. Read from the environment of the function.

    :param telemetry: folder whose held-out end is replayed, or empty to simulate.
    :param schema: path of the telemetry schema, or empty for the simulated network's.
    :param label_delay_seconds: event time between an event and its label.
    """

    telemetry: str = ""
    schema: str = ""
    seed: int = 1
    devices: int = 20
    ticks: int = 1000
    test_fraction: float = 0.3
    stream_seconds: float = 30
    stream_rate: float = 300
    label_delay_seconds: float = 60

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> GeneratorOptions:
        """Read the variables that the workflow sets; numbers are checked by their type."""
        return cls(
            telemetry=environ.get("TELEMETRY", ""),
            schema=environ.get("SCHEMA", ""),
            seed=int(environ.get("SEED", cls.seed)),
            devices=int(environ.get("DEVICES", cls.devices)),
            ticks=int(environ.get("TICKS", cls.ticks)),
            test_fraction=float(environ.get("TEST_FRACTION", cls.test_fraction)),
            stream_seconds=float(environ.get("STREAM_SECONDS", cls.stream_seconds)),
            stream_rate=float(environ.get("STREAM_RATE", cls.stream_rate)),
        )

    def at(self, seconds: float, rate: float) -> GeneratorOptions:
        """The same telemetry for another time at another rate."""
        return replace(self, stream_seconds=seconds, stream_rate=rate)


def generate(
    options: GeneratorOptions, address: str, report: StreamReport, stop: threading.Event | None = None
) -> StreamReport:
    """Stream to ``address`` until the time is over; see ``project.streaming.stream`` for the errors."""
    schema = TelemetrySchema.load(options.schema)
    # A second stream goes on where the first one ended: the endpoint knows the newest event it has.
    newest = httpx.get(f"{address}/labeled", timeout=30).raise_for_status().json()["newest_event_time"]
    after = datetime.fromisoformat(newest) if newest else None
    if options.telemetry:
        chunks = recorded(schema, options.telemetry, options.test_fraction, after)
    else:
        chunks = simulated(schema, options.devices, options.ticks, options.seed, after)
    return stream(
        batches(chunks, schema, max(1, int(options.stream_rate / 4)), options.label_delay_seconds),
        address,
        report,
        seconds=options.stream_seconds,
        events_per_second=options.stream_rate,
        stop=stop,
    )


def init_context(context: Any) -> None:
    """Start streaming in the background; called once by Nuclio, or by the local host."""
    settings = Settings.from_environment()
    options = GeneratorOptions.from_environment(settings.environment)
    address = endpoint_address(settings.project, SERVING)
    context.user_data.report = StreamReport()
    context.user_data.stop = threading.Event()

    def work() -> None:
        try:
            generate(options, address, context.user_data.report, context.user_data.stop)
        except (StreamError, httpx.HTTPError, ValueError) as error:
            context.user_data.report.error = str(error)
            context.user_data.report.done = True
            context.logger.error(f"the stream ended early: {error}")

    threading.Thread(target=work, name="telemetry-generator", daemon=True).start()


def handler(context: Any, event: Any) -> Any:
    """Answer how far the stream is, as JSON."""
    return context.Response(
        body=json.dumps(context.user_data.report.to_dict()), content_type="application/json", status_code=200
    )
