"""Whatever is sent to an endpoint: schemathesis over its OpenAPI document, then a kill.

``python -m tests.benchmarks.any_request [examples] [seed]``: the local control plane runs a serving graph
with tokens, a calendar and incidents. Requests are made of its document, good and bad ones, and sent with the
token of the role admin. Each answer is held against the document. Afterwards the process is ended with -9:
what was accepted must be there when it is back. Nothing may be answered with 5xx or hang.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx

from feature_sets.telemetry.schema import TelemetrySchema
from graphs.protocol.roles import Role
from project.local.stack import DeployedFunction, Stack
from project.token_files import kept_token, token_file
from tests.benchmarks.restart_process import deploy_function, ready
from tests.conftest import SOURCE_ROOT
from tests.graphs.conftest import DEVICES, write_package

EXAMPLES = 600
"""Of each operation; 10,000 requests and more in all."""

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
    *("not_a_server_error", "status_code_conformance", "content_type_conformance"),
    *("response_headers_conformance", "response_schema_conformance", "unsupported_method"),
    *("allow_header_conformance", "ignored_auth"),
)
"""What each answer is held against. Other checks take for granted that a document can say what we refuse."""


def start(stack: Stack, folder: Path) -> DeployedFunction:
    """Deploy the graph, guarded, and wait until it is ready."""
    (folder / "model").mkdir()
    write_package(folder / "model", SCHEMA)
    kept_token(stack.home, Role.ADMIN)
    return deploy_function(
        stack,
        folder,
        {"NETOPS_TOKEN_FILE": str(token_file(stack.home, Role.ADMIN))},
        token_secret="NETOPS_TOKEN",
        devices=DEVICES,
        unknown_devices="accept",
        journal_max_events=1_000_000,
    )


def send(url: str, token: str, examples: int, seed: int, folder: Path) -> dict[str, Any]:
    """Have schemathesis send its requests; what it found."""
    command = [
        *(str(Path(sys.executable).with_name("schemathesis")), "run", f"{url}/openapi.json"),
        *("--header", f"Authorization: Bearer {token}", "--checks", ",".join(CHECKS)),
        *("--max-examples", str(examples), "--seed", str(seed), "--request-timeout", str(SECONDS)),
        *("--phases", "examples,coverage,fuzzing", "--continue-on-failure", "--no-shrink"),
        *("--suppress-health-check", "all", "--warnings", "off"),
    ]
    begin = time.perf_counter()
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    print(done.stdout[-20_000:], done.stderr[-2000:], file=sys.stderr, flush=True)
    return {"exit_code": done.returncode, "seconds": round(time.perf_counter() - begin, 1)}


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
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        stack = Stack(folder / "home", SOURCE_ROOT)
        try:
            first = start(stack, folder)
            token = kept_token(stack.home, Role.ADMIN)
            found = send(first.url, token, examples, seed, folder)
            headers = {"Authorization": f"Bearer {token}"}
            with httpx.Client(base_url=first.url, headers=headers, timeout=SECONDS) as client:
                answers, before = counted(client.get("/metrics").text), state(client)
            assert first.pid is not None
            os.kill(first.pid, signal.SIGKILL)
            second = ready(stack, 1)
            with httpx.Client(base_url=second.url, headers=headers, timeout=SECONDS) as client:
                after = state(client)
        finally:
            stack.stop()
    lost = {key: (before[key], after[key]) for key in before if before[key] != after[key]}
    print(
        json.dumps(
            {
                "requests": sum(answers.values()),
                "answers": answers,
                **found,
                "remembered": before["labeled"]["remembered"],
                "changed_by_a_kill": lost,
            }
        ),
        flush=True,
    )
    assert not lost and not answers.get("5xx") and found["exit_code"] == 0


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
