"""Versions are swapped while requests come: none fails, and each answer is of the version that it names.

``python -m tests.benchmarks.swaps [swaps] [rate]``: the local control plane runs a serving graph that trusts
one key. Single events come at a steady rate. Champion, canary and shadow change by ``PUT /routing``
meanwhile, and champions are rolled back. The models take the readings of an event alone, so each answer is
computed once more by the package of the version that it names. Then ``netops promote`` and ``netops
rollback`` do the same as a person would, and packages that must not be trusted are offered.
"""

from __future__ import annotations

import dataclasses
import hashlib
import http.client
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from feature_sets.model_package.files import MODEL_FILE
from feature_sets.model_package.golden import GOLDEN_FILE, GoldenRows
from feature_sets.model_package.package import read_model_package
from feature_sets.model_package.schema import SCHEMA_FILE
from feature_sets.model_package.signature import sign_package
from graphs.routing.document import CANARY, CHAMPION, SHADOW, RoutedVersion, RoutingDocument
from project.endpoint_routing import RefusedError, champion_of, change_routing, read_routing
from project.model_addresses import MODEL_ARTIFACT
from tests.benchmarks.own_endpoint import own_endpoint
from tests.benchmarks.restart import METRICS, schema
from tests.benchmarks.restart_process import PROJECT, deploy_function
from tests.conftest import SOURCE_ROOT
from tests.graphs.conftest import offline_probability, write_golden, write_package

DEVICES = {f"dev-{number}": {} for number in range(100)}
SHARES = (0.1, 0.25, 0.5)
VERSIONS = ("v3", "v5", "v7")
PAUSE = 1.0
"""Seconds between two swaps."""
_CLOSE = 1e-6
_SENDERS = 4


def signed(folder: Path, seed: int, key: ed25519.Ed25519PrivateKey, wrong: float = 0.0) -> Path:
    """A package with golden rows and a signature.

    :param wrong: by how much the golden rows say something else than the model.
    """
    folder.mkdir()
    package = read_model_package(write_package(folder, schema(), seed, METRICS))
    session = package.session(threads=1)
    rows = np.random.default_rng(seed).uniform(0, 100, (60, len(METRICS))).astype(np.float32)

    def answers(given: Any) -> Any:
        return np.clip(session.probability(package.schema.impute(given)) + wrong, 0.0, 1.0)

    write_golden(folder, GoldenRows.of(rows, answers))
    sign_package(folder, [SCHEMA_FILE, MODEL_FILE, GOLDEN_FILE], key)
    return folder


def routed(packages: Mapping[str, Path], version: str, role: str, **more: Any) -> RoutedVersion:
    """A version in a role."""
    digest = hashlib.sha256((packages[version] / SCHEMA_FILE).read_bytes()).hexdigest()
    return RoutedVersion(version, role, str(packages[version]), digest, **more)


