"""Workflow step: how far the labeled stream has moved away from the base data set."""

# No postponed annotations here: MLRun reads a handler's type hints and cannot resolve them from text.

import dataclasses
import json
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import mlrun
import pandas as pd

from drift.kind_of_drift import kind_of_drift
from drift.magnitude import drift_magnitude, rows_needed, rows_of_ten_blocks
from drift.moved_devices import ErrorRows
from drift.newest_batch import newest_batch, rolling_rows
from drift.reference_rows import (
    FIXED,
    REFERENCES,
    ROLLING,
    ROLLING_WEEK,
    WEEK,
    in_device_order,
    reference_rows,
    rows_in_window,
)
from drift.where_moved import where_moved
from feature_sets.checks import check_choice
from feature_sets.model_package.columns import PREDICTION, PROBABILITY
from feature_sets.rows.event_micros import column_micros
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from project.device_values import device_values
from project.drift_base import base_of_served
from project.drift_batch import LabeledRows, RowCount, Wanted, chosen_rows
from project.endpoints import endpoint_address
from project.http_json import get_json
from project.jobs.stream_state import generator_address, goes_on
from project.label_maturity import mature_until
from project.report_sections import add_section
from project.retraining.told_before import drift_of_before
from project.settings import Settings
from project.streams_check import check_streams
from training.report_page.page import Section

_ALPHA = 0.01
"""Risk of calling drift where there is none, of the newest day and the newest week together."""

_MOST_NEEDED = 20_000
"""Rows of a batch that are waited for at most, however long rows depend on each other."""

_PERMUTATIONS = 399
"""Random divisions of a comparison: the p-value that half of the risk allows is two of them."""


class Found(NamedTuple):
    """What detectors say of live traffic.

    :param last_drift: event time of the newest drift whose alert is not cleared, ISO 8601 or empty.
    :param onset: about when the change of the open alert began; empty without one.
    """

    last_drift: str = ""
    onset: str = ""

    def rose(self, times: pd.Series, rolls: bool) -> bool:
        """Whether the model is more often wrong in rows of some times than in those of before.

        An open alert is not over, however old it is. Against live rows of shortly before it says nothing,
        unless it began since.

        :param rolls: whether the reference is live rows.
        """
        began = bool(self.onset) and not rolls and pd.Timestamp(self.onset) <= times.max()
        return began or bool(self.last_drift and _holds(times, self.last_drift))


def measure_drift_magnitude(
    context: mlrun.MLClientCtx,
    test_set: mlrun.DataItem,
    function: str,
    schema: str = "",
    generator: str = "",
    min_rows: int = 1000,
    timeout_seconds: float = 60,
    drift_reference: str = WEEK,
    report: mlrun.DataItem = None,
) -> None:
    """MLRun job: how far features, predictions and labels are from the base data set.

    The base is what the model that is served was evaluated on, also where this run has made another that the
    gate kept out. The rows are the newest of those that the live endpoint has labeled since it serves this
    model, and later than the base, see ``newest_batch``. Nothing is waited for but a simulated network
    that streams.

    Results: ``base_rows``, ``base_rows_same_hours`` (those that the batch is compared with), ``labeled_rows``
    (there are of this model), ``batch_rows``, ``batch_from`` and ``batch_to`` (event times of the first and
    the last row that was measured), ``measured_on`` (``live traffic`` or nothing),
    ``drifted``, ``kind`` (see ``KindOfDrift``), ``severity`` (of the event, which the artifact has as a
    whole), ``verdict`` (with what lessens it, if anything does), ``base_version`` (of the model). The report
    of the run gets a section with them.

    :param test_set: rows that this run has evaluated on; the base of a model whose own evaluation is gone.
    :param function: name of the serving function whose labeled batches are measured.
    :param schema: path of the telemetry schema; empty for the simulated network's.
    :param generator: name of the function that streams the simulated network, if it does.
    :param min_rows: labeled rows that are enough; more where the comparison itself needs more, see
        ``rows_needed``.
    :param timeout_seconds: wall time to wait for them while the simulated network streams.
    :param drift_reference: what they are compared with. ``day`` and ``week`` take the rows of the base at
        the same hours of it, ``fixed`` takes all. ``rolling`` compares the newest day, or as many as have
        ``min_rows``, with the four weeks before it, and ``rolling_week`` with the same hours of the week.
    :param report: page of the run; none without one.
    """
    check_choice("argument 'drift_reference'", drift_reference, REFERENCES)
    check_streams(Settings.from_environment())
    address = endpoint_address(context.project, function)
    found_base = base_of_served(context.project, address, test_set)
    base, served = found_base.rows, found_base.version
    context.log_result("base_rows", len(base))
    context.log_result("base_version", served)
    telemetry = TelemetrySchema.load(schema)
    window = telemetry.longest_window_seconds
    min_rows = rows_needed(min_rows, rows_in_window(base, DEVICE, telemetry.time, window))
    labeled = get_json(f"{address}/labeled")
    folder = Path(labeled["directory"])
    wanted = Wanted(served, telemetry.time, found_base.end(telemetry.time))
    streaming = generator_address(context.project, generator)
    if streaming:
        context.logger.info(f"waiting for {min_rows} labeled rows while the simulated network streams")
        rows = RowCount(folder, wanted)
        wait_for_stream(address, streaming, lambda: rows.now() >= min_rows, timeout_seconds)
        labeled = get_json(f"{address}/labeled")
    wanted = wanted._replace(until=mature_until(labeled, telemetry))
    # While it streams, more pairs are joined than there are in files.
    by_then = "more came later, as the simulated network still streamed" if goes_on(streaming) else ""
    found = chosen_rows(folder, wanted, min_rows)
    context.log_result("labeled_rows", len(found.rows))
    context.log_result("measured_on", found.source)
    instead = found_base.instead
    if not found.source:
        context.log_result("batch_rows", 0)
        before = drift_of_before(Settings.from_environment().loops, context.project, served)
        _tell(context, report, "; ".join(filter(None, (f"not measured: {found.why}", before, instead))))
        return
    told = _found(get_json(f"{address}/drift"))
    document = _measured(base, found.rows, telemetry, drift_reference, min_rows, told)
    _log(context, document)
    verdict = (
        document["reason"] if document["drifted"] is None else f"{document['kind']}: {document['reason']}"
    )
    verdict = "; ".join(filter(None, (verdict, document["where"])))
    told_of = (_in_newest(document), _measured_on(document, found))
    said = (verdict, *told_of, by_then, instead, *document["warnings"])
    _tell(context, report, "; ".join(filter(None, said)))


