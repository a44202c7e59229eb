"""MLRun job: files into the history, beside what the endpoint accepted."""

from __future__ import annotations

import mlrun

from feature_sets.device_metrics import VECTORIZED
from feature_sets.ingestion import ingest as files
from feature_sets.ingestion.defaults import DEVICES, SEED, TICKS
from feature_sets.telemetry.schema import TelemetrySchema
from project.accepted_readings import AcceptedReadings
from project.live_history import LiveJournal
from project.settings import Settings
from project.untold_warnings import UntoldWarnings


def ingest(
    context: mlrun.MLClientCtx,
    telemetry: str = "",
    schema: str = "",
    seed: int = SEED,
    devices: int = DEVICES,
    ticks: int = TICKS,
    engine: str = VECTORIZED,
    replace: bool = False,
) -> None:
    """MLRun job: add telemetry to the feature sets, from a folder or from the simulated network.

    What the endpoint accepted and the history has keeps its arrival, whatever a file says that repeats it.
    Logs counts, the report, the watermark and ``feature_vector``. Artifact: ``ingest_report``.

    :param telemetry: see ``feature_sets.ingestion.ingest.ingest``, as for all others, results and errors.
    """
    settings = Settings.from_environment()
    journal = LiveJournal.of(context.project, settings)
    accepted = AcceptedReadings(journal, TelemetrySchema.load(schema))
    untold = UntoldWarnings.of(settings, context.project, "files")
    files.ingest(context, telemetry, schema, seed, devices, ticks, engine, replace, accepted, untold)
    untold.told()
