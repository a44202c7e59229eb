"""Whatever comes from outside is taken or refused by name: no other exception, and nothing hangs.

Each case is made from its name. A failure tells it; ``FUZZ_SEED=2`` makes others.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random

import pytest
import yaml

from feature_sets.checks import InputError
from feature_sets.telemetry.schema import TelemetrySchema
from graphs.protocol.event_names import SentEvents, names_text
from graphs.protocol.routes import Kind
from graphs.state.entry_id import EntryId
from graphs.state.journal import JournalEvent
from graphs.state.journal_entries import RawEntry, encoded
from graphs.state.no_journal import NoJournal
from tests.feature_sets.ingestion.folders import forget_all, run
from tests.fuzz.cells import damaged
from tests.fuzz.tables import write_folder
from tests.fuzz.targets import SCHEMAS, TARGETS, Case, body, cases
from tests.fuzz.tool_bodies import MAPPINGS, incident_body, maintenance_body
from tests.graphs.conftest import Client, event, make_client, write_package

SEED = int(os.environ.get("FUZZ_SEED", "1"))
SCALE = float(os.environ.get("FUZZ_SCALE", "1"))
LONGEST = 20
"""Seconds that a case may take, on a busy machine."""
BODIES, INCIDENTS, ADDITIONS = 6000, 1500, 12


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


@pytest.mark.parametrize("part", [0, *(pytest.param(n, marks=pytest.mark.figures) for n in (1, 2, 3))])
@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.__name__)
def test_nothing_but_a_refusal_by_name_comes_out(target: Case, part: int, tmp_path: Path) -> None:
    count = round(TARGETS[target] * SCALE)
    for name, random in cases(SEED, target, count, part * count):
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


@pytest.mark.parametrize("mapping", MAPPINGS)
def test_incidents_maintenance_and_labels_are_taken_or_refused(
    schema: TelemetrySchema, tmp_path: Path, mapping: str
) -> None:
    """Beside readings, so that what is taken labels them; all that a journal would keep can be read again."""
    labels = {"form": "incidents", "healthy_after": "1m", "tolerance": "2s"}
    more = {"incident_mapping": MAPPINGS[mapping], "maintenance": {}, "exclude_labels": {"kind": "test"}}
    of = TelemetrySchema.from_dict({**schema.to_dict(), **more, "labels": labels})
    client = make_client(write_package(tmp_path, of))
    journal, statuses = Remembering(of.reading_columns), Counter[int]()
    client.step("journal")._journal = journal
    for number in range(round(INCIDENTS * SCALE)):
        name = f"incident:{mapping}:{SEED}:{number}"
        random = Random(name)
        if number % 20 == 0:
            client.post("/telemetry", event(seconds=number))
        path = random.choice(("/incidents", "/incidents", "/labels", "/maintenance"))
        make = maintenance_body if path == "/maintenance" else incident_body
        sent = make(random) if random.random() < 0.8 else [make(random) for _ in range(random.randrange(4))]
        text = json.dumps(sent).encode("utf-8", "surrogatepass")
        with in_time(name):
            answered = client.send("POST", path, damaged(random, text) if random.random() < 0.05 else text)
        assert answered.status < 500, (name, answered)
        statuses[answered.status] += 1
        if answered.status == 422:
            assert {"field", "rule", "got"} <= set(answered.json["error"]), name
    assert statuses[200] > 0.05 * number and statuses[422] > 0.05 * number and journal.kept > 50
    for path in ("/labeled", "/maintenance", "/devices", "/metrics"):
        assert client.get(path).status == 200


class Remembering(NoJournal):
    """A journal that reads again what it would keep."""

    def __init__(self, metrics: tuple[str, ...]) -> None:
        super().__init__()
        self.metrics, self.kept = metrics, 0

    def append(
        self, kind: Kind, arrival: float, events: Sequence[JournalEvent], sent: Sequence[SentEvents] = ()
    ) -> EntryId:
        entry = super().append(kind, arrival, events, sent)
        names = names_text(sent)
        raw = RawEntry(entry, kind.value, ",".join(self.metrics), "", arrival, encoded(events), names)
        again = raw.decoded(self.metrics)
        assert names_text(again.sent) == names
        found = [*again.events, *again.labels, *again.maintenance]
        assert encoded(found) == raw.events and len(found) == len(events)
        self.kept += len(found)
        return entry


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
