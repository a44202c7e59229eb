import asyncio
import os
import socket

import pytest
import uvloop

from project.local.http_host import handover


def test_a_connection_made_before_the_old_process_ends_is_answered_by_the_new_one():
    async def scenario():
        listener = handover.listen("127.0.0.1", 0)
        port = listener.getsockname()[1]
        with handover.offer(listener):
            taken = await asyncio.to_thread(handover.take, os.getpid())
        waiting = socket.create_connection(("127.0.0.1", port), timeout=10)
        listener.close()
        accepted, _ = await asyncio.get_running_loop().sock_accept(taken)
        accepted.sendall(b"new")
        answer = waiting.recv(10)
        for used in (accepted, waiting, taken):
            used.close()
        return answer

    assert asyncio.run(scenario()) == b"new"


def test_a_process_that_offers_nothing_gives_nothing():
    assert handover.take(2**22 + 1) is None


def test_another_user_gets_nothing(monkeypatch):
    async def scenario():
        with handover.listen("127.0.0.1", 0) as listener, handover.offer(listener):
            monkeypatch.setattr(os, "getuid", lambda: 123456)
            return await asyncio.to_thread(handover.take, os.getpid())

    assert asyncio.run(scenario()) is None


def test_a_port_in_use_is_not_opened_twice():
    with handover.listen("127.0.0.1", 0) as listener, pytest.raises(OSError, match="in use"):
        handover.listen("127.0.0.1", listener.getsockname()[1])


def test_many_that_connect_at_once_are_accepted_in_a_few_turns():
    made = []

    class Noted(asyncio.Protocol):
        def connection_made(self, transport):
            made.append(transport)

    async def scenario():
        loop, listener = asyncio.get_running_loop(), handover.listen("127.0.0.1", 0)
        doors = handover.doors(listener)
        servers = [await loop.create_server(Noted, sock=door, backlog=handover.BACKLOG) for door in doors]
        clients = [socket.create_connection(listener.getsockname()) for _ in range(10 * len(doors))]
        for _ in range(10 + 3):  # The first turns open the doors, in the last ones it is told.
            await asyncio.sleep(0)
        assert len(made) == len(clients) > 100
        for open_one in (*servers, *made, *clients):
            open_one.close()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(scenario())
