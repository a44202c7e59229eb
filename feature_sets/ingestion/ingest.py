"""Telemetry rows into feature sets and their targets, with an account of every row."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from pathlib import Path

import mlrun
import mlrun.feature_store as fstore
import pandas as pd
from mlrun.data_types.infer import InferOptions

from feature_sets.device_labels import device_labels, plain_integers, within_population
from feature_sets.device_metrics import STOREY, VECTORIZED, check_engine, device_metrics
from feature_sets.devices import as_text, devices
from feature_sets.event_order import in_event_order
from feature_sets.feature_vector import all_features
from feature_sets.horizon_labels import with_target
from feature_sets.ingest_errors import IngestError
from feature_sets.ingestion.defaults import DEVICES, SEED, TICKS
from feature_sets.ingestion.storey_guard import guarded_storey
from feature_sets.ingestion.vectorized_ingest import ingest_vectorized
from feature_sets.telemetry.readers import Telemetry, read_telemetry
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from feature_sets.telemetry.simulator import SimulatedNetwork, write_folder
from feature_sets.windows.event_status import QUARANTINED, TOO_LATE

# The simulated past ends long before any clock's now, so that live ticks after it are never in the future.
SIMULATION_START = datetime(2024, 1, 1, tzinfo=UTC)

_SCHEMA_ROWS = 1000


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


def ingest_telemetry(rows: Telemetry, schema: TelemetrySchema, engine: str = VECTORIZED) -> dict[str, int]:
    """Ingest checked telemetry into ``devices``, ``device_metrics`` and ``device_labels``.

    The offline target of the metrics gets every row, with its windows as of its event time; the online target
    each device's newest row.

    :param engine: what fills ``device_metrics`` and ``device_labels``; both leave the same behind.
    :returns: rows that each feature set took: ``devices``, ``rows_ingested``, ``label_rows``; and with an
        arrival time in the schema ``rows_too_late`` and ``rows_quarantined``, those left out because of it.
    :raises IngestError: if a row of the metrics did not arrive.
    """
    check_engine(engine)
    feature_set = device_metrics(schema, engine)
    devices(schema, rows.static).ingest(as_text(schema, rows.static), return_df=False)

    metrics = in_event_order(rows.metrics, DEVICE, schema.time)
    left_out: dict[str, int] = {}
    if engine == STOREY:
        ingested = _ingest_with_storey(feature_set, metrics, schema)
    else:
        options = InferOptions.schema() + InferOptions.all_stats() - InferOptions.Index
        done = ingest_vectorized(feature_set, metrics, options, arrival=schema.arrival)
        ingested = done.rows
        if schema.arrival is not None:
            left_out = {f"rows_{name}": done.left_out.get(name, 0) for name in (TOO_LATE, QUARANTINED)}
    if ingested + sum(left_out.values()) != len(metrics):
        # storey logs what goes wrong with an event and goes on without it.
        raise IngestError(f"every row must be ingested, got {ingested} of {len(metrics)}; see the log")

    labels = with_target(within_population(schema, rows.labels, rows.static), schema)
    labels = plain_integers(labels.sort_values([schema.time, DEVICE], kind="stable", ignore_index=True))
    if engine == STOREY:
        device_labels(schema).ingest(labels, return_df=False)
    else:
        ingest_vectorized(device_labels(schema), labels)
    return {
        "devices": len(rows.static),
        "rows_ingested": ingested,
        **left_out,
        "label_rows": len(labels),
    }


def _ingest_with_storey(
    feature_set: fstore.FeatureSet, metrics: pd.DataFrame, schema: TelemetrySchema
) -> int:
    """Number of rows that storey took. Only the newest ones go to the online target, which is slow."""
    with guarded_storey():
        # Before anything saves the new feature set, which does not know of the old targets.
        feature_set.purge_targets(silent=True)
        # The types are plain from some rows; MLRun would send all of them through the windows twice.
        feature_set.preview(metrics.head(_SCHEMA_ROWS), options=InferOptions.schema())
        ingested = feature_set.ingest(
            metrics,
            targets=[feature_set.spec.targets["parquet"]],
            infer_options=InferOptions.all_stats(),
        )
        feature_set.ingest(
            newest_window(metrics, schema),
            targets=[feature_set.spec.targets["online"]],
            infer_options=InferOptions.Null,
            return_df=False,
        )
    return len(ingested)


def newest_window(metrics: pd.DataFrame, schema: TelemetrySchema) -> pd.DataFrame:
    """The rows of each device that its newest windows cover: those in the longest window before its last.

    :param metrics: rows in event order.
    """
    length = pd.Timedelta(seconds=schema.longest_window_seconds)
    newest = metrics.groupby(DEVICE)[schema.time].transform("max")
    # One period more than the window: the buckets are aligned to the epoch, not to the newest row.
    period = pd.Timedelta(schema.windows.period)
    return metrics[metrics[schema.time] > newest - length - period].reset_index(drop=True)
