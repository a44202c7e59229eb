"""What a restart keeps of the routing: promotions, versions that were away, models of further horizons."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from feature_sets.model_package.files import MODEL_FILE
from feature_sets.model_package.package import read_model_package
from feature_sets.telemetry.each_horizon import by_horizon
from feature_sets.telemetry.schema import TelemetrySchema
from graphs import returning_versions
from graphs.routing.document import RoutedVersion
from tests.graphs.conftest import INPUTS, Client, event, make_client, write_package
from tests.graphs.test_routing import (
    DEVICES,
    Graph,
    change,
    graph,
    packages,
    routed,
    versions_of,
    with_golden,
)

__all__ = ["graph", "packages"]


def roles(client: Client) -> list[tuple[str, str]]:
    return [(each["version"], each["role"]) for each in client.get("/routing").json["versions"]]


def test_a_restart_with_a_fixed_model_path_keeps_a_declared_promotion(
    graph: Graph, packages: dict[str, Path]
) -> None:
    change(graph("v3", deployment="one"), routed(packages, "v5", "champion"), declared=True)
    assert roles(graph("v3", deployment="one")) == [("v5", "champion")]
    assert roles(graph("v3", deployment="one")) == [("v5", "champion")]
    assert roles(graph("v3", deployment="two")) == [("v3", "champion")]


def test_a_restart_with_a_deployed_document_keeps_a_declared_promotion(
    graph: Graph, packages: dict[str, Path]
) -> None:
    document = {"versions": [routed(packages, "v3", "champion"), routed(packages, "v7", "shadow")]}
    change(graph(routing=document, deployment="one"), routed(packages, "v5", "champion"), declared=True)
    assert roles(graph(routing=document, deployment="one")) == [("v5", "champion")]
    assert roles(graph(routing=document, deployment="two")) == [("v3", "champion"), ("v7", "shadow")]


def test_a_tag_that_moved_counts_at_a_restart_and_a_deployment_of_what_it_was_does_too(
    graph: Graph, packages: dict[str, Path]
) -> None:
    change(graph("v3", deployment="one"), routed(packages, "v5", "champion"), declared=True)
    assert roles(graph("v7", deployment="one")) == [("v7", "champion")]
    assert roles(graph("v3", deployment="two")) == [("v3", "champion")]


def test_a_function_of_an_earlier_version_keeps_a_declared_promotion_too(
    graph: Graph, packages: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    live = graph("v3", snapshot_directory=None)
    change(live, routed(packages, "v5", "champion"), declared=True)
    journal = live.step("journal")._journal
    kept = journal.load("routing")
    del kept["started"]
    journal.merge("routing", lambda _: kept)
    monkeypatch.setattr("graphs.serving_graph.uuid.uuid4", lambda: type("", (), {"hex": ""}))
    assert roles(graph("v3", snapshot_directory=None)) == [("v5", "champion")]


def away(packages: dict[str, Path], schema: TelemetrySchema, folder: Path) -> dict[str, Path]:
    """Packages with one more, which can be taken away."""
    folder.mkdir()
    return {**packages, "v13": with_golden(write_package(folder, schema, 13))}


def back(client: Client, wanted: list[tuple[str, str]]) -> None:
    deadline = time.monotonic() + 20
    while roles(client) != wanted:
        assert time.monotonic() < deadline, client.get("/routing").json["changes"]
        time.sleep(0.01)


@pytest.mark.parametrize("role", ["canary", "shadow", "champion"])
def test_a_version_that_was_away_at_a_start_comes_back_with_its_devices(
    graph: Graph,
    packages: dict[str, Path],
    schema: TelemetrySchema,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    role: str,
) -> None:
    monkeypatch.setattr(returning_versions, "FIRST_PAUSE", 0.02)
    found = away(packages, schema, tmp_path / "v13")
    share = {"share": 0.3} if role == "canary" else {}
    others = [] if role == "champion" else [routed(found, "v3", "champion")]
    live = graph()
    change(live, *others, routed(found, "v13", role, **share), routed(found, "v7", "shadow"))
    wanted, answered = roles(live), versions_of(live, 0)
    content = (tmp_path / "v13" / MODEL_FILE).read_bytes()
    (tmp_path / "v13" / MODEL_FILE).unlink()
    restarted = graph()
    assert roles(restarted) == [("v3", "champion"), ("v7", "shadow")]
    assert set(versions_of(restarted, 10).values()) == {"v3"}
    (tmp_path / "v13" / MODEL_FILE).write_bytes(content)
    back(restarted, wanted)
    assert versions_of(restarted, 20) == answered
    told = restarted.get("/routing").json["changes"][-1]
    assert (told["who"], told["why"], told["outcome"]) == ("endpoint", "loadable again: v13", "applied")
    # What was answered meanwhile is answered the same by a replay.
    again = graph()
    assert set(versions_of(again, 10).values()) == {"v3"} and versions_of(again, 20) == answered


def test_a_version_that_was_away_comes_back_though_a_shadow_beside_it_ended_meanwhile(
    graph: Graph,
    packages: dict[str, Path],
    schema: TelemetrySchema,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(returning_versions, "FIRST_PAUSE", 0.5)
    found = away(packages, schema, tmp_path / "v13")
    tried = routed(found, "v7", "shadow", until="2001-09-09T02:00:00+00:00")
    change(graph(), routed(found, "v13", "champion"), tried)
    content = (tmp_path / "v13" / MODEL_FILE).read_bytes()
    (tmp_path / "v13" / MODEL_FILE).unlink()
    restarted = graph()
    assert roles(restarted) == [("v3", "champion"), ("v7", "shadow")]
    versions_of(restarted, 10)
    assert roles(restarted) == [("v3", "champion")]
    (tmp_path / "v13" / MODEL_FILE).write_bytes(content)
    back(restarted, [("v13", "champion")])
    told = [each["who"] for each in restarted.get("/routing").json["changes"]]
    assert told == ["kim", "endpoint", "deadline", "endpoint"]


def test_nobody_brings_back_what_a_person_has_changed_since(
    graph: Graph, packages: dict[str, Path], schema: TelemetrySchema, tmp_path: Path
) -> None:
    found = away(packages, schema, tmp_path / "v13")
    change(graph(), routed(found, "v3", "champion"), routed(found, "v13", "shadow"))
    content = (tmp_path / "v13" / MODEL_FILE).read_bytes()
    (tmp_path / "v13" / MODEL_FILE).unlink()
    restarted = graph()
    state = restarted.step("model_router")._routing
    assert [each.version for each in state._left_out()] == ["v13"]
    (tmp_path / "v13" / MODEL_FILE).write_bytes(content)
    model = state.versions.load(state._left_out()[0])
    state._come_back([model])
    waiting = state.trail.waiting
    state.trail.waiting = None
    change(restarted, routed(found, "v5", "champion"))
    state.trail.waiting = waiting
    assert roles(restarted) == [("v5", "champion")] and state.trail.waiting is None
    assert state._left_out() == []


def test_a_version_that_another_process_put_in_force_and_this_one_cannot_load_gives_way(
    graph: Graph, packages: dict[str, Path], schema: TelemetrySchema, tmp_path: Path
) -> None:
    found = away(packages, schema, tmp_path / "v13")
    one, other = graph(snapshot_directory=None), graph(snapshot_directory=None)
    versions_of(one, 0)
    change(other, routed(found, "v13", "champion"))
    versions_of(other, 10)
    (tmp_path / "v13" / MODEL_FILE).unlink()
    assert set(versions_of(one, 20).values()) == {"v3"}
    versions_of(one, 30)
    assert roles(one) == [("v3", "champion")]


def horizons(folder: Path, schema: TelemetrySchema, seed: int) -> Path:
    several = TelemetrySchema.from_dict({**schema.to_dict(), "horizon": ["0s", "10m"]})
    folder.mkdir()
    write_package(folder, several, 3)
    (folder / "horizons" / "10m").mkdir(parents=True)
    write_package(folder / "horizons" / "10m", by_horizon(several)["10m"], seed, INPUTS[:3])
    return folder


def test_a_replay_answers_with_the_further_model_that_was_in_force(
    schema: TelemetrySchema, redis_url: str, tmp_path: Path
) -> None:
    def started(seed: int) -> Client:
        return make_client(
            tmp_path / f"h{seed}", devices=DEVICES, redis_url=redis_url, journal_key="tests:ahead"
        )

    def answers(client: Client, seconds: float) -> Any:
        sent = [event(device, seconds) for device in list(DEVICES)[:3]]
        return [told["horizons"]["10m"] for told in client.post("/telemetry", sent).json]

    for seed in (4, 6):
        horizons(tmp_path / f"h{seed}", schema, seed)
    first = answers(started(4), 0)
    newer = started(6)
    assert answers(newer, 0) == first and first[0]["model_version"] == "v4"
    assert first[0]["threshold"] == 0.5
    second = answers(newer, 10)
    assert second[0]["model_version"] == "v6" and second[0]["probability"] != first[0]["probability"]
    assert newer.get("/routing").json["horizons"] == {"10m": "v6"}
    told = newer.get("/routing").json["changes"]
    assert [(each["who"], each["why"]) for each in told] == [
        ("deployment", "deployed with further horizons: 10m v6")
    ]
    again = started(6)
    assert (answers(again, 0), answers(again, 10)) == (first, second)
    assert len(again.get("/routing").json["changes"]) == 1
    none = tmp_path / "h4" / "horizons" / "10m" / MODEL_FILE
    none.rename(none.with_suffix(".away"))  # Nothing but the deployed model is left.
    assert answers(started(6), 0)[0]["model_version"] == "v6"


def test_a_model_of_the_same_name_and_another_digest_is_another_one(
    package: Path, schema: TelemetrySchema, tmp_path: Path
) -> None:
    other = with_golden(write_package(tmp_path, schema, 3))  # Of version v3, too, and packaged anew.
    versions = make_client(package).step("model_router")._routing.versions
    document = [
        RoutedVersion("v3", "champion", str(folder), read_model_package(folder).digest)
        for folder in (package, other)
    ]
    assert [versions.is_there(each) for each in document] == [True, False]
    assert [versions.needed(each).digest for each in document] == [document[0].sha256] * 2
    assert versions.lacks_some and not versions.why_absent(document[0])
    assert f"SHA-256 of its model.json: must be {document[1].sha256}" in versions.why_absent(document[1])
