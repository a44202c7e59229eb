"""Production sees real traffic only: what is recorded is played on a staging endpoint that a run deletes."""

import json
from dataclasses import dataclass
from pathlib import Path

import httpx
import pandas as pd
import pytest
import redis

from project.local.stack import Stack
from project.settings import SOURCE_ROOT
from tests.integration import made_networks
from tests.integration.made_networks import write_network

PROJECT = "netops-now"
TICKS = 420
QUICK = ("--set", "combinations=2", "--set", "train_rows=1500", "--set", "promote=true")


@dataclass(frozen=True)
class Own:
    """A project of telemetry that ends now, which has run once."""

    folder: Path
    schema: Path
    first: dict


def run(installation, *arguments):
    done = installation.netops("run", "--keep", "--json", "--project", PROJECT, *QUICK, *arguments)
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def own(installation, tmp_path_factory):
    folder = tmp_path_factory.mktemp("telemetry") / "now"
    with pytest.MonkeyPatch.context() as patch:
        start = pd.Timestamp.now("UTC").floor("s") - pd.Timedelta(seconds=10 * TICKS)
        patch.setattr(made_networks, "START", start)
        schema = write_network(
            folder, devices=4, metrics=2, ticks=TICKS, tick_seconds=10, errors="shown", late_share=0.1
        )
    return Own(folder, schema, run(installation, "--telemetry", str(folder), "--schema", str(schema)))


def production(installation):
    """What the live endpoint and its journal hold, and how many requests it had."""
    address = installation.endpoint(project=PROJECT)["address"]
    stack = Stack(installation.home, SOURCE_ROOT).find()
    journal = redis.Redis.from_url(stack.redis_url).xlen(f"netops:{PROJECT}:serving:journal")
    metrics = httpx.get(f"{address}/metrics").text.splitlines()
    sent = [line for line in metrics if line.startswith("netops_requests_total") and "telemetry" in line]
    return {
        "labeled": httpx.get(f"{address}/labeled").json(),
        "n": [d.get("n") for d in httpx.get(f"{address}/drift").json()["detectors"].values()],
        "journal": journal,
        "requests": sent,
    }


def test_a_run_on_recorded_telemetry_leaves_no_trace_in_production(installation, own):
    rehearsal = own.first["rehearsal"]
    assert rehearsal["joined"] >= 400
    assert rehearsal["rejected"] == 0
    # The recording says when each reading arrived, and the late ones are late as they were then.
    assert rehearsal["statuses"]["late"] > 0
    assert own.first["stream"] is None
    assert own.first["magnitude"]["measured_on"] == "the rehearsal"
    found = production(installation)
    assert (found["labeled"]["joined"], found["labeled"]["newest_event_time"]) == (0, None)
    # One empty entry marks where the detectors were attached.
    assert (found["journal"], found["requests"]) == (1, [])
    names = {(e["project"], e["name"]) for e in installation.status()["endpoints"]}
    assert (PROJECT, "serving") in names
    assert not [name for name in names if name[1] == "serving-staging"]


def test_the_next_run_succeeds_after_real_traffic_and_leaves_it_alone(installation, own):
    """The telemetry ends now: nothing of it can happen again before now, and nothing has to."""
    address = installation.endpoint(project=PROJECT)["address"]
    moment = pd.Timestamp.now("UTC").isoformat()
    reading = {"device": "box-1", "at": moment, "metric_0": 10.0, "metric_1": 10.0}
    assert httpx.post(f"{address}/telemetry", json=reading).json()["status"] == "accepted"
    label = {"device": "box-1", "at": moment, "broken": 0}
    assert httpx.post(f"{address}/labels", json=label).json()["status"] == "joined"
    before = production(installation)
    second = run(installation)
    assert second["rehearsal"]["joined"] == own.first["rehearsal"]["joined"]
    after = production(installation)
    assert after["labeled"]["joined"] == before["labeled"]["joined"] == 1
    assert after["labeled"]["newest_event_time"] == before["labeled"]["newest_event_time"]
    # The same model is served, so its detectors stay, too.
    assert before["journal"] == after["journal"] == 3
    assert before["n"] == after["n"] and set(after["n"]) != {0}
    assert after["requests"] == []
    assert second["labeled"]["joined"] == 1
