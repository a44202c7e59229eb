"""``netops promote``, ``shadow`` and ``canary``: what the running endpoint does with a version."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from feature_sets.checks import InputError, check_number
from graphs.routing.document import CANARY, CHAMPION, SHADOW, RoutingDocument
from project.cli.known_project import known_project
from project.cli.options import JsonOption, ProjectOption
from project.errors import NetopsError
from project.settings import Settings

if TYPE_CHECKING:
    from project.registered_versions import RegisteredVersion

VersionArgument = Annotated[str, typer.Argument(help="Version of the model, or its first characters.")]
WhyOption = Annotated[str, typer.Option("--why", help="The reason, for the trail of the endpoint.")]
ForceOption = Annotated[bool, typer.Option("--force", help="Use a version even if it was rejected.")]
OffOption = Annotated[bool, typer.Option("--off", help="End this role of the version.")]

NO_REASON = "none was given"


def promote(
    version: VersionArgument,
    why: WhyOption = NO_REASON,
    force: ForceOption = False,
    project: ProjectOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a version the champion at once, without a rehearsal.

    The running endpoint checks its golden rows first; if that fails, the champion stays. The tag production
    moves with it, so the next deployment serves it, too. 'netops rollback' undoes it. If only the tag was
    left behind, for example by a killed command, only the tag moves. The same holds if no model is in
    production yet, and so no endpoint is up: 'netops serve' then starts one.
    """
    from project.session import open_session

    settings = Settings.from_environment()
    name = known_project(project, settings, open_session(settings))
    promote_version(settings, name, version, why, as_json, force)


def shadow(
    version: VersionArgument,
    off: OffOption = False,
    why: WhyOption = NO_REASON,
    project: ProjectOption = None,
    as_json: JsonOption = False,
) -> None:
    """Have a version score every event without answering any."""
    _beside(version, SHADOW, 0.0, off, why, project, as_json)


def canary(
    version: VersionArgument,
    share: Annotated[
        float | None, typer.Option(help="Share of the devices that it answers, above 0 and at most 1.")
    ] = None,
    off: OffOption = False,
    why: WhyOption = NO_REASON,
    force: ForceOption = False,
    project: ProjectOption = None,
    as_json: JsonOption = False,
) -> None:
    """Have a version answer an exact share of the devices."""
    if off == (share is not None):
        raise InputError("--share", "must be given, or --off", share)
    given = 0.0 if share is None else check_number("--share", share, above=0, at_most=1)
    _beside(version, CANARY, given, off, why, project, as_json, force)


def promote_version(
    settings: Settings,
    project: str,
    version: str,
    why: str,
    as_json: bool,
    force: bool,
    told: bool = True,
    then: Callable[[], None] | None = None,
) -> None:
    """Make a version the champion, and give it the tag of production.

    :param force: whether one that the gate has rejected may be.
    :param told: whether the routing is printed afterwards.
    :param then: what belongs to the change, too, and is done after it: no interruption comes between.
    """
    from feature_sets.model_package.tags import PRODUCTION
    from project.endpoint_routing import with_role
    from project.registered_versions import find_version

    def changed(document: RoutingDocument) -> RoutingDocument:
        found = find_version(project, version)
        if found.version == document.champion.version and PRODUCTION not in found.tags:
            return document
        if found.version == document.champion.version:
            raise NetopsError(f"version {found.version} must be another than the champion, which it is")
        _check_gate(settings, project, found, force)
        return with_role(document, found.routed(CHAMPION))

    def tag(promoted: RegisteredVersion) -> None:
        import mlrun

        mlrun.get_run_db().tag_artifacts(promoted.artifact, project, tag_name=PRODUCTION)

    def release() -> RegisteredVersion:
        found = find_version(project, version)
        _check_gate(settings, project, found, force)
        tag(found)
        return found

    def declare(document: RoutingDocument) -> None:
        tag(find_version(project, document.champion.version))

    after = _change(settings, project, "netops promote", changed, why, as_json, declare, release, then)
    if told:
        print(after)


