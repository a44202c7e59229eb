"""Servers shared by all tests: one control plane with Valkey, under a temporary home."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from project.local.stack import Stack, StackInfo
from tests.process_guard import guard_this_process

SOURCE_ROOT = Path(__file__).resolve().parents[1]


def pytest_configure() -> None:
    """Have everything that the tests start end with this process, even if it is killed."""
    guard_this_process()


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
