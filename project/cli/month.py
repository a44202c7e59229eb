"""``netops run --scenario month``: the month on the real installation, and what became of it."""

from __future__ import annotations

import io
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import mlrun
import pandas as pd
from rich.console import Console

from feature_sets.ingestion.device_registry import add_device, retire_device
from graphs.protocol.roles import Role
from project.api_reader import ready_endpoint
from project.audit import audit
from project.cli.workflow_progress import run_to_end
from project.device_reload import reload_devices
from project.function_names import SERVING
from project.last_run import recall, resolve
from project.live_history import LiveJournal
from project.parameters import NAMES
from project.project_setup import project_folder
from project.run_lock import COMMAND, RUN, held
from project.scenarios import AT_ONCE
from project.scenarios.month import TRAINING_WINDOW, MonthReport, Night, Operations, play, write_files
from project.scenarios.month_check import compared_rows, differing_answers
from project.scenarios.month_traffic import Month
from project.session import Session
from project.settings import Settings
from project.summary.facts import evaluation, read_steps


def run_month(
    settings: Settings,
    session: Session,
    project: str,
    month: Month,
    console: Console,
    nights: frozenset[int] | None = None,
    training_window: str = TRAINING_WINDOW,
) -> dict[str, Any]:
    """Live through the month in a project, then ingest all of it at once in another one and compare.

    :param settings: with the clock of the arrivals.
    :param project: without a history; the other is called like it, with ``AT_ONCE``.
    :param nights: see ``play``.
    :param training_window: of the nightly runs.
    :returns: the report, ``rows`` and ``differing_rows`` by feature set, ``differing_pairs`` and
        ``differing_answers``.
    """
    folder = settings.home / "scenarios" / project
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    mlrun.utils.logger.set_logger_level("WARNING")
    mlrun.get_or_create_project(project, context=str(project_folder(project, settings)))

    def workflow(name: str, given: dict[str, Any]) -> str:
        known = recall(session.mlrun_dbpath, project)
        arguments = resolve(project, NAMES[name], given, known, local=True).arguments
        return run_to_end(settings, session, project, name, arguments, _silent())

    def train(day: int, given: dict[str, Any]) -> Night:
        found = evaluation(read_steps(session.mlrun_dbpath, project, workflow("main", given)))
        version = ready_endpoint(session.mlrun_dbpath, project, SERVING).version
        return Night(day, found["promotion"], found["promotion_reason"], version)

    def endpoint() -> str:
        return ready_endpoint(session.mlrun_dbpath, project, SERVING).address

    @contextmanager
    def registering(what: str) -> Iterator[None]:
        with held(settings.home, project, f"netops devices {what}", RUN):
            yield
        reload_devices(endpoint(), settings.bearer_token())

    def add(device: str, attributes: dict[str, Any]) -> None:
        with registering("add"):
            add_device(month.schema, device, attributes, None)

    def retire(device: str, since: pd.Timestamp) -> None:
        with registering("retire"):
            retire_device(month.schema, device, since)

    headers = settings.bearer(Role.WRITE)
    operations = Operations(train, partial(workflow, "ingest"), endpoint, add, retire, headers)
    with held(settings.home, project, "netops run --scenario month", COMMAND):
        tell = partial(console.print, highlight=False, soft_wrap=True)
        report = play(month, folder, operations, training_window, nights, tell)
    facts = {"project": project, "days": month.days, "drifts": month.drifts, "begins": month.begins}
    return {**facts, **_compare(settings, session, project, month, report), **_plain(report)}


def _compare(
    settings: Settings, session: Session, project: str, month: Month, report: MonthReport
) -> dict[str, Any]:
    folder, other = settings.home / "scenarios" / project, f"{project}{AT_ONCE}"
    write_files(month.at_once(), folder / "at-once")
    source = {"telemetry": str(folder / "at-once"), "schema": str(folder / "schema.yaml"), "replace": True}
    run_to_end(settings, session, project, "live", {"schema": source["schema"]}, _silent())
    run_to_end(settings, session, other, "ingest", source, _silent())
    schema = month.schema
    journal, pairs = LiveJournal.of(project, settings), settings.labeled_pairs(project)
    found = audit(project, pairs, journal, schema, sys.maxsize)
    return {
        **compared_rows(project, other, schema),
        "differing_pairs": {
            "pairs": found.compared,
            "differing": found.pairs - found.compared + found.mismatches,
        },
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


def month_lines(result: dict[str, Any]) -> list[str]:
    """What became of a month, for people."""
    nights, answers, pairs = result["nights"], result["differing_answers"], result["differing_pairs"]
    promoted = [night for night in nights if night["promotion"] == "promoted"]
    changed = next((night for night in promoted if night["day"] >= result["drifts"]), None)
    took_over = f"the model of day {changed['day']} took over" if changed else "no model took over"
    live = ", ".join(f"{count:,} {status}" for status, count in sorted(result["statuses"].items()))
    labels = ", ".join(f"{count:,} {status}" for status, count in sorted(result["labels"].items()))
    return [
        "",
        f"{result['days']} days in project {result['project']}: the first {result['begins']} and then every "
        "second one as files, the others live",
        f"live readings      {live}",
        f"live labels        {labels}",
        f"nightly runs       {len(nights)}, {len(promoted)} models promoted",
        f"behavior changed   on day {result['drifts']}; {took_over}",
        *(
            f"{name:18} {result['differing_rows'][name]:,} of {rows:,} rows differ from one ingestion of all"
            for name, rows in result["rows"].items()
        ),
        f"labeled pairs      {pairs['differing']:,} of {pairs['pairs']:,} have inputs other than the history",
        f"answers            {answers['differing']:,} of {answers['answers']:,} differ from what their "
        "models say of the history",
    ]
