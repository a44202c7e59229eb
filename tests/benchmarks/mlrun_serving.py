"""Events to predictions, beside what MLRun and storey offer for it without a cluster.

``python -m tests.benchmarks.mlrun_serving`` prints one JSON line: single events, and lists. The peer keeps
the same windows by storey's ``AggregateByKey`` in the online store of the feature set, asks MLRun's online
feature service for them, and a pickled scikit-learn model in MLRun's own model router. Ours is the serving
graph with its journal. Both are called in this process by MLRun's mock server, on one Valkey, with the same
model, the same events before, and then the same events in the same order. Model inputs and probabilities of
both are compared: a ratio is of the same work only if they are the same.

Three things differ by design, so the events are such that they make no difference. MLRun's service tells
windows by the clock of the machine: it is given the time of the event for that. It is asked when all of a
list is in, at the time of the last event, and ours answers each event as of its own time: all of a list are
within one step of the windows. A reading beyond the range of the schema is none for ours: there is none.
"""

from __future__ import annotations

import json
import pickle
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import mlrun
import mlrun.serving
import numpy as np
import numpy.typing as npt
import onnx
import pandas as pd
from mlrun.datastore.targets import get_online_target
from sklearn.linear_model import LogisticRegression
from storey import AggregateByKey, FieldAggregator, NoSqlTarget, SyncEmitSource, build_flow
from storey.dtypes import SlidingWindows
from storey.flow import Complete

from feature_sets.device_metrics import device_metrics
from feature_sets.feature_vector import selected_features
from feature_sets.ingestion.vectorized_ingest import ingest_vectorized
from feature_sets.model_package.files import MODEL_FILE
from feature_sets.model_package.package import read_model_package
from feature_sets.telemetry.schema import DEVICE
from feature_sets.windows.definition import WindowDefinition
from tests.benchmarks.local_project import SCHEMA, local_project, steady_telemetry
from tests.graphs.conftest import Client, make_client, write_package

DEVICES = 100
READINGS = 20
LIST = 100
EVENTS = 300
TOLERANCE = 1e-6
"""Relative; storey adds up its windows in another order, and a probability is that of 32-bit floats."""
PICKLED = "tests.benchmarks.mlrun_serving.PickledModel"
INPUTS = SCHEMA.window_features[:6]


class Moment(datetime):
    """What storey takes for the time of the machine."""

    at = datetime(1970, 1, 1, tzinfo=UTC)

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
        """The time of the newest event that is asked about."""
        return cls.at


