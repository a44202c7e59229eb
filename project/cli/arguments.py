"""Arguments of workflows from the options of a command, checked before anything is started."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from feature_sets.checks import InputError
from project import parameters
from project.settings import Settings

if TYPE_CHECKING:
    from rich.console import Console

    from project.last_run import LastRun, Resolved
    from project.session import Session


def parse_assignments(assignments: Sequence[str] | None, names: Sequence[str]) -> dict[str, Any]:
    """``name=value`` texts as arguments.

    :param names: the parameters that may be given.
    :raises InputError: if an equals sign is missing, for an unknown name, or for a value of the wrong type.
    """
    parsed: dict[str, Any] = {}
    for assignment in assignments or ():
        name, equals, text = assignment.partition("=")
        if not equals:
            raise InputError("--set", "must be name=value", assignment)
        parsed[name] = parameters.parse(names, name, text)
    return parsed


def source_arguments(telemetry: Path | None, schema: Path | None) -> dict[str, Any]:
    """Where telemetry comes from, as absolute paths: the steps run in another folder.

    A folder without a schema is read by the one that the project remembers, see ``as_last_time``.

    :raises InputError: if there is a schema without a folder, or one of both is not what it should be.
    """
    if telemetry is None and schema is None:
        return {}
    if telemetry is None:
        raise InputError("--telemetry", "must be the folder that --schema describes", None)
    if not telemetry.is_dir():
        raise InputError("--telemetry", "must be a folder", str(telemetry))
    return {"telemetry": str(telemetry.resolve()), **schema_argument(schema)}


def schema_argument(schema: Path | None) -> dict[str, Any]:
    """The schema alone, as an absolute path.

    :raises InputError: if it breaks a rule.
    """
    if schema is None:
        return {}
    _schema_name(schema)
    return {"schema": str(schema.resolve())}


def as_last_time(
    settings: Settings,
    session: Session,
    project: str,
    names: Sequence[str],
    given: Mapping[str, Any],
    console: Console,
    keep: bool = False,
) -> Resolved:
    """Arguments of a run; what is not given is as in the project's last successful run, and a line says so.

    :param keep: whether endpoints are to be left up afterwards.
    :raises InputError: see ``resolve``; or if nobody says what the columns of a folder mean.
    """
    from project.last_run import recall, resolve

    memory = recall(session.mlrun_dbpath, project)
    resolved = resolve(project, names, given, memory, local=settings.profile == "local", keep=keep)
    if given.get("telemetry") and "schema" not in resolved.arguments:
        rule = f"must say what the columns of --telemetry mean; project '{project}' remembers no schema"
        others = _other_projects(session, project)
        named = f"; --project names another one, such as {others}" if others else ""
        raise InputError("--schema", f"{rule}{named}", None)
    for line in (*resolved.lines(), *_simulated(session, project, given, memory)):
        console.print(line, highlight=False, soft_wrap=True)
    return resolved


def _other_projects(session: Session, project: str) -> str:
    """Names of some other projects; empty without any."""
    from project.api_reader import projects

    if not session.mlrun_dbpath:
        return ""
    return ", ".join(sorted({*projects(session.mlrun_dbpath)} - {project})[-3:])


def _simulated(
    session: Session, project: str, given: Mapping[str, Any], memory: LastRun | None
) -> Iterator[str]:
    """A line about the others, where a run that says nothing of its telemetry would begin a new one."""
    if memory is not None or {"telemetry", "schema"} & set(given):
        return
    if others := _other_projects(session, project):
        yield (
            f"project {project} is new and no --telemetry was given: this is the simulated network; "
            f"--project names another one, such as {others}"
        )


def project_name(given: str | None, schema: Path | None = None) -> str:
    """MLRun project: the one given, else that of the schema, else that of the settings.

    :raises InputError: if the schema breaks a rule.
    """
    if given:
        return given
    return f"netops-{_schema_name(schema)}" if schema else Settings.from_environment().project


def _schema_name(schema: Path) -> str:
    from feature_sets.telemetry.schema import TelemetrySchema

    return TelemetrySchema.from_yaml(schema).name
