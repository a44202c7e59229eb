"""MLRun job: fill the feature sets from a folder of telemetry or from the simulated network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import mlrun
import pandas as pd
import pyarrow.compute as pc

from feature_sets.checks import InputError
from feature_sets.device_labels import device_labels
from feature_sets.device_metrics import STOREY, VECTORIZED, check_engine, device_metrics
from feature_sets.feature_vector import all_features
from feature_sets.ingestion.absent_values import group_lines, rate_lines
from feature_sets.ingestion.defaults import DEVICES, SEED, TICKS
from feature_sets.ingestion.history.added_rows import utc
from feature_sets.ingestion.history.merged_rows import Accepted
from feature_sets.ingestion.history.stored_history import StoredHistory
from feature_sets.ingestion.history_units import warn_of_units
from feature_sets.ingestion.maintenance_history import rows_in_maintenance
from feature_sets.ingestion.silence import unlearned_in_history
from feature_sets.ingestion.sources import FolderSource, SimulatedSource, Source, SourcePart
from feature_sets.ingestion.telemetry_append import (
    append_telemetry,
    conflict_warning,
    dropped_warning,
    further_conflicts,
)
from feature_sets.ingestion.telemetry_history import TelemetryHistory
from feature_sets.ingestion.telemetry_ingest import ingest_telemetry
from feature_sets.ingestion.untold import Untold
from feature_sets.labels.class_notes import class_note
from feature_sets.telemetry.ingest_report import FileReport
from feature_sets.telemetry.label_form import INCIDENTS
from feature_sets.telemetry.schema import TelemetrySchema
from feature_sets.windows.event_status import QUARANTINED, TOO_LATE


def ingest(
    context: mlrun.MLClientCtx,
    telemetry: str = "",
    schema: str = "",
    seed: int = SEED,
    devices: int = DEVICES,
    ticks: int = TICKS,
    engine: str = VECTORIZED,
    replace: bool = False,
    accepted: Accepted | None = None,
    untold: Untold | None = None,
) -> None:
    """MLRun job: add telemetry to the feature sets, from a folder or from the simulated network.

    Rows are added by device and time; what is there already changes nothing, and files that did not change
    since are not read again. Logs the counts, the report, the watermark of the source (up to which event time
    or tick it was read) and ``feature_vector``, the URI of the vector with every feature. Artifact:
    ``ingest_report``, the report as text.

    ``rows_read`` - ``rows_rejected`` - ``rows_too_late`` - ``rows_quarantined`` - ``rows_known`` =
    ``rows_new``; ``rows_ingested`` and ``label_rows`` are those of the whole history.

    :param telemetry: folder with ``metrics``, ``labels`` and ``static`` files; empty simulates.
    :param schema: path of the telemetry schema; empty for the simulated network's.
    :param seed: of the simulation.
    :param devices: simulated devices.
    :param ticks: simulated readings of each device.
    :param engine: what computes the windows: ``vectorized``, or ``storey`` for MLRun's own, a slow one, which
        does not add to a history.
    :param replace: replace the history instead of adding to it.
    :param accepted: rows of the history that keep their arrival, see there.
    :param untold: keeps warnings of the files for whoever calls until they are told; None keeps none.
    :raises InputError: if what comes does not fit the history: another schema, source or type of a column.
    """
    check_engine(engine)
    telemetry_schema = TelemetrySchema.load(schema)
    source: Source = FolderSource(telemetry) if telemetry else SimulatedSource(devices, ticks, seed)
    history = None
    if not replace:
        history = TelemetryHistory.of(telemetry_schema)
        if history is not None:
            if engine == STOREY:
                rule = (
                    "must be vectorized to add to a history; storey only replaces (netops ingest --replace)"
                )
                raise InputError("engine", rule, engine)
            source.check(history)
    part = source.part(telemetry_schema, history)
    warned = part.report.metrics.warnings
    if history is not None:
        warn_of_units(history.metrics, telemetry_schema, part.report.metrics)
    earlier: list[str] = []
    if untold is not None:  # The next ingestion does not read these files again.
        untold.keep(warned)
        earlier = untold.earlier(warned)
    if history is None:
        results = _replaced(part, telemetry_schema, engine)
    else:
        results = _added(part, telemetry_schema, history, accepted)
    warned += earlier
    results["report_lines"] += [f"metrics: warning: {each}" for each in earlier]
    results["files_refused"] = part.report.refused
    results["files_mostly_refused"] = part.report.mostly_refused
    results |= rows_in_maintenance(telemetry_schema) if engine == VECTORIZED else {}
    if results.get("label_rows_in_maintenance"):
        results["report_lines"].append(f"labels: {results['label_rows_in_maintenance']:,} in maintenance")

    if warning := dropped_warning(results.get("rows_dropped", 0)):
        part.report.metrics.warnings.append(warning)
        results["report_lines"].append(f"metrics: warning: {warning}")
    if engine == VECTORIZED and (warning := _label_warning(telemetry_schema, part)):
        part.report.labels.warnings.append(warning)
        results["report_lines"].append(f"labels: warning: {warning}")

    if engine == VECTORIZED and telemetry_schema.labels.form == INCIDENTS:
        results |= _unlearned(telemetry_schema, part.report.labels, results["report_lines"])

    vector = all_features(telemetry_schema)
    vector.save()
    context.log_result("feature_vector", vector.uri)
    context.log_results(results)
    context.log_result("report", part.report.to_dict())
    watermark = {table: read.get("until", read.get("ticks")) for table, read in part.read.items()}
    context.log_result("watermark", {"source": part.source, **watermark})
    body = "\n".join(results["report_lines"]) + "\n"
    context.log_artifact("ingest_report", body=body, local_path="ingest_report.txt", format="txt")


def _label_warning(schema: TelemetrySchema, part: SourcePart) -> str:
    """What is wrong with the labels of the whole history, if nearly all are of one class; else empty."""
    report = part.report.labels
    if not report.rows_accepted:  # Errors may be told live, or never.
        return ""
    history = StoredHistory.of(device_labels(schema))
    if history is None:
        return ""
    counts = (
        pc.sum(history.folder.read(file.path, [schema.label])[schema.label]).as_py() or 0
        for file in history.manifest.files
    )
    return class_note(int(sum(counts)), history.manifest.rows, schema.labels.is_derived)


def _unlearned(schema: TelemetrySchema, report: FileReport, lines: list[str]) -> dict[str, Any]:
    """How many incidents of the history no model learns from, and why; told in the lines if there are any."""
    found = unlearned_in_history(schema)
    if found is None:
        return {}
    # Who adds readings alone has been warned when the incidents came.
    if report.rows_accepted and (warning := found.outside.warning):
        report.warnings.append(warning)
        lines.append(f"labels: warning: {warning}")
    elif found.outside.sentence:
        lines.append(f"labels: {found.outside.sentence}")
    if found.silent.sentence:
        lines.append(f"labels: {found.silent.sentence}")
    return {
        "incidents_outside": found.outside.to_dict(),
        "incidents_without_reading": found.silent.to_dict(),
    }


def _replaced(part: SourcePart, schema: TelemetrySchema, engine: str) -> dict[str, Any]:
    """Results of the first ingestion, or of one that replaces the history."""
    counts = ingest_telemetry(part.rows, schema, engine, part.source, part.read)
    readings = part.rows.all_readings(schema.time)
    times = pd.Series([readings.first_seen.min(), readings.last], dtype="datetime64[ns, UTC]")
    first, last = (moment.isoformat() for moment in times)
    history = StoredHistory.of(device_metrics(schema)) if engine == VECTORIZED else None
    if history is not None:  # Of the rows that are in it: some may have been left out.
        first, last = utc(history.manifest.first or 0), utc(history.manifest.last or 0)
    return {
        **counts,
        "rows_read": part.report.metrics.rows_read,
        "rows_rejected": part.report.metrics.rows_rejected,
        "rows_known": 0,
        "rows_new": counts["rows_ingested"],
        "rows_rewritten": 0,
        "rows_conflicting": 0,
        "label_rows_known": 0,
        "label_rows_new": counts["label_rows"],
        "label_rows_rewritten": 0,
        "label_rows_conflicting": 0,
        "labels_changed": 0,
        "incidents_conflicting": 0,
        "incidents_withdrawn": 0,
        "devices_new": counts["devices"],
        "devices_changed": 0,
        "first_event": first,
        "last_event": last,
        "report_lines": part.report.lines([("metrics", line) for line in _of_readings(counts)]),
    }


def _of_readings(counts: Mapping[str, Any]) -> list[str]:
    """What the report says of readings that lack a rate, or values of other devices."""
    rows = counts["rows_ingested"]
    return [
        *rate_lines(counts.get("without_rate", {}), rows),
        *group_lines(counts.get("without_others", {}), rows),
    ]


def _added(
    part: SourcePart, schema: TelemetrySchema, history: TelemetryHistory, accepted: Accepted | None
) -> dict[str, Any]:
    """Results of an ingestion that adds to the history."""
    report = part.report
    done = append_telemetry(part.rows, schema, history, part.source, part.read, accepted)
    metrics, labels = done.metrics, done.labels
    results: dict[str, Any] = {
        "rows_read": report.metrics.rows_read,
        "rows_rejected": report.metrics.rows_rejected,
        "rows_known": report.metrics.rows_unchanged + metrics.known,
        "rows_not_read_again": report.metrics.rows_unchanged,
        "rows_new": metrics.new,
        "rows_rewritten": metrics.rewritten,
        "rows_dropped": metrics.dropped,
        "rows_conflicting": metrics.conflicting,
        "rows_ingested": metrics.rows,
        "label_rows": labels.rows,
        "label_rows_known": report.labels.rows_unchanged + labels.known,
        "label_rows_new": labels.new,
        "label_rows_rewritten": labels.rewritten,
        "label_rows_conflicting": done.retold.conflicting if done.retold else labels.conflicting,
        "labels_changed": labels.changed,
        "incidents_conflicting": done.contradicted.count,
        "incidents_withdrawn": done.withdrawn.count,
        "devices": len(done.devices.newest),
        "devices_new": len(done.devices.joined),
        "devices_changed": len({change["device"] for change in done.devices.changed}),
        "conflicts": done.conflicts,
        "first_event": metrics.first,
        "last_event": metrics.last,
        "report_lines": [*report.lines(), *done.lines(warned=True)],
    }
    if warning := conflict_warning(metrics):
        report.metrics.warnings.append(warning)
        results["report_lines"] += [f"metrics: warning: {warning}", *further_conflicts(metrics)]
    if warning := done.withdrawn.warning():
        report.labels.warnings.append(warning)
        results["report_lines"].append(f"labels: warning: {warning}")
    if done.unraised is not None:
        results["clears_without_raise"] = done.unraised
    if metrics.rewritten_from is not None:
        results["rewritten_from"] = metrics.rewritten_from
    if schema.counter_metrics:
        results["without_rate"] = dict(metrics.without_rate)
    if schema.group_features:
        results["without_others"] = dict(metrics.without_others)
    if schema.arrival is not None:
        results |= {f"rows_{name}": metrics.left_out.get(name, 0) for name in (TOO_LATE, QUARANTINED)}
    return results
