"""Only programs of the user who started the control plane may drive it."""

import asyncio
import os
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from starlette.responses import PlainTextResponse

from project.local.api.http.same_user import SameUserOnly, connection_owner

linux = pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="the kernel has no /proc/net/tcp")


def ask(owner, user=1000):
    app = SameUserOnly(PlainTextResponse("in"), owner=lambda caller, server: owner, user=user)

    async def get():
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080") as client:
            return await client.get("/")

    return asyncio.run(get())


@pytest.mark.parametrize("owner", [0, 1000])
def test_the_user_and_root_are_let_in(owner):
    assert ask(owner).text == "in"


@pytest.mark.parametrize("owner", [1001, None])
def test_another_user_is_refused_and_so_is_a_caller_who_has_gone(owner):
    answer = ask(owner)
    assert answer.status_code == 403
    assert f"got user {owner}" in answer.json()["detail"]


@linux
def test_the_kernel_tells_whose_a_living_connection_is():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        caller = socket.create_connection(listener.getsockname())
        connection, address = listener.accept()
        with connection:
            assert connection_owner(address, listener.getsockname()) == os.getuid()
            # A closed end would be shown as root's.
            caller.close()
            assert connection_owner(address, listener.getsockname()) is None


@linux
@pytest.mark.skipif(os.getuid() != 0, reason="only root can call as another user")
def test_the_program_of_another_user_is_told_from_ours():
    call = (
        "import socket, sys\n"
        "with socket.create_connection(('127.0.0.1', int(sys.argv[1]))) as connection:\n"
        "    connection.recv(1)\n"
    )
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        program = [sys.executable, "-S", "-E", "-c", call, str(port)]
        with subprocess.Popen(["setpriv", "--reuid=65534", "--clear-groups", *program]) as caller:
            connection, address = listener.accept()
            with connection:
                assert connection_owner(address, ("127.0.0.1", port)) == 65534
            assert caller.wait() == 0
