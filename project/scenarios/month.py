"""The scenario of a month: days of files and live days, a run every night, behavior that changes.

Everything goes the way of a user: files in a folder, HTTP requests to the endpoint, workflow runs. Only time
is faster: the endpoint takes its clock from the arrivals, see ``ArrivalClock``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import yaml

from feature_sets.model_package.columns import PREDICTION, PROBABILITY, VERSION
from feature_sets.telemetry.frames import VALID_FROM
from feature_sets.telemetry.schema import DEVICE
from feature_sets.windows import event_status
from project.errors import NetopsError
from project.live_telemetry import label_bodies, telemetry_bodies
from project.replay.recording import KNOWN
from project.scenarios.month_traffic import ARRIVAL, Day, Month

ARGUMENTS: dict[str, Any] = {"combinations": 5, "train_rows": 3000, "stream_seconds": 5}
"""Arguments of the nightly run beside telemetry, schema and training window."""

TRAINING_WINDOW = "8d"
"""With this window a change is learned within days."""

_SERVED = (VERSION, PREDICTION, PROBABILITY)
_TIMEOUT_SECONDS = 60.0


@dataclass
class Night:
    """What a nightly run decided.

    :param day: after which.
    :param promotion: what the gate decided, see ``Promotion``.
    :param reason: why.
    :param version: of the model in production afterwards.
    """

    day: int
    promotion: str
    reason: str
    version: str


@dataclass
class MonthReport:
    """What happened.

    :param nights: of each nightly run.
    :param answers: to each live reading that was counted: device, event time, version, prediction,
        probability.
    :param statuses: how many live readings got which status.
    :param labels: how many live labels got which.
    """

    nights: list[Night] = field(default_factory=list)
    answers: list[dict[str, Any]] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    labels: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Operations:
    """What an operator does, as the scenario needs it.

    :param run: a nightly run with these arguments; gives what the gate decided.
    :param ingest: ingests what came since the last night with these arguments, and trains nothing.
    :param endpoint: address of the endpoint.
    :param add_device: registers a device with its static columns.
    :param retire_device: retires a device from a time on.
    :param headers: of what is sent to the endpoint, such as that with the token.
    """

    run: Callable[[int, dict[str, Any]], Night]
    ingest: Callable[[dict[str, Any]], object]
    endpoint: Callable[[], str]
    add_device: Callable[[str, dict[str, Any]], None]
    retire_device: Callable[[str, pd.Timestamp], None]
    headers: Mapping[str, str] = field(default_factory=dict)


def play(
    month: Month,
    folder: Path,
    operations: Operations,
    training_window: str = TRAINING_WINDOW,
    nights: frozenset[int] | None = None,
    tell: Callable[[str], None] = lambda line: None,
) -> MonthReport:
    """Live through a month.

    :param folder: for the telemetry files and the schema; empty or new.
    :param training_window: of the nightly runs.
    :param nights: days after which a model is trained, once there is a first one; None for all. In the other
        nights telemetry is ingested alone.
    :param tell: told a line about every day.
    """
    telemetry, schema = folder / "telemetry", folder / "schema.yaml"
    telemetry.mkdir(parents=True)
    schema.write_text(yaml.safe_dump(month.schema.to_dict(), sort_keys=False), encoding="utf-8")
    source = {"telemetry": str(telemetry), "schema": str(schema)}
    first_time = {**source, **ARGUMENTS, "training_window": training_window}
    report = MonthReport()
    known: set[str] = set()
    for day in month:
        if day.live:
            for row in day.attributes[~day.attributes[DEVICE].isin(known)].to_dict("records"):
                facts = {str(name): value for name, value in row.items()}
                del facts[VALID_FROM]  # Of a new device they hold from the beginning.
                operations.add_device(facts.pop(DEVICE), facts)
            _send(day, month, operations, report)
        else:
            write_files(day, telemetry)
        known |= set(day.attributes[DEVICE])
        if day.number == month.retires:
            operations.retire_device(month.retiring, month.midnight(day.number + 1))
        how = "live" if day.live else "file"
        line = f"day {day.number:2} {how}: {len(day.readings):,} readings, {len(day.labels):,} labels"
        first = day.number == month.begins
        if first or (day.number > month.begins and (nights is None or day.number in nights)):
            night = operations.run(day.number, first_time if first else {})
            report.nights.append(night)
            line = f"{line}; night: {night.promotion}, {night.version[:8]} in production"
        else:
            operations.ingest({} if report.nights else source)
        tell(line)
    return report


def write_files(day: Day, folder: Path) -> None:
    """The files of a day, and the static file as it is by then."""
    for table in ("metrics", "labels", "static"):
        (folder / table).mkdir(parents=True, exist_ok=True)
    name = f"day-{day.number:02}.parquet"
    day.readings.to_parquet(folder / "metrics" / name, index=False)
    day.labels.drop(columns=KNOWN).to_parquet(folder / "labels" / name, index=False)
    day.attributes.to_parquet(folder / "static" / "devices.parquet", index=False)


def _send(day: Day, month: Month, operations: Operations, report: MonthReport) -> None:
    """A live day: what the collector hands on is a request with one arrival."""
    schema = month.schema
    labels, readings = dict(list(day.labels.groupby(KNOWN))), dict(list(day.readings.groupby(ARRIVAL)))
    with httpx.Client(
        base_url=operations.endpoint(), timeout=_TIMEOUT_SECONDS, headers=operations.headers
    ) as client:
        for moment in pd.Index([*readings, *labels]).unique().sort_values():
            if moment in readings:
                events = telemetry_bodies(readings[moment], schema)
                for event, answer in zip(events, _post(client, "/telemetry", events), strict=True):
                    report.statuses[answer["status"]] += 1
                    if answer["status"] in event_status.COUNTED:
                        report.answers.append(
                            {name: {**event, **answer}[name] for name in (DEVICE, schema.time, *_SERVED)}
                        )
            if moment in labels:
                events = label_bodies(labels[moment].assign(**{ARRIVAL: moment}), schema)
                report.labels.update(answer["status"] for answer in _post(client, "/labels", events))


def _post(client: httpx.Client, path: str, body: Any) -> Any:
    response = client.post(path, json=body)
    if response.status_code != httpx.codes.OK:
        raise NetopsError(f"POST {path} of {body}: {response.status_code} {response.text[:500]}")
    return response.json()
