"""``netops run --scenario drift``: the loop on the real installation, and whether it held."""

from __future__ import annotations

import io
import os
import shutil
import signal
import threading
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path
from typing import Any

import mlrun
import pandas as pd
import yaml
from rich.console import Console

from feature_sets.telemetry.folder_writer import write_folder
from graphs.protocol.roles import Role
from graphs.routing.change import APPLIED, DEPLOYMENT
from project.api_reader import Endpoint, ready_endpoint
from project.cli.workflow_progress import run_to_end
from project.endpoint_routing import champion_of, read_routing
from project.function_names import RUNNER, SERVING
from project.last_run import recall, resolve
from project.parameters import NAMES
from project.production_model import production_version
from project.project_setup import project_folder
from project.retraining.state_file import StateFile
from project.scenarios.alerts_told import alert_line, alerts_told
from project.scenarios.drift import ARGUMENTS, Timeline, labeled_rows, outcome, shortcomings, store, watch
from project.scenarios.drift_traffic import DriftingNetwork, TrafficReport, send
from project.scenarios.injected_faults import NONE, FailingTraining, Kills, Trouble, WorseModel
from project.session import Session, local_stack
from project.settings import Settings
from project.workflow_process import WorkflowProcess

_PATIENCE_SECONDS = 1200.0

TroubleOf = Callable[[Settings, str, Path], Trouble]


def no_trouble(settings: Settings, project: str, telemetry: Path) -> Trouble:
    """Nothing goes wrong."""
    return NONE


def run_drift(
    settings: Settings,
    session: Session,
    project: str,
    network: DriftingNetwork,
    console: Console,
    patience_seconds: float = _PATIENCE_SECONDS,
    trouble: TroubleOf = no_trouble,
) -> dict[str, Any]:
    """Train on recorded telemetry, let requests flow, plant a drift, and watch what the loop does.

    :param settings: with the clock of the arrivals, and a loop.
    :param project: without a history.
    :param trouble: makes what goes wrong meanwhile, of the project and the folder of its telemetry.
    :returns: ``timeline``, ``traffic``, ``before``, ``drifted``, ``after``, ``promoted``, ``first``,
        ``production``, ``served``, ``outcomes``, ``alerts``, ``shortcomings``, and ``stored``, the file with
        all of that.
    """
    folder = settings.home / "scenarios" / project
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    mlrun.utils.logger.set_logger_level("WARNING")
    mlrun.get_or_create_project(project, context=str(project_folder(project, settings)))
    source = _recorded(network, folder)
    report, stop = TrafficReport(), threading.Event()
    timeline = Timeline(lambda line: console.print(line, highlight=False, soft_wrap=True))
    known = recall(session.mlrun_dbpath, project)
    arguments = resolve(project, NAMES["main"], {**source, **ARGUMENTS}, known).arguments
    first = f"{network.devices} devices with {network.history:,} recorded readings each"
    timeline.add(report, f"the first model learns from {first}; this takes a minute or more")
    silent = Console(file=io.StringIO())
    run_to_end(settings, session, project, "main", arguments, silent)
    endpoint = ready_endpoint(session.mlrun_dbpath, project, SERVING)
    timeline.add(report, f"version {endpoint.version[:8]} in production, requests begin")
    file, pairs = StateFile(settings.loops, project), settings.labeled_pairs(project)
    drifts, schema = pd.Timestamp(network.drifts), network.schema

    def labeled(version: str) -> int:
        return int((labeled_rows(pairs, schema)["version"] == version).sum())

    traffic = threading.Thread(
        target=send,
        args=(network, endpoint.address, report, stop),
        kwargs={"headers": settings.bearer(Role.WRITE)},
        name="traffic",
        daemon=True,
    )
    wrong = trouble(settings, project, folder / "telemetry")
    traffic.start()
    try:
        promoted = watch(file.read, labeled, report, drifts, timeline, patience_seconds, wrong)
    finally:
        stop.set()
        traffic.join()
    decisions = file.every_decision()
    found: dict[str, Any] = {
        "project": project,
        "first": endpoint.version,
        "promoted": promoted,
        "production": production_version(session.mlrun_dbpath, project),
        "served": _champions_since(endpoint, settings),
        "outcomes": [decision.outcome for decision in decisions],
        "alerts": alerts_told(decisions, endpoint.version),
        "timeline": timeline.lines,
        "traffic": report.to_dict(),
        **outcome(labeled_rows(pairs, schema), drifts, endpoint.version, promoted, schema),
    }
    found["shortcomings"] = shortcomings(found, wrong)
    return {**found, "stored": str(store(found, folder))}


def _recorded(network: DriftingNetwork, folder: Path) -> dict[str, str]:
    """Write what the network has sent before it drifts, and its schema; gives both as arguments of a run."""
    write_folder(folder / "telemetry", network.recorded(), network.schema)
    schema_file = folder / "schema.yaml"
    schema_file.write_text(yaml.safe_dump(network.schema.to_dict(), sort_keys=False), encoding="utf-8")
    return {"telemetry": str(folder / "telemetry"), "schema": str(schema_file)}


def _champions_since(endpoint: Endpoint, settings: Settings) -> list[str]:
    """Versions that became the champion of an endpoint after the one it was deployed with, in their order."""
    changes = read_routing(endpoint.address, settings.bearer_token()).changes
    moved = [
        (champion_of(change["from"]), champion_of(change["to"]))
        for change in changes
        if change["outcome"] == APPLIED and change["who"] != DEPLOYMENT
    ]
    return [after for before, after in moved if after != before]


def worse_model(settings: Settings, project: str, telemetry: Path) -> Trouble:
    """What is learned is worse, see ``WorseModel``; the network must be unlearnable."""
    return WorseModel()


def failing_training(settings: Settings, project: str, telemetry: Path) -> Trouble:
    """Every training fails, see ``FailingTraining``."""
    return FailingTraining(telemetry)


def kills(settings: Settings, project: str, telemetry: Path) -> Trouble:
    """The loop is killed in each stage, see ``Kills``."""
    stack = local_stack(settings)

    def runner() -> int | None:
        found = [each for each in stack.deployments() if (each.project, each.name) == (project, RUNNER)]
        return found[0].pid if found and found[0].state == "ready" else None

    def training() -> list[int]:
        found = WorkflowProcess.running(settings, project)
        return [each.process.pid for each in found if each.status()["run_id"]]

    return Kills(runner, training, _kill)


def _kill(pids: Collection[int]) -> None:
    """End processes at once."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def drift_lines(result: dict[str, Any]) -> list[str]:
    """What became of a drift, for people."""
    traffic = result["traffic"]
    performance = (
        f"{name:8} {result[name]['pairs']:6,} labeled predictions, average precision "
        f"{result[name]['average_precision']:.3f}, F1 {result[name]['f1']:.3f}"
        for name in ("before", "drifted", "after")
        if result[name]["pairs"]  # Where nothing was promoted, there is nothing after it.
    )
    took = ", ".join(f"{name} {traffic[f'{name}_ms']:.1f} ms" for name in ("p50", "p99", "longest"))
    return [
        "",
        *performance,
        f"requests {traffic['requests']:6,}, {traffic['per_second']:.0f} a second, "
        f"{len(traffic['failures'])} failed; {took}",
        alert_line(result["alerts"]),
        f"timeline {result['stored']}",
    ]
