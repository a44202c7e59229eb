"""``netops run --scenario chain``: what features of neighbors are worth where a fault shows only there."""

from __future__ import annotations

import shutil
from typing import Any

import yaml
from rich.console import Console

from feature_sets.telemetry.folder_writer import write_folder
from feature_sets.telemetry.simulation.chain import ChainNetwork
from project.cli.workflow_progress import run_to_end
from project.last_run import recall, resolve
from project.parameters import NAMES
from project.scenarios import ALONE
from project.session import Session
from project.settings import Settings
from project.summary.facts import evaluation, read_steps

LEAST = 0.9
"""Average precision with them, at least."""

_ARGUMENTS = {"deploy_streaming": False, "deploy_concept_drift": False, "live": False}


def run_chain(
    settings: Settings, session: Session, project: str, network: ChainNetwork, console: Console
) -> dict[str, Any]:
    """Train on the chain twice, with features of neighbors and without, and compare.

    :param project: without a history; the other is called like it, with ``ALONE``.
    :returns: ``with_neighbors`` and ``alone``, each with ``average_precision`` and ``f1``.
    """
    folder = settings.home / "scenarios" / project
    shutil.rmtree(folder, ignore_errors=True)
    found: dict[str, Any] = {"project": project}
    for name, is_linked in ((project, True), (f"{project}{ALONE}", False)):
        schema, source = network.schema(is_linked), folder / name
        write_folder(source / "telemetry", network.generate(), schema)
        (source / "schema.yaml").write_text(
            yaml.safe_dump(schema.to_dict(), sort_keys=False), encoding="utf-8"
        )
        given = {"telemetry": str(source / "telemetry"), "schema": str(source / "schema.yaml"), **_ARGUMENTS}
        arguments = resolve(name, NAMES["main"], given, recall(session.mlrun_dbpath, name)).arguments
        run = run_to_end(settings, session, name, "main", arguments, console)
        results = evaluation(read_steps(session.mlrun_dbpath, name, run))
        found["with_neighbors" if is_linked else "alone"] = {
            score: results[score] for score in ("average_precision", "f1")
        }
    return found


def chain_lines(result: dict[str, Any]) -> list[str]:
    """What became of it, for people."""
    return [
        "",
        *(
            f"{what:20} average precision {scores['average_precision']:.3f}, F1 {scores['f1']:.3f}"
            for what, scores in (
                ("with neighbors", result["with_neighbors"]),
                ("devices alone", result["alone"]),
            )
        ),
    ]
