"""A serving process that is killed with -9 at random moments, beside one that is not.

``python -m tests.benchmarks.kills [events] [kills]``: real processes on a real Valkey take the same readings
and labels, in lists. One of them is killed from outside, and the next one begins with the request that was
not answered. Compared are every answer, the counts, and the labeled pairs with their features to the last
bit. Then everything that the killed ones accepted becomes history, and their pairs are audited against it by
the code of ``netops audit``.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from feature_sets.telemetry.schema import DEVICE
from project.live_history import LiveJournal
from tests.benchmarks.audited import audited
from tests.benchmarks.own_endpoint import own_endpoint
from tests.benchmarks.restart import INPUTS, LIST, events, labels, schema
from tests.graphs.conftest import Client, make_client

DEVICES = 200
COUNTS = ("waiting", "joined", "expired", "expired_labels", "conflicting", "remembered")


def requests(count: int) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Lists of readings, each followed by the labels of the one before."""
    told: list[dict[str, Any]] = []
    for body, known in zip(events(DEVICES, count), labels(DEVICES, 0, count), strict=False):
        yield "/telemetry", body
        if told:
            yield "/labels", told
        told = known
    yield "/labels", told


def key_of(folder: Path) -> str:
    """Prefix of the journal of a folder."""
    return f"kills:{folder.name}"


def opened(package: Path, url: str, folder: Path) -> Client:
    """A process on the journal of a folder."""
    return make_client(
        package,
        devices=None,
        redis_url=url,
        journal_key=key_of(folder),
        label_deadline_seconds=1800,
        labeled_directory=str(folder / "labeled"),
        archive_directory=str(folder / "accepted"),
        snapshot_directory=str(folder / "snapshots"),
        snapshot_events=5000,
        snapshot_seconds=1.0,
    )


def serve(package: Path, url: str, folder: Path, count: int) -> None:
    """Body of a process: take the requests that are not answered yet, and keep the answers."""
    client = opened(package, url, folder)
    answers = folder / "answers"
    done = answered(answers)
    with answers.open("a") as file:
        file.write("\n")  # A line that was half written ends here.
        for place, (path, body) in enumerate(requests(count)):
            if place >= done:
                found = client.post(path, body)
                assert found.status == 200, found.json
                print(json.dumps([place, found.json]), file=file, flush=True)
    client.shut_down()


def answers_of(path: Path) -> dict[int, Any]:
    """Answers by the number of their request; lines that a kill has cut are no answers."""
    found = {}
    for line in path.read_text().splitlines() if path.exists() else ():
        try:
            place, answer = json.loads(line)
        except ValueError:
            continue
        found[place] = answer
    return found


def answered(path: Path) -> int:
    """How many requests have their answer."""
    return max(answers_of(path), default=-1) + 1


def run(package: Path, url: str, folder: Path, count: int, moments: list[int]) -> tuple[int, set[int]]:
    """Processes one after the other; each is killed a moment after so many requests in all.

    :returns: how many were killed, and the requests that were sent once more.
    """
    folder.mkdir()
    chance, kills, again = random.Random(1), 0, set()
    for moment in [*moments, None]:
        process = multiprocessing.get_context("fork").Process(
            target=serve, args=(package, url, folder, count)
        )
        process.start()
        while moment is not None and process.is_alive() and _lines(folder / "answers") < moment:
            time.sleep(0.005)
        if moment is not None:
            time.sleep(chance.uniform(0, 0.05))
            if process.is_alive() and process.pid is not None:
                os.kill(process.pid, signal.SIGKILL)
                kills += 1
        process.join()
        again.add(answered(folder / "answers"))
    return kills, again


def _lines(path: Path) -> int:
    return sum(bool(line) for line in path.read_bytes().split(b"\n")) if path.exists() else 0


def pairs(folder: Path) -> pd.DataFrame:
    """The labeled stream."""
    frame = pd.concat([pd.read_parquet(file) for file in sorted((folder / "labeled").glob("*.parquet"))])
    return frame.drop(columns=["predicted_at", "labeled_at"]).reset_index(drop=True)


def past() -> pd.DataFrame:
    """Readings of all devices on the day before, which no window of the events reaches back to."""
    rows = [event for body in events(DEVICES, LIST) for event in body]
    frame = pd.DataFrame(rows).rename(columns={"device": DEVICE})
    return frame.assign(timestamp=pd.to_datetime(frame["timestamp"] - 86_400, unit="s", utc=True))


def main(count: int = 50_000, kills: int = 12) -> dict[str, Any]:
    """Print what was compared, and raise if it is not equal.

    :param count: of the readings; each has a label, too.
    """
    total = 2 * (count // LIST)
    chance = random.Random(7)
    moments = sorted(chance.sample(range(1, total - 1), min(kills, total - 2)))
    with own_endpoint(schema(), INPUTS) as own:
        folder, package, info = own.folder, own.package, own.stack.up()
        killed, again = run(package, info.redis_url, folder / "killed", count, moments)
        run(package, info.redis_url, folder / "steady", count, [])
        got, expected = (answers_of(folder / which / "answers") for which in ("killed", "steady"))
        assert len(got) == len(expected) == total
        differing = sum(got[place] != expected[place] for place in range(total) if place not in again)
        ours, theirs = (opened(package, info.redis_url, folder / which) for which in ("killed", "steady"))
        labeled = [client.get("/labeled").json for client in (ours, theirs)]
        assert [labeled[0][name] for name in COUNTS] == [labeled[1][name] for name in COUNTS]
        for client in (ours, theirs):
            client.shut_down()
        found = pairs(folder / "killed")
        pd.testing.assert_frame_equal(found, pairs(folder / "steady"))
        where = folder / "killed"
        journal = LiveJournal("serving", info.redis_url, key_of(where), where / "accepted")
        looked_at = audited(info.mlrun_dbpath, package, schema(), past(), where / "labeled", journal)
    told = {
        "kills": killed,
        "events": count,
        "labels": count,
        "requests": total,
        "sent_again": len(again - {total}),
        "differences": differing,
        "pairs": len(found),
        "audited": looked_at.compared,
        "mismatches": looked_at.mismatches,
    }
    print(json.dumps(told), flush=True)
    assert not told["differences"] and not told["mismatches"]
    assert told["kills"] == len(moments) and told["pairs"] == told["audited"] == count
    return told


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
