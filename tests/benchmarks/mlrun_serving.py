"""Events to predictions, beside what MLRun and storey offer for it without a cluster.

``python -m tests.benchmarks.mlrun_serving`` prints one JSON line: single events, and lists. The peer keeps
the same windows by storey's ``AggregateByKey`` in the online store of the feature set, asks MLRun's online
feature service for them, and a pickled scikit-learn model in MLRun's own model router. Ours is the serving
graph with its journal. Both are called in this process by MLRun's mock server, on one Valkey, with the same
events. MLRun's service tells windows by the clock of the machine: of events of the past it sees less, so the
answers are not compared.
"""

from __future__ import annotations

import json
import pickle
import tempfile
import time
from pathlib import Path
from typing import Any

import mlrun
import mlrun.serving
import numpy as np
import pandas as pd
from mlrun.datastore.targets import get_online_target
from sklearn.linear_model import LogisticRegression
from storey import AggregateByKey, FieldAggregator, NoSqlTarget, SyncEmitSource, build_flow
from storey.dtypes import SlidingWindows
from storey.flow import Complete

from feature_sets.device_metrics import device_metrics
from feature_sets.feature_vector import selected_features
from feature_sets.ingestion.vectorized_ingest import ingest_vectorized
from feature_sets.telemetry.schema import DEVICE
from feature_sets.windows.definition import WindowDefinition
from tests.benchmarks.local_project import SCHEMA, local_project, steady_telemetry
from tests.graphs.conftest import make_client, write_package

DEVICES = 100
READINGS = 20
LIST = 100
PEER_EVENTS = 200
EVENTS = 2000
PICKLED = "tests.benchmarks.mlrun_serving.PickledModel"
INPUTS = SCHEMA.window_features[:6]


class PickledModel(mlrun.serving.V2ModelServer):
    """A pickled scikit-learn model, as MLRun's handlers keep it."""

    def load(self) -> None:
        """Unpickle it."""
        self.model = pickle.loads(Path(self.model_path).read_bytes())

    def predict(self, request: dict[str, Any]) -> list[float]:
        """Probability of an error of each row."""
        probability: list[float] = self.model.predict_proba(np.array(request["inputs"]))[:, 1].tolist()
        return probability


class Peer:
    """storey's windows in the online store, MLRun's online service, and its model router.

    :param frame: what has come before.
    :param folder: for the model.
    """

    def __init__(self, frame: pd.DataFrame, folder: Path) -> None:
        metrics = device_metrics(SCHEMA)
        ingest_vectorized(metrics, frame)
        wanted = WindowDefinition.from_schema(SCHEMA)
        windows = SlidingWindows(list(wanted.windows), wanted.period)
        every = [FieldAggregator(name, name, list(wanted.operations), windows) for name in wanted.metrics]
        table = get_online_target(metrics).get_table_object()
        self._flow = build_flow(
            [
                SyncEmitSource(key_field=DEVICE),
                AggregateByKey(every, table, time_field=SCHEMA.time),
                NoSqlTarget(table),
                Complete(),
            ]
        ).run()
        self._service = selected_features(SCHEMA, list(INPUTS)).get_online_feature_service(
            impute_policy={"*": 0}
        )
        generator = np.random.default_rng(3)
        rows = generator.normal(40, 10, (300, len(INPUTS)))
        fitted = LogisticRegression(max_iter=1000).fit(rows, rows[:, 0] > 40)
        (folder / "model.pkl").write_bytes(pickle.dumps(fitted))
        function = mlrun.new_function("peer", kind="serving", image="mlrun/mlrun")
        function.set_topology("router")
        function.add_model("model", class_name=PICKLED, model_path=str(folder / "model.pkl"))
        self._server = function.to_mock_server()

    def predict(self, events: list[dict[str, Any]]) -> list[float]:
        """Probability of an error after each event; those of a list are asked for at once."""
        waiting = [self._flow.emit(dict(event), return_awaitable_result=True) for event in events]
        for one in waiting:
            one.await_result()
        found = self._service.get([{DEVICE: event[DEVICE]} for event in events])
        inputs = [[float(row[name]) for name in INPUTS] for row in found]
        answer: list[float] = self._server.test("/v2/models/model/infer", {"inputs": inputs})["outputs"]
        return answer

    def close(self) -> None:
        """End the flows."""
        self._flow.terminate()
        self._flow.await_termination()
        self._service.close()


def measure(events: int = EVENTS, peer_events: int = PEER_EVENTS, size: int = LIST) -> dict[str, Any]:
    """Events a second of both, single and in lists; none is sent twice.

    :param events: to ours, of each kind.
    :param peer_events: to the peer.
    """
    now = pd.Timestamp.now("UTC").floor("s")
    total = 2 * events + 2 * peer_events
    frame = steady_telemetry((READINGS + -(-total // DEVICES)) * DEVICES, DEVICES, now)
    before, live = frame[: READINGS * DEVICES], frame[READINGS * DEVICES :]
    rows = live.to_dict("records")
    as_sent = [{**row, SCHEMA.time: row[SCHEMA.time].isoformat()} for row in rows]
    as_storey = [{**row, SCHEMA.time: row[SCHEMA.time].to_pydatetime()} for row in rows]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        (folder / "package").mkdir()
        package = write_package(folder / "package", SCHEMA, inputs=INPUTS)
        url = mlrun.mlconf.redis.url
        client = make_client(package, devices=None, redis_url=url, journal_key="peer")
        peer = Peer(before, folder)
        try:

            def ours(sent: list[dict[str, Any]]) -> None:
                answer = client.post("/telemetry", sent[0] if len(sent) == 1 else sent)
                said = [answer.json] if len(sent) == 1 else answer.json
                assert answer.status == 200 and len(said) == len(sent)
                assert all(one["probability"] is not None for one in said)

            def theirs(sent: list[dict[str, Any]]) -> None:
                assert len(peer.predict(sent)) == len(sent)

            figures = {
                "peer_single": _rate(theirs, as_storey[:peer_events], 1),
                "single": _rate(ours, as_sent[:events], 1),
                "peer_list": _rate(theirs, as_storey[peer_events : 2 * peer_events], size),
                "list": _rate(ours, as_sent[events : 2 * events], size),
            }
        finally:
            peer.close()
    return {
        "benchmark": "mlrun_serving",
        "devices": DEVICES,
        "features": len(SCHEMA.window_features),
        "list": size,
        **{f"{name}_events_per_s": round(rate, 1) for name, rate in figures.items()},
        "ratio_single": round(figures["single"] / figures["peer_single"], 1),
        "ratio_list": round(figures["list"] / figures["peer_list"], 1),
    }


def _rate(send: Any, events: list[dict[str, Any]], size: int) -> float:
    send(events[:1])
    rest = events[1:]
    began = time.perf_counter()
    for first in range(0, len(rest), size):
        send(rest[first : first + size])
    return len(rest) / (time.perf_counter() - began)


if __name__ == "__main__":
    with local_project():
        print(json.dumps(measure()), flush=True)