def _log(context: mlrun.MLClientCtx, document: Mapping[str, Any]) -> None:
    """Log what was measured: all of it as an artifact, and what a reader looks for as results."""
    context.log_artifact(
        "drift_magnitude",
        body=json.dumps(document, indent=1),
        local_path="drift_magnitude.json",
        format="json",
    )
    for name in ("batch_rows", "batch_from", "batch_to", "base_rows_same_hours", "drifted", "kind"):
        context.log_result(name, document[name])
    context.log_result("severity", (document["event"] or {}).get("severity", ""))


def _found(drift: Mapping[str, Any]) -> Found:
    """What ``GET /drift`` says; nothing of an alert whose newest labels are as good as before it.

    It takes a day or more until such an alert is over, and what has moved meanwhile is no cause of it.
    """
    last, alert, newest = (drift.get(name) for name in ("last_drift", "alert", "newest"))
    if alert and newest and newest["before"] is not None and newest["rate"] <= newest["before"]:
        return Found()
    return Found(str(last["time"]) if last else "", str(alert["onset"]) if alert else "")


def _tell(context: mlrun.MLClientCtx, report: mlrun.DataItem | None, verdict: str) -> None:
    """Log the verdict, and put it on the page."""
    context.log_result("verdict", verdict)
    add_section(context, report, Section("How far the data has moved", (verdict,)))


def _in_newest(document: Mapping[str, Any]) -> str:
    """What the newest rows show of a drift that was found in the week with them; empty without one."""
    if not document["drifted"] or not document.get("newest_alone"):
        return ""
    rows = f"the newest {document['newest_alone']:,} rows alone"
    if document["newest_alone_drifted"] is None:
        return f"{rows} are too few for a verdict"
    return f"{rows} do not show it: it is over, or too rare to be seen in them"


def _measured_on(document: Mapping[str, Any], found: LabeledRows) -> str:
    """Which rows were measured, in words."""
    count, every = document["batch_rows"], len(found.rows)
    rows = f"{count:,} labeled rows" if count == every else f"the newest {count:,} of {every:,} labeled rows"
    first, last = (str(document[name])[:16].replace("T", " ") for name in ("batch_from", "batch_to"))
    alone = f", and on the newest {document['newest_alone']:,} alone" if document.get("newest_alone") else ""
    return f"measured on {rows} of {found.source}, {first} to {last}{alone}{found.why and f', {found.why}'}"