class Answers(NamedTuple):
    """What was said of events, in their order.

    :param inputs: of the model, before imputation, NaN where missing; shape (n, inputs).
    :param probability: shape (n,).
    """

    inputs: npt.NDArray[np.float64]
    probability: npt.NDArray[np.float64]


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
    :param package: of the model; the peer has the same one as scikit-learn keeps it.
    :param folder: for that.
    """

    def __init__(self, frame: pd.DataFrame, package: Path, folder: Path) -> None:
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
            impute_policy=dict(zip(INPUTS, imputations(package), strict=True))
        )
        self.inputs: list[list[float]] = []
        self.probability: list[float] = []
        (folder / "model.pkl").write_bytes(pickle.dumps(fitted(package)))
        function = mlrun.new_function("peer", kind="serving", image="mlrun/mlrun")
        function.set_topology("router")
        function.add_model("model", class_name=PICKLED, model_path=str(folder / "model.pkl"))
        self._server = function.to_mock_server()

    def predict(self, events: list[dict[str, Any]]) -> list[float]:
        """Probability of an error after each event; those of a list are asked for at once."""
        waiting = [self._flow.emit(dict(event), return_awaitable_result=True) for event in events]
        for one in waiting:
            one.await_result()
        Moment.at = events[-1][SCHEMA.time]
        found = self._service.get([{DEVICE: event[DEVICE]} for event in events])
        inputs = [[float(row[name]) for name in INPUTS] for row in found]
        answer: list[float] = self._server.test("/v2/models/model/infer", {"inputs": inputs})["outputs"]
        self.inputs += inputs
        self.probability += answer
        return answer

    @property
    def answers(self) -> Answers:
        """What was said so far."""
        return Answers(np.array(self.inputs), np.array(self.probability))

    def close(self) -> None:
        """End the flows."""
        self._flow.terminate()
        self._flow.await_termination()
        self._service.close()


def fitted(package: Path) -> LogisticRegression:
    """The model of a package, as scikit-learn has it."""
    graph = onnx.load(package / MODEL_FILE).graph
    (node,) = [node for node in graph.node if node.op_type == "LinearClassifier"]
    found = {attribute.name: list(attribute.floats) for attribute in node.attribute}
    model = LogisticRegression()
    model.classes_ = np.array([0, 1])
    model.coef_ = np.array([found["coefficients"][-len(INPUTS) :]])
    model.intercept_ = np.array(found["intercepts"][-1:])
    return model


def imputations(package: Path) -> list[float]:
    """What replaces each input of a package where it is missing."""
    return [column.imputation for column in read_model_package(package).schema.inputs]


def same(ours: Answers, theirs: Answers, replaced: Sequence[float]) -> dict[str, Any]:
    """How many inputs and probabilities are the same, and of which inputs some are not.

    :param replaced: the value of each input where it is missing, which theirs has then.
    """
    given = np.where(np.isnan(ours.inputs), np.array(replaced), ours.inputs)
    inputs = np.isclose(given, theirs.inputs, rtol=TOLERANCE, atol=TOLERANCE)
    chances = np.isclose(ours.probability, theirs.probability, rtol=1e-4, atol=1e-5)
    return {
        "same_inputs": round(float(inputs.mean()), 4),
        "same_probabilities": round(float(chances.mean()), 4),
        "differing": [name for name, equal in zip(INPUTS, inputs.all(axis=0), strict=True) if not equal],
    }


def measure(events: int = EVENTS, size: int = LIST) -> dict[str, Any]:
    """Events a second of both, single and in lists, and whether both say the same; none is sent twice.

    :param events: of each kind, to both.
    """
    now = pd.Timestamp.now("UTC").floor("10s") - pd.Timedelta("5s")  # Amid a step: no tick is in two of them.
    frame = steady_telemetry((READINGS + -(-2 * events // DEVICES)) * DEVICES, DEVICES, now)
    for metric in SCHEMA.metrics:
        frame[metric.name] = frame[metric.name].clip(metric.low, metric.high)
    before, live = frame[: READINGS * DEVICES], frame[READINGS * DEVICES :]
    rows = live.to_dict("records")[: 2 * events]
    as_storey = [{**row, SCHEMA.time: row[SCHEMA.time].to_pydatetime()} for row in rows]
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name,
        mock.patch("storey.dtypes.datetime", Moment),
    ):
        folder = Path(name)
        (folder / "package").mkdir()
        package = write_package(folder / "package", SCHEMA, inputs=INPUTS)
        client = make_client(package, devices=None, redis_url=mlrun.mlconf.redis.url, journal_key="peer")
        peer = Peer(before, package, folder)
        probability: list[float] = []
        replaced = imputations(package)
        try:

            def ours(sent: list[dict[str, Any]]) -> None:
                answer = client.post("/telemetry", sent[0] if len(sent) == 1 else sent)
                said = [answer.json] if len(sent) == 1 else answer.json
                assert answer.status == 200 and len(said) == len(sent)
                probability.extend(one["probability"] for one in said)

            def theirs(sent: list[dict[str, Any]]) -> None:
                assert len(peer.predict(sent)) == len(sent)

            history = _as_sent(before.to_dict("records"))
            for first in range(0, len(history), LIST):
                ours(history[first : first + LIST])
            probability.clear()
            as_sent = _as_sent(rows)
            figures = {
                "peer_single": _rate(theirs, as_storey[:events], 1),
                "single": _rate(ours, as_sent[:events], 1),
                "peer_list": _rate(theirs, as_storey[events:], size),
                "list": _rate(ours, as_sent[events:], size),
            }
            said = Answers(_inputs(client, rows), np.array(probability))
        finally:
            peer.close()
    of_single, of_list = slice(0, events), slice(events, 2 * events)
    return {
        "benchmark": "mlrun_serving",
        "devices": DEVICES,
        "features": len(SCHEMA.window_features),
        "list": size,
        **{f"{name}_events_per_s": round(each.rate, 1) for name, each in figures.items()},
        "ratio_single": round(figures["single"].rate / figures["peer_single"].rate, 1),
        "ratio_list": round(figures["list"].rate / figures["peer_list"].rate, 1),
        "processor_ratio_single": round(figures["peer_single"].processor / figures["single"].processor, 1),
        "processor_ratio_list": round(figures["peer_list"].processor / figures["list"].processor, 1),
        **{
            f"{name}_{kind}": value
            for kind, part in (("single", of_single), ("list", of_list))
            for name, value in same(_part(said, part), _part(peer.answers, part), replaced).items()
        },
    }


def _as_sent(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**row, SCHEMA.time: row[SCHEMA.time].isoformat()} for row in rows]


def _inputs(client: Client, rows: list[dict[str, Any]]) -> npt.NDArray[np.float64]:
    """Model inputs of events, as they are remembered until their label comes."""
    ledger = client.step("labeled_join")._ledger
    made = [ledger.prediction(row[DEVICE], row[SCHEMA.time].timestamp()) for row in rows]
    return np.array([one.features for one in made])


def _part(answers: Answers, part: slice) -> Answers:
    return Answers(answers.inputs[part], answers.probability[part])


class Speed(NamedTuple):
    """Events a second, and seconds of processor time of this process for an event."""

    rate: float
    processor: float


def _rate(send: Any, events: list[dict[str, Any]], size: int) -> Speed:
    send(events[:size])
    rest = events[size:]
    began, used = time.perf_counter(), time.process_time()
    for first in range(0, len(rest), size):
        send(rest[first : first + size])
    used = time.process_time() - used
    return Speed(len(rest) / (time.perf_counter() - began), used / len(rest))


if __name__ == "__main__":
    with local_project():
        print(json.dumps(measure()), flush=True)
