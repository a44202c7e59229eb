"""``netops retrain``: what the loop from drift to a new model does, and what a person decides."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from feature_sets.checks import InputError
from project.cli.arguments import project_name
from project.cli.known_project import known_project
from project.cli.options import JsonOption, ProjectOption
from project.errors import NetopsError
from project.settings import Settings

if TYPE_CHECKING:
    from project.retraining.state import LoopState
    from project.retraining.state_file import StateFile
    from project.session import Session

_TIMEOUT = 30.0
_NO_RUNNER = "no runner answers, so nothing is begun and nobody knows its mode"


def retrain(
    project: ProjectOption = None,
    approve: Annotated[
        bool, typer.Option("--approve", help="Put the waiting candidate into production.")
    ] = False,
    decline: Annotated[
        bool, typer.Option("--decline", help="Reject the candidate, or the drift if there is none.")
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Resume a stopped loop, and end a cool-down.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Show the loop from drift to a new model, or decide for it.

    The runner says how it handles drift, by its own settings, and what the loop is doing and waiting for. If
    no runner answers, the command says so.
    """
    from project.api_reader import check_project
    from project.retraining.state_file import StateFile
    from project.summary.measured_drift import measured_drift_of

    settings = Settings.from_environment()
    session, no_session = _session(settings)
    name = project_name(project) if session is None else known_project(project, settings, session)
    if session is not None:
        check_project(session.mlrun_dbpath, name)
    file = StateFile(settings.loops, name)
    now = datetime.now(UTC)
    if approve + decline + resume > 1:
        raise InputError("--approve, --decline, --resume", "must be given one at a time", "more than one")
    if approve:
        _approve(settings, name, as_json)
        session, no_session = _session(settings)  # The release may have started one.
    elif decline or resume:
        declined, what = _decide(settings, file, name, decline, now)
        if resume:
            typer.echo("resumed: failures, pauses, cool-down and hold are forgotten", err=True)
        else:
            _tell_declined(settings, session, name, declined, what)
    none = f"{_NO_RUNNER}: {no_session}"
    told, failure = (None, none) if session is None else _of_runner(settings, session, name)
    known = file.read()
    measured = measured_drift_of(session.mlrun_dbpath, name, known.onset) if session is not None else []
    if as_json:
        content = known.to_dict()
        del content["decisions"], content["seen"]
        asked = told or {"mode": None, "outlook": None}
        about = {**{key: asked[key] for key in ("mode", "outlook")}, "measured_drift": measured}
        print(json.dumps({"project": name, **about, "no_runner": failure or None, **content}))
    else:
        _print_told(known, told, failure, measured, now)
        if session is not None and known.case is None:
            for line in _not_usable(session, name):
                print(line)


def _decide(
    settings: Settings, file: StateFile, project: str, decline: bool, now: datetime
) -> tuple[str, str]:
    """Turn down what waits, or let the loop go on.

    :returns: version that waited for approval and is declined, empty without one; and what is declined, in
        words.
    """
    from project.retraining import by_person, trial
    from project.run_lock import holder

    with file.changing() as state:
        if decline and state.attempt is not None:
            by = holder(settings.home, project)
            raise NetopsError(f"a run of the loop is under way; {by.remedy if by else 'wait for its end'}")
        if decline and state.case is None:
            raise NetopsError(f"project '{project}' must have a drift that is being answered, got none")
        if not decline:
            file.write(by_person.resumed(state, now))
        elif state.trial is not None:
            file.write(trial.declined(state, state.trial, now))
            return "", f"version {state.trial.version[:8]} in shadow"
        else:
            file.write(by_person.declined(state, now, settings.retraining))
            what = "a training of the weak model" if state.case and state.case.weak else "the drift"
            return state.candidate, f"version {state.candidate[:8]}" if state.candidate else what
    return "", ""


def _tell_declined(
    settings: Settings, session: Session | None, project: str, version: str, what: str
) -> None:
    """Say what was declined, and have the model say so; a version in shadow is told of by the loop."""
    from project.retraining.trial_operations import EndpointRoles
    from project.session import open_session
    from training.evaluation.promotion_gate import DECLINED

    typer.echo(f"declined: {what}", err=True)
    if not version:
        return
    try:
        if session is None:
            raise NetopsError("no MLRun API is up")
        opened = open_session(settings)  # Before mlrun is imported.
        EndpointRoles(settings, project, opened.mlrun_dbpath).record(version, DECLINED, "by a person")
    except NetopsError as error:
        typer.echo(f"'netops models' goes on to say that it waits for approval: {error}", err=True)


def _print_told(
    known: LoopState, told: dict[str, Any] | None, failure: str, measured: Sequence[str], now: datetime
) -> None:
    """What the loop does and waits for, in lines.

    :param told: what the runner says; None if it does not, for which ``failure`` says why.
    :param measured: how far the rows have moved.
    """
    from project.retraining.status import status_lines

    if failure:
        print(failure)
    for line in status_lines(known, told, now):
        print(line)
    for line in measured:
        print(f"rows: {line}")


