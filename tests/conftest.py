"""Servers shared by all tests, and how tests are picked and spread over workers."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from project.gc_paused import gc_paused
from project.local.stack import Stack, StackInfo
from tests.process_guard import guard_this_process
from tests.shared_bytecode import shared_bytecode

SOURCE_ROOT = Path(__file__).resolve().parents[1]

SERVER_FIXTURES = frozenset({"installation", "bare", "local_stack", "dbpath", "redis_url"})
"""Fixtures that start server processes; a test that uses one of them, also by way of others, is ``slow``."""


# A busy machine is slow now and then; that is no finding of Hypothesis.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark the tests that need server processes; on a worker of xdist, put the long tests first."""
    for item in items:
        if not SERVER_FIXTURES.isdisjoint(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.slow)
    if hasattr(config, "workerinput"):
        from tests.scheduling import start_rank, unit_of

        # By file, too: each worker has collected them in an order of its own.
        items.sort(key=lambda item: (start_rank(item.nodeid), unit_of(item.nodeid)))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With ``--dist loadscope`` a scope is a file, or all tests of the installation."""
    if config.getvalue("dist") != "loadscope":
        return None
    from tests.scheduling import UnitScheduling

    return UnitScheduling(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Iterator[Any]:
    """No search for garbage while all modules load, nor later among what they are made of.

    Workers of xdist share what they compile.
    """
    of_xdist: dict[str, Any] | None = getattr(session.config, "workerinput", None)
    with ExitStack() as stack:
        stack.enter_context(gc_paused())
        if of_xdist is not None:
            number = int(of_xdist["workerid"].removeprefix("gw"))
            stack.enter_context(shared_bytecode(session.config, number, of_xdist["workercount"]))
        return (yield)


def pytest_configure() -> None:
    """Have everything that the tests start end with this process, even if it is killed."""
    guard_this_process()


@pytest.fixture(autouse=True)
def _same_address() -> Iterator[None]:
    """MLRun writes the address of its API into the environment; no test leaves it to the next."""
    before = os.environ.get("MLRUN_DBPATH")
    yield
    if before is None:
        os.environ.pop("MLRUN_DBPATH", None)
    else:
        os.environ["MLRUN_DBPATH"] = before


@pytest.fixture(autouse=True)
def _same_handlers() -> Iterator[None]:
    """A command that runs in a test takes over Ctrl-C and SIGTERM; what a later test forks may not have that.

    They would not end when a pool of them is closed, so that the test never ended.
    """
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        if signal.getsignal(number) is not handler:
            signal.signal(number, handler)


@dataclass(frozen=True)
class LocalStack:
    """A running stack and where its servers are."""

    stack: Stack
    info: StackInfo


@pytest.fixture(scope="session")
def local_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """A control plane and a Valkey that functions of this repository can be deployed to."""
    stack = Stack(tmp_path_factory.mktemp("home"), SOURCE_ROOT)
    try:
        yield LocalStack(stack, stack.up())
    finally:
        stack.stop()


@pytest.fixture(scope="module")
def project(local_stack: LocalStack) -> Iterator[str]:
    """Name of an empty project, the active one of MLRun's client while the tests of one module run."""
    from tests.mlrun_connection import new_project

    with new_project(local_stack.info.mlrun_dbpath) as name:
        yield name
