"""Production sees real traffic only: what is recorded is played on a staging endpoint that a run deletes."""

import json
from dataclasses import dataclass
from pathlib import Path

import httpx
import pandas as pd
import pytest
import redis

from project.local.stack import Stack
from project.replay.lines import replay_lines
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


def run(bare, *arguments):
    done = bare.netops("run", "--keep", "--json", "--project", PROJECT, *QUICK, *arguments)
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def own(bare, tmp_path_factory):
    folder = tmp_path_factory.mktemp("telemetry") / "now"
    with pytest.MonkeyPatch.context() as patch:
        start = pd.Timestamp.now("UTC").floor("s") - pd.Timedelta(seconds=10 * TICKS)
        patch.setattr(made_networks, "START", start)
        schema = write_network(
            folder, devices=4, metrics=2, ticks=TICKS, tick_seconds=10, errors="shown", late_share=0.1
        )
    return Own(folder, schema, run(bare, "--telemetry", str(folder), "--schema", str(schema)))


def production(bare):
    """What the live endpoint and its journal hold, and how many requests it had."""
    address = bare.endpoint(project=PROJECT)["address"]
    stack = Stack(bare.home, SOURCE_ROOT).find()
    journal = redis.Redis.from_url(stack.redis_url).xlen(f"netops:{PROJECT}:serving:journal")
    metrics = httpx.get(f"{address}/metrics").text.splitlines()
    sent = [
        line
        for line in metrics
        if line.startswith("netops_requests_total") and "telemetry" in line and not line.endswith(" 0.0")
    ]
    return {
        "labeled": httpx.get(f"{address}/labeled").json(),
        "n": [d.get("n") for d in httpx.get(f"{address}/drift").json()["detectors"].values()],
        "journal": journal,
        "requests": sent,
    }


def test_a_run_on_recorded_telemetry_leaves_no_trace_in_production(bare, own):
    rehearsal = own.first["rehearsal"]
    assert rehearsal["joined"] >= 400
    assert rehearsal["rejected"] == 0
    # The recording says when each reading arrived, and the late ones are late as they were then.
    assert rehearsal["statuses"]["late"] > 0
    assert own.first["stream"] is None
    # Promoted once it was rehearsed, which the job says that did it.
    decided = own.first["test"]
    assert decided["passed"] and decided["promoted"]
    assert decided["promotion"] in ("promoted", "promoted by request")
    # What was rehearsed are the rows that it was evaluated on: they cannot have moved.
    assert own.first["magnitude"]["measured_on"] == ""
    assert own.first["magnitude"]["verdict"].startswith("not measured: live traffic has 0 of")
    found = production(bare)
    assert (found["labeled"]["joined"], found["labeled"]["newest_event_time"]) == (0, None)
    # One empty entry marks where the detectors were attached.
    assert (found["journal"], found["requests"]) == (1, [])
    names = {(e["project"], e["name"]) for e in bare.status()["endpoints"]}
    assert (PROJECT, "serving") in names
    assert not [name for name in names if name[1] == "serving-staging"]


def test_the_next_run_succeeds_after_real_traffic_and_leaves_it_alone(bare, own):
    """The telemetry ends now: nothing of it can happen again before now, and nothing has to."""
    address = bare.endpoint(project=PROJECT)["address"]
    moment = pd.Timestamp.now("UTC").isoformat()
    reading = {"device": "box-1", "at": moment, "metric_0": 10.0, "metric_1": 10.0}
    headers = bare.bearer("write")
    assert httpx.post(f"{address}/telemetry", json=reading).status_code == 401
    sent = httpx.post(f"{address}/telemetry", json=reading, headers=headers)
    assert sent.json()["status"] == "accepted"
    label = {"device": "box-1", "at": moment, "broken": 0}
    assert httpx.post(f"{address}/labels", json=label, headers=headers).json()["status"] == "joined"
    before = production(bare)
    second = run(bare, "--set", "seed=2")
    # What was live is history by now, and rehearsed with the rest.
    assert second["rehearsal"]["joined"] >= 400
    after = production(bare)
    assert after["labeled"]["joined"] == before["labeled"]["joined"] == 1
    assert after["labeled"]["newest_event_time"] == before["labeled"]["newest_event_time"]
    # The detectors of the same model stay. A new one begins with two entries of the journal: that it is the
    # champion, and where its detectors were attached.
    new = second["endpoint"]["version"] != own.first["endpoint"]["version"]
    assert new, "another seed makes another model"
    assert (before["journal"], after["journal"]) == (3, 3 + 2 * new)
    assert (set(before["n"]), set(after["n"])) == ({1}, {0 if new else 1})
    assert after["requests"] == []
    assert second["labeled"]["joined"] == 1


def replayed(bare, start, end, *arguments, check=True):
    return bare.netops(
        "replay", start.isoformat(), end.isoformat(), "--project", PROJECT, *arguments, check=check
    )


