"""What must be equal in a process and the oracle."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa

from feature_sets.model_package.columns import SHADOWS
from feature_sets.rows.event_micros import event_micros
from graphs.protocol.times import iso_time
from graphs.state.entry_id import BEFORE_ALL
from graphs.state.journal_archive import archived
from graphs.state.kept_incidents import SENT
from tests.simulation.ahead import AheadPair
from tests.simulation.ledgers import IncidentLedger, Pair, Said
from tests.simulation.models import HORIZONS, THRESHOLDS
from tests.simulation.oracle import Oracle
from tests.simulation.patches import read_table
from tests.simulation.process import Process
from tests.simulation.store import Committed
from tests.simulation.world import World

COUNTED = (
    "events",
    "labels",
    "incidents",
    "maintenance_changes",
    "predictions",
    "labeled_pairs",
    "ahead_pairs",
)


class Mismatch(AssertionError):
    """A history is not as the oracle has it."""


def expect(holds: bool, what: str) -> None:
    """Raise Mismatch unless something holds."""
    if not holds:
        raise Mismatch(what)


def equal(what: str, got: Any, expected: Any) -> None:
    """Raise Mismatch unless both are the same."""
    if got != expected:  # To say it takes longer than to look.
        raise Mismatch(f"{what}: got {got}, the oracle has {expected}")


def answer_is_equal(path: str, answer: list[dict[str, Any]], expected: list[dict[str, Any]]) -> None:
    """An acknowledged request was answered rightly."""
    equal(f"POST {path}, events answered", len(answer), len(expected))
    for got, right in zip(answer, expected, strict=True):
        if path == "/telemetry":
            said = right["said"]
            names = ("device", "timestamp", "status", "maintenance", "version", "prediction")
            wanted = (right["device"], iso_time(right["time"]), right["status"], right["maintenance"])
            predicted = None if right["maintenance"] else said and said.prediction
            made = tuple(got.get(name) for name in names)
            equal(f"POST {path}", made, (*wanted, said and said.version, predicted))
            equal(f"POST {path}, probability", got["probability"], said and said.probability)
            if "horizons" in got:
                _horizons_are_equal(got["horizons"], said, bool(right["maintenance"]))
        elif path == "/labels":
            equal(f"POST {path}", (got["device"], got["status"]), (right["device"], right["status"]))
        else:
            equal(f"POST {path}", {name: got[name] for name in right}, right)


def _horizons_are_equal(got: dict[str, Any], said: Said | None, is_silenced: bool) -> None:
    """What is answered of each horizon, the primary one among them."""
    told = {} if said is None else {"0s": said[:3], **dict(said.ahead)}
    names = ("model_version", "prediction", "probability", "threshold")
    for horizon in ("0s", *HORIZONS):
        version, prediction, probability = told.get(horizon, (None, None, None))
        threshold = None if version is None else THRESHOLDS[version.partition("-")[0]]
        right = (version, None if is_silenced else prediction, probability, threshold)
        equal(f"POST /telemetry, horizon {horizon}", tuple(got[horizon][name] for name in names), right)


def summaries_are_equal(process: Process, oracle: Oracle, is_watched: bool) -> None:
    """The ledger, the routing and the detectors are as they must be."""
    labeled = process.send("GET", "/labeled")[1]
    kept_out = {"suppressed_predictions": oracle.suppressed, "excluded_pairs": oracle.excluded}
    expected = oracle.ledger.summary() | kept_out
    equal("GET /labeled", {name: labeled[name] for name in expected}, expected)
    if oracle.ahead is not None:
        told = oracle.ahead.summary()
        found = {
            horizon: {name: labeled["horizons"][horizon][name] for name in counts}
            for horizon, counts in told.items()
        }
        equal("GET /labeled, horizons", found, told)
    equal("GET /, champion", process.send("GET", "/")[1]["model_version"], oracle.champion)
    changes = process.send("GET", "/routing")[1]["changes"]
    equal("GET /routing", [one["id"] for one in changes], [one["id"] for one in oracle.routing])
    if is_watched:
        status = process.send("GET", "/drift")[1]
        drift = oracle.drift()
        equal("GET /drift, attached", status["attached"], drift is not None)
        if drift is not None:
            equal("GET /drift", {name: status[name] for name in drift}, drift)


def answers_are_equal(process: Process, oracle: Oracle, is_watched: bool, counts: bool) -> None:
    """A process that has just started is as one that never ended; its counters went on."""
    summaries_are_equal(process, oracle, is_watched)
    if counts:
        counted = {key: value for key, value in process.counts().items() if key[0] in COUNTED}
        right = {key: float(value) for key, value in oracle.counts.items()}
        differ = [key for key in {*counted, *right} if counted.get(key) != right.get(key)]
        equal(f"counters {sorted(differ)}", *([one.get(key) for key in differ] for one in (counted, right)))


def nothing_newer_is_lost(world: World, oracle: Oracle, entry: Committed) -> None:
    """What the history tells of an incident does not take the place of what was sent since."""
    if entry.kind == "incidents" and isinstance(oracle.ledger, IncidentLedger):
        told = [row["id"] for row in orjson.loads(entry.events) if row["source"] != SENT]
        older = [name for name in told if world.history.is_older(name, oracle.ledger.sent)]
        equal("incidents that were sent after what the history tells of them", older, [])


def all_is_told(world: World, oracle: Oracle) -> None:
    """Who was told of the history knows its incidents as they are there."""
    ledger = oracle.ledger
    assert isinstance(ledger, IncidentLedger)
    differ = world.history.differing(ledger)
    found = {name: (ledger.incidents.get(name), world.history.wanted(name)) for name in differ}
    equal("incidents that the history has otherwise", found, {})


def pairs_are_equal(world: World, oracle: Oracle) -> None:
    """The labeled stream has each pair once, in order."""
    got = _rows(world.folder / "labeled", "is_error")
    expect(len(got) == len(oracle.pairs), f"labeled pairs: {len(got)}, the oracle has {len(oracle.pairs)}")
    for row, pair in zip(got, oracle.pairs, strict=True):
        equal("labeled pair", row, _row(pair, pair.said[:4]))
    for horizon, pairs in ({} if oracle.ahead is None else oracle.ahead.pairs).items():
        rows = _rows(world.folder / f"labeled-{horizon}", f"is_error_within_{horizon}")
        equal(f"labeled pairs of {horizon}", rows, [_row(one, (*one.said, ())) for one in pairs])


def _row(pair: Pair | AheadPair, said: tuple[Any, ...]) -> tuple[Any, ...]:
    """A pair as ``_rows`` has it."""
    times = map(event_micros, (pair.time, pair.predicted_at, pair.labeled_at))
    return (pair.device, *times, *said, pair.label)


def nothing_is_dropped(world: World) -> None:
    """Every entry that the store took is in the journal or in its archive."""
    entries = archived(world.folder / "accepted", BEFORE_ALL, with_events=False)
    kept = {entry.id for entry in entries} | set(world.store.ids)
    equal("entries in neither", [entry.id for entry in world.store.log if entry.id not in kept], [])


def _rows(folder: Path, label: str) -> list[tuple[Any, ...]]:
    """What the files of a labeled stream have, in their order."""
    return [row for path in sorted(folder.glob("*.parquet")) for row in _rows_of(read_table(path), label)]


def _rows_of(table: pa.Table, label: str) -> Iterator[tuple[Any, ...]]:
    """The same of one file; numbers come out much faster as an array than one by one."""
    instants, names = ("timestamp", "predicted_at", "labeled_at"), ("version", "prediction", "probability")
    told = table.column(SHADOWS).to_pylist() if SHADOWS in table.column_names else [()] * len(table)
    shadows = [tuple(tuple(one[name] for name in names) for one in each or ()) for each in told]
    times = [table.column(name).cast("int64").to_numpy().tolist() for name in instants]
    device, version, *said = (table.column(name).to_numpy().tolist() for name in ("device", *names, label))
    return zip(device, *times, version, *said[:2], shadows, said[2], strict=True)