def _measured(
    base: pd.DataFrame,
    live: pd.DataFrame,
    schema: TelemetrySchema,
    reference: str,
    min_rows: int,
    told: Found,
) -> dict[str, Any]:
    """What is told of drift: of the newest day, or of the newest week where the day shows none.

    A day has few errors, so what is rare shows in a week, which a change of this day does not fill. Hours are
    those of the schema's ``assume_timezone``, as load goes by the clock of its place.

    :param live: labeled rows, of which the newest are the batch.
    :param told: what detectors say of them.
    """
    rolls = reference in (ROLLING, ROLLING_WEEK)
    season = {ROLLING: FIXED, ROLLING_WEEK: WEEK}.get(reference, reference)
    zone = schema.assume_timezone or "UTC"
    base, live = (
        rows.assign(**{schema.time: rows[schema.time].dt.tz_convert(zone)}) for rows in (base, live)
    )
    known = {schema.target, PREDICTION, PROBABILITY}
    features = [column for column in base.columns if column in live.columns and column not in known]
    features = [column for column in features if pd.api.types.is_numeric_dtype(base[column])]
    if rolls:
        base, day = rolling_rows(live, schema.time, min_rows)
        batches = [day]
    else:
        least = _least_rows(base, features, schema, min_rows)
        onset = pd.Timestamp(told.onset) if told.onset else None
        looks = (1, onset), (7, None)
        day, week = (newest_batch(base, live, schema.time, season, least, *look) for look in looks)
        batches = [day, week] if len(week) > len(day) else [day]
    known_errors, newest_errors = (in_device_order(rows, DEVICE, schema.time) for rows in (base, batches[-1]))
    errors = ErrorRows(known_errors, newest_errors, schema.target, PREDICTION)
    looks_at = []
    for batch in batches:
        rose = told.rose(batch[schema.time], rolls)
        looks_at.append(_compared(base, batch, errors, features, schema, season, rose, _ALPHA / len(batches)))
        if looks_at[-1]["drifted"]:
            break
    # Of a week, rows may depend on each other for longer: then what the day says is all there is.
    decided = [found for found in looks_at if found["drifted"] is not None]
    found = decided[-1] if decided else looks_at[-1]
    of_day = looks_at[0]
    alone = {} if found is of_day else {"newest_alone": len(day), "newest_alone_drifted": of_day["drifted"]}
    return {**found, "newest_alone": None, "newest_alone_drifted": None, **alone}


def _compared(
    base: pd.DataFrame,
    batch: pd.DataFrame,
    errors: ErrorRows,
    features: list[str],
    schema: TelemetrySchema,
    season: str,
    errors_rose: bool,
    alpha: float,
) -> dict[str, Any]:
    """What is found of one batch.

    :param alpha: see ``drift_magnitude``.
    """
    rows = reference_rows(base, batch, DEVICE, schema.time, schema.longest_window_seconds, season)
    how: dict[str, Any] = {"block_rows": rows.block_rows, "max_rows": rows.max_rows}
    how |= {"entity": DEVICE, "time": schema.time, "alpha": alpha, "permutations": _PERMUTATIONS}
    result = drift_magnitude(rows.base, rows.batch, features, PREDICTION, schema.target, **how)
    # Only of what is called drift does it matter what may be called so.
    warnings = [rows.warning] if rows.warning and result.drifted else []
    if result.drifted and rows.other_hours:
        reason = f"not enough data: {result.reason}, but {rows.other_hours}"
        result = dataclasses.replace(result, drifted=None, reason=reason)
    kind = kind_of_drift(rows.base, rows.batch, features, schema.target, result, errors_rose, errors, **how)
    first, last = (
        pd.Timestamp(at).tz_convert("UTC").isoformat()
        for at in (batch[schema.time].min(), batch[schema.time].max())
    )
    where = None
    if result.drifted:
        values = partial(device_values, batch[DEVICE].unique(), schema)
        where = where_moved(rows.base, rows.batch, result, DEVICE, values)
    event = result.event(last, str(where or ""))
    return {
        **result.to_dict(),
        "kind": kind.kind,
        "kind_reason": kind.reason,
        "where": str(where or ""),
        "moved_on": where and dataclasses.asdict(where),
        "event": event and event.to_dict(),
        "batch_rows": len(batch),
        "batch_from": first,
        "batch_to": last,
        "warnings": [*warnings, *result.warnings],
        "base_rows_same_hours": len(rows.base),
    }


def _least_rows(base: pd.DataFrame, features: list[str], schema: TelemetrySchema, min_rows: int) -> int:
    """Rows of a batch with which the comparison has nothing to warn of, as far as the base allows that."""
    ordered = in_device_order(base, DEVICE, schema.time)
    blocks = rows_of_ten_blocks(ordered, features, PREDICTION, schema.target, DEVICE, schema.time)
    return max(min_rows, min(blocks, len(base), _MOST_NEEDED))


def _holds(times: pd.Series, moment: str) -> bool:
    micros, at = column_micros(times), pd.Timestamp(moment).value // 1000
    return bool(micros.min() <= at <= micros.max())


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