def _not_usable(session: Session, project: str) -> list[str]:
    """That the model in production is of no use: where it never was better there is no drift to answer."""
    from project.api_reader import ready_endpoint
    from project.function_names import SERVING
    from project.http_json import get_json
    from project.summary.alerts import not_usable

    try:
        address = ready_endpoint(session.mlrun_dbpath, project, SERVING).address
        found = not_usable(get_json(f"{address}/drift", _TIMEOUT))
    except NetopsError:
        return []  # Whoever asks for the endpoint is told by 'netops status'.
    run = f"netops run --project {project} --set 'training_window=since TIME'"
    hint = f"next: {run}, if only rows since a time teach what is now"
    return [*found, hint] if found else []


def _session(settings: Settings) -> tuple[Session | None, str]:
    """The session that is up, and why there is none; the state of the loop is told without one, too."""
    from project.session import existing_session

    try:
        return existing_session(settings), ""
    except NetopsError as error:
        return None, str(error)


def _of_runner(settings: Settings, session: Session, project: str) -> tuple[dict[str, Any] | None, str]:
    """What the runner of a project tells of its loop, and why it does not; one of both is empty."""
    from project.api_reader import ready_endpoint
    from project.function_names import RUNNER
    from project.http_json import UnreachableError, get_guarded

    try:
        address = ready_endpoint(session.mlrun_dbpath, project, RUNNER).address
    except NetopsError as error:
        return None, f"{_NO_RUNNER}: {error}"
    try:
        told = get_guarded(f"{address.rstrip('/')}/drift", settings.bearer_token(), _TIMEOUT)
    except NetopsError as error:
        from project.summary.other_code import other_code_of

        # One of before an upgrade cannot read the state that a command of now has written.
        reasons = "; ".join([str(error), *other_code_of(settings, session.mlrun_dbpath, project)])
        if isinstance(error, UnreachableError) and error.status:
            return None, f"the runner does not tell what it does, it answers with {error.status}: {reasons}"
        return None, f"{_NO_RUNNER}: {reasons}"
    if "outlook" not in told:
        again = f"'netops serve --project {project}' deploys it anew"
        return None, f"the runner is of an earlier version, and does not tell what it waits for; {again}"
    return told, ""


def _approve(settings: Settings, project: str, as_json: bool) -> None:
    """Put the candidate into production: at once in the running endpoint, else by a release."""
    from rich.console import Console

    from project.cli.release import release_version
    from project.retraining.by_person import approved
    from project.retraining.state_file import StateFile
    from project.session import open_session

    file = StateFile(settings.loops, project)
    version, run_id = file.read().candidate, ""
    if not version:
        raise NetopsError(f"project '{project}' must have a candidate that waits for approval, got none")
    session = open_session(settings)
    if not _promoted_at_once(settings, session, project, version):
        run_id = release_version(settings, session, project, version, Console(stderr=as_json))
    with file.changing() as state:
        if state.candidate == version:  # The loop may have seen it first.
            file.write(approved(state, version, run_id, datetime.now(UTC), settings.retraining))


def _promoted_at_once(settings: Settings, session: Session, project: str, version: str) -> bool:
    """Have the running endpoint make the candidate the champion; False if that takes a release.

    It does where no endpoint is up, where that refuses the version, as after a change of the schema, and
    where models of further horizons are to be released with it.
    """
    from feature_sets.telemetry.schema import TelemetrySchema
    from project.cli.endpoint import running_endpoint
    from project.cli.routing import promote_version, watch
    from project.endpoint_routing import RefusedError, routing_if_any
    from project.last_run import recall
    from project.production_model import production_version
    from project.registered_versions import end_promotion

    up, memory = running_endpoint(session, project), recall(session.mlrun_dbpath, project)
    routing = routing_if_any(up.address, settings.bearer_token()) if up is not None else None
    if up is None or routing is None or memory is None:
        return False
    if TelemetrySchema.from_dict(memory.schema).further_horizons:
        return False
    champion = routing.document.champion.version
    if champion == version == production_version(session.mlrun_dbpath, project):
        # Done by one that was killed before the loop was told; it may be that nothing else was done.
        watch(settings, session.mlrun_dbpath, project, version, up.address)
        end_promotion(project)
        return True
    try:
        # The gate passed it, and a person has decided.
        promote_version(settings, project, version, "approved", as_json=False, force=True, told=False)
    except RefusedError as error:
        typer.echo(f"{error}; version {version[:8]} is released instead", err=True)
        return False
    typer.echo(f"version {version[:8]} is in production, instead of {champion[:8]}", err=True)
    return True