@pytest.fixture(scope="module")
def whole(bare, own):
    """A stretch replayed in one piece: its bounds, production and history before it, and the facts."""
    metrics = pd.read_parquet(own.folder / "metrics.parquet")
    start, end = at_share(metrics, 0.75), at_share(metrics, 0.95)
    before = production(bare), files_of(bare)
    return start, end, before, json.loads(replayed(bare, start, end, "--json").stdout)


def test_a_replay_tells_what_would_have_been_alarmed_and_touches_nothing(bare, own, whole):
    metrics = pd.read_parquet(own.folder / "metrics.parquet")
    start, end, (before, history), first = whole
    # Once more, and for people: whatever is told of it is the same.
    assert replayed(bare, start, end).stdout.splitlines() == replay_lines(first)
    assert production(bare) == before
    assert files_of(bare) == history
    arrived = metrics[(metrics["received"] >= start) & (metrics["received"] < end)]
    # What arrived later than the windows reach back is not in the history.
    assert 0 <= len(arrived) - first["readings"] <= own.first["ingest"]["rows_too_late"]
    assert first["statuses"]["late"] > 0
    labels = pd.read_parquet(own.folder / "labels.parquet")
    known = labels["at"] + pd.Timedelta(seconds=60)
    assert first["labels"]["known"] == int(((known >= start) & (known < end)).sum())
    assert 0 < first["labels"]["joined"] <= first["labels"]["known"]
    assert first["recall"] > 0.5
    assert first["seen_in_training"] is False
    assert f"model         version {first['version']}" in "\n".join(replay_lines(first))


def at_share(metrics, share):
    """An instant at which readings were made, and most of them arrived."""
    return metrics["at"].sort_values().iloc[int(share * len(metrics))]


def files_of(bare):
    """Every file of the project's histories, with its time of change."""
    folder = bare.home / "feature-store" / PROJECT
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def test_what_a_replay_shows_is_what_was_known_then(bare, own, whole):
    """The probabilities equal those that an uninterrupted graph gave, however the stretch begins."""
    metrics = pd.read_parquet(own.folder / "metrics.parquet")
    start, end, _, facts = whole
    middle = at_share(metrics, 0.8)
    parts = [
        json.loads(replayed(bare, *stretch, "--json").stdout) for stretch in ((start, middle), (middle, end))
    ]
    # [FROM, TO): what arrived at the middle is in the second part alone.
    assert (metrics["received"] == middle).any()
    for count in ("readings", "predicted", "alarms"):
        assert facts[count] == sum(part[count] for part in parts), count
    assert facts["statuses"] == {
        status: sum(part["statuses"].get(status, 0) for part in parts) for status in facts["statuses"]
    }


def test_a_replay_that_cannot_be_is_refused_with_the_way_out(bare, own):
    now = pd.Timestamp.now("UTC")
    for arguments, words, code in (
        (
            ("2024-01-01T00:00:00", "2024-01-02T00:00Z"),
            "FROM: must have a zone; in UTC it is 2024-01-01T00:00:00Z",
            2,
        ),
        (("2024-01-02T00:00Z", "2024-01-01T00:00Z"), "TO: must be later than FROM", 2),
        (("2024-01-01T00:00Z", "2024-01-02T00:00Z"), "history must hold readings from 2024-01-01", 1),
        ((now.isoformat(), "2100-01-01T00:00Z", "--speed", "0"), "--speed: must be", 2),
        ((now.isoformat(), "2100-01-01T00:00Z", "--model", "/nowhere"), "--model: must be the address", 2),
    ):
        done = bare.netops("replay", *arguments, "--project", PROJECT, check=False)
        assert (done.returncode, words in done.stderr) == (code, True), done.stderr
        assert "Traceback" not in done.stderr
    elsewhere = bare.netops(
        "replay", "2024-01-01T00:00Z", "2024-01-02T00:00Z", "--project", "nowhere", check=False
    )
    assert "project 'nowhere' must exist, got none of that name (there are: " in elsewhere.stderr


@pytest.mark.figures
def test_a_run_that_makes_the_champion_again_leaves_the_endpoint_as_it_is(bare, tmp_path):
    """Of telemetry that is all known already: of what ends now, a late reading may come with the next run."""
    folder, project = tmp_path / "past", "netops-past"
    schema = write_network(folder, devices=4, metrics=2, ticks=TICKS, tick_seconds=10, errors="shown")

    def made(*arguments):
        done = bare.netops("run", "--keep", "--json", "--project", project, *QUICK, *arguments)
        known = {(each.project, each.name): each.pid for each in Stack(bare.home, SOURCE_ROOT).deployments()}
        return json.loads(done.stdout), known[project, "serving"]

    first, process = made("--telemetry", str(folder), "--schema", str(schema))
    assert first["rehearsal"] is not None
    again, same = made()
    assert again["test"]["promotion"] == "already in production"
    assert (again["endpoint"]["version"], same) == (first["endpoint"]["version"], process)
    # Neither rehearsed nor deployed, and looked at all the same.
    assert (again["rehearsal"], again["tester"]) == (None, None)
    assert again["magnitude"]["verdict"] and again["audit"] is not None
    bare.netops("stop", "serving", "--project", project)
