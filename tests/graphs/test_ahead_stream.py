"""Predictions of further horizons meet what followed them, as the history says of the same labels."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from feature_sets.ingestion.label_state import no_statements
from feature_sets.labels.derived_labels import Told, derived_labels
from feature_sets.labels.horizon import with_target
from feature_sets.rows.keyed_rows import KeyedRows
from feature_sets.telemetry.each_horizon import by_horizon, further
from feature_sets.telemetry.incident_rows import END, SOURCE, at, no_incidents, said
from feature_sets.telemetry.incident_rows import START as START_OF
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from graphs.protocol.records import Ahead
from graphs.state.ahead_join import AheadJoin
from graphs.state.ahead_stream import AheadStream
from graphs.state.labeled_batches import LabeledBatches
from graphs.state.settled import Settled
from graphs.state.snapshots.saved_state import SavedState
from tests.graphs.conftest import START, Client, event, label, make_client, write_package

HORIZONS = ["0s", "1m", "5m"]
DEADLINE = 120.0
FORMS: dict[str, dict[str, Any]] = {
    "rows": {"exclude_labels": {"planned": 1}},
    "incidents": {"labels": {"form": "incidents"}, "label": "down", "exclude_labels": {"kind": "test"}},
}


def of_form(schema: TelemetrySchema, form: str) -> TelemetrySchema:
    return TelemetrySchema.from_dict({**schema.to_dict(), "horizon": HORIZONS, **FORMS[form]})


@pytest.fixture(scope="module", params=FORMS)
def package(request: Any, schema: TelemetrySchema, tmp_path_factory: pytest.TempPathFactory) -> Path:
    several = of_form(schema, request.param)
    folder = write_package(tmp_path_factory.mktemp("several"), several)
    for seed, (horizon, one) in enumerate(further(several).items(), start=4):
        (folder / "horizons" / horizon).mkdir(parents=True)
        write_package(folder / "horizons" / horizon, one, seed)
    return folder


def played(seed: int, form: str) -> tuple[list[tuple[str, Any]], pd.DataFrame]:
    """Requests in the order in which they are sent, and the label rows that they amount to."""
    random = np.random.default_rng(seed)
    sent: list[tuple[float, str, Any]] = []
    rows = []
    for device in ("a/1", "a/2"):
        in_error = planned = 0
        for tick in range(150):
            seconds = 10.0 * tick
            begins = not in_error and random.random() < 0.04
            in_error = 6 if begins else max(0, in_error - 1)
            planned = int(random.random() < 0.03) if form == "rows" else planned * (in_error > 0)
            if begins and form == "incidents":
                planned = int(random.random() < 0.3)
                end = {
                    "start": START + seconds,
                    "end": START + seconds + 60,
                    "kind": "test" if planned else "x",
                }
                sent.append((seconds + 30, "/incidents", {DEVICE: device, "id": f"{device} {tick}", **end}))
            is_dead = form == "incidents" and in_error > 0
            if random.random() < (
                0.6 if is_dead else 0.1
            ):  # No reading, and now and then a label without one.
                in_file = form == "rows" and random.random() < 0.5
            else:
                in_file = form == "incidents" or random.random() < 0.95
                sent.append((seconds, "/telemetry", event(device, seconds, float(random.integers(0, 99)))))
            if in_file:
                rows.append((device, seconds, int(in_error > 0), planned))
                body = {**label(device, seconds, int(in_error > 0)), "planned": planned}
                delay = float(random.integers(0, int(DEADLINE) - 20))
                sent += [(seconds + delay, "/labels", body)] if form == "rows" else []
    sent += [(10_000.0, "/telemetry", event(device, 10_000.0)) for device in ("a/1", "a/2")]
    table = pd.DataFrame(rows, columns=[DEVICE, "seconds", "label", "excluded"])
    return [(path, body) for _, path, body in sorted(sent, key=lambda one: one[0])], table


def send(client: Client, sent: list[tuple[str, Any]]) -> None:
    for path, body in sent:
        assert client.post(path, body).status == 200, body


def pairs(folder: Path, target: str) -> pd.DataFrame:
    return pq.read_table(folder).to_pandas().sort_values(["timestamp", DEVICE], ignore_index=True)


def derived(readings: pd.DataFrame, bodies: list[Any], schema: TelemetrySchema) -> pd.DataFrame:
    """The label rows that history makes of incidents, some of which begin while their device is silent."""
    frame = pd.DataFrame(
        [
            {
                at(DEVICE): body[DEVICE],
                "id": body["id"],
                said("kind"): body["kind"],
                SOURCE: "tickets",
                "row": row,
            }
            | {name: pd.to_datetime(body[name], unit="s", utc=True) for name in (START_OF, END)}
            for row, body in enumerate(bodies)
        ]
    ).reindex(columns=list(no_incidents(schema)))
    told = Told(no_statements(schema), frame.assign(cancelled=False))
    found = derived_labels(KeyedRows.of(readings, DEVICE, "timestamp"), told, schema)
    assert len(found) > len(readings)
    return found.assign(seconds=found["timestamp"].astype("int64") // 1_000_000_000 - START)


@pytest.mark.parametrize("seed", range(3))
def test_each_horizon_is_joined_as_the_history_labels_it(package, schema, tmp_path, seed):
    form = "incidents" if b"incidents" in (package / "model.json").read_bytes() else "rows"
    several = of_form(schema, form)
    sent, table = played(seed, form)
    client = make_client(package, labeled_directory=str(tmp_path / "pairs"), label_deadline_seconds=DEADLINE)
    send(client, sent)
    told, metrics = client.get("/labeled").json["horizons"], client.get("/metrics").json
    client.shut_down()
    rows = table.assign(
        timestamp=pd.to_datetime(table["seconds"] + START, unit="s", utc=True),
        **{several.label: table["label"], "planned": table["excluded"]},
    )
    if form == "incidents":
        rows = derived(
            rows[[DEVICE, "timestamp"]], [body for path, body in sent if path == "/incidents"], several
        )
    made = {(body[DEVICE], body["timestamp"] - START) for path, body in sent if path == "/telemetry"}
    for horizon, one in further(several).items():
        expected = with_target(rows, one)
        known = expected[expected[one.target].notna()]
        keys = list(zip(known[DEVICE], known["seconds"], strict=True))
        wanted = {key: value for key, value in zip(keys, known[one.target], strict=True) if key in made}
        found = pairs(Path(f"{tmp_path / 'pairs'}-{horizon}"), one.target)
        seconds = found["timestamp"].astype("int64") // 1_000_000 - START
        got = dict(zip(zip(found[DEVICE], seconds, strict=True), found[one.target], strict=True))
        assert got == wanted and set(wanted.values()) == {0.0, 1.0}
        right = int((found["prediction"] == found[one.target]).sum())
        assert (told[horizon]["joined"], told[horizon]["right"]) == (len(wanted), right)
        assert f'netops_ahead_pairs_total{{correct="yes",horizon="{horizon}"}} {right}.0' in metrics
        assert set(found["model"]) == {f"model-{horizon}"}


def test_a_restart_joins_what_waited_as_if_there_was_none(package, tmp_path, redis_url):
    form = "incidents" if b"incidents" in (package / "model.json").read_bytes() else "rows"
    sent, _ = played(7, form)
    settings = {"label_deadline_seconds": DEADLINE}
    whole = make_client(package, labeled_directory=str(tmp_path / "whole"), **settings)
    send(whole, sent)
    expected = whole.get("/labeled").json["horizons"]
    whole.shut_down()
    for kept in ("snapshots", ""):
        mine = tmp_path / f"mine{kept}"
        settings |= {"redis_url": redis_url, "journal_key": f"ahead-{form}{kept}"}
        settings |= {
            "labeled_directory": str(mine),
            "snapshot_directory": str(tmp_path / kept) if kept else None,
        }
        for part in (sent[: len(sent) // 2], sent[len(sent) // 2 :]):
            client = make_client(package, **settings)
            send(client, part)
            found = client.get("/labeled").json["horizons"]
            client.shut_down()
        for horizon in ("1m", "5m"):
            counted = {name: value for name, value in found[horizon].items() if name != "directory"}
            assert counted == {name: expected[horizon][name] for name in counted}
            columns = [DEVICE, "timestamp", "prediction", "probability"]
            first = pairs(Path(f"{tmp_path / 'whole'}-{horizon}"), "")[columns]
            pd.testing.assert_frame_equal(pairs(Path(f"{mine}-{horizon}"), "")[columns], first)


def test_where_the_primary_horizon_is_ahead_nothing_else_is_joined_and_that_is_told(schema, tmp_path):
    several = TelemetrySchema.from_dict({**schema.to_dict(), "horizon": ["1m", "5m"]})
    client = make_client(write_package(tmp_path, several), labeled_directory=str(tmp_path / "pairs"))
    told = client.get("/labeled").json
    assert (told["joined_horizon"], told["horizons_not_joined"]) == ("1m", ["5m"])
    assert not (tmp_path / "pairs-5m").exists()
    assert list(by_horizon(several)) == ["1m", "5m"]


class Calendar:
    """One device is in maintenance for a while."""

    def meets(self, device, time, seconds):
        return device == "a/1" and START + 30 <= time < START + 50


def test_what_follows_a_maintenance_is_not_known(schema):
    join = AheadJoin(of_form(schema, "rows"), "model", Calendar())
    for tick in range(60):
        for device in ("a/1", "a/2"):
            said = (Ahead("1m", "v1", 1, 0.9),)
            row = Settled(device, START + 10.0 * tick, int(tick == 6), False, said, START)
            join.settle(row)
    found = join.joined(START + 600.0, START)["1m"]
    ones = {(pair.device, pair.time - START) for pair in found if pair.label == 1}
    assert {second for device, second in ones if device == "a/2"} == {0, 10, 20, 30, 40, 50}
    assert {second for device, second in ones if device == "a/1"} == {50}
    again = AheadJoin(of_form(schema, "rows"), "model", Calendar())
    again.restore(join.saved())
    assert (len(again), again.counts) == (len(join), join.counts) and len(join) > 0
    # Due again at the next whole minute of event time.
    assert again.joined(START + 639.0, START) == {} and set(again.joined(START + 641.0, START)) == {
        "1m",
        "5m",
    }


def test_a_snapshot_of_one_horizon_alone_is_an_empty_beginning(schema):
    join = AheadJoin(of_form(schema, "rows"), "model")
    join.restore(SavedState())
    assert len(join) == 0 and join.waiting("1m") == 0


@pytest.mark.parametrize("size", [10, 40])  # The smaller one is full before anything is settled.
def test_what_waits_for_what_follows_takes_room_of_the_ledger(package: Path, size: int) -> None:
    client = make_client(package, label_deadline_seconds=DEADLINE, ledger_max_size=size)
    deadline = client.step("labeled_join")._deadline
    join = client.step("labeled_join")._ahead.join
    sent = 0
    while client.post("/telemetry", event("a/1", 5.0 * sent)).status == 200:
        sent += 1
        assert sent < 1000
    assert len(client.step("labeled_join")._ledger) + join.held >= size
    assert 'netops_refused_requests_total{reason="ledger"} 1.0' in client.get("/metrics").json
    # An event that is new enough to end what waits is taken, and makes room.
    assert client.post("/telemetry", event("a/1", 5.0 * sent + deadline + 1000)).status == 200
    assert client.post("/telemetry", event("a/1", 5.0 * sent + deadline + 1010)).status == 200


@pytest.mark.parametrize(("owner", "name"), [(AheadStream, "advance"), (LabeledBatches, "add")])
def test_what_fails_while_it_is_joined_is_joined_once(
    package: Path, tmp_path: Path, redis_url: str, monkeypatch: pytest.MonkeyPatch, owner: type, name: str
) -> None:
    form = "incidents" if b"incidents" in (package / "model.json").read_bytes() else "rows"
    settings = {"redis_url": redis_url, "journal_key": str(tmp_path), "label_deadline_seconds": DEADLINE}
    client = make_client(package, labeled_directory=str(tmp_path / "live"), **settings)
    calls, real = itertools.count(1), getattr(owner, name)

    def failing(*given: Any, **named: Any) -> Any:
        if next(calls) % 5 == 0:
            raise MemoryError
        return real(*given, **named)

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, failing)
        assert {client.post(path, body).status for path, body in played(0, form)[0]} == {200, 500}
    restarted = make_client(package, labeled_directory=str(tmp_path / "again"), **settings)

    def told(each: Client) -> list[Any]:
        lines = each.get("/metrics").json.splitlines()
        counts = [
            line for line in lines if line.startswith(("netops_ahead_pairs_total", "netops_labels_total"))
        ]
        found = each.get("/labeled").json
        horizons = [{**one, "directory": None} for one in found["horizons"].values()]
        return [sorted(line for line in counts if not line.endswith(" 0.0")), found["joined"], horizons]

    assert told(client) == told(restarted)
    client.shut_down()
    restarted.shut_down()
    for horizon in HORIZONS[1:]:
        first = pairs(tmp_path / f"live-{horizon}", "")
        pd.testing.assert_frame_equal(pairs(tmp_path / f"again-{horizon}", ""), first)


def test_rows_that_do_not_count_take_no_room_and_what_follows_with_those_forgotten_is_unknown(schema):
    several = of_form(schema, "rows")

    def played(most: float) -> AheadJoin:
        join = AheadJoin(several, "model", most=most)
        for tick in range(60):
            join.settle(Settled("a/1", START + 10.0 * tick, 0, False, (Ahead("1m", "v1", 1, 0.9),), START))
        for tick in range(30):
            join.exclude("a/2", START + 2 * tick)
            if tick == 15:
                again = AheadJoin(several, "model", most=most)
                again.restore(join.saved())
                join = again
        return join

    whole, full = played(30), played(10)
    assert whole.held == full.held == 60 and len(full._told) <= 10 < len(whole._told)
    found = [join.joined(START + 600.0, START)["1m"] for join in (whole, full)]
    assert whole.held == full.held and len(whole) > len(full)
    until = START + 2 * 19  # Ten are left after it.
    assert list(found[1]) == [pair for pair in found[0] if pair.time > until]
    assert full.counts["1m"]["unknown"] > whole.counts["1m"]["unknown"]
    # Forgotten among the rows, too.
    for tick in range(30, 60):
        full.exclude("a/2", START + 2 * tick)
    assert full.held == sum(bool(row.ahead) for row in full._rows) and full._bare + len(full._told) <= 10


def test_a_maintenance_of_everything_refuses_no_telemetry_with_several_horizons_either(
    schema, tmp_path, redis_url
):
    several = TelemetrySchema.from_dict({**of_form(schema, "rows").to_dict(), "maintenance": {}})
    folder = write_package(tmp_path, several)
    for seed, (horizon, one) in enumerate(further(several).items(), start=4):
        (folder / "horizons" / horizon).mkdir(parents=True)
        write_package(folder / "horizons" / horizon, one, seed)
    kept = {
        "redis_url": redis_url,
        "journal_key": str(tmp_path),
        "snapshot_directory": str(tmp_path / "kept"),
    }
    settings = {**kept, "label_deadline_seconds": DEADLINE, "ledger_max_size": 8}
    client = make_client(folder, **settings)
    assert client.post("/telemetry", event("a/2", 0)).status == 200
    opened = {"id": "open", "device": "a/1", "start": START, "end": None}
    assert client.post("/maintenance", opened).status == 200
    for restarted in (False, True):
        if restarted:
            client.shut_down()
            client = make_client(folder, **settings)
        first = 700 * restarted
        statuses = [client.post("/telemetry", event("a/1", first + 20 * tick)).status for tick in range(30)]
        assert set(statuses) == {200}
        join = client.step("labeled_join")._ahead.join
        assert join.held == 0 and 0 < len(join._told) <= 8
    assert client.get("/labeled").json["suppressed_predictions"] == 60
