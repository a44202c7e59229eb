"""Ids of requests that bring none are told apart, also between a process and its fork."""

from __future__ import annotations

import os

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
