"""Several versions at once: who answers, what is tried beside it, and how that changes while events come."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from drift.detectors.ddm import DDM
from drift.monitor import DriftMonitor
from feature_sets.checks import InputError
from feature_sets.model_package.errors import ModelPackageError
from feature_sets.model_package.files import MODEL_FILE
from feature_sets.model_package.golden import GOLDEN_FILE, GoldenRows
from feature_sets.model_package.package import read_model_package
from feature_sets.model_package.schema import SCHEMA_FILE
from feature_sets.model_package.signature import SIGNATURE_FILE, sign_package
from feature_sets.telemetry.schema import TelemetrySchema
from graphs.loaded_versions import check_same_telemetry
from graphs.routing.document import RoutingDocument
from graphs.routing.routing import Routing
from tests.graphs.conftest import INPUTS, Client, event, label, make_client, write_golden, write_package

_keys = itertools.count()
DEVICES = {f"a/{number}": {"model_x": number % 2, "model_y": 1 - number % 2} for number in range(40)}
FEWER = INPUTS[:4]


def with_golden(folder: Path) -> Path:
    """A package as the packaging of now writes it."""
    package = read_model_package(folder)
    session = package.session(threads=1)
    rows = np.random.default_rng(1).normal(40, 10, (60, len(package.schema.inputs))).astype(np.float32)
    golden = GoldenRows.of(rows, lambda rows: session.probability(package.schema.impute(rows)))
    write_golden(folder, golden)
    return folder


@pytest.fixture(scope="session")
def packages(schema: TelemetrySchema, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Packages by version; v7 takes fewer inputs than the others."""
    home = tmp_path_factory.mktemp("versions")
    found = {}
    for seed, inputs in ((3, INPUTS), (5, INPUTS), (7, FEWER)):
        (home / f"v{seed}").mkdir()
        found[f"v{seed}"] = with_golden(write_package(home / f"v{seed}", schema, seed, inputs))
    return found


def routed(packages: dict[str, Path], version: str, role: str, **more: Any) -> dict[str, Any]:
    return {
        "version": version,
        "role": role,
        "model_path": str(packages[version]),
        "sha256": hashlib.sha256((packages[version] / SCHEMA_FILE).read_bytes()).hexdigest(),
        **more,
    }


def settled(client: Client, answer: Any) -> dict[str, Any]:
    """What became of a change that was asked for."""
    assert answer.status == 202, answer.json
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        told = client.get("/routing").json
        found = [change for change in told["changes"] if change["id"] == answer.json["change"]]
        if found:
            return found[0]
        time.sleep(0.005)
    raise AssertionError("the change was neither applied nor refused")


def change(client: Client, *versions: dict[str, Any], **more: Any) -> dict[str, Any]:
    body = {"routing": {"versions": list(versions)}, "who": "kim", "why": "a test", **more}
    return settled(client, client.send("PUT", "/routing", body))


def versions_of(client: Client, seconds: float) -> dict[str, str]:
    """Version that answers each device."""
    answers = client.post("/telemetry", [event(device, seconds) for device in DEVICES]).json
    return {answer["device"]: answer["version"] for answer in answers}


def probability(client: Client, seconds: float) -> list[float]:
    answers = client.post("/telemetry", [event(device, seconds) for device in DEVICES]).json
    return [answer["probability"] for answer in answers]


Graph = Callable[..., Client]


@pytest.fixture
def graph(packages: dict[str, Path], redis_url: str, tmp_path: Path) -> Graph:
    """Makes processes of one function, with a journal and snapshots."""
    key = f"tests:routing:{next(_keys)}"

    def made(version: str = "v3", **settings: Any) -> Client:
        settings.setdefault("redis_url", redis_url)
        return make_client(
            packages[version] if "routing" not in settings else "",  # type: ignore[arg-type]
            **{
                "devices": DEVICES,
                "journal_key": key,
                "labeled_directory": str(tmp_path / "labeled"),
                "batch_seconds": 3600,
                "snapshot_directory": str(tmp_path / "snapshots"),
                "snapshot_seconds": 3600,
                **settings,
            },
        )

    return made


