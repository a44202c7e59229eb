"""A model that fails at events of the journal: they are finished before anything comes after them."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from graphs.finish import PATIENCE_SECONDS
from graphs.onnx_model import OnnxModel
from graphs.state.serving_state import serving_state
from graphs.state.snapshots.files import snapshot_files
from tests.graphs.conftest import START, Client, event, label, make_client
from tests.graphs.test_together import sent


def made(package: Path, redis_url: str, folder: Path) -> Client:
    return make_client(
        package,
        redis_url=redis_url,
        journal_key=str(folder),
        snapshot_directory=str(folder / "snapshots"),
        snapshot_events=1,
        labeled_directory=str(folder / "labeled"),
    )


def failing(times: int = 10**6) -> Any:
    """No answer so many times, as if memory were short."""
    left, real = [times], OnnxModel.probability

    def probability(self: OnnxModel, inputs: Any) -> Any:
        left[0] -= 1
        if left[0] >= 0:
            raise RuntimeError("no memory")
        return real(self, inputs)

    return patch.object(OnnxModel, "probability", probability)


def counted(client: Client) -> list[str]:
    lines = client.get("/metrics").json.splitlines()
    return [one for one in lines if one.startswith(("netops_events_total{", "netops_predictions_total{"))]


@pytest.mark.parametrize("together", [False, True], ids=["alone", "together"])
def test_events_that_the_model_failed_at_are_predicted_before_the_next_ones(
    package: Path, redis_url: str, tmp_path: Path, together: bool
) -> None:
    client, right = made(package, redis_url, tmp_path), make_client(package)
    first = [("POST", "/telemetry", event("a/1", 0)), ("POST", "/telemetry", event("a/2", 0))]
    with failing(1):
        answers = sent(client, first, together)
    assert answers[0][0] == 500
    sent(right, first, together)
    again = client.post("/telemetry", event("a/1", 0)).json
    assert again["status"] == "duplicate" and again == right.post("/telemetry", event("a/1", 0)).json
    assert client.get("/labeled").json["waiting"] == right.get("/labeled").json["waiting"] == 2
    restarted = made(package, redis_url, tmp_path)
    assert restarted.get("/labeled").json["waiting"] == 2
    assert counted(client) == counted(right) != []


def test_while_the_model_fails_nothing_is_journaled_and_no_snapshot_lacks_its_events(
    package: Path, redis_url: str, tmp_path: Path
) -> None:
    client = made(package, redis_url, tmp_path)
    with failing():
        assert client.post("/telemetry", event("a/1", 0)).status == 500
        place = client.step("journal")._journal.place
        for path, body in (("/telemetry", event("a/1", 10)), ("/labels", label("a/1", 0))):
            refused = client.post(path, body)
            assert (refused.status, refused.json["error"]["field"]) == (503, "model")
            assert client.get("/v2/health/ready").json["error"]["field"] == "model"
        assert client.get("/labeled").json["waiting"] == 0
        assert client.step("journal")._journal.place == place
        client.shut_down()
        assert snapshot_files(tmp_path / "snapshots") == []
    again = made(package, redis_url, tmp_path)
    assert again.get("/labeled").json["waiting"] == 1
    assert again.post("/labels", label("a/1", 0)).json["status"] == "joined"


def test_a_model_that_fails_for_long_leaves_its_events_without_a_prediction(
    package: Path, redis_url: str, tmp_path: Path
) -> None:
    client = made(package, redis_url, tmp_path)
    held = serving_state(client.server.context).unfinished
    now = [START]
    held.clock = lambda: now[0]
    object.__setattr__(serving_state(client.server.context), "clock", lambda: now[0])
    with failing():
        assert client.post("/telemetry", event("a/1", 0)).status == 500
        now[0] += PATIENCE_SECONDS
        assert client.post("/labels", label("a/2", 0)).status == 200
    assert client.post("/telemetry", event("a/1", 0)).json["prediction"] is None
    assert client.post("/telemetry", event("a/1", 10)).json["status"] == "accepted"
