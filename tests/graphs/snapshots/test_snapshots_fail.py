"""Snapshots that are damaged, not written, or of another model; and a store that lost its content."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import redis

from feature_sets.checks import InputError
from feature_sets.telemetry.schema import TelemetrySchema
from graphs.state.entry_id import BEFORE_ALL
from graphs.state.snapshots import files
from graphs.state.snapshots.files import read_snapshot, snapshot_files
from project.local import valkey
from tests.graphs.conftest import START, Client, label, write_package
from tests.graphs.snapshots.conftest import INPUTS, Network, conversation, schema_of, taken
from tests.graphs.snapshots.state_walk import differences, state_of

Networks = Callable[..., Network]


def event(device: str = "a/1", seconds: float = 0.0, cpu: float = 40.0) -> dict[str, Any]:
    return {"device": device, "timestamp": START + seconds, "cpu": cpu, "octets": int(seconds)}


def served(where: Network, **settings: Any) -> Client:
    """A process that has taken two snapshots and a little more."""
    client = where.start(**settings)
    for number, request in enumerate(conversation("rows", 5)[:60]):
        client.send(*request)
        if number in (20, 40):
            taken(client)
    return client


def damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def journaled(client: Client) -> int:
    return sum(entry.size for entry in client.step("journal")._journal.entries())


def counted(client: Client, name: str) -> float:
    lines = client.get("/metrics").json.splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith(name))


def test_a_damaged_snapshot_is_left_out_and_the_older_one_counts(network: Networks) -> None:
    where = network()
    live = served(where)
    damage(snapshot_files(where.snapshots)[0].path)
    again = where.start()
    assert differences(state_of(again), state_of(live)) == []
    assert counted(again, 'netops_snapshots_total{outcome="damaged"}') == 1


def test_with_both_damaged_the_journal_counts_if_it_reaches_back_to_its_start(network: Networks) -> None:
    where = network()
    live = served(where)
    for file in snapshot_files(where.snapshots):
        damage(file.path)
    expected = state_of(live)
    expected["DetectDrift"] = state_of(where.start(snapshot_directory=None))["DetectDrift"]
    assert differences(state_of(where.start()), expected) == []


def test_with_both_damaged_a_journal_that_was_cut_is_refused(network: Networks) -> None:
    where = network(journal_max_events=1)
    live = served(where)
    floor = snapshot_files(where.snapshots)[1].place
    assert live.step("journal")._journal.bounds.floor == floor > BEFORE_ALL
    redis, stream = live.step("journal")._journal._redis, live.step("journal")._journal._stream
    redis.xtrim(stream, minid=f"{floor[0]}-{floor[1]}", approximate=False)
    assert redis.xlen(stream) < redis.xinfo_stream(stream)["entries-added"]
    assert differences(state_of(where.start()), state_of(live)) == []
    for file in snapshot_files(where.snapshots):
        damage(file.path)
    with pytest.raises(InputError, match="must hold one that is whole, as the journal no longer reaches"):
        where.start()


def test_with_both_damaged_a_store_that_lost_its_content_is_refused(network: Networks) -> None:
    where = network()
    live = served(where)
    for file in snapshot_files(where.snapshots):
        damage(file.path)
    live.step("journal")._journal._redis.flushall()
    with pytest.raises(InputError, match="must hold one that is whole"):
        where.start()


def test_a_damaged_snapshot_does_not_take_the_place_of_one_that_is_whole(network: Networks) -> None:
    where = network()
    served(where)
    newest, older = snapshot_files(where.snapshots)
    damage(newest.path)
    where.start()
    assert [file.place for file in snapshot_files(where.snapshots)] == [older.place]


def test_the_journal_is_cut_only_behind_the_older_snapshot(network: Networks) -> None:
    where = network(journal_max_events=1)
    client = where.start()
    for second in range(0, 2500, 10):
        client.post("/telemetry", [event("a/1", second), event("a/2", second)])
    assert journaled(client) == 500, "no snapshot, nothing dropped"
    taken(client)
    client.post("/telemetry", event("a/1", 2600))
    assert journaled(client) == 501, "with one snapshot its loss would be the end"
    taken(client)
    for second in range(2610, 5000, 10):
        client.post("/telemetry", event("a/1", second))
    # Redis drops whole nodes of a stream only.
    assert 240 <= journaled(client) < 500


def test_without_snapshots_nothing_within_the_deadline_is_dropped(network: Networks) -> None:
    where = network(journal_max_events=10, snapshot_directory=None)
    client = where.start()
    for second in range(0, 3000, 10):
        client.post("/telemetry", event("a/1", second))
    assert journaled(client) == 300
    client.step("journal")._journal.bounds._keep_millis = -1
    for second in range(3000, 4000, 10):
        client.post("/telemetry", event("a/1", second))
    assert journaled(client) < 150


def test_what_cannot_be_written_keeps_the_journal_whole_and_is_counted(
    network: Networks, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = network(journal_max_events=1)
    client = where.start()

    class Full(files._Hashing):
        def __init__(self, stream: Any) -> None:
            super().__init__(open("/dev/full", "wb", buffering=0))  # noqa: SIM115, PTH123

    monkeypatch.setattr(files, "_Hashing", Full)
    for second in range(0, 1000, 10):
        assert client.post("/telemetry", event("a/1", second)).status == 200
        if second % 250 == 0:
            taken(client)
    assert counted(client, 'netops_snapshots_total{outcome="failed"}') == 4
    assert journaled(client) == 100 and list(where.snapshots.iterdir()) == []
    monkeypatch.undo()
    taken(client)
    assert len(snapshot_files(where.snapshots)) == 1
    assert client.get("/labeled").json["waiting"] == 21, "all that the deadline leaves"


def test_a_running_process_whose_store_restarts_empty_loses_nothing(network: Networks) -> None:
    where = network()
    live = served(where)
    live.post("/maintenance", {"id": "open", "device": "a/3", "start": START, "end": None})
    journal = live.step("journal")._journal
    places = [file.place for file in snapshot_files(where.snapshots)]
    for key in journal._redis.keys(f"{journal._key}:*"):
        journal._redis.delete(key)
    live.post("/telemetry", event("a/1", 1000))
    live.step("respond")._taker.wait()
    newest = snapshot_files(where.snapshots)[0].place
    assert newest > max(places) and newest == journal.place
    live.post("/telemetry", event("a/1", 1010))
    assert counted(live, "netops_journal_losses_total") == 1
    expected = state_of(live)
    again = where.start()
    assert differences(state_of(again), expected) == []
    assert again.get("/drift").json == live.get("/drift").json
    assert again.get("/maintenance").json == live.get("/maintenance").json


def emptied(client: Client) -> None:
    journal = client.step("journal")._journal
    for key in journal._redis.keys(f"{journal._key}:*"):
        journal._redis.delete(key)


@pytest.mark.parametrize("starts", [False, True], ids=["running", "starting"])
def test_after_a_loss_of_the_store_both_kept_snapshots_are_anew_so_that_one_may_be_damaged(
    network: Networks, tmp_path: Path, starts: bool
) -> None:
    where = network(archive_directory=str(tmp_path / "archive"))
    live = served(where)
    if starts:
        live.shut_down()
    lost = live.step("journal")._journal.place
    emptied(live)
    if starts:
        live = where.start()
    for second in range(1000, 1040, 10):
        live.post("/telemetry", event("a/1", second))
        live.step("respond")._taker.wait()
        live.step("respond")._taker._not_before = 0.0
    found = snapshot_files(where.snapshots)
    assert len(found) == files.KEPT and min(file.place for file in found) > lost
    damage(found[0].path)
    assert differences(state_of(where.start()), state_of(live)) == []


def test_a_process_that_starts_beside_an_empty_store_goes_on_from_snapshot_and_archive(
    network: Networks, tmp_path: Path
) -> None:
    where = network(archive_directory=str(tmp_path / "archive"))
    live = served(where)
    journal = live.step("journal")._journal
    journal.archive.catch_up()
    expected = state_of(live)
    place = journal.place
    for key in journal._redis.keys(f"{journal._key}:*"):
        journal._redis.delete(key)
    again = where.start()
    assert differences(state_of(again), expected) == []
    assert counted(again, "netops_journal_losses_total") == 1
    again.post("/telemetry", event("a/2", 1000))
    assert again.step("journal")._journal.place > place
    assert differences(state_of(where.start()), state_of(again)) == []


def test_predictions_of_the_model_before_stay_what_they_were(
    network: Networks, schema: TelemetrySchema, tmp_path: Path
) -> None:
    where = network()
    client = where.start()
    client.post("/telemetry", [event("a/1", 0), event("a/1", 10)])
    taken(client)
    first = client.post("/telemetry", event("a/1", 10)).json
    inputs = (INPUTS[2], "octets_stddev_1m", *INPUTS[:2])
    write_package(tmp_path / "model", schema_of(schema, "rows"), seed=4, inputs=inputs)
    again = where.start()
    repeated = again.post("/telemetry", event("a/1", 10)).json
    assert (repeated["version"], repeated["probability"]) == ("v3", first["probability"])
    assert again.post("/telemetry", event("a/1", 20)).json["version"] == "v4"
    joined = again.post("/labels", [label("a/1", 10, 1), label("a/1", 20, 1)]).json
    assert [answer["status"] for answer in joined] == ["joined", "joined"]
    again.shut_down()
    assert again.get("/labeled").json["batches_written"] == 1


def test_with_other_windows_these_begin_with_the_journal_and_the_ledger_stays(
    network: Networks, schema: TelemetrySchema, tmp_path: Path
) -> None:
    where = network()
    client = where.start()
    client.post("/telemetry", [event("a/1", second) for second in range(0, 100, 10)])
    taken(client)
    other = schema_of(schema, "rows").to_dict()
    other["windows"]["lengths"] = ["2m", "5m"]
    inputs = ("cpu", "cpu_avg_2m", "octets")
    for name in ("relative", "neighbors"):
        other["derived"][name]["windows"] = ["2m"]
    write_package(tmp_path / "model", TelemetrySchema.from_dict(other), seed=4, inputs=inputs)
    again = where.start()
    assert again.get("/labeled").json["waiting"] == 10
    assert again.post("/telemetry", event("a/1", 50)).json["status"] == "duplicate"
    assert counted(again, "netops_events_total") == 11


@pytest.mark.parametrize(
    ("name", "changes"),
    [("relative", {"windows": ["1m", "5m"], "same_hour": []}), ("neighbors", {"operations": ["stddev"]})],
    ids=["past", "others"],
)
def test_with_features_of_another_past_or_of_others_the_windows_begin_with_the_journal(
    network: Networks, schema: TelemetrySchema, tmp_path: Path, name: str, changes: dict[str, Any]
) -> None:
    where = network()
    served(where)
    other = schema_of(schema, "rows").to_dict()
    other["derived"][name] |= changes
    write_package(tmp_path / "model", TelemetrySchema.from_dict(other), seed=4, inputs=("cpu", "cpu_avg_1m"))
    again, replayed = where.start(), where.start(snapshot_directory=None)
    assert not again.step("preprocess")._is_restored
    assert differences(state_of(again)["Preprocess"], state_of(replayed)["Preprocess"]) == []
    assert again.post("/telemetry", event("a/1", 1000)).status == 200


def test_with_another_range_of_a_metric_the_windows_begin_with_the_journal(
    network: Networks, schema: TelemetrySchema, tmp_path: Path
) -> None:
    """What is outside of it by now is no reading in journal and history, so it is none in windows either."""
    where = network()
    served(where)
    other = schema_of(schema, "rows").to_dict()
    other["metrics"]["cpu"] = {**other["metrics"]["cpu"], "range": [0, 30]}
    write_package(tmp_path / "model", TelemetrySchema.from_dict(other), seed=4, inputs=("cpu", "cpu_avg_1m"))
    again, replayed = where.start(), where.start(snapshot_directory=None)
    assert not again.step("preprocess")._is_restored
    assert differences(state_of(again)["Preprocess"], state_of(replayed)["Preprocess"]) == []


def test_a_full_ledger_refuses_and_forgets_nothing_within_the_deadline(network: Networks) -> None:
    where = network(ledger_max_size=10)
    client = where.start()
    assert client.post("/telemetry", [event("a/1", second) for second in range(10)]).status == 200
    refused = client.post("/telemetry", event("a/1", 11))
    assert (refused.status, refused.json["error"]["field"]) == (503, "ledger")
    assert counted(client, 'netops_refused_requests_total{reason="ledger"}') == 1
    assert journaled(client) == 10
    assert client.post("/labels", label("a/1", 0, 1)).json["status"] == "joined"
    assert client.post("/telemetry", event("a/1", 201)).status == 200, "one is past the deadline now"
    assert client.get("/labeled").json["expired"] == 0
    assert client.post("/telemetry", event("a/1", 5)).status == 503
    assert client.post("/telemetry", event("a/1", 10**9)).status == 503, "of the future"
    assert where.start().get("/labeled").json["remembered"] == 10


def test_files_are_whole_and_two_are_kept(network: Networks) -> None:
    where = network()
    live = served(where)
    taken(live)
    found = snapshot_files(where.snapshots)
    assert [file.place for file in found] == sorted((file.place for file in found), reverse=True)
    assert len(found) == len(list(where.snapshots.iterdir())) == files.KEPT
    assert set(read_snapshot(found[0]).plain) >= {"graph", "preprocess", "labeled_join", "detect_drift"}
    left = where.snapshots / "0000000000001-000000.7.unfinished"
    left.touch()
    os.utime(left, (0, 0))
    where.start()
    assert not left.exists()


def test_an_orderly_end_keeps_all_and_nothing_is_replayed(network: Networks) -> None:
    where = network()
    live = served(where)
    expected, place = state_of(live), live.step("journal")._journal.place
    live.shut_down()
    live.shut_down()
    newest = snapshot_files(where.snapshots)[0]
    assert newest.place == place
    again = where.start()
    assert again.get("/labeled").json["remembered"] == live.get("/labeled").json["remembered"]
    ours, theirs = state_of(again), expected
    assert differences(ours["Preprocess"], theirs["Preprocess"]) == []


def test_counts_go_on(network: Networks) -> None:
    where = network()
    live = where.start()
    live.post("/telemetry", [event("a/1", second) for second in range(10)])
    live.post("/labels", [label("a/1", second, 1) for second in range(4)])
    taken(live)
    live.post("/labels", [label("a/1", second, 1) for second in range(4, 6)])
    again = where.start()
    assert again.get("/labeled").json["joined"] == 6
    for name, count in (
        ("netops_events_total", 10),
        ("netops_predictions_total", 10),
        ('netops_labels_total{status="joined"}', 6),
        ("netops_labeled_pairs_total", 6),
    ):
        assert counted(again, name) == counted(live, name) == count


def test_the_store_is_told_of_a_loss_once(network: Networks, redis_url: str) -> None:
    where = network(snapshot_directory=None)
    client = where.start()
    client.post("/telemetry", event("a/1", 0))
    key = client.step("journal")._journal._key
    redis.Redis.from_url(redis_url).delete(f"{key}:journal", f"{key}:journal:last")
    assert client.post("/telemetry", event("a/1", 10)).status == 200
    journal = client.step("journal")._journal
    assert journal.has_lost() and not journal.has_lost()


@pytest.mark.parametrize("is_emptied", [False, True], ids=["its file is there", "it is empty"])
def test_a_store_that_is_killed_answers_503_and_nothing_is_lost_when_it_is_back(
    network: Networks, tmp_path: Path, is_emptied: bool
) -> None:
    home = tmp_path / "valkey"
    server = valkey.start(home)
    try:
        where = network(redis_url=server.url)
        client = where.start()
        assert client.post("/telemetry", event("a/1", 0)).status == 200
        time.sleep(1.1)  # Its file is flushed each second.
        os.kill(server.pid, signal.SIGKILL)
        expected = state_of(client)
        for path, body in (("/telemetry", event("a/1", 10)), ("/labels", label("a/1", 0, 1))):
            refused = client.post(path, body)
            assert (refused.status, refused.json["error"]["field"]) == (503, "journal")
        changed = differences(state_of(client), expected)
        assert all(text.startswith(".Preprocess._arrived:") for text in changed), "only when it was asked"
        assert client.get("/labeled").status == 200
        if is_emptied:
            shutil.rmtree(home / "valkey" / "appendonlydir")
        assert valkey.start(home).url == server.url
        assert client.post("/telemetry", event("a/1", 10)).json["status"] == "accepted"
        assert client.post("/labels", label("a/1", 0, 1)).json["status"] == "joined"
        assert counted(client, "netops_journal_losses_total") == is_emptied
        client.step("respond")._taker.wait()
        assert len(snapshot_files(where.snapshots)) == is_emptied
        assert differences(state_of(where.start()), state_of(client)) == []
    finally:
        valkey.stop(home)


def test_a_snapshot_of_another_schema_is_left_out_for_an_older_one_of_ours(
    network: Networks, schema: TelemetrySchema, tmp_path: Path
) -> None:
    where = network()
    client = where.start()
    client.post("/telemetry", event("a/1", 0))
    taken(client)
    ours = (tmp_path / "model").rename(tmp_path / "ours")
    (tmp_path / "model").mkdir()
    other = schema_of(schema, "rows").to_dict()
    other["label"] = "is_down"
    write_package(tmp_path / "model", TelemetrySchema.from_dict(other), inputs=INPUTS)
    between = where.start()
    between.post("/telemetry", event("a/1", 10))
    taken(between)
    (tmp_path / "model").rename(tmp_path / "other")
    ours.rename(tmp_path / "model")
    again = where.start()
    assert again.get("/labeled").json["waiting"] == 2
    assert counted(again, "netops_events_total") == 2


def test_a_tail_that_is_read_twice_is_counted_once(network: Networks) -> None:
    where = network()
    client = where.start()
    client.post("/telemetry", event("a/1", 0))
    taken(client)
    client.post("/telemetry", [event("a/1", 10), event("a/1", 20)])
    journal = where.start().step("journal")._journal
    list(journal.entries(snapshot_files(where.snapshots)[0].place))
    assert journal.bounds._total == 3 and len(journal.bounds._sizes) == 2


def test_a_store_that_is_full_answers_503_until_there_is_room(network: Networks, tmp_path: Path) -> None:
    home = tmp_path / "valkey"
    server = valkey.start(home)
    try:
        client = network(redis_url=server.url).start()
        assert client.post("/telemetry", event("a/1", 0)).status == 200
        store = client.step("journal")._journal._redis
        store.config_set("maxmemory", 1)
        before = client.get("/labeled").json
        assert client.post("/telemetry", event("a/1", 10)).status == 503
        assert client.get("/labeled").json == before
        store.config_set("maxmemory", 0)
        assert client.post("/telemetry", event("a/1", 10)).json["status"] == "accepted"
    finally:
        valkey.stop(home)
