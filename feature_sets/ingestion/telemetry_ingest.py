"""Checked telemetry into the three feature sets, with a count of every row."""

from __future__ import annotations

from mlrun.data_types.infer import InferOptions

from feature_sets.device_labels import device_labels, plain_integers, within_population
from feature_sets.device_metrics import STOREY, VECTORIZED, check_engine, device_metrics
from feature_sets.devices import as_text, devices
from feature_sets.ingestion.errors import IngestError
from feature_sets.ingestion.storey_ingest import ingest_with_storey
from feature_sets.ingestion.vectorized_ingest import ingest_vectorized
from feature_sets.labels.horizon import with_target
from feature_sets.rows.keyed_rows import KeyedRows
from feature_sets.telemetry.frames import Telemetry
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from feature_sets.windows.event_status import QUARANTINED, TOO_LATE


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

    metrics = KeyedRows.of(rows.metrics, DEVICE, schema.time).in_event_order()
    left_out: dict[str, int] = {}
    if engine == STOREY:
        ingested = ingest_with_storey(feature_set, metrics.frame, schema)
    else:
        options = InferOptions.schema() + InferOptions.all_stats() - InferOptions.Index
        done = ingest_vectorized(feature_set, metrics, options, arrival=schema.arrival)
        ingested = done.rows
        if schema.arrival is not None:
            left_out = {f"rows_{name}": done.left_out.get(name, 0) for name in (TOO_LATE, QUARANTINED)}
    if ingested + sum(left_out.values()) != len(metrics):
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