def test_a_swap_is_applied_before_the_next_event_and_told(graph: Graph, packages: dict[str, Path]) -> None:
    client = graph()
    assert set(versions_of(client, 0).values()) == {"v3"}
    told = change(client, routed(packages, "v5", "champion"))
    assert set(versions_of(client, 10).values()) == {"v5"}
    assert client.get("/").json["model_version"] == "v5"
    assert (told["who"], told["why"], told["outcome"], told["error"]) == ("kim", "a test", "applied", "")
    assert told["from"] == [{"version": "v3", "role": "champion"}]
    assert told["to"] == [{"version": "v5", "role": "champion"}]
    duplicate = client.post("/telemetry", event("a/1", 0)).json
    assert (duplicate["status"], duplicate["version"], duplicate["threshold"]) == ("duplicate", "v3", 0.5)
    assert client.get("/routing").json["revision"] == 1
    assert client.get("/v2/models/model/versions/v5").status == 200
    assert client.get("/v2/models/model/versions/v9").json["error"]["rule"] == "must be v5"


@pytest.mark.parametrize(
    ("share", "count"), [(0.001, 1), (0.025, 1), (0.03, 2), (0.1, 4), (0.5, 20), (0.975, 39), (1.0, 40)]
)
def test_the_share_of_a_canary_is_exact_to_the_device(
    packages: dict[str, Path], share: float, count: int
) -> None:
    client = make_client(packages["v3"], devices=DEVICES)
    change(client, routed(packages, "v3", "champion"), routed(packages, "v5", "canary", share=share))
    answered = versions_of(client, 0)
    assert list(answered.values()).count("v5") == count
    (told,) = [each for each in client.get("/routing").json["versions"] if each["role"] == "canary"]
    assert (told["share"], told["devices"]) == (share, count)


def test_a_larger_share_has_the_devices_of_a_smaller_one_and_another_salt_has_others(
    packages: dict[str, Path],
) -> None:
    client = make_client(packages["v3"], devices=DEVICES)
    before: set[str] = set()
    for step, share in enumerate((0.1, 0.3, 0.6)):
        change(client, routed(packages, "v3", "champion"), routed(packages, "v5", "canary", share=share))
        now = {device for device, version in versions_of(client, 10 * step).items() if version == "v5"}
        assert before < now
        before = now
    document = {
        "salt": "another",
        "versions": [routed(packages, "v3", "champion"), routed(packages, "v5", "canary", share=0.6)],
    }
    settled(client, client.send("PUT", "/routing", {"routing": document, "who": "kim", "why": "a test"}))
    assert before != {device for device, version in versions_of(client, 90).items() if version == "v5"}


def test_two_canaries_take_devices_of_their_own(packages: dict[str, Path]) -> None:
    client = make_client(packages["v3"], devices=DEVICES)
    canaries = [routed(packages, "v5", "canary", share=0.25), routed(packages, "v7", "canary", share=0.1)]
    change(client, routed(packages, "v3", "champion"), *canaries)
    answered = list(versions_of(client, 0).values())
    assert (answered.count("v3"), answered.count("v5"), answered.count("v7")) == (26, 10, 4)


def test_shadows_are_scored_on_the_same_rows_and_never_answer(
    graph: Graph, packages: dict[str, Path], tmp_path: Path
) -> None:
    client, alone = graph(), make_client(packages["v7"], devices=DEVICES)
    change(
        client,
        routed(packages, "v3", "champion"),
        routed(packages, "v7", "shadow"),
        routed(packages, "v5", "canary", share=0.25),
    )
    answers = client.post("/telemetry", [event(device) for device in DEVICES]).json
    assert {answer["version"] for answer in answers} == {"v3", "v5"}
    assert not any("shadows" in answer for answer in answers)
    expected = dict(zip(DEVICES, probability(alone, 0), strict=True))
    client.post("/labels", [label(device, 0, 1) for device in DEVICES])
    client.shut_down()
    rows = pd.concat(pd.read_parquet(path) for path in sorted((tmp_path / "labeled").glob("*.parquet")))
    assert len(rows) == 40
    for _, row in rows.iterrows():
        said = {told["version"]: told["probability"] for told in row["shadows"]}
        assert said.pop("v7") == expected[row["device"]]
        assert list(said) == (["v3"] if row["version"] == "v5" else [])
    assert rows[list(INPUTS)].notna().to_numpy().any()


