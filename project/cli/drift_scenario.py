"""``netops run --scenario drift``: the loop on the real installation, and whether it held."""

from __future__ import annotations

import io
import shutil
import threading
from typing import Any

import mlrun
import pandas as pd
import yaml
from rich.console import Console

from feature_sets.telemetry.folder_writer import write_folder
from graphs.protocol.roles import Role
from project.api_reader import ready_endpoint
from project.cli.workflow_progress import run_to_end
from project.function_names import SERVING
from project.memory import recall, resolve
from project.parameters import NAMES
from project.project_setup import project_folder
from project.retraining.state import StateFile
from project.scenarios.drift import ARGUMENTS, Timeline, labeled_rows, outcome, shortcomings, store, watch
from project.scenarios.drift_traffic import DriftingNetwork, TrafficReport, send
from project.session import Session
from project.settings import Settings

_PATIENCE_SECONDS = 1200.0


def run_drift(
    settings: Settings,
    session: Session,
    project: str,
    network: DriftingNetwork,
    console: Console,
    patience_seconds: float = _PATIENCE_SECONDS,
) -> dict[str, Any]:
    """Train on recorded telemetry, let requests flow, plant a drift, and watch what the loop does.

    :param settings: with the clock of the arrivals, and a loop.
    :param project: without a history.
    :returns: ``timeline``, ``traffic``, ``before``, ``drifted``, ``after``, ``promoted``, ``first``,
        ``shortcomings``, and ``stored``, the file with all of that.
    """
    folder = settings.home / "scenarios" / project
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    mlrun.utils.logger.set_logger_level("WARNING")
    mlrun.get_or_create_project(project, context=str(project_folder(project, settings)))
    write_folder(folder / "telemetry", network.recorded(), network.schema)
    schema_file = folder / "schema.yaml"
    schema_file.write_text(yaml.safe_dump(network.schema.to_dict(), sort_keys=False), encoding="utf-8")
    source = {"telemetry": str(folder / "telemetry"), "schema": str(schema_file)}

    report, stop = TrafficReport(), threading.Event()
    timeline = Timeline(lambda line: console.print(line, highlight=False, soft_wrap=True))
    known = recall(session.mlrun_dbpath, project)
    arguments = resolve(project, NAMES["main"], {**source, **ARGUMENTS}, known).arguments
    silent = Console(file=io.StringIO())
    run_to_end(settings, session, project, "main", arguments, silent)
    endpoint = ready_endpoint(session.mlrun_dbpath, project, SERVING)
    timeline.add(report, f"version {endpoint.version[:8]} in production")
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
    traffic.start()
    try:
        promoted = watch(file.read, labeled, report, drifts, timeline, patience_seconds)
    finally:
        stop.set()
        traffic.join()
    found: dict[str, Any] = {
        "project": project,
        "first": endpoint.version,
        "promoted": promoted,
        "timeline": timeline.lines,
        "traffic": report.to_dict(),
        **outcome(labeled_rows(pairs, schema), drifts, endpoint.version, promoted, schema),
    }
    found["shortcomings"] = shortcomings(found)
    return {**found, "stored": str(store(found, folder))}


def drift_lines(result: dict[str, Any]) -> list[str]:
    """What became of a drift, for people."""
    traffic = result["traffic"]
    performance = (
        f"{name:8} {result[name]['pairs']:6,} labeled predictions, average precision "
        f"{result[name]['average_precision']:.3f}, F1 {result[name]['f1']:.3f}"
        for name in ("before", "drifted", "after")
    )
    took = ", ".join(f"{name} {traffic[f'{name}_ms']:.1f} ms" for name in ("p50", "p99", "longest"))
    return [
        "",
        *performance,
        f"requests {traffic['requests']:6,}, {traffic['per_second']:.0f} a second, "
        f"{len(traffic['failures'])} failed; {took}",
        f"timeline {result['stored']}",
    ]
