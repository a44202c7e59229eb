"""A host that is replaced loses no request of a connection that is kept, and closes none without a word."""

import asyncio
import contextlib
import re

import pytest
import uvicorn
import uvloop

from project.local.http_host import handover, host_server
from project.local.http_host.app import HostApp
from project.local.http_host.host_server import HostServer
from project.local.http_host.plain_requests import PlainProtocol
from tests.project.local.http_host.support import nuclio_function

ASK = b"POST /x HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\n\r\n1"
BY_ASGI = b"GET /a%20b HTTP/1.1\r\nhost: x\r\n\r\n"


class Host:
    """A server on a socket; it answers with its name."""

    def __init__(self, listener, name, wait=None):
        async def answer(context, event):
            if wait is not None:
                await wait.wait()
            return name

        app = HostApp(nuclio_function(answer))
        options = {"log_config": None, "http": PlainProtocol, "lifespan": "on"}
        self.server = HostServer(uvicorn.Config(app, proxy_headers=False, **options))
        self.server.capture_signals = contextlib.nullcontext  # Those of the test stay.
        self.doors = [listener.dup()]
        self.task = asyncio.create_task(self.server.serve(sockets=self.doors))

    async def started(self):
        while not self.server.started:
            await asyncio.sleep(0.001)
        return self

    def end(self, replaced=True):
        if replaced:
            self.server.replaced()
        self.server.should_exit = True
        return self.task


async def read_answer(reader):
    head = await reader.readuntil(b"\r\n\r\n")
    found = re.search(rb"content-length: ([0-9]+)", head)
    body = await reader.readexactly(int(found[1]))
    return body.decode(), b"connection: close" in head


def played(scenario):
    async def with_listener():
        with handover.listen("127.0.0.1", 0) as listener:
            return await scenario(listener, listener.getsockname())

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(with_listener())


@pytest.mark.parametrize("ask", [ASK, BY_ASGI])
def test_a_client_that_sends_all_the_time_loses_nothing_while_hosts_are_replaced(ask):
    async def scenario(listener, address):
        host = await Host(listener, "0").started()
        answered, is_over = [], asyncio.Event()

        async def client():
            while not is_over.is_set():
                reader, writer = await asyncio.open_connection(*address)
                closes = False
                while not closes and not is_over.is_set():
                    writer.write(ask)
                    name, closes = await read_answer(reader)
                    answered.append(int(name))
                    await asyncio.sleep(0)
                if closes:
                    assert await reader.read() == b""
                writer.close()

        clients = [asyncio.create_task(client()) for _ in range(5)]
        for number in range(1, 6):
            after = len(answered) + 20
            while len(answered) < after:
                await asyncio.sleep(0.001)
            later = await Host(listener, str(number)).started()
            await host.end()
            host = later
        is_over.set()
        await asyncio.gather(*clients)
        await host.end(replaced=False)
        return answered

    answered = played(scenario)
    assert set(answered) == {0, 1, 2, 3, 4, 5}


def test_a_silent_connection_is_answered_once_more_and_then_told_that_it_ends():
    async def scenario(listener, address):
        host = await Host(listener, "old").started()
        reader, writer = await asyncio.open_connection(*address)
        writer.write(ASK)
        first = await read_answer(reader)
        ending = host.end()
        while not host.server.config.loaded_app.drains:
            await asyncio.sleep(0.001)
        # What is sent behind the request that is the last is not answered, and takes no answer away.
        writer.write(ASK + ASK)
        second = await read_answer(reader)
        rest = await reader.read()
        assert not ending.done()
        writer.close()
        await ending
        return first, second, rest

    assert played(scenario) == (("old", False), ("old", True), b"")


def test_what_is_under_way_is_answered_and_is_the_last():
    async def scenario(listener, address):
        wait = asyncio.Event()
        host = await Host(listener, "old", wait).started()
        reader, writer = await asyncio.open_connection(*address)
        writer.write(ASK)
        await asyncio.sleep(0.05)
        ending = host.end()
        while not host.server.config.loaded_app.drains:
            await asyncio.sleep(0.001)
        wait.set()
        found = await read_answer(reader)
        assert await reader.read() == b""
        writer.close()
        await ending
        return found

    assert played(scenario) == ("old", True)


def test_who_says_nothing_is_closed_in_the_end_and_nobody_waits_for_a_host_that_is_only_stopped(monkeypatch):
    monkeypatch.setattr(host_server, "DRAIN_SECONDS", 0.2)

    async def scenario(listener, address):
        drained = []
        for replaced in (True, False):
            host = await Host(listener, "old").started()
            reader, writer = await asyncio.open_connection(*address)
            writer.write(ASK)
            await read_answer(reader)
            await host.end(replaced)
            assert await reader.read() == b""
            writer.close()
            drained.append(host.server.config.loaded_app.drains)
        return drained

    assert played(scenario) == [True, False]