def watch(settings: Settings, dbpath: str, project: str, version: str, address: str) -> str:
    """Attach the detectors of the new champion; where that fails it serves, and a line says so.

    :returns: why it is not watched; empty if it is.
    """
    from feature_sets.telemetry.schema import TelemetrySchema
    from project.api_reader import ready_endpoint
    from project.attached_detectors import watch_champion
    from project.function_names import RUNNER
    from project.last_run import recall
    from project.retraining_policy import OFF

    try:
        memory = recall(dbpath, project)
        if memory is None:
            raise NetopsError(f"project '{project}' must remember a successful run, got none")
        try:
            callback = f"{ready_endpoint(dbpath, project, RUNNER).address}/drift"
        except NetopsError as error:
            if settings.retrain != OFF:
                raise
            # It would only tell MLRun: the detectors are worth more.
            callback = ""
            typer.echo(f"MLRun is not told of drift: {error}", err=True)
        schema = TelemetrySchema.from_dict(memory.schema)
        detectors = str(memory.arguments.get("detectors") or "")
        watch_champion(project, version, schema, address, callback, settings, detectors)
    except (NetopsError, InputError) as error:
        typer.echo(f"the champion is not watched for drift: {error}", err=True)
        return str(error)
    return ""


def _check_gate(settings: Settings, project: str, found: RegisteredVersion, force: bool) -> None:
    """Raise NetopsError if devices would be answered by a version that was rejected: by the gate, or later.

    The gate passes a candidate on the rows of its run. What its trial on live events has found since, or a
    person who has turned it down, only the loop knows.
    """
    from project.retraining.history import turned_down
    from project.retraining.state_file import StateFile
    from training.evaluation.promotion_gate import SUPERSEDED

    if force:
        return
    by = "superseded" if found.gate == SUPERSEDED else "rejected by the gate"
    why = f"{by}: {found.rejected_for}" if found.rejected_for else ""
    why = why or turned_down(StateFile(settings.loops, project).every_decision(), found.version)
    if why:
        raise NetopsError(
            f"version {found.version} was {why}; "
            f"next: --force takes it all the same, 'netops shadow {found.version[:8]} --project {project}' "
            "tries it and answers nobody with it"
        )


def _beside(
    version: str,
    role: str,
    share: float,
    off: bool,
    why: str,
    project: str | None,
    as_json: bool,
    force: bool = True,
) -> None:
    from project.endpoint_routing import with_role, without
    from project.registered_versions import find_version
    from project.session import open_session

    settings = Settings.from_environment()
    name = known_project(project, settings, open_session(settings))

    def changed(document: RoutingDocument) -> RoutingDocument:
        if off:
            found = [each for each in document.versions if each.version.startswith(version)]
            if len(found) != 1 or found[0].role != role:
                have = [each.version for each in document.versions if each.role == role]
                raise NetopsError(
                    f"version {version!r} must be a {role}: {', '.join(have) or 'there is none'}"
                )
            return without(document, found[0].version)
        registered = find_version(name, version)
        if registered.version == document.champion.version:
            raise NetopsError(f"version {registered.version} must be another than the champion, which it is")
        _check_gate(settings, name, registered, force)
        return with_role(document, registered.routed(role, share))

    print(_change(settings, name, f"netops {role}", changed, why, as_json))


