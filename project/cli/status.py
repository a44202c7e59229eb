"""``netops status``: what runs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from project.cli.options import JsonOption
from project.function_names import ENDPOINTS, SERVING
from project.latest_report import latest_reports
from project.run_lock import holders
from project.settings import Settings
from project.tables import print_columns

if TYPE_CHECKING:
    from project.api_reader import Endpoint, Schedule
    from project.session import Session


def status(
    project: Annotated[str | None, typer.Option(help="Of this MLRun project only. Default: all.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Tell what runs: servers, runs under way, endpoints and schedules.

    These are the MLRun API, the online store, every endpoint with its state and model, and every schedule
    with its next time and what became of the last. It also names the newest report of each project, and its
    alert of drift: the one that is open, or the newest that is over. It warns of labels that come too late,
    and of models of further horizons that are older than the primary one. It says what the loop from drift to
    a new model waits for where that is a person or a time.
    """
    from project.api_reader import Endpoint, schedule_of
    from project.orphaned_runs import settle
    from project.session import Session, find_session, local_stack

    settings = Settings.from_environment()
    session = find_session(settings)
    if session is not None:
        settle(settings, session)
        print_status(settings, session, as_json, project)
        return
    # Endpoints outlive a control plane that was killed.
    stack = local_stack(settings)
    left = [
        Endpoint(name, address, state, "", "", of_project)
        for state, functions in (("ready", stack.orphans()), ("dead", stack.dead_functions()))
        for of_project, name, address in functions
    ]
    waiting = [schedule_of(answer) for answer in stack.waiting_schedules()]
    if left or waiting or as_json or holders(settings.home):
        away = Session("", stack.store_url(), owned=True, started=False)
        _print(settings, away, left, waiting, as_json, project)
    else:
        print("nothing is running; 'netops up' starts the control plane")


def print_status(settings: Settings, session: Session, as_json: bool, project: str | None = None) -> None:
    """Where the servers of a session are, what runs, and the endpoints that its API knows.

    :param project: of which alone it is told; None tells of all.
    :raises NetopsError: if there is no such project.
    """
    from project.api_reader import check_project, endpoints, schedules

    if project is not None:
        check_project(session.mlrun_dbpath, project)
    known = endpoints(session.mlrun_dbpath), schedules(session.mlrun_dbpath)
    _print(settings, session, *known, as_json, project)


