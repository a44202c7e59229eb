"""The runner: an HTTP endpoint that starts the workflow, one run at a time.

``POST /runs`` with ``{"workflow": "main", "arguments": {...}}`` and a bearer token answers 202 with the run
id, 409 while a run is under way. ``GET /runs/{id}`` answers its state, ``GET /runs`` the newest.
``POST /drift`` takes a drift event for the loop, which trains a new model, see ``project.retraining``;
``GET /drift`` answers the mode, what the loop is doing and what it waits for. Without a loop, a drift event
is told to the MLRun API alone.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from datetime import UTC, datetime
from typing import Any

from drift.drift_event import DriftEvent
from feature_sets.checks import InputError
from graphs.protocol.access import AccessGuard
from graphs.protocol.errors import ApiError
from graphs.protocol.roles import Role
from project import parameters, run_lock
from project.errors import NetopsError
from project.last_run import recall, resolve
from project.retraining.keeper import LoopKeeper
from project.retraining.loop import Loop
from project.retraining.mlrun_events import MlrunEvents
from project.retraining.operations import LocalOperations
from project.retraining.state import CLEARED
from project.retraining.state_file import StateFile
from project.retraining_policy import OFF
from project.settings import Settings
from project.workflow_process import WorkflowProcess

_LISTED = 50


class RunnerError(Exception):
    """A request that is not carried out; becomes an answer with ``status`` and an error object."""

    def __init__(
        self, status: int, field: str, rule: str, got: object, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(f"{field}: {rule}, got {got!r}")
        self.status = status
        self.headers = dict(headers or {})
        self.content = {"error": {"field": field, "rule": rule, "got": got}}


def init_context(context: Any) -> None:
    """Read the settings once; called by Nuclio, or by the local host, before the first request."""
    settings = Settings.from_environment()
    context.user_data.settings = settings
    context.user_data.lock = threading.Lock()
    context.user_data.loop = None
    context.user_data.events = MlrunEvents(settings.project)
    if settings.retrain == OFF:
        _tell_of_trial(settings, context.logger.warn)
    if settings.retrain != OFF:
        context.user_data.loop = Loop(
            StateFile(settings.loops, settings.project),
            LocalOperations(settings, settings.project, settings.mlrun_dbpath),
            settings.retrain,
            settings.retraining,
            lambda: datetime.now(UTC),
            context.logger.info,
        )
        context.user_data.keeper = LoopKeeper(context.user_data.loop, tell=context.logger.warn)
        context.user_data.keeper.start()


def _tell_of_trial(settings: Settings, warn: Callable[[str], None]) -> None:
    """That a trial is under way which no loop ends; a state that cannot be read is told, and ends nothing."""
    try:
        trial = StateFile(settings.loops, settings.project).read().trial
    except (InputError, OSError) as error:
        warn(f"nobody knows whether a version is tried in shadow: {error}")
        return
    if trial is not None:
        warn(
            f"version {trial.version[:8]} is tried in shadow, and NETOPS_RETRAIN is off: the endpoint ends "
            f"that soon after {trial.until[:19]} UTC, or 'netops shadow {trial.version[:8]} --off "
            f"--project {settings.project}' now"
        )


def handler(context: Any, event: Any) -> Any:
    """Answer one HTTP request; bad input and a busy runner get 4xx with an error object."""
    headers: dict[str, str] = {}
    try:
        status, content = _answer(context.user_data, event)
    except RunnerError as error:
        status, content, headers = error.status, error.content, error.headers
    except InputError as error:
        # What was given is checked before; this is of the project's own files, such as its state.
        status, content = 503, {"error": {"field": error.where, "rule": error.rule, "got": str(error.got)}}
    except NetopsError as error:
        # Such as a run that another process began in the same instant.
        status, content = 503, {"error": {"field": "workflow", "rule": str(error), "got": None}}
    return context.Response(
        headers=headers, body=json.dumps(content), content_type="application/json", status_code=status
    )


def _answer(state: Any, event: Any) -> tuple[int, dict[str, Any]]:
    path = event.path.rstrip("/")
    if path == "/runs":
        if event.method == "GET":
            # The id of one run cannot be guessed; a list tells errors and paths to everybody who asks.
            _check_token(state.settings, event)
            return 200, {"runs": _newest(state.settings)}
        if event.method != "POST":
            raise RunnerError(405, "method", "must be GET or POST", event.method)
        _check_token(state.settings, event)
        workflow, arguments = parse_request(event.body)
        with state.lock:
            # Also one that was started from the command line, or by this runner before it was deployed anew.
            running = WorkflowProcess.running(state.settings, state.settings.project)
            if running:
                rule = "one run at a time; try again when it ended"
                raise RunnerError(409, "workflow", rule, running[-1].status()["run_id"])
            holder = run_lock.holder(state.settings.home, state.settings.project)
            if holder is not None:
                raise RunnerError(409, "workflow", f"one run at a time: {holder} is under way", holder.run_id)
            arguments = _resolved(state.settings, workflow, arguments)
            started = WorkflowProcess.start(state.settings, state.settings.project, workflow, arguments)
        return 202, {"run_id": started.wait_for_run_id(), "workflow": workflow}
    if path == "/drift":
        return _drift(state, event)
    if path.startswith("/runs/"):
        if event.method != "GET":
            raise RunnerError(405, "method", "must be GET", event.method)
        run_id = path.removeprefix("/runs/")
        for known in reversed(WorkflowProcess.all(state.settings)):
            status = known.status()
            if status["run_id"] == run_id:
                return 200, status
        raise RunnerError(404, "run_id", "must be a run that was started here", run_id)
    raise RunnerError(404, "path", "must be /runs, /runs/{id} or /drift", event.path)


def _drift(state: Any, event: Any) -> tuple[int, dict[str, Any]]:
    """Take a drift event, or tell what the loop does."""
    _check_token(state.settings, event)
    if event.method not in ("GET", "POST"):
        raise RunnerError(405, "method", "must be GET or POST", event.method)
    if event.method == "POST":
        told = parse_drift(event.body)
        if state.loop is None:
            return 202, _handed_on(state, told)
        state.loop.take(told)
    known = StateFile(state.settings.loops, state.settings.project).read()
    content = known.to_dict()
    answer = {
        **{name: content[name] for name in ("case", "attempt", "candidate", "stopped", "hold_until")},
        "mode": state.settings.retrain,
        "waiting": state.loop.waiting if state.loop else "NETOPS_RETRAIN is off: drift starts no training",
        "last": content["decisions"][-1] if content["decisions"] else None,
    }
    if event.method == "POST":
        return 202, answer
    found = state.loop.outlook() if state.loop else None
    return 200, {**answer, "outlook": found.to_dict() if found else None}


def _handed_on(state: Any, told: Mapping[str, Any]) -> dict[str, Any]:
    """Tell the MLRun API of an alert, not of its end, as the loop does.

    Nothing is kept here: where the API cannot take it now, the endpoint sends it again.

    :raises RunnerError: if it cannot take it now.
    """
    if told["event"]["level"] != CLEARED:
        try:
            state.events.generate(told)
        except NetopsError as error:
            raise RunnerError(503, "MLRun API", str(error), state.settings.mlrun_dbpath) from error
    return {"mode": state.settings.retrain}


def _newest(settings: Settings) -> list[dict[str, Any]]:
    """Workflows of the project, by whichever command they were started, newest first."""
    found: list[dict[str, Any]] = []
    for known in reversed(WorkflowProcess.all(settings)):
        request = known.request
        if request.get("project") == settings.project and len(found) < _LISTED:
            found.append({"workflow": request["workflow"], **known.status()})
    return found


def _resolved(settings: Settings, workflow: str, given: dict[str, Any]) -> dict[str, Any]:
    """Arguments with those that the project remembers of its last successful run."""
    names, local = parameters.NAMES[workflow], settings.profile == "local"
    try:
        memory = recall(settings.mlrun_dbpath, settings.project)
        return resolve(settings.project, names, given, memory, local=local).arguments
    except InputError as error:
        raise RunnerError(422, f"arguments.{error.where}", error.rule, error.got) from error
    except NetopsError as error:
        raise RunnerError(503, "MLRun API", str(error), settings.mlrun_dbpath) from error


def _check_token(settings: Settings, event: Any) -> None:
    """Everything but one's own run takes the role admin."""
    guard = AccessGuard({role: settings.tokens(role) for role in Role})
    try:
        guard.check(Role.ADMIN, event.headers or {})
    except ApiError as error:
        raise RunnerError(error.status, error.where, error.rule, error.got, error.headers) from error


