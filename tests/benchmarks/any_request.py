"""Whatever is sent to an endpoint: schemathesis over its OpenAPI document, then a kill.

``python -m tests.benchmarks.any_request [examples] [seed]``: the local control plane runs a serving graph
with tokens, a calendar and incidents. Requests are made of its document, good and bad ones, and sent with the
token of the role admin. Each answer is held against the document. Afterwards the process is ended with -9:
what was accepted must be there when it is back, and each event that an answer tells of must be in the journal
or its archive, so often. Nothing may be answered with 5xx or hang.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from feature_sets.telemetry.incident_events import IncidentEvent
from feature_sets.telemetry.schema import TelemetrySchema
from graphs.protocol.function_secrets import TOKEN, role_secret
from graphs.protocol.roles import Role
from graphs.protocol.routes import ROUTES
from graphs.protocol.times import iso_time
from graphs.serving_graph import journal_key
from graphs.state.accepted_entries import accepted_entries
from graphs.state.entry_id import BEFORE_ALL
from graphs.state.journal import TOLD
from graphs.state.journal_entries import RawEntry
from project.local.stack import DeployedFunction, Stack
from project.token_files import kept_token, token_file
from tests.benchmarks.own_endpoint import own_endpoint
from tests.benchmarks.restart_process import NAME, PROJECT, deploy_function, ready
from tests.conftest import SOURCE_ROOT
from tests.graphs.conftest import DEVICES, START

EXAMPLES = 600
"""Good and bad ones each, of each operation with a body; 10,000 requests and more in all."""

PROCESSES = 4
"""Making a request costs more than answering it."""

KINDS = ("telemetry", "labels", "incidents", "maintenance")
"""Of events that a journal keeps."""

Key = tuple[str, str, str]
"""Kind, device and time; or kind and id."""

SECONDS = 10
"""An answer that takes longer counts as hanging, on a busy machine, too."""

SCHEMA = TelemetrySchema.from_dict(
    {
        "name": "tiny",
        "entity": ["site", "box"],
        "time": "timestamp",
        "metrics": {
            "cpu": {"unit": "%", "range": [0, 100]},
            "latency": {"unit": "ms", "range": [0, 10000]},
        },
        "static": ["model"],
        "windows": {"lengths": ["1m", "5m"], "period": "10s", "operations": ["avg", "stddev"]},
        "maintenance": {},
        "labels": {"form": "incidents", "healthy_after": "1m"},
    }
)

CHECKS = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
)
"""What each answer is held against; hangs are what takes too long."""


def start(stack: Stack, folder: Path) -> DeployedFunction:
    """Deploy the graph, guarded, and wait until it is ready."""
    files = {}
    for role in Role:
        kept_token(stack.home, role)
        files[f"{role_secret(TOKEN, role)}_FILE"] = str(token_file(stack.home, role))
    return deploy_function(
        stack,
        folder,
        files,
        token_secret="NETOPS_TOKEN",
        devices=DEVICES,
        unknown_devices="accept",
        journal_max_events=1_000_000,
    )


def refusals(url: str, tokens: Mapping[Role, str]) -> dict[str, int]:
    """Ask each route that changes anything without a token, and with one of each role that it is not for.

    :returns: how many were answered 401 and 403.
    :raises AssertionError: naming those that were answered otherwise.
    """
    found, wrong = Counter[str](), []
    with httpx.Client(base_url=url, timeout=SECONDS) as client:
        for route in ROUTES:
            path = route.path.replace("{name}", "model").replace("{version}", "v3")
            for role in (None, *Role) if route.role in (Role.WRITE, Role.ADMIN) else ():
                if role is not None and role.covers(route.role):
                    continue
                headers = {} if role is None else {"Authorization": f"Bearer {tokens[role]}"}
                content = b"{}" if route.has_body else None
                status = client.request(route.method, path, content=content, headers=headers).status_code
                found[str(status)] += 1
                if status != (401 if role is None else 403):
                    wrong.append((route.method, path, role, status))
    assert not wrong, wrong
    return dict(found)


def send(url: str, token: str, examples: int, seed: int) -> dict[str, Any]:
    """Have several processes send requests that schemathesis makes; what they found."""
    begin = time.perf_counter()
    share = [sys.executable, "-m", __spec__.name, "share", url, str(examples), str(seed)]
    started = [
        subprocess.Popen(
            [*share, str(number)],
            env={**os.environ, "NETOPS_TOKEN": token},
            cwd=SOURCE_ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(PROCESSES)
    ]
    said = [json.loads(process.communicate()[0] or "null") for process in started]
    accepted: Counter[Key] = Counter()
    for each in said:
        accepted.update({tuple(key): count for key, count in (each or {"accepted": []})["accepted"]})
    return {
        "accepted": accepted,
        "sent": sum(each["sent"] for each in said if each),
        "findings": [
            finding for each in said for finding in (each or {"findings": ["a process failed"]})["findings"]
        ],
        "longest_s": max(each["longest_s"] for each in said if each),
        "seconds": round(time.perf_counter() - begin, 1),
    }


def share(url: str, examples: int, seed: int, number: int) -> dict[str, Any]:
    """The requests of one of the processes: one operation of the document in four.

    :param examples: of each operation that takes a body, good ones and bad ones each.
    """
    schema = schemathesis.openapi.from_url(f"{url}/openapi.json")
    headers = {"Authorization": f"Bearer {os.environ['NETOPS_TOKEN']}"}
    sent = Sent(url, headers)
    operations = [each.ok() for each in schema.get_all_operations()]
    for operation in operations[number::PROCESSES]:
        for mode in GenerationMode:
            has_body = operation.method.upper() in ("POST", "PUT")

            @seeded(seed)
            @settings(
                max_examples=examples if has_body else 1 + examples // 10,
                deadline=None,
                database=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            @given(operation.as_strategy(generation_mode=mode))
            def run(case: Any) -> None:
                sent.send(case)

            try:
                run()
            except Unsatisfiable:  # There is no bad request where everything is allowed.
                continue
    return {
        "sent": sent.count,
        "findings": sorted(sent.findings),
        "longest_s": round(sent.longest, 3),
        "accepted": list(sent.accepted.items()),
    }


class Sent:
    """Sends requests and keeps account of the answers.

    :param headers: of each of them.
    """

    def __init__(self, url: str, headers: dict[str, str]) -> None:
        self.count, self.longest = 0, 0.0
        self.findings: set[str] = set()
        self.accepted: Counter[Key] = Counter()
        self._url, self._headers = url, headers
        self._session = requests.Session()

    def send(self, case: Any) -> None:
        """Send one request, and hold the answer against the document."""
        self.count += 1
        plausible(case, self.count)
        what = f"{case.operation.method.upper()} {case.operation.path}"
        begin = time.perf_counter()
        try:
            answer = case.call(
                base_url=self._url, headers=self._headers, session=self._session, timeout=SECONDS
            )
        except requests.RequestException as error:
            self.findings.add(f"{what}: {type(error).__name__}")
            return
        self.longest = max(self.longest, time.perf_counter() - begin)
        if case.operation.method.upper() == "POST" and answer.status_code in (200, 422):
            self.accepted.update(answered(case.operation.path, answer.json()))
        try:
            case.validate_response(answer, checks=CHECKS)
        except (Exception, BaseExceptionGroup) as error:
            self.findings.add(f"{what}: {answer.status_code} {type(error).__name__}: {str(error)[:400]}")


def answered(path: str, answer: Any) -> Iterator[Key]:
    """The events that an answer tells of; in a list with errors too, beside those."""
    kind = path.removeprefix("/")
    if kind not in KINDS:
        return
    rows = answer.get("results", [answer]) if isinstance(answer, dict) else answer
    for row in rows:
        if row is None or "error" in row:
            continue
        if "id" in row:
            yield "maintenance" if kind == "maintenance" else "incidents", row["id"], ""
        elif row["device"] is None:
            yield kind, row["request_id"], ""
        else:
            yield kind, row["device"], row["timestamp"]


def journaled(entries: Iterable[RawEntry]) -> Iterator[Key]:
    """The same of the entries of a journal that requests have made."""
    for entry in entries:
        if entry.kind in TOLD:  # Of an incident that was forgotten, what is still known is told anew.
            continue
        found = entry.decoded(SCHEMA.reading_columns)
        for event in found.events:
            yield "telemetry", event.device, iso_time(event.time)
        for label in found.labels:
            if isinstance(label, IncidentEvent):
                yield "incidents", label.id, ""
            elif label.name:
                yield "labels", label.name, ""
            else:
                yield "labels", label.device, iso_time(label.time)
        for change in found.maintenance:
            yield "maintenance", change.id, ""


def plausible(case: Any, number: int) -> None:
    """Make every second request one that may be taken: of a model or a device that there is, and later."""
    if number % 2:
        return
    if "name" in (case.path_parameters or {}):
        case.path_parameters["name"] = "model"
    for event in case.body if isinstance(case.body, list) else [case.body]:
        if isinstance(event, dict) and case.operation.path in ("/telemetry", "/labels", "/incidents"):
            event |= {"device": "a/1"}
            if "timestamp" in event:
                event["timestamp"] = START + number
            event.pop("site", None)
            event.pop("box", None)
        if isinstance(event, dict) and case.operation.path == "/maintenance":
            event |= {"device": "a/2", "start": START + number}
            for name in ("site", "box", "model", "end"):
                event.pop(name, None)


def counted(metrics: str) -> dict[str, int]:
    """Answers by the first digit of their status."""
    found: dict[str, int] = {}
    for status, count in re.findall(r'^netops_requests_total\{.*status="(\d)\d\d"\} (\S+)', metrics, re.M):
        found[f"{status}xx"] = found.get(f"{status}xx", 0) + int(float(count))
    return found


def state(client: httpx.Client) -> dict[str, Any]:
    """What the endpoint knows, as far as it does not depend on the moment."""
    labeled = client.get("/labeled").raise_for_status().json()
    drift = client.get("/drift").raise_for_status().json()
    return {
        "labeled": {
            key: labeled[key] for key in ("remembered", "joined", "conflicting", "newest_event_time")
        },
        "calendar": client.get("/maintenance").raise_for_status().json(),
        "drift": {key: drift.get(key) for key in ("attached", "state", "n", "errors", "callback")},
    }


def main(examples: int = EXAMPLES, seed: int = 1) -> None:
    """Print what became of the requests, and whether a kill loses any of it."""
    with own_endpoint(SCHEMA) as own:
        stack = own.stack
        first = start(stack, own.folder)
        tokens = {role: kept_token(stack.home, role) for role in Role}
        guarded = refusals(first.url, tokens)
        found = send(first.url, tokens[Role.ADMIN], examples, seed)
        headers = {"Authorization": f"Bearer {tokens[Role.ADMIN]}"}
        with httpx.Client(base_url=first.url, headers=headers, timeout=SECONDS) as client:
            answers, before = counted(client.get("/metrics").text), state(client)
        assert first.pid is not None
        os.kill(first.pid, signal.SIGKILL)
        second = ready(stack, 1)
        with httpx.Client(base_url=second.url, headers=headers, timeout=SECONDS) as client:
            after = state(client)
        key = journal_key(PROJECT, NAME)
        entries = accepted_entries(stack.up().redis_url, key, own.folder / "accepted", BEFORE_ALL).new
        kept = Counter(journaled(entries))
    accepted = found.pop("accepted")
    not_kept, not_answered = accepted - kept, kept - accepted
    by_kind = Counter(dict.fromkeys(KINDS, 0))
    for (kind, _, _), count in accepted.items():
        by_kind[kind] += count
    lost = {key: (before[key], after[key]) for key in before if before[key] != after[key]}
    print(
        json.dumps(
            {
                "requests": sum(answers.values()),
                "answers": answers,
                "refused_roles": guarded,
                **found,
                "remembered": before["labeled"]["remembered"],
                "changed_by_a_kill": lost,
                "accepted": by_kind,
                "not_in_the_journal": sorted(not_kept)[:20],
                "in_the_journal_only": sorted(not_answered)[:20],
            }
        ),
        flush=True,
    )
    assert all(by_kind.values()) and not not_kept and not not_answered
    assert not lost and not answers.get("5xx") and not found["findings"]


if __name__ == "__main__":
    if sys.argv[1:2] == ["share"]:
        print(json.dumps(share(sys.argv[2], *map(int, sys.argv[3:]))), flush=True)
    else:
        main(*map(int, sys.argv[1:]))
