"""What of the machine the steps are given in the simulation: files, threads, forks and time of its own."""

from __future__ import annotations

import json
import logging
import marshal
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import mlrun.utils
import numpy as np
import orjson
import prometheus_client
import pyarrow as pa
import redis

import feature_sets.windows.online
import graphs.change_loader
import graphs.ingress
import graphs.joined_incidents
import graphs.labeled_join
import graphs.loaded_versions
import graphs.onnx_model
import graphs.preprocess
import graphs.restart
import graphs.snapshot
import graphs.state.further_packages
import graphs.state.journal_archive
import graphs.state.labeled_batches
import graphs.state.serving_state
import graphs.state.snapshots.taker
import graphs.together
from feature_sets.derived_features import DerivedFeatures
from feature_sets.telemetry import each_horizon, incidents_that_count
from feature_sets.windows.definition import WindowDefinition
from feature_sets.windows.plan import Plan
from graphs.scoring import Scoring
from graphs.state import history_incidents, ledger_records, told_labels
from graphs.state.snapshots import files
from graphs.state.snapshots.saved_state import SavedState
from graphs.state.snapshots.taker import SnapshotTaker
from tests.simulation.models import Models, horizons_of
from tests.simulation.store import Client
from tests.simulation.world import World


class Machine:
    """The world and the models of the history that runs."""

    world: World
    models: Models


class _Once:
    """A function of what never changes, which each process and request of a history asks anew.

    :param function: of a frame or a schema, and of what is the same in all of the history.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self._frame: Any = None
        self._found: Any = None

    def __call__(self, frame: Any, *others: Any) -> Any:
        if frame is not self._frame:
            self._frame, self._found = frame, self._function(frame, *others)
        return self._found


_JSON = json.JSONEncoder(check_circular=False)
_FINITE = frozenset(("graph", "model_router", "detect_drift"))
"""Parts without any infinity, which orjson writes as null: they can be written by it, much faster.