def _change(
    settings: Settings,
    project: str,
    command: str,
    changed: Callable[[RoutingDocument], RoutingDocument],
    why: str,
    as_json: bool,
    declare: Callable[[RoutingDocument], None] | None = None,
    release: Callable[[], RegisteredVersion] | None = None,
    then: Callable[[], None] | None = None,
) -> str:
    """Change the routing of the endpoint, unless it is as it should be.

    An interruption before that leaves everything as it was, and a later one waits for the end of it.

    :param declare: done after it; if that fails the routing of before is put in force again.
    :param release: puts a version into production where none is, so that no endpoint can be up.
    :param then: done at the end of a change, when others may make the next one.
    :returns: what it is then, for people or in JSON.
    """
    from project.cli.endpoint import running_endpoint, who_asks
    from project.cli.interruption import finished_first
    from project.endpoint_routing import change_routing, read_routing
    from project.registered_versions import find_version, record_primary
    from project.run_lock import PATIENCE_SECONDS, SWAP, held
    from project.session import open_session

    session, token = open_session(settings), settings.bearer_token()
    # Not that of a run: a training takes minutes, and its own promotion looks at who is the champion by then.
    with ExitStack() as interruption:
        with held(settings.home, project, command, SWAP, PATIENCE_SECONDS):
            up = running_endpoint(session, project)
            if up is None:
                return _without_endpoint(settings, session.mlrun_dbpath, project, release, why, as_json)
            before = read_routing(up.address, token)
            document = changed(before.document)
            told, declares, unwatched = None, declare is not None, ""
            interruption.enter_context(finished_first())
            if document != before.document:
                told = change_routing(up.address, token, document, who_asks(), why, before.revision, declares)
            if declare is not None:
                try:
                    declare(document)
                except Exception as error:
                    again = f"the tag of {document.champion.version} could not be moved"
                    if told is None:
                        raise NetopsError(f"{again}: {error}") from error
                    change_routing(up.address, token, before.document, who_asks(), again, declared=True)
                    raise NetopsError(f"{again}, so the champion of before is back: {error}") from error
                champion = document.champion.version
                unwatched = watch(settings, session.mlrun_dbpath, project, champion, up.address)
                record_primary(project, find_version(project, document.champion.version).artifact)
            after = read_routing(up.address, token)
        if then is not None:
            then()
    champions = {"before": before.document.champion.version, "after": after.document.champion.version}
    content = {"project": project, **champions, "change": told}
    content |= {"unwatched": unwatched or None} if declares else {}
    return json.dumps(content) if as_json else "\n".join(_lines(after))


def _without_endpoint(
    settings: Settings,
    dbpath: str,
    project: str,
    release: Callable[[], RegisteredVersion] | None,
    why: str,
    as_json: bool,
) -> str:
    """Put a version into production where none is; else there is an endpoint to start first.

    No trail of an endpoint has it, so that of the loop does.

    :returns: see ``_change``.
    """
    from project.api_reader import check_production_model
    from project.cli.endpoint import who_asks
    from project.cli.interruption import finished_first
    from project.production_model import production_version
    from project.registered_versions import record_primary
    from project.retraining.by_person import put_there
    from project.retraining.state_file import StateFile

    if release is None or production_version(dbpath, project):
        check_production_model(dbpath, project)
        raise NetopsError(
            f"the endpoint of project '{project}' must be up; 'netops serve --project {project}' starts it"
        )
    file = StateFile(settings.loops, project)
    with finished_first():
        found = release()
        record_primary(project, found.artifact)
        try:
            with file.changing() as state:
                file.write(put_there(state, found.version, f"{who_asks()}: {why}", datetime.now(UTC)))
        except (InputError, OSError) as error:
            raise NetopsError(
                f"version {found.version} is in production, but 'netops history' will not tell it: {error}"
            ) from error
    if as_json:
        return json.dumps({"project": project, "before": None, "after": found.version, "change": None})
    return f"version {found.version} is in production: 'netops serve --project {project}' has it answer"


def _lines(routing: Any) -> list[str]:
    lines = []
    for each in routing.document.versions:
        devices = routing.devices.get(each.version)
        share = f" for {each.share:g} of the devices" if each.role == CANARY else ""
        lines.append(f"{each.role} {each.version}{share}{'' if devices is None else f', {devices} of them'}")
    return lines
