"""Ids of requests that bring none are told apart, also between a process and its fork."""

from __future__ import annotations

import os

import pytest

from graphs.protocol import request_id
from graphs.protocol.request_id import made_id


def test_made_ids_are_128_bits_and_no_two_are_alike() -> None:
    made = [made_id() for _ in range(1000)]
    assert len(set(made)) == 1000
    assert {len(bytes.fromhex(each)) for each in made} == {16}


def test_a_fork_makes_other_ids() -> None:
    made_id()  # Others were read with it.
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.write(writing, made_id().encode())
        os._exit(0)
    os.waitpid(child, 0)
    os.close(writing)
    with os.fdopen(reading) as told:
        of_child = told.read()
    assert len(of_child) == 32 and of_child not in {made_id() for _ in range(1000)}


def test_a_thread_that_takes_the_last_id_in_between_leaves_others_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Taken(list[str]):
        """As if another thread took the last one as soon as somebody has looked whether there is one."""

        def __bool__(self) -> bool:
            return True

    monkeypatch.setattr(request_id, "_made", Taken())
    made = [made_id() for _ in range(600)]
    assert len(set(made)) == 600
