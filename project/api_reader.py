"""Reads runs, deployed functions and schedules from an MLRun API over HTTP, without the client."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from feature_sets.model_package.tags import PRODUCTION
from project.errors import NetopsError
from project.function_names import MODEL, what_brings_back
from project.http_json import AbsentError, UnreachableError, get_json
from project.model_addresses import MODEL_ARTIFACT, artifacts_address

_TIMEOUT = 10.0
_PAGE = 200
"""Runs that are asked for at a time, where not all are wanted."""
_LARGE_PAGE = 2000
"""The same where all are."""
_BUILDING = "building"
ENDPOINT_KINDS = ("serving", "nuclio", "remote")


@dataclass(frozen=True)
class Endpoint:
    """A deployed function.

    :param state: ``ready``, or what the API says of it.
    :param model: name of the model it serves, empty for functions without one.
    :param version: version of that model.
    """

    name: str
    address: str
    state: str
    model: str
    version: str
    project: str


def _get(dbpath: str, path: str, **query: str | int) -> Any:
    return get_json(f"{dbpath}/api/v1/{path}", _TIMEOUT, **query)


def redis_url(dbpath: str) -> str:
    """Address of the online store that the API tells its clients, or empty."""
    return str(_get(dbpath, "client-spec").get("redis_url") or "")


def projects(dbpath: str) -> list[str]:
    """Names of all projects."""
    return list(_get(dbpath, "projects", format="name_only")["projects"])


def endpoints(dbpath: str, project: str | None = None) -> list[Endpoint]:
    """Every function that was deployed, in order of project and name.

    :param project: of which alone they are; None for all.
    """
    found = []
    for name in projects(dbpath):
        if project not in (None, name):
            continue
        for function in _get(dbpath, f"projects/{name}/functions", tag="latest")["funcs"]:
            status = function.get("status") or {}
            if function.get("kind") in ENDPOINT_KINDS and status.get("state"):
                found.append(_endpoint(name, function, status))
    return sorted(found, key=lambda endpoint: (endpoint.project, endpoint.name))


def function_variables(dbpath: str, project: str, name: str) -> dict[str, str] | None:
    """Variables that a function was deployed with; None if it never was."""
    if project not in projects(dbpath):
        return None
    for function in _get(dbpath, f"projects/{project}/functions", name=name, tag="latest")["funcs"]:
        if function["metadata"]["name"] == name and (function.get("status") or {}).get("state"):
            given = (function.get("spec") or {}).get("env") or []
            return {each["name"]: str(each["value"]) for each in given if each.get("value") is not None}
    return None


def ready_endpoint(dbpath: str, project: str, name: str) -> Endpoint:
    """A deployed function that answers.

    :raises NetopsError: if the project has no such function, or it is not ready.
    """
    found = next((each for each in endpoints(dbpath, project) if each.name == name), None)
    state = found.state if found else "none"
    if found is None or state != "ready":
        by_itself = "it is being deployed, so do this again in a minute"
        step = by_itself if state == _BUILDING else what_brings_back(project, name)
        raise NetopsError(
            f"endpoint '{name}' of project '{project}' must be ready, got {state}; next: {step}"
        )
    return found


def check_project(dbpath: str, project: str) -> None:
    """Raise NetopsError unless there is such a project."""
    known = projects(dbpath)
    if project not in known:
        raise NetopsError(
            f"there is no project '{project}'; {_there_are(known)}. Another one is named with --project"
        )


def check_production_model(dbpath: str, project: str) -> None:
    """Raise NetopsError unless the project has a model in production."""
    check_project(dbpath, project)
    try:
        get_json(f"{artifacts_address(dbpath, project)}/{MODEL_ARTIFACT}", _TIMEOUT, tag=PRODUCTION)
    except AbsentError as error:
        raise NetopsError(
            f"project '{project}' has no model in production; {_way(dbpath, project)}"
        ) from error


def _way(dbpath: str, project: str) -> str:
    """How a project comes to a model in production."""
    try:
        get_json(f"{artifacts_address(dbpath, project)}/{MODEL_ARTIFACT}", _TIMEOUT, tag="latest")
    except AbsentError:
        return f"'netops run --project {project}' trains one"
    return (
        f"the gate kept out those that were trained: 'netops history --project {project}' tells why, "
        f"'netops promote VERSION --project {project} --force' overrules it"
    )


def check_endpoint(dbpath: str, project: str, name: str) -> None:
    """Raise NetopsError unless the project has deployed such an endpoint."""
    check_project(dbpath, project)
    deployed = [endpoint.name for endpoint in endpoints(dbpath, project)]
    if name not in deployed:
        raise NetopsError(f"project '{project}' has no endpoint '{name}'; {_there_are(deployed)}")


def _there_are(names: list[str]) -> str:
    return f"there are {', '.join(sorted(names)) or 'none'}"


@dataclass(frozen=True)
class Schedule:
    """A schedule of a workflow or a job.

    :param cron: when it is due: minute, hour, day, month, day of week.
    :param next_run: when it is due next, ISO 8601; empty if never again.
    :param last_run: uid of the run that it started last, or empty.
    :param events: what became of its times, newest first; an API that is not ours does not tell.
    """

    project: str
    name: str
    cron: str
    next_run: str
    last_run: str
    events: list[dict[str, Any]]


def schedules(dbpath: str) -> list[Schedule]:
    """Every schedule of every project, in order of project and name."""
    found = [schedule_of(answer) for answer in _get(dbpath, "projects/*/schedules")["schedules"]]
    return sorted(found, key=lambda schedule: (schedule.project, schedule.name))


def schedule_of(answer: dict[str, Any]) -> Schedule:
    """A schedule as an MLRun API answers it."""
    trigger = answer["cron_trigger"]
    fields = ("minute", "hour", "day", "month", "day_of_week")
    crontab = " ".join("*" if trigger.get(field) is None else str(trigger[field]) for field in fields)
    return Schedule(
        project=answer["project"],
        name=answer["name"],
        cron=answer.get("crontab") or crontab,
        next_run=answer.get("next_run_time") or "",
        last_run=(answer.get("last_run_uri") or "").partition("@")[2].partition("#")[0],
        events=answer.get("events") or [],
    )


def _endpoint(project: str, function: dict[str, Any], status: dict[str, Any]) -> Endpoint:
    address = str(status.get("address") or "")
    if address and not address.startswith("http"):
        address = f"http://{address}"
    model = version = ""
    if function["kind"] == "serving" and status["state"] == "ready":
        try:
            metadata = get_json(f"{address}/v2/models/{MODEL}", _TIMEOUT)
            model, version = metadata["name"], metadata["versions"][-1]
        except (UnreachableError, LookupError) as error:
            model = f"unknown ({error})"
    return Endpoint(function["metadata"]["name"], address, status["state"], model, version, project)


def runs(
    dbpath: str, project: str, workflow_id: str = "", name: str = "", newest: int | None = None
) -> list[dict[str, Any]]:
    """Runs of a project, newest first. Iterations are left out.

    :param workflow_id: of whose steps alone they are; empty for all.
    :param name: that they have; empty for all.
    :param newest: how many, at most; None for all.
    :returns: MLRun run documents: ``metadata``, ``spec``, ``status``.
    """
    query: dict[str, str | int] = {"sort": "true", "iter": "false"}
    if workflow_id:
        query["label"] = f"workflow={workflow_id}"
    if name:
        query["name"] = name
    path = f"projects/{project}/runs"
    # Also where all are wanted: one answer with those of years would take longer than anybody waits.
    query |= {"page": 1, "page-size": _LARGE_PAGE if newest is None else min(newest, _PAGE)}
    answer = _get(dbpath, path, **query)
    found = list(answer["runs"])
    while (newest is None or len(found) < newest) and (
        token := (answer.get("pagination") or {}).get("page-token")
    ):
        answer = _get(dbpath, path, **{"page-token": token})
        found += answer["runs"][_again(found, answer["runs"]) :]
    return found[:newest]


def _again(before: list[dict[str, Any]], page: list[dict[str, Any]]) -> int:
    """How many runs of a page ended the one before: those that begin meanwhile move the others back."""
    most = min(len(before), len(page), _PAGE)
    return next((count for count in range(most, 0, -1) if before[-count:] == page[:count]), 0)
