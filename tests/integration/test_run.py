"""The main job: one command from nothing to live, monitored predictions."""

import os
import signal
import time
from urllib.parse import urlsplit

import httpx
import psutil

from project.local.stack import Stack
from project.settings import SOURCE_ROOT
from tests.integration.process_watch import noted


def test_every_row_read_is_ingested_or_rejected_with_a_reason(installation):
    ingest = installation.summary["ingest"]
    assert ingest["rows_read"] == 8 * 700
    assert ingest["rows_ingested"] == ingest["rows_read"] - ingest["rows_rejected"]
    assert ingest["rows_rejected"] == sum(ingest["report"]["metrics"]["rejected"].values())


def test_live_predictions_equal_offline_ones(installation):
    tester = installation.summary["tester"]
    assert tester["rows"] >= 1000
    assert (tester["mismatches"], tester["errors"]) == (0, 0)


def test_several_candidates_were_tried_and_the_best_is_served(installation):
    candidates = installation.summary["candidates"]
    assert len({entry["family"] for entry in candidates}) == 5
    assert [entry["best"] for entry in candidates].index(True) == 0
    last = [entry["average_precision"] for entry in candidates if entry["rung"] == candidates[0]["rung"]]
    assert last == sorted(last, reverse=True)
    assert installation.summary["trained"]["candidate"] == candidates[0]["candidate"]
    assert installation.summary["endpoint"]["version"] == installation.summary["test"]["version"]
    test = installation.summary["test"]
    assert test["average_precision"] > test["majority_class_average_precision"]


def test_predictions_met_their_labels_and_the_detectors_watch(installation):
    assert installation.summary["labeled"]["joined"] >= 500
    assert set(installation.summary["drift"]["detectors"]) == {"glr", "ddm", "eddm", "page_hinkley"}
    assert installation.summary["stream"]["rejected"] == 0
    assert installation.summary["magnitude"]["batch_rows"] >= 500


def test_the_output_has_no_traceback_and_no_warning(installation):
    assert "Traceback" not in installation.output
    assert "arning" not in installation.output


def test_no_socket_of_the_run_is_of_another_machine(installation):
    """Python's sockets as each process noted them; Valkey's as the system has them."""
    found = noted(installation.home)
    assert {"socket.bind", "socket.connect"} <= set(found)
    for event in ("socket.bind", "socket.connect", "socket.getaddrinfo"):
        assert found.get(event, set()) <= {"127.0.0.1", "::1", "localhost", "unix"}, event
    servers = [c for c in psutil.net_connections("inet") if c.status == "LISTEN" and c.pid]
    port = urlsplit(Stack(installation.home, SOURCE_ROOT).find().redis_url).port
    assert {c.laddr.ip for c in servers if c.laddr.port == port} == {"127.0.0.1"}


def test_an_endpoint_unpickles_nothing(installation):
    assert noted(installation.home).get("pickle.find_class", set()) == set()


def test_runs_are_listed_with_parameters_and_results(installation):
    names = {run["metadata"]["name"] for run in installation.api("projects/netops/runs")["runs"]}
    assert names >= {
        "ingest",
        "explore-raw",
        "select-features",
        "explore-vector",
        "train",
        "evaluate",
        "report",
        "model-server-tester",
        "labeled-stream",
        "audit",
        "init-detectors",
        "drift-magnitude",
    }
    table = installation.netops("runs", COLUMNS="200").stdout
    assert "drift-magnitude" in table
    assert "completed" in table


def told(installation):
    """What ``netops status`` tells of the serving endpoint."""
    for endpoint in installation.status()["endpoints"]:
        if (endpoint["project"], endpoint["name"]) == ("netops", "serving"):
            return endpoint
    raise AssertionError("no serving endpoint")


def test_after_a_kill_the_same_model_comes_back_by_itself_and_status_tells_of_it(installation):
    before = told(installation)
    assert before["state"] == "ready"
    port = int(before["address"].rsplit(":", 1)[1])
    victims = [c.pid for c in psutil.net_connections("tcp") if c.status == "LISTEN" and c.laddr.port == port]
    joined = httpx.get(f"{before['address']}/labeled").json()["joined"]
    os.kill(victims[0], signal.SIGKILL)
    psutil.wait_procs([psutil.Process(pid) for pid in victims if psutil.pid_exists(pid)], timeout=10)
    after = told(installation)
    for _ in range(120):
        if after["state"] == "ready" and after["restarts"]:
            break
        time.sleep(1)
        after = told(installation)
    assert (after["state"], after["restarts"], after["address"]) == ("ready", 1, before["address"])
    assert after["last_exit"].startswith("killed by signal 9") and after["since"]
    assert (after["model"], after["version"]) == (before["model"], before["version"])
    # What was accepted before the kill is still known.
    assert httpx.get(f"{after['address']}/labeled").json()["joined"] >= joined


def test_a_second_stream_goes_on_where_the_first_ended(installation):
    address = installation.endpoint()["address"]
    before = httpx.get(f"{address}/labeled").json()
    done = installation.netops(
        "stream", "--seconds", "3", "--json", "--set", "devices=8", "--set", "ticks=700"
    )
    assert '"accepted"' in done.stdout
    assert httpx.get(f"{address}/labeled").json()["newest_event_time"] > before["newest_event_time"]