def test_detectors_and_scores_are_those_of_the_champion(packages: dict[str, Path]) -> None:
    client = make_client(packages["v3"], devices=DEVICES)
    client.send("PUT", "/drift/detectors", DriftMonitor([DDM()]).to_dict())

    def watched(seconds: float) -> tuple[int, int]:
        versions = list(versions_of(client, seconds).values())
        client.post("/labels", [label(device, seconds) for device in DEVICES])
        made, pairs = client.step("detect_drift")._watch.noted()
        assert len(made) == len(pairs)
        return versions.count("v3"), len(pairs)

    assert watched(0) == (40, 40)
    change(client, routed(packages, "v3", "champion"), routed(packages, "v5", "canary", share=0.25))
    assert watched(10) == (30, 70)
    assert client.get("/drift").json["n"] == 70
    change(client, routed(packages, "v5", "champion"), routed(packages, "v3", "canary", share=0.5))
    assert not client.get("/drift").json["attached"]
    assert watched(20) == (20, 20)


def test_a_version_in_shadow_that_fails_disturbs_nobody(packages: dict[str, Path]) -> None:
    client = make_client(packages["v3"], devices=DEVICES)
    change(client, routed(packages, "v3", "champion"), routed(packages, "v7", "shadow"))
    model = client.step("model_router")._routing.versions.get("v7")
    model.inputs = lambda features: 1 / 0
    assert client.post("/telemetry", event("a/1")).json["version"] == "v3"
    assert 'netops_shadow_failures_total{version="v7"} 1.0' in client.get("/metrics").json


def broken(packages: dict[str, Path], folder: Path, what: str, schema: TelemetrySchema) -> dict[str, Any]:
    """A version that must be refused."""
    if what == "schema":
        other = TelemetrySchema.from_dict(
            {**schema.to_dict(), "windows": {"lengths": ["2m"], "period": "10s", "operations": ["avg"]}}
        )
        write_package(folder, other, 11, ("cpu", "latency"))
    else:
        with_golden(write_package(folder, schema, 11))
    if what == "golden":
        golden = read_model_package(folder).golden
        assert golden is not None
        write_golden(folder, GoldenRows(golden.rows, golden.probability + 0.001))
    elif what == "file":
        (folder / MODEL_FILE).write_bytes(b"not a model")
    given = routed({"v11": folder}, "v11", "champion")
    if what == "digest":
        given["sha256"] = "0" * 64
    if what == "version":
        given["version"] = "v12"
    if what == "away":
        given["model_path"] = str(folder / "nowhere")
    return given


@pytest.mark.parametrize(
    ("what", "rule"),
    [
        ("digest", "SHA-256 of its model.json: must be 000"),
        ("file", "model.onnx: SHA-256: must be"),
        ("golden", "golden row 0: must be answered with"),
        ("version", "must be the version of its package, got 'v11'"),
        ("schema", "must be that of the endpoint for a swap while the endpoint runs"),
        ("away", "must hold model.onnx"),
    ],
)
def test_what_cannot_be_trusted_is_refused_and_the_champion_stays(
    packages: dict[str, Path], schema: TelemetrySchema, tmp_path: Path, what: str, rule: str
) -> None:
    client = make_client(packages["v3"], devices=DEVICES)
    told = change(client, broken(packages, tmp_path, what, schema))
    assert told["outcome"] == "refused"
    assert rule in told["error"]
    assert set(versions_of(client, 0).values()) == {"v3"}
    assert client.get("/routing").json["versions"][0]["version"] == "v3"
    assert change(client, routed(packages, "v5", "champion"))["outcome"] == "applied"


