"""``netops runs``: the runs of a project."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from project.cli.known_project import known_project
from project.cli.options import JsonOption, ProjectOption
from project.settings import Settings
from project.text_columns import compact, print_columns


def list_runs(
    project: ProjectOption = None,
    limit: Annotated[int, typer.Option(help="Newest runs to show.", min=1)] = 40,
    as_json: JsonOption = False,
) -> None:
    """List the runs of a project, newest first."""
    from project.api_reader import check_project, runs
    from project.orphaned_runs import settle
    from project.session import open_session

    settings = Settings.from_environment()
    session = open_session(settings)
    settle(settings, session)
    name = known_project(project, settings, session)
    check_project(session.mlrun_dbpath, name)
    found = runs(session.mlrun_dbpath, name, newest=limit)
    if as_json:
        print(json.dumps(found, default=str))
        return
    rows = []
    for entry in found:
        metadata, spec, state = entry["metadata"], entry.get("spec") or {}, entry["status"]
        rows.append(
            (
                metadata["name"],
                state.get("state", ""),
                str(state.get("start_time", ""))[:19].replace("T", " "),
                metadata["uid"][:8],
                compact(spec.get("parameters")),
                results_text(state.get("results") or {}),
            )
        )
    print_columns(("name", "state", "started (UTC)", "uid", "parameters", "results"), rows)


def results_text(results: dict[str, Any]) -> str:
    """What the gate decided and why, uncut; of other steps the first results."""
    if "promotion" in results:
        return f"{results['promotion']}: {results['promotion_reason']}"
    return compact(results)