def _print(
    settings: Settings,
    session: Session,
    found: Sequence[Endpoint],
    schedules: Sequence[Schedule],
    as_json: bool,
    project: str | None,
) -> None:
    from project.api_reader import redis_url
    from project.cli.restarts import deployed, facts, lives
    from project.retraining.state import StateFile
    from project.retraining.status import held_up
    from project.session import local_stack
    from project.summary.alerts import alerts_of
    from project.summary.earlier_horizons import earlier_horizons_of
    from project.summary.live_labels import late_labels_of
    from project.summary.readiness import not_ready

    def wanted(name: str) -> bool:
        return project in (None, name)

    found = [each for each in found if wanted(each.project)]
    schedules = [each for each in schedules if wanted(each.project)]
    under_way = [each for each in holders(settings.home) if wanted(each.project)]
    reports = {name: path for name, path in latest_reports(settings.home).items() if wanted(name)}
    known = {(each.project, each.name): each for each in deployed(settings, session)}
    shown = [
        {**vars(endpoint), **facts(known.get((endpoint.project, endpoint.name)))}
        for endpoint in found
        if endpoint.name in ENDPOINTS
    ]
    for endpoint in shown:
        if endpoint["name"] == SERVING and endpoint["state"] == "ready":
            why = not_ready(endpoint["address"])
            endpoint |= {"state": "not ready", "reason": why} if why else {}
    online = session.redis_url
    if not online and not session.owned:
        online = redis_url(session.mlrun_dbpath)
    live = {
        endpoint["project"]: endpoint["address"]
        for endpoint in shown
        if endpoint["name"] == SERVING and endpoint["state"] == "ready"
    }
    loops = {each["project"]: StateFile(settings.loops, each["project"]).read() for each in shown}
    # That the loop has found no model of use, neither the one in production nor a new one.
    useless = {name: state.none_usable for name, state in loops.items() if state.none_usable}
    now = datetime.now(UTC)
    waiting = {name: held_up(state, name, now) for name, state in loops.items()}
    alerts = {name: alerts_of(address) for name, address in live.items()}
    # Without the control plane nobody knows which models are in production.
    asked = live if session.mlrun_dbpath else ()
    horizons = {name: earlier_horizons_of(session.mlrun_dbpath, name) for name in asked}
    late = {name: late_labels_of(address) for name, address in live.items()}
    if as_json:
        told = {
            "mlrun_dbpath": session.mlrun_dbpath or None,
            "redis_url": online or None,
            "endpoints": shown,
            "alerts": alerts,
            "none_usable": useless,
            "loops": waiting,
            "late_labels": late,
            "earlier_horizons": horizons,
            "schedules": [vars(schedule) for schedule in schedules],
            "under_way": [vars(holder) for holder in under_way],
            "reports": {name: str(path) for name, path in reports.items()},
        }
        print(json.dumps(told))
        return
    down = "not running; 'netops up' starts it"
    restarts = local_stack(settings).valkey_restarts() if session.owned and session.mlrun_dbpath else 0
    again = f" (died and was started again, {restarts}×)" if restarts else ""
    print(f"MLRun API     {session.mlrun_dbpath or down}\nonline store  {online or down}{again}")
    for holder in under_way:
        print(f"under way     project {holder.project}: {holder}")
    for name, path in reports.items():
        print(f"report        project {name}: {path}")
    if shown:
        header = ("project", "endpoint", "address", "state", "model", "version")
        print_columns(header, [tuple(e[key] for key in ("project", "name", *header[2:])) for e in shown])
        for name, texts in alerts.items():
            for text in texts:
                print(f"alert of {name}: {text}")
        for name, text in useless.items():
            print(f"models of {name}: {text}; 'netops retrain --project {name}' tells what is done")
        for name, texts in waiting.items():
            for text in texts:
                print(f"loop of {name}: {text}")
        for name, texts in horizons.items():
            for text in texts:
                print(f"horizon of {name}: {text}")
        for name, texts in late.items():
            for text in texts:
                print(f"labels of {name}: {text}")
        for endpoint in (endpoint for endpoint in shown if endpoint["reason"]):
            print(f"{endpoint['name']} of {endpoint['project']}: {endpoint['reason']}")
        for endpoint in (endpoint for endpoint in shown if endpoint.get("restarts")):
            life = lives(known[endpoint["project"], endpoint["name"]])
            print(f"{endpoint['name']} of {endpoint['project']}: {life}")
    else:
        print("endpoints     none")
    if schedules:
        if not session.mlrun_dbpath:
            print("schedules     nothing starts them until the control plane runs")
        header = ("project", "schedule", "cron", "next (UTC)", "last time (UTC)", "not started")
        print_columns(header, [_schedule_row(schedule) for schedule in schedules])


def _schedule_row(schedule: Schedule) -> tuple[str, ...]:
    """When a schedule is due, what became of the last time, and how many times nothing was started."""
    last = ""
    if schedule.events:
        event = schedule.events[0]
        last = f"{_minute(event['last'])} {event['outcome']}"
        last += f" run {event['run'][:8]}" if event["run"] else ""
        last += f": {event['reason']}" if event["reason"] else ""
    missed = sum(event["times"] for event in schedule.events if event["outcome"] != "started")
    return (
        *(schedule.project, schedule.name, schedule.cron),
        _minute(schedule.next_run) or "never",
        last,
        str(missed),
    )


def _minute(time: str) -> str:
    return time[:16].replace("T", " ")
