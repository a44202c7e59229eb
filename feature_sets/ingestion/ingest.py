"""MLRun job: fill the feature sets from a folder of telemetry or from the simulated network."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from pathlib import Path

import mlrun

from feature_sets.device_metrics import VECTORIZED, check_engine
from feature_sets.feature_vector import all_features
from feature_sets.ingestion.defaults import DEVICES, SEED, TICKS
from feature_sets.ingestion.telemetry_ingest import ingest_telemetry
from feature_sets.telemetry.folder_writer import write_folder
from feature_sets.telemetry.readers import read_telemetry
from feature_sets.telemetry.schema import TelemetrySchema
from feature_sets.telemetry.simulator import SimulatedNetwork

# The simulated past ends long before any clock's now, so that live ticks after it are never in the future.
SIMULATION_START = datetime(2024, 1, 1, tzinfo=UTC)


def ingest(
    context: mlrun.MLClientCtx,
    telemetry: str = "",
    schema: str = "",
    seed: int = SEED,
    devices: int = DEVICES,
    ticks: int = TICKS,
    engine: str = VECTORIZED,
) -> None:
    """MLRun job: fill the feature sets from a folder of telemetry or from the simulated network.

    Logs the counts of the ingest report, the report itself and ``feature_vector``, the URI of the vector
    with every feature.

    :param telemetry: folder with ``metrics``, ``labels`` and ``static`` files; empty simulates.
    :param schema: path of the telemetry schema; empty for the simulated network's.
    :param seed: of the simulation.
    :param devices: simulated devices.
    :param ticks: simulated readings of each device.
    :param engine: what computes the windows: ``vectorized``, or ``storey`` for MLRun's own, a slow one.
    """
    check_engine(engine)
    telemetry_schema = TelemetrySchema.load(schema)
    if telemetry:
        rows, report = read_telemetry(telemetry, telemetry_schema)
    else:
        network = SimulatedNetwork(devices=devices, start=SIMULATION_START, ticks=ticks, seed=seed)
        with tempfile.TemporaryDirectory() as folder:
            write_folder(Path(folder), network.generate())
            rows, report = read_telemetry(folder, telemetry_schema)
    ingested = ingest_telemetry(rows, telemetry_schema, engine)

    vector = all_features(telemetry_schema)
    vector.save()
    context.log_result("feature_vector", vector.uri)
    for key, value in ingested.items():
        context.log_result(key, value)
    context.log_result("rows_read", report.metrics.rows_read)
    context.log_result("rows_rejected", report.metrics.rows_rejected)
    context.log_result("first_event", rows.metrics[telemetry_schema.time].min().isoformat())
    context.log_result("last_event", rows.metrics[telemetry_schema.time].max().isoformat())
    context.log_artifact(
        "ingest_report", body="\n".join(report.lines()) + "\n", local_path="ingest_report.txt", format="txt"
    )
    context.log_result("report_lines", report.lines())
    context.log_result("report", report.to_dict())