def parse_request(body: Any) -> tuple[str, dict[str, Any]]:
    """Workflow name and arguments of a request body.

    :raises RunnerError: naming the field, the rule and what was given.
    """
    body = _object(body)
    workflow = body.get("workflow", "main")
    if not isinstance(workflow, str) or workflow not in parameters.NAMES:
        raise RunnerError(422, "workflow", f"must be among {', '.join(parameters.NAMES)}", workflow)
    arguments = body.get("arguments", {})
    if not isinstance(arguments, dict):
        raise RunnerError(422, "arguments", "must be a JSON object", arguments)
    try:
        return workflow, parameters.check(parameters.NAMES[workflow], arguments, "arguments.{}")
    except InputError as error:
        raise RunnerError(422, error.where, error.rule, error.got) from error


def parse_drift(body: Any) -> dict[str, Any]:
    """A drift event as the drift step sends it: ``id``, ``version`` and ``event``.

    Fields of the event that are not known are ignored: during an upgrade the endpoint may be newer than this
    runner, and it gives up an event that is refused.

    :raises RunnerError: naming the field, the rule and what was given.
    """
    body = _object(body)
    for name in ("id", "version"):
        if not isinstance(body.get(name), str) or not body[name]:
            raise RunnerError(422, name, "must be text", body.get(name))
    given = body.get("event")
    if not isinstance(given, dict):
        raise RunnerError(422, "event", "must be a JSON object", given)
    names = [each.name for each in fields(DriftEvent)]
    try:
        found = DriftEvent(**{name: given[name] for name in names if name in given})
    except InputError as error:
        field = f"event.{error.where.removeprefix('drift event: ')}"
        raise RunnerError(422, field, error.rule, error.got) from error
    except TypeError as error:
        needed = [each.name for each in fields(DriftEvent) if each.default is MISSING]
        raise RunnerError(422, "event", f"must have the fields {', '.join(needed)}", sorted(given)) from error
    if found.level not in ("drift", "cleared"):
        raise RunnerError(422, "event.level", "must be drift or cleared", found.level)
    return {"id": body["id"], "version": body["version"], "event": found.to_dict()}


def _object(body: Any) -> dict[str, Any]:
    if isinstance(body, bytes | str):
        try:
            body = json.loads(body or b"{}")
        except ValueError as error:
            raise RunnerError(400, "body", f"must be JSON ({error})", "malformed") from error
    if not isinstance(body, dict):
        raise RunnerError(400, "body", "must be a JSON object", type(body).__name__)
    return body
