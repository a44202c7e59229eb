"""Workflow step: how far the labeled stream has moved away from the base data set."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import mlrun
import pandas as pd

from drift.kind_of_drift import kind_of_drift
from drift.magnitude import drift_magnitude, rows_needed
from drift.reference_rows import (
    DAY,
    FIXED,
    REFERENCES,
    ROLLING,
    ROLLING_WEEK,
    WEEK,
    newest_rows,
    reference_rows,
    rows_in_window,
)
from feature_sets.checks import check_choice
from feature_sets.model_package.columns import PREDICTION, PROBABILITY, VERSION
from feature_sets.rows.event_micros import column_micros
from feature_sets.rows.stored_rows import in_utc
from feature_sets.telemetry.label_form import ROWS
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from project.base_rows import base_of_served
from project.endpoints import endpoint_address
from project.http_json import get_json
from project.jobs.stream_state import generator_address, goes_on
from project.labeled_files import read_pairs
from project.settings import Settings

LIVE, REHEARSED = "live traffic", "the rehearsal"
"""Where labeled rows are from."""


class Wanted(NamedTuple):
    """Which labeled rows are measured.

    :param version: of the model that predicted them.
    :param time: name of the time column.
    :param after: live rows up to then lie before or in the base, and do not count; None counts all.
    :param healthy_later: column of the label, where errors are told and healthy is what nothing was told of
        for long; empty where labels say both.
    """

    version: str
    time: str
    after: pd.Timestamp | None = None
    healthy_later: str = ""


@dataclass(frozen=True)
class LabeledRows:
    """Labeled rows of one model version, and where they are from.

    :param rows: of the batches in order.
    :param source: ``LIVE`` or ``REHEARSED``; empty without any row.
    :param why: how it was chosen, for people.
    """

    rows: pd.DataFrame
    source: str
    why: str


def measure_drift_magnitude(
    context: mlrun.MLClientCtx,
    test_set: mlrun.DataItem,
    function: str,
    schema: str = "",
    generator: str = "",
    min_rows: int = 1000,
    timeout_seconds: float = 60,
    drift_reference: str = DAY,
) -> None:
    """MLRun job: how far features, predictions and labels are from the base data set.

    The base is what the model that is served was evaluated on, also where this run has made another that the
    gate kept out. The rows are those that the live endpoint has labeled since it serves this model, and later
    than the base, if there are enough. If not, they are those of the rehearsal. Nothing is waited for, except
    for a simulated network that streams.

    Results: ``base_rows``, ``base_rows_same_hours`` (those that the batch is compared with), ``batch_rows``,
    ``measured_on`` (``live traffic``, ``the rehearsal`` or nothing), ``drifted``, ``kind`` (see
    ``KindOfDrift``), ``severity`` (of the event, which the artifact has as a whole), ``verdict`` (with what
    lessens it, if anything does), ``base_version`` (of the model).

    :param test_set: rows that this run has evaluated on; the base of a model whose own evaluation is gone.
    :param function: name of the serving function whose labeled batches are measured.
    :param schema: path of the telemetry schema; empty for the simulated network's.
    :param generator: name of the function that streams the simulated network, if it does.
    :param min_rows: labeled rows that are enough; more where the comparison itself needs more, see
        ``rows_needed``.
    :param timeout_seconds: wall time to wait for them while the simulated network streams.
    :param drift_reference: what they are compared with. ``day`` and ``week`` take the rows of the base at
        the same hours of it, ``fixed`` takes all. ``rolling`` compares the newest rows with those before
        them, and ``rolling_week`` with those at the same hours of the week.
    """
    check_choice("argument 'drift_reference'", drift_reference, REFERENCES)
    address = endpoint_address(context.project, function)
    found_base = base_of_served(context.project, address, test_set)
    base, served = found_base.rows, found_base.version
    context.log_result("base_rows", len(base))
    context.log_result("base_version", served)
    telemetry = TelemetrySchema.load(schema)
    late = telemetry.target if telemetry.labels.form != ROWS else ""
    wanted = Wanted(served, telemetry.time, found_base.until(telemetry.time), late)
    window = telemetry.longest_window_seconds
    min_rows = rows_needed(min_rows, rows_in_window(base, DEVICE, telemetry.time, window))
    folder = Path(get_json(f"{address}/labeled")["directory"])
    streaming = generator_address(context.project, generator)
    if streaming:
        context.logger.info(f"waiting for {min_rows} labeled rows while the simulated network streams")
        rows = RowCount(folder, wanted)
        wait_for_stream(address, streaming, lambda: rows.now() >= min_rows, timeout_seconds)
    # While it streams, more pairs are joined than there are in files.
    by_then = "those in files while the simulated network still streamed" if goes_on(streaming) else ""
    rehearsed = Settings.from_environment().rehearsed_pairs(context.project)
    found = chosen_rows(folder, rehearsed, wanted, min_rows)
    context.log_result("batch_rows", len(found.rows))
    context.log_result("measured_on", found.source)
    instead = found_base.instead
    if not found.source:
        context.log_result("verdict", "; ".join(filter(None, (f"not measured: {found.why}", instead))))
        return
    # Detectors watch live traffic, and nothing of a rehearsal.
    last = get_json(f"{address}/drift").get("last_drift") if found.source == LIVE else None
    last_drift = str(last["time"]) if last else ""
    document = _measured(base, found.rows, telemetry, drift_reference, min_rows, last_drift)
    context.log_artifact(
        "drift_magnitude",
        body=json.dumps(document, indent=1),
        local_path="drift_magnitude.json",
        format="json",
    )
    context.log_result("base_rows_same_hours", document.pop("base_rows_same_hours"))
    context.log_result("drifted", document["drifted"])
    context.log_result("kind", document["kind"])
    told = document["reason"] if document["drifted"] is None else f"{document['kind']}: {document['reason']}"
    context.log_result("severity", (document["event"] or {}).get("severity", ""))
    said = (told, found.why, by_then, instead, *document["warnings"])
    context.log_result("verdict", "; ".join(filter(None, said)))


def _measured(
    base: pd.DataFrame,
    batch: pd.DataFrame,
    schema: TelemetrySchema,
    reference: str,
    min_rows: int,
    last_drift: str,
) -> dict[str, Any]:
    """What is told of drift.

    :param last_drift: event time of the newest drift that detectors found, and whose alert is not cleared,
        ISO 8601 or empty. One outside the rows that are measured says nothing of these.
    """
    if reference in (ROLLING, ROLLING_WEEK):
        base, batch = newest_rows(batch, schema.time, min_rows)
    errors_rose = bool(last_drift) and _holds(batch[schema.time], last_drift)
    season = {ROLLING: FIXED, ROLLING_WEEK: WEEK}.get(reference, reference)
    known = {schema.target, PREDICTION, PROBABILITY}
    features = [column for column in base.columns if column in batch.columns and column not in known]
    features = [column for column in features if pd.api.types.is_numeric_dtype(base[column])]
    rows = reference_rows(base, batch, DEVICE, schema.time, schema.longest_window_seconds, season)
    how: dict[str, Any] = {"block_rows": rows.block_rows, "max_rows": rows.max_rows}
    how["entity"] = DEVICE
    result = drift_magnitude(rows.base, rows.batch, features, PREDICTION, schema.target, **how)
    kind = kind_of_drift(rows.base, rows.batch, features, schema.target, result, errors_rose, **how)
    named: dict[str, Any] = {"kind": kind.kind, "kind_reason": kind.reason}
    newest = pd.Timestamp(batch[schema.time].max()).isoformat()
    event = result.event(newest)
    named |= {"event": event and event.to_dict()}
    warnings = [*([rows.warning] if rows.warning else []), *result.warnings]
    return {**result.to_dict(), **named, "warnings": warnings, "base_rows_same_hours": len(rows.base)}


def _holds(times: pd.Series, moment: str) -> bool:
    micros, at = column_micros(times), pd.Timestamp(moment).value // 1000
    return bool(micros.min() <= at <= micros.max())


def chosen_rows(live: Path, rehearsed: Path, wanted: Wanted, min_rows: int) -> LabeledRows:
    """Rows of real traffic if there are enough that this model version predicted, else the rehearsal's.

    With neither, the few rows of real traffic that there are.

    :param live: folder of the batches of the live endpoint; what earlier versions predicted lies there too.
    :param rehearsed: folder of the batches of the last rehearsal, if there was one: rows of the base, as they
        come through an endpoint.
    """
    every = _mature(version_rows(live, wanted.version), wanted)
    rows = _after(every, wanted)
    if len(rows) >= min_rows:
        return LabeledRows(rows, LIVE, f"measured on {len(rows):,} labeled rows of {LIVE}")
    played = _mature(version_rows(rehearsed, wanted.version), wanted)
    few = f"{LIVE} has {len(rows):,} of the {min_rows:,} labeled rows needed since this model"
    if len(rows) < len(every):
        few += f", and {len(every) - len(rows):,} not later than what it was evaluated on"
    if len(played):
        return LabeledRows(played, REHEARSED, f"measured on {len(played):,} rows of {REHEARSED}, as {few}")
    if len(rows):
        return LabeledRows(rows, LIVE, f"measured on {len(rows):,} labeled rows of {LIVE}, which is few")
    return LabeledRows(rows, "", few)


def _mature(rows: pd.DataFrame, wanted: Wanted) -> pd.DataFrame:
    """The rows of a time of which errors and healthy readings are known alike, as detectors see them.

    Later than the newest healthy one there are errors alone, which were told already.
    """
    if not wanted.healthy_later or rows.empty:
        return rows
    times = in_utc(rows[[wanted.time]], wanted.time)[wanted.time]
    newest = times[rows[wanted.healthy_later] == 0].max()  # NaT without any, which keeps no row.
    known: pd.DataFrame = rows[times <= newest]
    return known.reset_index(drop=True)


def _after(rows: pd.DataFrame, wanted: Wanted) -> pd.DataFrame:
    """The rows that are later than the base."""
    if wanted.after is None or rows.empty:
        return rows
    return rows[in_utc(rows[[wanted.time]], wanted.time)[wanted.time] > wanted.after].reset_index(drop=True)


def version_rows(folder: Path, version: str) -> pd.DataFrame:
    """Rows that one model version predicted, of all batches in a folder, in their order."""
    files = sorted(folder.glob("*.parquet"))
    frames = [read_pairs(file, filters=[(VERSION, "==", version)]).to_pandas() for file in files]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


class RowCount:
    """How many rows there are of those wanted, of the batches in a folder that grows.

    A batch is complete as soon as it is there, and is read once.
    """

    def __init__(self, folder: Path, wanted: Wanted) -> None:
        self._folder = folder
        self._wanted = wanted
        self._seen: set[str] = set()
        self._rows = 0

    def now(self) -> int:
        """Rows by now."""
        for file in self._folder.glob("*.parquet"):
            if file.name not in self._seen:
                pairs = read_pairs(file, [VERSION, self._wanted.time]).to_pandas()
                self._rows += len(_after(pairs[pairs[VERSION] == self._wanted.version], self._wanted))
                self._seen.add(file.name)
        return self._rows


def wait_for_stream(
    address: str,
    generator: str,
    enough: Callable[[], bool],
    timeout_seconds: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Wait until there are enough rows, or no more to come of a stream, or the time is over.

    :param address: of the serving function.
    :param generator: address of the function that streams.
    """
    deadline = clock() + timeout_seconds
    while not enough() and clock() < deadline:
        # First: the pairs of a stream that ended are all joined by the time that they are counted.
        done = get_json(generator)["done"]
        if done and not get_json(f"{address}/labeled")["unwritten"]:
            return
        sleep(0.5)
