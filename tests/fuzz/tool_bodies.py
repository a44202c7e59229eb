"""Bodies of incidents and maintenance, as people and tools post them, with something wrong in them."""

from __future__ import annotations

from random import Random
from typing import Any

from tests.fuzz.cells import KEYS, TIMES, TRUTHS, mutated, some, tree
from tests.graphs.test_incidents_route import ALERTMANAGER, JIRA, NEVER, SERVICENOW, alert, issue, ticket

MAPPINGS: dict[str, dict[str, Any] | None] = {
    "none": None,
    "alertmanager": ALERTMANAGER,
    "servicenow": SERVICENOW,
    "jira": JIRA,
}
DEVICES = ("a/1", "a/2", "nobody", *KEYS)
STATES = ("firing", "resolved", "2", "8", 7, None)


def incident_body(random: Random) -> Any:
    """An incident in the form of the schema, or of one of the tools, whatever the schema says."""
    kind, device = random.choice(list(MAPPINGS)), some(random, DEVICES, 0.05)
    start, end = some(random, TIMES, 0.05), some(random, (*TIMES, NEVER), 0.05)
    body: Any
    if kind == "alertmanager":
        alerts = [
            alert(some(random, STATES), end, str(random.randrange(9))) for _ in range(random.randrange(3))
        ]
        for one in alerts:
            one["startsAt"], one["labels"] = start, {"alertname": "Down", "instance": device}
        body = {"version": "4", "alerts": alerts}
    elif kind == "servicenow":
        body = ticket(opened_at=start, closed_at=end, state=some(random, STATES), sys_id=some(random, KEYS))
        body["cmdb_ci"] = {"display_value": device}
    elif kind == "jira":
        body = issue(created=start, resolutiondate=end, customfield_10050=[{"value": device}])
    else:
        names = {"device": device} if random.random() < 0.7 else {"site": "a", "box": device}
        body = {"id": some(random, (*KEYS, "1", 2)), **names, "start": start, "end": end, "kind": "link"}
        if random.random() < 0.3:
            body["cancelled"] = some(random, TRUTHS)
        body = {name: value for name, value in body.items() if random.random() < 0.9}
    return _changed(random, body)


def maintenance_body(random: Random) -> Any:
    """A change of the calendar."""
    body = {
        "id": some(random, ("1", "2", *KEYS)),
        "site": some(random, ("a", "b", *KEYS)),
        "device": some(random, DEVICES),
        "model": some(random, ("x", *KEYS)),
        "start": some(random, TIMES),
        "end": some(random, TIMES),
        "reason": some(random, KEYS),
        "cancel": random.choice((True, False, None, 1)),
    }
    return _changed(random, {name: value for name, value in body.items() if random.random() < 0.45})


def _changed(random: Random, body: Any) -> Any:
    chance = random.random()
    if chance < 0.05:
        return tree(random)
    return mutated(random, body, 0.1) if chance < 0.4 else body