So can any other that has no null then."""


class _Rendered(bytes):
    """A state as it is written."""


class _Taker(SnapshotTaker):
    """Tells the fork what its child has in memory."""

    def _take(self, place: Any, lost: bool, nice: int = 19) -> None:
        def rendered() -> _Rendered:
            return _Rendered(_packed(self._state()))

        Machine.world.forking = (self, place, rendered)
        super()._take(place, lost, nice)


def _packed(state: SavedState) -> bytes:
    """A state as JSON and the bytes of its arrays: what many small arrays cost in an archive is left out."""
    arrays = state.arrays.items()
    plain = {name: _text(name, part) for name, part in state.plain.items()}
    sizes = [(name, array.dtype.str, array.shape, array.nbytes) for name, array in arrays]
    header = marshal.dumps((plain, sizes))
    return b"".join([len(header).to_bytes(8, "big"), header, *(array.tobytes() for _, array in arrays)])


def _unpacked(content: bytes, where: str) -> SavedState:
    at = 8 + int.from_bytes(content[:8], "big")
    plain, sizes = marshal.loads(content[8:at])
    arrays = {}
    for name, kind, shape, size in sizes:
        arrays[name] = np.frombuffer(content[at : at + size], kind).reshape(shape)
        at += size
    return SavedState({name: _read_text(text) for name, text in plain.items()}, arrays)


def _text(name: str, part: Any) -> bytes | str:
    """JSON of a part: bytes by orjson, or a text that may have an infinity."""
    text = orjson.dumps(part)
    return text if name in _FINITE or b"null" not in text else _JSON.encode(part)


def _read_text(text: bytes | str) -> Any:
    return json.loads(text) if isinstance(text, str) else orjson.loads(text)


def _write(stream: Any, state: _Rendered) -> None:
    stream.write(bytes(state))


class _Os:
    """``os`` with another ``fork``, and a disk that may be full."""

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def fork(self) -> int:
        return Machine.world.fork()

    def pipe(self) -> tuple[int, int]:
        return -1, -1

    def close(self, handle: int) -> None:
        if handle >= 0:
            os.close(handle)

    def fsync(self, handle: int) -> None:
        with Machine.world.writing():
            pass

    def waitpid(self, pid: int, options: int) -> tuple[int, int]:
        self._looked_at = Machine.world.children[pid]
        return (pid, 0) if self._looked_at.has_ended else (0, 0)

    def read(self, handle: int, most: int) -> bytes:
        return self._looked_at.said or b""

    def kill(self, pid: int, number: int) -> None:
        Machine.world.children[pid].end()


class _Cores:
    """``os`` on a machine with the cores of the world."""

    def sched_getaffinity(self, pid: int) -> set[int]:
        return set(range(Machine.world.cores))


class _Time:
    """``time`` by the clock of the world; who sleeps lets the children go on."""

    def monotonic(self) -> float:
        return Machine.world.now

    def time(self) -> float:
        return Machine.world.now

    def sleep(self, seconds: float) -> None:
        Machine.world.now += seconds
        Machine.world.run_child()


class _Thread:
    """A thread that does nothing by itself: the history decides when its work is done."""

    def __init__(self, target: Callable[..., None], args: tuple[Any, ...] = (), **kwargs: Any) -> None:
        self._target, self._args = target, args

    def start(self) -> None:
        pass

    def join(self) -> None:
        pass


class _LoadThread(_Thread):
    """One that loads versions of a new routing."""

    def start(self) -> None:
        Machine.world.loads.append(lambda: self._target(*self._args))


def _threading(thread: type[_Thread]) -> SimpleNamespace:
    return SimpleNamespace(
        Thread=thread, Event=threading.Event, Lock=threading.Lock, Condition=threading.Condition
    )


class _Parquet:
    """Tables stay in memory, and a file says which: Parquet is slow for eight rows."""

    def write_table(self, table: pa.Table, where: Any, **options: Any) -> None:
        world = Machine.world
        with world.writing(where if isinstance(where, Path) else None):
            content = b"%d" % len(world.tables)
            world.tables.append(table)
            if isinstance(where, Path):
                where.write_bytes(content)
            else:
                where.write(content)

    def read_table(self, path: Path, columns: list[str] | None = None) -> pa.Table:
        table = Machine.world.tables[int(path.read_bytes())]
        return table if columns is None else table.select(columns)


_rename, _answer = Path.rename, Scoring._answer


def _renamed(path: Path, target: Any) -> Path:
    with Machine.world.writing(path):
        return _rename(path, target)


def _answered(scoring: Any, *given: Any) -> Any:
    Machine.world.check_model()
    return _answer(scoring, *given)


def read_table(path: Path) -> pa.Table:
    """A table that a step has written."""
    return _Parquet().read_table(path)


def _change_id() -> str:
    """Id of a change of the routing: by the seed, as all else."""
    return f"{next(Machine.world.ids):012x}"


def _client(url: str, **options: Any) -> Client:
    return Client(Machine.world.store)


def _fetched(address: str, verify_key: str | None = None) -> Any:
    return Machine.models.fetch(address)


def _beside(address: str, horizon: str, verify_key: str | None = None) -> Any:
    return Machine.models.beside(address, horizon)


@contextmanager
def simulated() -> Iterator[None]:
    """Have the steps run on ``Machine``."""
    taker, archive = graphs.state.snapshots.taker, graphs.state.journal_archive
    batches, loader = graphs.state.labeled_batches, graphs.change_loader
    level = mlrun.utils.logger._logger.level
    mlrun.utils.logger._logger.setLevel(logging.CRITICAL)
    order_of = _Once(incidents_that_count.order_of)
    with ExitStack() as stack:
        for where, name, value in (
            (redis.Redis, "from_url", _client),
            (prometheus_client.CollectorRegistry, "register", lambda registry, collector: None),
            (graphs.state.serving_state, "fetch_model_package", _fetched),
            (graphs.loaded_versions, "fetch_model_package", _fetched),
            (graphs.state.further_packages, "_fetched", _beside),
            (graphs.onnx_model, "fetch_model_package", _fetched),
            (graphs.ingress, "made_id", lambda: f"{next(Machine.world.ids):032x}"),
            (graphs.together, "traceback", SimpleNamespace(format_exception=lambda error: ())),
            # How windows are spread changes nothing, so each start may spread them otherwise.
            (feature_sets.windows.online, "os", _Cores()),
            (graphs.preprocess, "warm_up", lambda: None),
            (graphs.labeled_join, "warm_up", lambda: None),
            (each_horizon, "by_horizon", horizons_of),
            # What a schema says of windows is made once in a history, and not at each start.
            (WindowDefinition, "from_schema", _Once(WindowDefinition.from_schema)),
            (Plan, "of", _Once(Plan.of)),
            (graphs.preprocess, "DerivedFeatures", _Once(DerivedFeatures)),
            # Several rows are in a stretch of the ledger then; ten seconds have one or two here.
            (ledger_records, "_CHUNKS", 10),
            (graphs.restart, "gc", SimpleNamespace(disable=lambda: None, enable=lambda: None)),
            (graphs.restart, "time", _Time()),
            (graphs.snapshot, "SnapshotTaker", _Taker),
            (taker, "os", _Os()),
            (taker, "time", _Time()),
            (files, "os", _Os()),
            (files, "_write", _write),
            (files, "_read", _unpacked),
            (loader, "threading", _threading(_LoadThread)),
            (loader, "time", _Time()),
            (loader, "uuid", SimpleNamespace(uuid4=lambda: SimpleNamespace(hex=_change_id()))),
            (batches, "threading", _threading(_Thread)),
            (batches, "pq", _Parquet()),
            (archive, "threading", _threading(_Thread)),
            (archive, "pq", _Parquet()),
            (Path, "rename", _renamed),
            (Scoring, "_answer", _answered),
            *((told_labels, name, _Once(getattr(told_labels, name))) for name in ("_wanted", "_taken")),
            (history_incidents, "_last_of_each", _Once(history_incidents._last_of_each)),
            (graphs.joined_incidents, "closed_by_files", _Once(incidents_that_count.closed_by_files)),
            (history_incidents, "order_of", order_of),
            (incidents_that_count, "order_of", order_of),
        ):
            stack.enter_context(patch.object(where, name, value))
        yield
    mlrun.utils.logger._logger.setLevel(level)
