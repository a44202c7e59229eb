"""One serving process: the real steps in their order, without a server around them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import orjson
import pyarrow as pa

from graphs.detect_drift import DetectDrift
from graphs.device_states import DeviceStates
from graphs.ingress import Ingress
from graphs.initializer import shut_down
from graphs.journal_step import JournalStep
from graphs.labeled_join import LabeledJoin
from graphs.model_router import ModelRouter
from graphs.onnx_model import OnnxModel
from graphs.preprocess import Preprocess
from graphs.protocol.errors import ApiError
from graphs.respond import ErrorHandler, Respond
from graphs.state.labeled_batches import LabeledBatches
from graphs.state.redis_journal import RedisJournal
from graphs.state.serving_state import ServingState, attach_state
from graphs.state.settings import ServingSettings
from graphs.together import Tell, Together
from tests.simulation.store import Sent, Store
from tests.simulation.world import World

DEVICES = {"d0": {"model_x": 1.0}, "d1": {"model_x": 0.0}, "d2": {"model_x": 1.0}}
DEADLINE_SECONDS = 400.0


class _Quiet:
    """A logger of nothing."""

    def __getattr__(self, name: str) -> Any:
        return lambda *args, **kwargs: None


class _Together(Together):
    """Tells the store which requests an entry is of."""

    def __init__(self, context: Any, store: Store) -> None:
        super().__init__(context)
        self._store = store

    def _answer(self, events: Sequence[Any], group: list[int], tell: Tell) -> None:
        self._store.sending = [sent for place in group for sent in events[place].sent]
        try:
            super()._answer(events, group, tell)
        finally:
            self._store.sending = ()


class Process:
    """Starts like a deployed function: builds the state, the steps, and replays.

    :param world: what surrounds it.
    :param model_path: of the champion that it was deployed with.
    """

    def __init__(self, world: World, model_path: str) -> None:
        folder = world.folder
        world.begin()
        settings = ServingSettings(
            model_path,
            devices=DEVICES,
            redis_url="redis://simulated",
            journal_key="simulated",
            journal_max_events=40,
            archive_directory=str(folder / "accepted"),
            snapshot_directory=str(folder / "snapshots"),
            snapshot_events=40,
            snapshot_seconds=90.0,
            labeled_directory=str(folder / "labeled"),
            label_deadline_seconds=DEADLINE_SECONDS,
            batch_rows=20,
        )
        self._world = world
        steps: dict[str, Any] = {}
        self.context = context = SimpleNamespace(
            is_mock=True, logger=_Quiet(), Response=SimpleNamespace, root=SimpleNamespace(steps=steps)
        )
        self.state = replace(ServingState.build(settings, clock=world.clock), told=world.history)
        attach_state(context, self.state)
        self._ingress = Ingress(context)
        model = OnnxModel(context, settings.model_name)
        model.post_init()
        routes = {settings.model_name: SimpleNamespace(async_object=model)}
        self._steps: list[Any] = [
            JournalStep(context),
            Preprocess(context),
            DeviceStates(context),
            ModelRouter(context, "model_router", routes=routes),
            LabeledJoin(context),
            DetectDrift(context),
        ]
        for step in self._steps:
            steps[step.name] = SimpleNamespace(async_object=step)
        self._respond = Respond(context)
        self._on_error = ErrorHandler(context)
        self._together = _Together(context, world.store)
        steps["ingress"] = SimpleNamespace(async_object=self._ingress)
        steps["error_handler"] = SimpleNamespace(async_object=self._on_error)
        steps["respond"] = SimpleNamespace(async_object=self._respond)
        for step in (*self._steps, self._respond):
            step.post_init()

    @property
    def knows_all(self) -> bool:
        """Whether it has seen every entry of the store."""
        journal: Any = self.state.journal
        if self.state.unfinished.request is not None:
            return False
        return journal.place is not None and journal.place >= max(self._world.store.ids, default=(0, 0))

    def send(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Status and answer of a request."""
        return _read(self._alone(_event(method, path, body)))

    def post(self, requests: Sequence[tuple[str, Any]]) -> list[tuple[int, Any]]:
        """Status and answer of requests that have arrived together: path and body of each."""
        events = [_event("POST", path, body, place) for place, (path, body) in enumerate(requests)]
        if len(events) == 1 and self._world.random.random() < 0.5:  # As Nuclio's worker does it.
            return [_read(self._alone(events[0]))]
        found: dict[int, Any] = {}
        self._together(events, self._alone, found.__setitem__)
        return [_read(found[place]) for place in range(len(events))]

    def _alone(self, event: Any) -> Any:
        """As the graph server does it: a step that fails is answered by the error handler."""
        self._world.store.sending = event.sent
        try:
            request = self._ingress.do_event(event).body
            for step in self._steps:
                step.do(request)
            return self._respond.do_event(event).body
        except RuntimeError:
            return self._on_error.do_event(event)
        finally:
            self._world.store.sending = ()

    def counts(self) -> dict[tuple[str, ...], float]:
        """Counters that go on over restarts, by name and labels."""
        return {
            (name, *labels.values()): value for name, labels, value in self.state.metrics.saved() if value
        }

    def work_beside(self) -> None:
        """Let the threads beside the requests do what waits for them."""
        for batches in self._batches():
            is_full = batches.unwritten >= batches._rows
            if is_full or (batches.unwritten and self._world.random.random() < 0.25):
                try:
                    batches.flush(full_only=is_full)
                except (OSError, pa.ArrowException) as error:
                    batches._on_failure(error)
        journal = self.state.journal
        assert isinstance(journal, RedisJournal) and journal.archive is not None
        archive = journal.archive
        if archive._enough.is_set():
            archive._enough.clear()
            try:
                archive.catch_up()
            except (OSError, pa.ArrowException, ApiError) as error:
                archive._on_failure(error)
                archive._enough.set()

    def _batches(self) -> Iterable[LabeledBatches]:
        join = self._steps[4]
        return [join._batches, *join._ahead._batches.values()]

    def shut_down(self) -> None:
        """End in order."""
        shut_down(self.context)


def _event(method: str, path: str, body: Any, place: int = 0) -> Any:
    """An HTTP request as Nuclio has it, with what the store is told of it."""
    content = None if body is None else orjson.dumps(body)
    sent = () if not isinstance(body, list) else (Sent(place, path, body),)
    return SimpleNamespace(method=method, path=path, body=content, headers={}, sent=sent)


def _read(response: Any) -> tuple[int, Any]:
    if isinstance(response, Exception):
        raise response
    return response.status_code, orjson.loads(response.body)
