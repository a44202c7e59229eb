"""``netops devices``: the devices of a project, listed, added, changed and retired."""

from __future__ import annotations

import json
import shlex
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from feature_sets.checks import InputError, check_choice
from project.cli.endpoint import running_endpoint
from project.cli.known_project import known_project
from project.cli.open_project import open_project
from project.cli.options import JsonOption, ProjectOption
from project.errors import NetopsError
from project.settings import Settings
from project.text_columns import print_columns

if TYPE_CHECKING:
    from feature_sets.telemetry.schema import TelemetrySchema
    from project.session import Session

LIST, ADD, RETIRE = "list", "add", "retire"


def devices(
    action: Annotated[str, typer.Argument(help="list, add or retire.")] = LIST,
    device: Annotated[str, typer.Argument(help="Key of the device to add or retire.")] = "",
    attributes: Annotated[
        list[str] | None,
        typer.Option("--attribute", help="Attribute of an added device as name=value; may be repeated."),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(
            "--from",
            help="When the change takes effect, ISO 8601. Default: now; for a new device the beginning.",
        ),
    ] = None,
    project: ProjectOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the devices of a project; add, change or retire one.

    A change takes effect at a given time, and a running endpoint knows it at once. A retired device stays in
    the history.
    """
    check_choice("action", action, (LIST, ADD, RETIRE))
    if (action == LIST) != (not device):
        raise InputError("device", "must be given to add or retire it, and not to list", device)
    if attributes and action != ADD:
        raise InputError("--attribute", "must be given with add alone", attributes[0])
    given = _attributes(attributes or [])
    settings = Settings.from_environment()
    from project.run_lock import COMMAND, RUN, held
    from project.session import open_session

    session = open_session(settings)
    name = known_project(project, settings, session)
    if action == LIST:
        _list(open_project(session, name, settings), _live_states(session, name), as_json)
        return
    command = f"netops devices {action}"
    with held(settings.home, name, command, COMMAND):
        schema = open_project(session, name, settings)
        with held(settings.home, name, command, RUN):  # A workflow looks at this one alone.
            lines = _changed(schema, action, device, given, since, name)
        try:
            lines += _taken_over(session, name, settings)
        except NetopsError as error:
            raise NetopsError(f"{lines[0]}: that is registered, but {error}") from error
        finally:  # What was written is told, whatever the endpoint says.
            print(json.dumps({"lines": lines}) if as_json else "\n".join(lines))


def _attributes(assignments: list[str]) -> dict[str, str]:
    found = {}
    for assignment in assignments:
        name, equals, value = assignment.partition("=")
        if not equals:
            raise InputError("--attribute", "must be name=value", assignment)
        found[name] = value
    return found


def _live_states(session: Session, project: str) -> dict[str, dict[str, Any]]:
    """What the endpoint says of each device; nothing if none is up, or it does not say."""
    from project.device_reload import live_states

    up = running_endpoint(session, project)
    try:
        return live_states(up.address) if up is not None else {}
    except NetopsError as error:  # The devices are registered all the same.
        print(error, file=sys.stderr)
        return {}


def _list(schema: TelemetrySchema, live: dict[str, dict[str, Any]], as_json: bool) -> None:
    import pandas as pd

    from feature_sets.ingestion.device_registry import registered_devices

    found = registered_devices(schema, pd.Timestamp.now(tz="UTC"))
    if as_json:
        told = [{**asdict(one), "live": live.get(one.device)} for one in found]
        print(json.dumps(told, default=_plain))
        return
    header = (
        "device",
        "state",
        "live",
        "since (UTC)",
        "first reading (UTC)",
        "last reading (UTC)",
        "attributes",
        "they hold since (UTC)",
    )
    rows = [
        (
            one.device,
            one.state,
            live.get(one.device, {}).get("state", ""),
            one.state_since[:19],
            one.first[:19],
            one.last[:19],
            ", ".join(f"{name}={value}" for name, value in one.attributes.items()),
            one.since[:19] or "the beginning",
        )
        for one in found
    ]
    print_columns(header, rows)


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else str(value)


def _changed(
    schema: TelemetrySchema,
    action: str,
    device: str,
    attributes: dict[str, str],
    since: str | None,
    project: str,
) -> list[str]:
    from feature_sets.ingestion.device_registry import (
        add_device,
        missing_attributes,
        moment_of,
        retire_device,
    )

    moment = moment_of(since) if since is not None else None
    if action == ADD:
        lines = add_device(schema, device, attributes, moment)
        # One that was given empty was not forgotten.
        missing = [name for name in missing_attributes(schema, device) if name not in attributes]
        return [*lines, *([_missing_line(device, missing, project)] if missing else [])]
    return retire_device(schema, device, moment)


def _missing_line(device: str, missing: list[str], project: str) -> str:
    """Which attributes a device has no value of, what adds them, and from when they hold then."""
    given = " ".join(f"--attribute {shlex.quote(name)}=..." for name in missing)
    command = f"netops devices add {shlex.quote(device)} {given} --project {project}"
    them = "it" if len(missing) == 1 else "them"
    return (
        f"{device} has no {', '.join(missing)}: '{command}' adds {them}, for readings from that moment on; "
        "with --from and an earlier time, such as that of its first reading, from then on"
    )


def _taken_over(session: Session, project: str, settings: Settings) -> list[str]:
    """Have the endpoint take over the devices, if it is up.

    :raises NetopsError: if it does not do so.
    """
    from project.device_reload import reload_devices

    up = running_endpoint(session, project)
    if up is None:
        return ["no endpoint is up; it takes over the devices when it starts"]
    known = reload_devices(up.address, settings.bearer_token())
    return [f"the endpoint knows {known:,} devices"]
