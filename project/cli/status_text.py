"""What ``netops status`` tells, for people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from project.api_reader import Schedule
from project.cli.restarts import Lives
from project.cli.status_facts import StatusFacts
from project.function_names import RUNNER, SERVING, what_brings_back
from project.text_columns import print_columns

_STOPPED = "offline"
_DOWN = "not running; 'netops up' starts it"


def print_text(told: StatusFacts, store_restarts: int) -> None:
    """Print all of it.

    :param store_restarts: how often the online store was started again.
    """
    again = f" (died and was started again, {store_restarts}×)" if store_restarts else ""
    print(f"MLRun API     {told.mlrun_dbpath or _DOWN}\nonline store  {told.redis_url or _DOWN}{again}")
    if told.disk:
        print(f"disk          {told.disk}")
    if told.control_plane:
        print(f"code          {told.control_plane}")
    for holder in told.under_way:
        print(f"under way     project {holder.project}: {holder}")
    for name, path in told.reports.items():
        print(f"report        project {name}: {path}")
    if told.endpoints:
        header = ("project", "endpoint", "address", "state", "model", "version")
        keys = ("project", "name", *header[2:])
        print_columns(header, [tuple(each[key] for key in keys) for each in told.endpoints])
        for sentence in _sentences(told):
            print(sentence)
    else:
        print("endpoints     none")
    if told.schedules:
        if not told.mlrun_dbpath:
            print("schedules     nothing starts them until the control plane runs")
        header = ("project", "schedule", "cron", "next (UTC)", "last time (UTC)", "not started")
        print_columns(header, [_schedule_row(schedule) for schedule in told.schedules])


def _sentences(told: StatusFacts) -> Iterator[str]:
    """What is to be said of the endpoints, beside the table of them."""
    useless = {
        name: [f"{text}; 'netops retrain --project {name}' tells what is done"]
        for name, text in told.none_usable.items()
    }
    for what, by_project in (
        ("drift", told.drift),
        ("rows", told.measured_drift),
        ("alert", told.alerts),
        ("models", useless),
        ("loop", told.loops),
        ("version", told.left_out_versions),
        ("horizon", told.earlier_horizons),
        ("horizon", told.horizons_without_model),
        ("readings", told.doubtful_readings),
        ("labels", told.late_labels),
        ("tokens", told.unknown_tokens),
        ("code", told.other_code),
        ("store", told.lost_store),
        ("disk", told.unwritten_files),
        ("old data", told.not_deleted),
    ):
        for name, texts in by_project.items():
            yield from (f"{what} of {name}: {text}" for text in texts)
    known = [each for each in told.endpoints if each["name"] in (SERVING, RUNNER)]
    stopped = sorted({each["project"] for each in known if each["state"] == _STOPPED})
    for name in stopped:
        yield f"endpoints of {name}: stopped; '{what_brings_back(name, SERVING)}' brings them back"
    for endpoint in told.endpoints:
        if endpoint["reason"]:
            yield f"{endpoint['name']} of {endpoint['project']}: {endpoint['reason']}"
    for endpoint in told.endpoints:
        if endpoint.get("restarts"):
            yield f"{endpoint['name']} of {endpoint['project']}: {_lives(endpoint)}"


def _lives(endpoint: dict[str, Any]) -> Lives:
    return Lives(**{name: endpoint[name] for name in Lives._fields})


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