def test_only_what_the_trusted_key_has_signed_is_loaded(
    packages: dict[str, Path], schema: TelemetrySchema, tmp_path: Path
) -> None:
    key, other = ed25519.Ed25519PrivateKey.generate(), ed25519.Ed25519PrivateKey.generate()
    form = (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    trusted = key.public_key().public_bytes(*form).decode()
    names = (MODEL_FILE, SCHEMA_FILE, GOLDEN_FILE)
    copies = {name: shutil.copytree(packages[name], tmp_path / name) for name in ("v3", "v5", "v7")}
    with pytest.raises(ModelPackageError, match=r"must hold model\.sig"):
        make_client(copies["v3"], devices=DEVICES, verify_key=trusted)
    for signer, version in ((key, "v3"), (other, "v5"), (key, "v7")):
        sign_package(copies[version], names, signer)
    client = make_client(copies["v3"], devices=DEVICES, verify_key=trusted)
    told = change(client, routed(copies, "v5", "champion"))
    assert told["outcome"] == "refused"
    assert "model.sig: must be made with the key that is trusted" in told["error"]
    told = change(client, routed(packages, "v5", "champion"))  # The same files without a signature.
    assert (told["outcome"], "must hold model.sig" in told["error"]) == ("refused", True)
    assert set(versions_of(client, 0).values()) == {"v3"}
    assert change(client, routed(copies, "v7", "champion"))["outcome"] == "applied"
    assert set(versions_of(client, 10).values()) == {"v7"}


ALTERED = {
    "absent": (MODEL_FILE, None, "must hold model.onnx"),
    "unsigned": (SIGNATURE_FILE, None, "must hold model.sig"),
    "model": (MODEL_FILE, b"not a model", "model.onnx: SHA-256: must be"),
    "golden": (GOLDEN_FILE, b"no rows", "golden.json: SHA-256: must be"),
    "schema": (SCHEMA_FILE, b"{}", "model.json: format: must be"),
}


@pytest.mark.parametrize("what", ALTERED)
@pytest.mark.parametrize("is_same_path", [False, True])
def test_a_version_that_is_loaded_is_put_in_force_from_a_package_that_is_right_alone(
    packages: dict[str, Path], tmp_path: Path, what: str, is_same_path: bool
) -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    form = (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    copies = {name: shutil.copytree(packages[name], tmp_path / name) for name in ("v3", "v5")}
    for folder in copies.values():
        sign_package(folder, (MODEL_FILE, SCHEMA_FILE, GOLDEN_FILE), key)
    right = shutil.copytree(copies["v5"], tmp_path / "right")
    client = make_client(
        copies["v3"], devices=DEVICES, verify_key=key.public_key().public_bytes(*form).decode()
    )
    champion, canary = routed(copies, "v3", "champion"), routed(copies, "v5", "canary", share=0.1)
    assert change(client, champion, canary)["outcome"] == "applied"
    name, content, rule = ALTERED[what]
    other = copies["v5"] if is_same_path else shutil.copytree(right, tmp_path / "other")
    (other / name).unlink()
    if content is not None:
        (other / name).write_bytes(content)
    wanted = {**canary, "role": "champion", "model_path": str(other)}
    del wanted["share"]
    told = change(client, wanted)
    assert told["outcome"] == "refused" and rule in told["error"]
    assert client.get("/routing").json["versions"][0]["version"] == "v3"
    assert change(client, {**wanted, "model_path": str(right)})["outcome"] == "applied"
    assert client.get("/routing").json["versions"][0]["model_path"] == str(right)


def test_a_package_that_is_away_keeps_nobody_from_ending_a_canary_beside_it(
    packages: dict[str, Path], tmp_path: Path
) -> None:
    copies = {**packages, "v3": shutil.copytree(packages["v3"], tmp_path / "v3")}
    client = make_client(copies["v3"], devices=DEVICES)
    champion, canary = routed(copies, "v3", "champion"), routed(copies, "v5", "canary", share=0.1)
    assert change(client, champion, canary)["outcome"] == "applied"
    shutil.rmtree(copies["v3"])
    assert change(client, champion)["outcome"] == "applied"
    assert set(versions_of(client, 0).values()) == {"v3"}
    assert "must hold model.onnx" in change(client, {**champion, "model_path": str(tmp_path)})["error"]


def test_a_package_without_golden_rows_can_be_swapped_in(
    packages: dict[str, Path], schema: TelemetrySchema, tmp_path: Path
) -> None:
    client = make_client(packages["v3"], devices=DEVICES)
    given = routed({"v9": write_package(tmp_path, schema, 9)}, "v9", "champion")
    assert change(client, given)["outcome"] == "applied"


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({}, "who"),
        ({"who": "kim"}, "why"),
        ({"who": "deployment", "why": "x", "routing": {}}, "who"),
        ({"who": "kim", "why": "x"}, "routing"),
        ({"who": "kim", "why": "x", "routing": {}}, "routing: versions"),
        ({"who": "kim", "why": "x", "routing": {"versions": []}}, "versions"),
        ({"who": "kim", "why": "x", "routing": {"versions": [{"version": "a"}]}}, "versions[0]: role"),
        ({"who": "kim", "why": "x", "more": 1}, "body"),
        ({"who": "kim", "why": "\ud800"}, "why"),
        ({"who": "kim", "why": " "}, "why"),
        ([], "body"),
    ],
)
def test_a_body_that_breaks_a_rule_is_refused_at_once(client: Client, body: Any, where: str) -> None:
    answer = client.send("PUT", "/routing", body)
    assert (answer.status, answer.json["error"]["field"]) == (422, where)


