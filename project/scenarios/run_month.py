"""``netops run --scenario month``: the month on the real installation, and what became of it."""

from __future__ import annotations

import io
import shutil
from typing import Any

import mlrun
import pandas as pd
from rich.console import Console

from feature_sets.ingestion.device_registry import add_device, retire_device
from feature_sets.telemetry.schema import TelemetrySchema
from project.api_reader import ready_endpoint, runs
from project.cli.workflow_progress import run_to_end
from project.device_reload import reload_devices
from project.function_names import SERVING
from project.memory import recall, resolve
from project.parameters import NAMES
from project.project_setup import project_folder
from project.run_lock import COMMAND, held
from project.scenarios.month import MonthReport, Night, Operations, play, write_files
from project.scenarios.month_check import differing_answers, differing_rows
from project.scenarios.month_traffic import Month
from project.session import Session
from project.settings import Settings


def run_month(
    settings: Settings,
    session: Session,
    project: str,
    month: Month,
    console: Console,
    nights: frozenset[int] | None = None,
) -> dict[str, Any]:
    """Live through the month in a project, then ingest all of it at once in another one and compare.

    :param project: without a history; the other is called like it, with ``-at-once``.
    :param nights: see ``play``.
    :returns: the report, ``differing_rows`` by feature set and ``differing_answers``.
    """
    folder = settings.home / "scenarios" / project
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    mlrun.utils.logger.set_logger_level("WARNING")
    mlrun.get_or_create_project(project, context=str(project_folder(project, settings)))

    def run(day: int, given: dict[str, Any]) -> Night:
        known = recall(session.mlrun_dbpath, project)
        arguments = resolve(project, NAMES["main"], given, known, local=True).arguments
        run_id = run_to_end(settings, session, project, "main", arguments, _silent())
        (evaluated,) = (
            run["status"]["results"]
            for run in runs(session.mlrun_dbpath, project, run_id)
            if run["metadata"]["name"] == "evaluate"
        )
        version = ready_endpoint(session.mlrun_dbpath, project, SERVING).version
        return Night(day, evaluated["promotion"], evaluated["promotion_reason"], version)

    def ingest(given: dict[str, Any]) -> None:
        arguments = resolve(
            project, NAMES["ingest"], given, recall(session.mlrun_dbpath, project), local=True
        )
        run_to_end(settings, session, project, "ingest", arguments.arguments, _silent())

    def endpoint() -> str:
        return ready_endpoint(session.mlrun_dbpath, project, SERVING).address

    def add(device: str, facts: dict[str, Any]) -> None:
        add_device(month.schema, device, facts, None)
        reload_devices(endpoint(), settings.bearer_token())

    def retire(device: str, since: pd.Timestamp) -> None:
        retire_device(month.schema, device, since)
        reload_devices(endpoint(), settings.bearer_token())

    operations = Operations(
        run=run,
        ingest=ingest,
        endpoint=endpoint,
        add_device=add,
        retire_device=retire,
    )
    with held(settings.home, project, "netops run --scenario month", COMMAND):
        report = play(month, folder, operations, nights, lambda line: console.print(line, highlight=False))
    return {**_compare(settings, session, project, month, report), **_plain(report)}


def _compare(
    settings: Settings, session: Session, project: str, month: Month, report: MonthReport
) -> dict[str, Any]:
    folder, other = settings.home / "scenarios" / project, f"{project}-at-once"
    write_files(month.at_once(), folder / "at-once")
    source = {"telemetry": str(folder / "at-once"), "schema": str(folder / "schema.yaml"), "replace": True}
    run_to_end(settings, session, project, "live", {"schema": source["schema"]}, _silent())
    run_to_end(settings, session, other, "ingest", source, _silent())
    schema: TelemetrySchema = month.schema
    return {
        "differing_rows": differing_rows(project, other, schema),
        "differing_answers": differing_answers(project, report.answers, schema),
    }


def _plain(report: MonthReport) -> dict[str, Any]:
    return {
        "nights": [vars(night) for night in report.nights],
        "statuses": dict(report.statuses),
        "labels": dict(report.labels),
    }


def _silent() -> Console:
    return Console(file=io.StringIO())