def plan(packages: Mapping[str, Path], swaps: int) -> list[RoutingDocument]:
    """Documents one after the other: a promotion, a canary, a shadow, and the champion from before again."""
    found = []
    for number in range(swaps):
        champion, other = (VERSIONS[(number // 4 + at) % len(VERSIONS)] for at in (1, 0))
        versions = {
            0: (routed(packages, champion, CHAMPION),),
            1: (
                routed(packages, champion, CHAMPION),
                routed(packages, other, CANARY, share=SHARES[number // 4 % len(SHARES)]),
            ),
            2: (routed(packages, champion, CHAMPION), routed(packages, other, SHADOW)),
            3: (routed(packages, other, CHAMPION),),
        }[number % 4]
        found.append(RoutingDocument(versions))
    return found


class Sender:
    """Sends single events at a steady rate from a thread, and keeps what was answered."""

    def __init__(self, url: str, rate: float, number: int) -> None:
        parts = urlsplit(url)
        self._line = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=60)
        self._rate, self._number = rate, number
        self.answers: list[tuple[dict[str, Any], int, Any]] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        generator, begin = np.random.default_rng(self._number), time.monotonic()
        count = 0
        while not self._ended.is_set():
            wait = count / self._rate - (time.monotonic() - begin)
            if wait > 0:
                time.sleep(wait)
            values = dict(zip(METRICS, generator.uniform(0, 100, len(METRICS)).tolist(), strict=True))
            device = f"dev-{count % len(DEVICES)}"
            self.send({"device": device, "timestamp": time.time(), **values})
            count += 1

    def send(self, body: Any) -> Any:
        """Send events, and note the answer."""
        self._line.request("POST", "/telemetry", json.dumps(body), {"Content-Type": "application/json"})
        answer = self._line.getresponse()
        found = json.loads(answer.read())
        self.answers.append((body, answer.status, found))
        return found

    def end(self) -> None:
        """Send nothing more."""
        self._ended.set()
        self._thread.join()


def wrong_answers(answers: list[tuple[dict[str, Any], int, Any]], packages: Mapping[str, Path]) -> int:
    """How many answers are not what the version that they name says."""
    wrong = 0
    for version, package in packages.items():
        own = [
            (body, found) for body, status, found in answers if status == 200 and found["version"] == version
        ]
        if own:
            rows = np.array([[body[name] for name in METRICS] for body, _ in own], dtype=np.float32)
            said = np.array([found["probability"] for _, found in own])
            wrong += int((np.abs(offline_probability(package, rows) - said) > _CLOSE).sum())
    known = sum(status == 200 and found["version"] in packages for _, status, found in answers)
    return wrong + sum(status == 200 for _, status, _ in answers) - known


def inexact(found: list[dict[str, Any]], document: RoutingDocument) -> int:
    """By how many devices a list of one event of each is not divided as a document says."""
    counts = Counter(answer["version"] for answer in found)
    wanted: Counter[str] = Counter()
    for canary in document.canaries:
        wanted[canary.version] = round(canary.share * len(DEVICES))
    wanted[document.champion.version] = len(DEVICES) - wanted.total()
    return (counts - wanted).total() + (wanted - counts).total()


def untrusted(folder: Path, key: ed25519.Ed25519PrivateKey) -> dict[str, RoutedVersion]:
    """Versions that must be refused, by what is wrong with them."""
    other = ed25519.Ed25519PrivateKey.generate()
    packages = {"v11": signed(folder / "v11", 11, key), "v13": signed(folder / "v13", 13, other)}
    packages["v17"] = signed(folder / "v17", 17, key, wrong=0.2)
    shutil.copytree(packages["v11"], folder / "v11-changed")
    changed = {"v11": folder / "v11-changed"}
    with (changed["v11"] / MODEL_FILE).open("ab") as file:
        file.write(b"\0")
    return {
        "digest": dataclasses.replace(routed(packages, "v11", CHAMPION), sha256="0" * 64),
        "model file": routed(changed, "v11", CHAMPION),
        "signature": routed(packages, "v13", CHAMPION),
        "golden rows": routed(packages, "v17", CHAMPION),
    }


def register(packages: Mapping[str, Path], address: str) -> None:
    """Have the project know the versions as a run registers them.

    :param address: of the control plane.
    """
    import mlrun

    for version, package in packages.items():
        model = mlrun.artifacts.ModelArtifact(
            MODEL_ARTIFACT, model_file=MODEL_FILE, target_path=str(package), parameters={"version": version}
        )
        model.labels = {"version": version}
        model.metadata.tree = model.spec.producer = version
        database = mlrun.get_run_db(address, force_reconnect=True)
        database.store_artifact(
            MODEL_ARTIFACT, model.to_dict(), tree=version, tag=version, project=PROJECT, iter=0
        )


def netops(home: Path, *arguments: str) -> tuple[float, dict[str, Any]]:
    """Seconds that a command took, and what it told as JSON.

    :raises RuntimeError: with what it said, if it failed.
    """
    started = time.monotonic()
    command = [
        sys.executable,
        "-c",
        "from project.cli import main; main()",
        *arguments,
        "--project",
        PROJECT,
        "--json",
    ]
    # Those of MLRun are of this process, whose tests have no API.
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MLRUN_")}
    own = {**kept, "NETOPS_HOME": str(home)}
    done = subprocess.run(command, env=own, cwd=SOURCE_ROOT, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(
            f"netops {' '.join(arguments)} ended with {done.returncode}: {done.stderr[-2000:]}"
        )
    return time.monotonic() - started, json.loads(done.stdout)


def by_command(home: Path, url: str, version: str) -> dict[str, Any]:
    """Promote a version, and roll it back, by commands; how long each took, and what the trail has of it.

    :raises RuntimeError: if a command failed.
    """
    before = read_routing(url, "").document.champion.version
    promoted, _ = netops(home, "promote", version, "--why", "by a person")
    rolled, told = netops(home, "rollback")
    newest = [each for each in read_routing(url, "").changes if each["outcome"] == "applied"][-2:]
    return {
        "promote_s": round(promoted, 2),
        "rollback_s": round(rolled, 2),
        "is_back": (told["before"], told["after"]) == (version, before),
        "trail": [[champion_of(each["from"]), champion_of(each["to"]), each["why"]] for each in newest],
    }


def main(swaps: int = 20, rate: float = 300.0) -> dict[str, Any]:
    """Print what was answered, and raise if anything was wrong."""
    with own_endpoint(schema(), METRICS) as own:
        key = ed25519.Ed25519PrivateKey.generate()
        public = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        shutil.rmtree(own.package)
        packages = {"v3": signed(own.package, 3, key)}
        packages |= {f"v{seed}": signed(own.folder / f"v{seed}", seed, key) for seed in (5, 7)}
        url = deploy_function(own.stack, own.folder, {}, devices=DEVICES, verify_key=public.decode()).url
        senders = [Sender(url, rate / _SENDERS, number) for number in range(_SENDERS)]
        asking = Sender(url, rate, _SENDERS)
        asking.end()
        begin, apart, longest, refused = time.monotonic(), 0, 0.0, {}
        for number, document in enumerate(plan(packages, swaps)):
            time.sleep(PAUSE)
            started = time.monotonic()
            change_routing(url, "", document, "benchmark", f"swap {number}")
            longest = max(longest, time.monotonic() - started)
            values = dict.fromkeys(METRICS, 1.0)
            body = [{"device": device, "timestamp": time.time(), **values} for device in DEVICES]
            apart += inexact(asking.send(body), document)
        register(packages, own.stack.up().mlrun_dbpath)
        champion = read_routing(url, "").document.champion.version
        other = next(version for version in VERSIONS if version != champion)
        commands = by_command(own.stack.home, url, other)
        before = read_routing(url, "").document
        for what, version in untrusted(own.folder, key).items():
            try:
                change_routing(url, "", RoutingDocument((version,)), "benchmark", what)
            except RefusedError as error:
                refused[what] = str(error)
        for sender in senders:
            sender.end()
        seconds = time.monotonic() - begin
        after = read_routing(url, "")
        answers = [answer for sender in senders for answer in sender.answers]
        wrong = wrong_answers(answers, packages)
    told = Counter(change["outcome"] for change in after.changes if change["who"] == "benchmark")
    result = {
        "swaps": swaps,
        "requests": len(answers),
        "requests_per_second": round(len(answers) / seconds),
        "failed": sum(status != 200 for _, status, _ in answers),
        "by_version": dict(Counter(found["version"] for _, status, found in answers if status == 200)),
        "wrong_answers": wrong,
        "devices_apart": apart,
        "longest_swap_s": round(longest, 2),
        "commands": commands,
        "refused": refused,
        "trail": dict(told),
    }
    print(json.dumps(result), flush=True)
    assert not result["failed"] and not result["wrong_answers"] and not apart
    assert len(refused) == 4 and after.document == before
    assert commands["is_back"]
    assert commands["trail"] == [[champion, other, "by a person"], [other, champion, "rolled back"]]
    assert told == {"applied": swaps, "refused": 4}, "all of it is in the trail"
    return result


if __name__ == "__main__":
    main(*(kind(given) for kind, given in zip((int, float), sys.argv[1:], strict=False)))
