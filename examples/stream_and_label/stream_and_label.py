"""Half an hour of telemetry and their labels to a live endpoint; what it makes of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from feature_sets.telemetry.simulator import SimulatedNetwork

NETOPS = Path(sys.executable).with_name("netops")
DEVICES = 6


def live_address() -> str:
    """Address of the endpoint: ``NETOPS_ENDPOINT``, or that of the running installation."""
    if given := os.environ.get("NETOPS_ENDPOINT"):
        return given
    status = json.loads(subprocess.check_output([NETOPS, "status", "--json"]))
    for endpoint in status["endpoints"]:
        if (endpoint["project"], endpoint["name"], endpoint["state"]) == ("netops", "serving", "ready"):
            return endpoint["address"]
    sys.exit("no live endpoint; start one with: netops run --keep")


def token() -> str:
    """Token for sending: ``NETOPS_TOKEN_WRITE``, or the one that the installation keeps for its owner."""
    if given := os.environ.get("NETOPS_TOKEN_WRITE"):
        return given
    return subprocess.check_output([NETOPS, "token", "write"], text=True).strip()


def post(client: httpx.Client, path: str, frame: Any) -> list[dict[str, Any]]:
    """Post the rows of a frame as a list of events; the endpoint answers each."""
    events = json.loads(frame.to_json(orient="records", date_format="iso"))
    return client.post(path, json=events).raise_for_status().json()


if __name__ == "__main__":
    headers = {"Authorization": f"Bearer {token()}"}
    with httpx.Client(base_url=live_address(), timeout=30, headers=headers) as client:
        # The clock of a device only goes forward: begin well after all that the endpoint has seen.
        newest = client.get("/labeled").json()["newest_event_time"]
        start = datetime.fromisoformat(newest) if newest else datetime(2024, 1, 1, tzinfo=UTC)
        network = SimulatedNetwork(devices=DEVICES, start=start + timedelta(days=60), ticks=180)
        rows = network.generate()

        answers = post(client, "/telemetry", rows.metrics)
        print(f"POST /telemetry  {len(answers)} events: {dict(Counter(each['status'] for each in answers))}")
        print(f"                 the last one: {json.dumps(answers[-1], indent=1)}")

        joined = post(client, "/labels", rows.labels)
        print(f"POST /labels     {len(joined)} labels: {dict(Counter(each['status'] for each in joined))}")
        wrong = sum(a["prediction"] != b for a, b in zip(answers, rows.labels["is_error"], strict=True))
        print(f"                 {int(rows.labels['is_error'].sum())} errors, {wrong} predictions wrong")

        pairs = client.get("/labeled").json()
        print(
            "GET /labeled    ", {key: pairs[key] for key in ("joined", "waiting", "expired", "conflicting")}
        )
        drift = client.get("/drift").json()
        print("GET /drift      ", {name: each["state"] for name, each in drift["detectors"].items()})
