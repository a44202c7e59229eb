"""Whatever comes from outside is taken or refused by name: no other exception, and nothing hangs.

Each case is made from its name. A failure tells it; ``FUZZ_SEED=2`` makes others.
"""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random

import pytest
import yaml

from feature_sets.checks import InputError
from tests.feature_sets.ingestion.folders import forget_all, run
from tests.fuzz.tables import write_folder
from tests.fuzz.targets import SCHEMAS, TARGETS, Case, body, cases
from tests.graphs.conftest import Client, make_client

SEED = int(os.environ.get("FUZZ_SEED", "1"))
SCALE = float(os.environ.get("FUZZ_SCALE", "1"))
LONGEST = 20
"""Seconds that a case may take, on a busy machine."""
BODIES, ADDITIONS = 6000, 12


@contextmanager
def in_time(name: str) -> Iterator[None]:
    """Fail, with the name of the case, if it does not end or raises anything but what it may."""

    def late(*_: object) -> None:
        raise TimeoutError(f"{name}: longer than {LONGEST} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(LONGEST)
    try:
        yield
    except BaseException as error:
        error.add_note(f"the case is {name}: its generator is Random({name!r})")
        raise
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.__name__)
def test_nothing_but_a_refusal_by_name_comes_out(target: Case, tmp_path: Path) -> None:
    for name, random in cases(SEED, target, round(TARGETS[target] * SCALE)):
        scratch = tmp_path / "case"
        scratch.mkdir()
        with in_time(name):
            target(random, scratch)
        shutil.rmtree(scratch)


def test_an_endpoint_answers_every_body_with_less_than_500(package: Path) -> None:
    client: Client = make_client(package)
    for number in range(round(BODIES * SCALE)):
        random = Random(f"body:{SEED}:{number}")
        with in_time(f"body:{SEED}:{number}"):
            answered = client.send("POST", random.choice(("/telemetry", "/labels")), body(random))
            assert answered.status < 500, answered


def test_what_is_added_to_a_history_is_taken_or_refused(tmp_path: Path, project: str) -> None:
    """The first folder is right; after whatever comes then, the same folder still adds nothing."""
    forget_all()
    first, schema_file = tmp_path / "first", tmp_path / "schema.yaml"
    first.mkdir()
    schema_file.write_text(yaml.safe_dump(SCHEMAS[0].to_dict()))
    lines = [f"r1,{1714564800 + place}" for place in range(40)]
    (first / "metrics.csv").write_text("device,at,cpu,mem\n" + "".join(f"{line},1,2\n" for line in lines))
    (first / "labels.csv").write_text("device,at,bad\n" + "".join(f"{line},0\n" for line in lines))
    (first / "static.csv").write_text("device,role\nr1,leaf\n")
    assert run(first, schema_file)["rows_new"] == 40
    for number in range(round(ADDITIONS * SCALE)):
        name = f"addition:{SEED}:{number}"
        random, folder = Random(name), tmp_path / f"{number}"
        write_folder(random, folder, SCHEMAS[0])
        with in_time(name), suppress(InputError):
            run(folder, schema_file)
    again = run(first, schema_file)
    assert (again["rows_new"], again["rows_conflicting"]) == (0, 0) and again["rows_ingested"] >= 40