def test_a_document_has_one_champion_each_version_once_and_shares_up_to_one(
    packages: dict[str, Path], client: Client
) -> None:
    def refused(*versions: dict[str, Any]) -> str:
        body = {"routing": {"versions": list(versions)}, "who": "kim", "why": "a test"}
        answer = client.send("PUT", "/routing", body)
        assert answer.status == 422
        return str(answer.json["error"]["rule"])

    champion, canary = routed(packages, "v3", "champion"), routed(packages, "v5", "canary", share=0.6)
    assert refused(canary) == "must have one champion"
    assert refused(champion, {**champion, "version": "v5"}) == "must have one champion"
    assert refused(champion, champion) == "must have each version once"
    assert refused(champion, canary, {**canary, "version": "x"}) == "must have shares of at most 1 in all"
    assert refused(champion, {**canary, "share": 0}) == "must be a number above 0 and at most 1"
    assert refused({**champion, "share": 0.5}) == "must be given for a canary alone"
    assert refused({**champion, "role": "king"}) == "must be among champion, shadow, canary"
    assert refused({**champion, "sha256": "12"}).startswith("must be 64 hexadecimal digits")


def test_a_change_on_what_has_changed_since_and_one_beside_another_are_refused(
    packages: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    client = make_client(packages["v3"], devices=DEVICES)
    change(client, routed(packages, "v5", "champion"), revision=0)
    body = {"routing": {"versions": [routed(packages, "v3", "champion")]}, "who": "kim", "why": "x"}
    answer = client.send("PUT", "/routing", {**body, "revision": 0})
    assert (answer.status, answer.json["error"]["field"]) == (409, "revision")
    router = client.step("model_router")
    monkeypatch.setattr(router._routing._loader, "_load", lambda loading: None)
    assert client.send("PUT", "/routing", body).status == 202
    assert client.get("/routing").json["pending"]["who"] == "kim"
    assert client.send("PUT", "/routing", body).status == 409


def test_routing_takes_the_token(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NETOPS_TOKEN", "secret")
    client = make_client(package, token_secret="NETOPS_TOKEN")
    assert client.get("/routing").status == client.send("PUT", "/routing", {}).status == 401
    assert client.get("/routing", headers={"Authorization": "Bearer secret"}).status == 200


def test_a_restart_answers_each_event_by_the_version_that_was_in_force(
    graph: Graph, packages: dict[str, Path]
) -> None:
    live = graph()
    first = live.post("/telemetry", [event(device, 0) for device in DEVICES]).json
    change(live, routed(packages, "v3", "champion"), routed(packages, "v5", "canary", share=0.3))
    second = live.post("/telemetry", [event(device, 10) for device in DEVICES]).json
    change(live, routed(packages, "v7", "champion"), routed(packages, "v3", "shadow"))
    third = live.post("/telemetry", [event(device, 20) for device in DEVICES]).json
    shown = live.get("/routing").json
    # A process that was killed: nothing is closed, no snapshot was taken.
    restarted = graph()
    assert restarted.get("/routing").json == shown
    for seconds, answers in ((0, first), (10, second), (20, third)):
        repeated = restarted.post("/telemetry", [event(device, seconds) for device in DEVICES]).json
        assert [{**answer, "status": "accepted"} for answer in repeated] == [
            {**answer, "status": "accepted"} for answer in answers
        ]
    assert [(device, v) for device, v in versions_of(restarted, 30).items() if v != "v7"] == []


def test_the_routing_is_known_from_the_journal_and_from_a_snapshot_alone(
    graph: Graph, packages: dict[str, Path]
) -> None:
    live = graph()
    change(live, routed(packages, "v5", "champion"), routed(packages, "v3", "canary", share=0.5))
    shown, journal = live.get("/routing").json, live.step("journal")._journal
    journal._redis.delete(f"{journal._key}:routing")
    assert graph().get("/routing").json == shown
    versions_of(live, 0)
    live.shut_down()
    journal._redis.delete(f"{journal._key}:routing")
    journal._redis.delete(journal._stream)
    assert graph().get("/routing").json == shown


def test_what_another_process_changed_counts_here_from_its_place_on(
    graph: Graph, packages: dict[str, Path]
) -> None:
    one, other = graph(snapshot_directory=None), graph(snapshot_directory=None)
    assert set(versions_of(one, 0).values()) == {"v3"}
    change(other, routed(packages, "v5", "champion"))
    versions_of(other, 10)
    assert set(versions_of(one, 20).values()) == {"v5"}
    assert one.get("/routing").json["changes"] == other.get("/routing").json["changes"]
    assert set(versions_of(one, 0).values()) == {"v3"}


def test_a_deployment_with_another_model_is_a_change_and_a_restart_is_none(
    graph: Graph, packages: dict[str, Path]
) -> None:
    change(graph(), routed(packages, "v5", "champion"), routed(packages, "v7", "shadow"))
    # The function names v3: what was declared before does not undo what was changed since.
    assert graph("v3").get("/routing").json["versions"][0]["version"] == "v5"
    # It names what is the champion by now: what is tried beside it goes on.
    assert len(graph("v5").get("/routing").json["versions"]) == 2
    told = graph("v7").get("/routing").json
    assert [each["version"] for each in told["versions"]] == ["v7"]
    assert (told["changes"][-1]["who"], told["changes"][-1]["outcome"]) == ("deployment", "applied")
    assert len(graph("v7").get("/routing").json["changes"]) == len(told["changes"])


def test_a_champion_that_was_declared_with_its_change_gives_way_to_the_next_deployment(
    graph: Graph, packages: dict[str, Path]
) -> None:
    change(graph(), routed(packages, "v5", "champion"), declared=True)
    assert graph("v5").get("/routing").json["versions"][0]["version"] == "v5"
    assert graph("v3").get("/routing").json["versions"][0]["version"] == "v3"


def test_a_version_that_is_gone_at_a_restart_gives_way_and_that_is_told(
    graph: Graph, packages: dict[str, Path], schema: TelemetrySchema, tmp_path: Path
) -> None:
    (tmp_path / "v13").mkdir()
    gone = {"v13": with_golden(write_package(tmp_path / "v13", schema, 13))}
    change(graph(), routed(gone, "v13", "champion"), routed(packages, "v7", "shadow"))
    (tmp_path / "v13" / MODEL_FILE).unlink()
    told = graph().get("/routing").json
    assert [(each["version"], each["role"]) for each in told["versions"]] == [
        ("v3", "champion"),
        ("v7", "shadow"),
    ]
    assert (told["changes"][-1]["who"], told["changes"][-1]["why"]) == (
        "endpoint",
        "no longer loadable: v13",
    )
    assert told["changes"][-1]["outcome"] == "applied"
    reason = told["changes"][-1]["error"]
    assert reason.startswith("version 'v13': ModelPackageError: ") and "must hold model.onnx" in reason


def test_a_shadow_of_a_deployed_document_that_is_gone_keeps_no_restart_from_answering(
    graph: Graph, packages: dict[str, Path], schema: TelemetrySchema, tmp_path: Path
) -> None:
    (tmp_path / "v15").mkdir()
    gone = {"v15": with_golden(write_package(tmp_path / "v15", schema, 15))}
    document = {"versions": [routed(packages, "v3", "champion"), routed(gone, "v15", "shadow")]}
    assert len(graph(routing=document).get("/routing").json["versions"]) == 2
    (tmp_path / "v15" / MODEL_FILE).unlink()
    told = graph(routing=document).get("/routing").json
    assert [each["version"] for each in told["versions"]] == ["v3"]
    assert [each["version"] for each in graph(routing=document).get("/routing").json["versions"]] == ["v3"]


def test_a_document_can_be_deployed_and_a_wrong_one_cannot(graph: Graph, packages: dict[str, Path]) -> None:
    document = {"versions": [routed(packages, "v3", "champion"), routed(packages, "v5", "canary", share=0.5)]}
    client = graph(routing=document)
    assert sorted(versions_of(client, 0).values()) == ["v3"] * 20 + ["v5"] * 20
    champion, canary = document["versions"]
    for wrong in ({**champion, "sha256": "1" * 64}, {**champion, "version": "v4"}):
        with pytest.raises(InputError, match="routing, champion"):
            graph(routing={"versions": [wrong]})
    with pytest.raises(InputError, match="must name versions that can be loaded"):
        graph(routing={"versions": [champion, {**canary, "sha256": "1" * 64}]})


def test_no_request_fails_while_versions_are_swapped_again_and_again(
    graph: Graph, packages: dict[str, Path]
) -> None:
    client = graph()
    answered: list[tuple[float, str, float]] = []

    def send() -> str:
        answer = client.post("/telemetry", event("a/1", 10.0 * len(answered)))
        assert answer.status == 200
        answered.append((10.0 * len(answered), answer.json["version"], answer.json["probability"]))
        return str(answer.json["version"])

    before = "v3"
    for number in range(12):
        wanted = ("v5", "v7", "v3")[number % 3]
        body = {"routing": {"versions": [routed(packages, wanted, "champion")]}, "who": "kim", "why": "load"}
        asked = client.send("PUT", "/routing", body).json["change"]
        while not any(told["id"] == asked for told in client.get("/routing").json["changes"]):
            assert send() in (before, wanted)
        assert send() == wanted
        before = wanted
    restarted = graph()
    for seconds, version, chance in answered[-20:]:
        repeated = restarted.post("/telemetry", event("a/1", seconds)).json
        assert (repeated["version"], repeated["probability"]) == (version, chance)


@pytest.mark.parametrize("known", [0, 1, 3])
def test_devices_that_register_later_are_a_canarys_by_its_share(
    packages: dict[str, Path], known: int
) -> None:
    content = [routed(packages, "v3", "champion"), routed(packages, "v5", "canary", share=0.1)]
    document = RoutingDocument.from_dict({"versions": content})
    devices = [f"d-{number}" for number in range(known)]
    routing = Routing.of(document, devices, {})
    canary = document.canaries[0]
    assert sum(routing.answers(device) == canary for device in devices) == min(known, 1)
    later = [routing.answers(f"later-{number}") == canary for number in range(2000)]
    # One known device is all that a share of it can have, and those before it in the order are as well.
    assert 0.05 < np.mean(later) < 0.7 and (known or np.mean(later) < 0.12)


def test_a_version_of_another_split_or_mapping_is_of_the_same_schema(schema: TelemetrySchema) -> None:
    mended = dataclasses.replace(schema, split=dataclasses.replace(schema.split, by="device_time"))
    check_same_telemetry("version 'v5'", schema, mended)
    wider = dataclasses.replace(schema, windows=dataclasses.replace(schema.windows, lengths=("7m",)))
    with pytest.raises(InputError, match="windows"):
        check_same_telemetry("version 'v5'", schema, wider)


def test_a_shadow_that_nobody_ends_ends_at_its_time(packages: dict[str, Path], redis_url: str) -> None:
    def start() -> Client:
        return make_client(packages["v3"], devices=DEVICES, redis_url=redis_url, journal_key="until")

    def versions(client: Client) -> list[str]:
        return [each["version"] for each in client.get("/routing").json["versions"]]

    client = start()
    tried = [routed(packages, "v5", "shadow", until="2001-09-09T02:00:00+00:00")]
    tried += [routed(packages, "v7", "shadow", until="2999-01-01T00:00:00+00:00")]
    change(client, routed(packages, "v3", "champion"), *tried)
    probability(client, 0)  # Notes that the time of one is over; it ends before the next request.
    probability(client, 10)
    told = client.get("/routing").json
    assert versions(client) == ["v3", "v7"]
    assert (told["changes"][-1]["who"], told["changes"][-1]["outcome"]) == ("deadline", "applied")
    assert "nobody has ended the shadow of v5 in its time" in told["changes"][-1]["why"]
    for seconds in (20, 30, 40):  # It has ended once, and not again before each request.
        probability(client, seconds)
    assert client.get("/routing").json["changes"] == told["changes"] and len(told["changes"]) == 2
    client.shut_down()
    assert versions(start()) == ["v3", "v7"]


@pytest.mark.parametrize(
    ("role", "until", "field"),
    [("canary", "2027-01-01T00:00:00Z", "until"), ("shadow", "noon", "until"), ("shadow", 3, "until")],
)
def test_an_end_that_cannot_be_is_refused(
    packages: dict[str, Path], role: str, until: object, field: str
) -> None:
    client = make_client(packages["v3"], devices=DEVICES)
    share = {"share": 0.1} if role == "canary" else {}
    versions = [routed(packages, "v3", "champion"), routed(packages, "v5", role, until=until, **share)]
    answer = client.send("PUT", "/routing", {"routing": {"versions": versions}, "who": "kim", "why": "a"})
    assert answer.status == 422 and field in answer.json["error"]["field"]
