"""Lists that go through the steps as columns are answered, and remembered, as records are."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from graphs.ingress import Ingress
from graphs.protocol.telemetry_columns import columns_of
from graphs.state.serving_state import serving_state
from tests.graphs.conftest import START, Client, event, label, make_client
from tests.graphs.snapshots.state_walk import differences, state_of
from tests.graphs.test_together import sent

NAMES = [f"a/{number}" for number in range(5)] + ['a/"odd","name" \\', "a/größe", 'a/",']
DEVICES = {name: {"model_x": number % 2} for number, name in enumerate(NAMES)}


def conversation(seed: int) -> list[tuple[str, list[dict[str, Any]]]]:
    """Lists with everything that can be in one: late, repeated, from the future, nothing read, refused."""
    generator = random.Random(seed)
    found = []
    for step in range(40):
        events = []
        places = [(name, second) for name in NAMES for second in range(10)]
        for name, second in generator.sample(places, generator.choice([9, 30])):
            shift = generator.choice([0, 0, 0, 0, -30, -400]) if step % 3 == 1 else 0
            cpu = generator.choice([generator.uniform(0, 100), None, 7])
            events.append(event(name, 10 * step + shift + second, cpu))
            events[-1]["timestamp"] = f"2024-05-01T{text_of(events[-1]['timestamp'] - START)}Z"
        if step % 7 == 3:
            events.append({**events[0], "timestamp": "2124-05-01T00:00:00Z"})
        if step % 11 == 5:
            events.append({**events[0], "cpu": "nonsense"})
        found.append(("/telemetry", events))
        if generator.random() < 0.5:
            labels = [label(generator.choice(NAMES), 10 * step + generator.randrange(9)) for _ in range(20)]
            found.append(("/labels", labels))
    return found


def text_of(seconds: float) -> str:
    """Time of the day."""
    minutes, rest = divmod(round(seconds) + 3600, 60)
    return f"{minutes // 60:02}:{minutes % 60:02}:{rest:02}"


def bytes_of(client: Client, path: str, body: list[dict[str, Any]]) -> bytes:
    response = client.server.test(
        path,
        body=json.dumps(body).encode(),
        method="POST",
        silent=True,
        get_body=False,
        content_type="application/json",
        headers={"X-Request-Id": "one"},
    )
    return response.body


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("has_devices", [True, False])
def test_answers_and_state_are_those_of_records_to_the_last_byte(
    package: Path, monkeypatch: pytest.MonkeyPatch, seed: int, has_devices: bool, redis_url: str
) -> None:
    clients, answers, in_columns = [], [], []
    for is_record in (False, True):
        with monkeypatch.context() as patch:
            if is_record:
                patch.setattr(Ingress, "_status_of_all", lambda self, plain: None)
            client = make_client(
                package,
                devices=DEVICES,
                unknown_devices="reject" if has_devices else "accept",
                label_deadline_seconds=120,
                redis_url=redis_url,
                journal_key=f"tests:columns:{seed}:{has_devices}:{is_record}",
            )
            client.step("ingress")._clock = lambda: 1_714_600_000.0
            step, seen = client.step("labeled_join"), []
            handle = step.handle
            step.handle = lambda request, handle=handle, seen=seen: (
                seen.append(columns_of(request.telemetry) is not None),
                handle(request),
            )
            answers.append([bytes_of(client, *request) for request in conversation(seed)])
            del step.handle
            clients.append(client)
            in_columns.append(sum(seen))
    assert answers[0] == answers[1]
    assert in_columns[0] > 20 and in_columns[1] == 0
    assert differences(*map(state_of, clients)) == []
    metrics = [
        [
            line
            for line in client.get("/metrics").json.splitlines()
            if line.startswith(("netops_events_total", "netops_predictions_total", "netops_ledger"))
        ]
        for client in clients
    ]
    assert metrics[0] == metrics[1] and len(metrics[0]) > 5


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("read_by", ["", "preprocess", "labeled_join"])
def test_lists_that_arrive_together_stay_columns_and_are_answered_as_one_by_one(
    package: Path, monkeypatch: pytest.MonkeyPatch, seed: int, read_by: str, redis_url: str
) -> None:
    """``read_by`` is a step that looks at single events of some turns, so that there are records."""
    clients, answers, in_columns = [], [], []
    for is_together in (True, False):
        client = make_client(
            package,
            devices=DEVICES,
            label_deadline_seconds=120,
            redis_url=redis_url,
            journal_key=f"tests:joined:{seed}:{read_by}:{is_together}",
        )
        client.step("ingress")._clock = lambda: 1_714_600_000.0
        seen: list[tuple[int, bool]] = []
        for name in ("labeled_join", *([read_by] if read_by == "preprocess" else [])):
            step = client.step(name)

            def handle(request, name=name, before=step.handle, seen=seen):
                if name == "labeled_join" and request.telemetry:
                    seen.append((len(request.telemetry), columns_of(request.telemetry) is not None))
                if name == read_by and len(seen) % 2:
                    list(request.telemetry)
                before(request)

            monkeypatch.setattr(step, "handle", handle)
        requests = [("POST", path, body) for path, body in conversation(seed)]
        turns = [requests[first : first + 6] for first in range(0, len(requests), 6)]
        answers.append([sent(client, turn, is_together) for turn in turns])
        clients.append(client)
        in_columns.append(seen)
    assert answers[0] == answers[1]
    joined = [is_column for size, is_column in in_columns[0] if size > 31]
    assert len(in_columns[0]) < len(in_columns[1]) and sum(joined) > 2  # Not of a turn with a refused event.
    keys = [[entry.size for entry in serving_state(one.server.context).journal.entries()] for one in clients]
    assert sum(keys[0]) == sum(keys[1]) and len(keys[0]) < len(keys[1])
    windows = [client.step("preprocess")._windows.snapshot() for client in clients]
    assert windows[0] == windows[1]
    assert clients[0].get("/labeled").json == clients[1].get("/labeled").json
    counted = [
        [line for line in one.get("/metrics").json.splitlines() if line.startswith("netops_events_total")]
        for one in clients
    ]
    assert counted[0] == counted[1]
    names = [client.step("labeled_join")._by_request._known for client in clients]
    # Each request has an id of its own, so the events are compared, not their names.
    found = [sorted(key for keys in known.content().values() for key in keys) for known in names]
    assert found[0] == found[1] and len(found[0]) > 100
