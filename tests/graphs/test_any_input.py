"""Whatever is sent, the answer is JSON and never a failure of ours."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from feature_sets.telemetry.schema import TelemetrySchema
from graphs.protocol.errors import ApiError
from graphs.protocol.json_body import decode
from graphs.state.serving_state import serving_state
from tests.graphs.conftest import INPUTS, START, Client, event, make_client, write_package
from tests.graphs.test_incidents_route import ALERTMANAGER, with_labels

PARTS = ("v2", "models", "model", "versions", "v3", "infer", "ready", "")
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["a/1", START, "2023-11-14T22:13:20Z", "input", "FP32", *INPUTS]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["device", "timestamp", "cpu", "is_error", "name", "data"]), inner)
    ),
    max_leaves=12,
)
EVENTS = st.fixed_dictionaries(
    {"device": st.just("a/1") | VALUES, "timestamp": st.floats(START, START + 999) | VALUES},
    optional={"cpu": st.floats() | VALUES, "latency": VALUES, "is_error": st.integers(0, 1) | VALUES},
)
TENSORS = st.fixed_dictionaries(
    {
        "name": st.just("input") | VALUES,
        "shape": st.just([1, len(INPUTS)]) | st.lists(st.integers(-2, 9), max_size=3) | VALUES,
        "datatype": st.just("FP32") | VALUES,
        "data": st.lists(st.floats() | st.none() | VALUES, min_size=len(INPUTS), max_size=len(INPUTS))
        | VALUES,
    }
)


@pytest.fixture(scope="module")
def shared(package: Path) -> Iterator[Client]:
    yield make_client(package)


@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(
    request=st.tuples(
        st.sampled_from(["/telemetry", "/labels"]), EVENTS | st.lists(EVENTS, max_size=4) | VALUES
    )
    | st.tuples(
        st.just("/v2/models/model/infer"),
        st.fixed_dictionaries({"inputs": st.lists(TENSORS, max_size=3) | VALUES}, optional={"id": VALUES})
        | VALUES,
    )
    | st.tuples(st.just("/drift/detectors"), VALUES),
    parsed=st.booleans(),
)
def test_no_json_leads_to_a_failure(shared: Client, request: tuple[str, Any], parsed: bool) -> None:
    path, body = request
    method = "PUT" if path.startswith("/drift") else "POST"
    sent = body if parsed else json.dumps(body).encode()
    response = shared.server.test(path, body=sent, method=method, silent=True, get_body=False)
    assert response.status_code in (200, 400, 413, 422), response.body
    answer = json.loads(response.body, parse_constant=pytest.fail)
    if response.status_code != 200:
        assert {"field", "rule", "got"} <= set(answer["error"])


INCIDENT = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(("device", "site", "box", "kind", "cancelled", "fingerprint", "alerts"), VALUES),
        "id": st.sampled_from(["1", "2", 3]) | VALUES,
        **{
            name: st.floats(START - 99, START + 99) | st.text(max_size=9) | VALUES
            for name in ("start", "end", "timestamp", "startsAt", "endsAt")
        },
        "labels": st.dictionaries(st.sampled_from(["alertname", "instance"]), st.just("a/1") | VALUES)
        | VALUES,
        "is_error": VALUES,
    },
)


@pytest.fixture(scope="module", params=[{}, {"scope": ["site"]}, {"mapping": ALERTMANAGER}], ids=str)
def with_incidents(
    request: pytest.FixtureRequest, schema: TelemetrySchema, redis_url: str, tmp_path_factory: Any
) -> Client:
    labels = {name: value for name, value in request.param.items() if name != "mapping"}
    of = with_labels(
        schema, {"incident_mapping": request.param.get("mapping")}, form="incidents", tolerance="5s", **labels
    )
    package = write_package(tmp_path_factory.mktemp("model"), of)
    return make_client(package, redis_url=redis_url, journal_key=f"any-{len(str(request.param))}")


@settings(max_examples=300, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(
    path=st.sampled_from(["/incidents", "/labels"]),
    body=INCIDENT
    | st.lists(INCIDENT, max_size=4)
    | st.fixed_dictionaries({"alerts": st.lists(INCIDENT | VALUES, max_size=3) | VALUES})
    | VALUES,
)
def test_no_incident_leads_to_a_failure(with_incidents: Client, path: str, body: Any) -> None:
    with_incidents.post("/telemetry", event())
    response = with_incidents.post(path, json.dumps(body).encode())
    assert response.status in (200, 400, 413, 422), response.json
    if response.status != 200:
        assert {"field", "rule", "got"} <= set(response.json["error"])


def test_what_was_sent_can_be_replayed(with_incidents: Client) -> None:
    journal: Any = serving_state(with_incidents.server.context).journal
    assert sum(entry.size for entry in journal.entries()) > 0


@settings(max_examples=50, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(body=st.binary(max_size=60), path=st.sampled_from(["/telemetry", "/labels", "/v2/models/model/infer"]))
def test_no_bytes_lead_to_a_failure(shared: Client, body: bytes, path: str) -> None:
    assert shared.post(path, body).status in (200, 400, 422)


@settings(max_examples=100, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(
    path=st.text(max_size=20) | st.lists(st.sampled_from(PARTS)).map("/".join),
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH", "get", ""]),
)
def test_no_path_leads_to_a_failure(shared: Client, path: str, method: str) -> None:
    response = shared.server.test(f"/{path}", method=method, silent=True, get_body=False)
    assert response.status_code < 500


def test_while_the_journal_is_away_nothing_is_accepted_and_nothing_is_half_done(
    package: Path, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = make_client(package, redis_url=redis_url, journal_key="comes-back")
    journal: Any = serving_state(client.server.context).journal

    def away(*args: object, **kwargs: object) -> None:
        raise redis.TimeoutError("no answer")

    with monkeypatch.context() as patch:
        patch.setattr(journal, "_append", away)
        answered = client.post("/telemetry", event())
        assert (answered.status, answered.json["error"]["field"]) == (503, "journal")
        assert client.get("/v2/health/live").status == 200
    assert client.post("/telemetry", event()).json["status"] == "accepted"


@pytest.mark.parametrize("text", ["hi", "5 devices", "[1"])
def test_a_text_in_quotes_is_no_object(text: str) -> None:
    # A trigger that has decoded it gives what is between the quotes.
    with pytest.raises(ApiError, match="body: must be an object or a list") as refused:
        decode(text, 100)
    assert refused.value.status == 400
    with pytest.raises(ApiError, match="body: must be JSON: unexpected"):
        decode(text.encode(), 100)
