"""Only programs of this machine drive the control plane."""

import asyncio

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from project.local.api.http.local_callers import LocalCallersOnly


def ask(**headers):
    app = Starlette(
        routes=[Route("/", lambda request: PlainTextResponse("in"), methods=["POST"])],
        middleware=[Middleware(LocalCallersOnly)],
    )

    async def post():
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080") as client:
            return await client.post("/", headers=headers)

    return asyncio.run(post())


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "localhost", "[::1]:9"])
def test_programs_of_this_machine_are_let_in(host):
    assert ask(host=host).text == "in"
    assert ask(host=host, origin="http://localhost:3000").text == "in"


@pytest.mark.parametrize(
    ("headers", "name"),
    [
        ({"host": "evil.example:8080"}, "host"),
        ({"host": ""}, "host"),
        ({"origin": "http://evil.example"}, "origin"),
        ({"origin": "null"}, "origin"),
        ({"origin": "http://127.0.0.1.evil.example"}, "origin"),
    ],
)
def test_a_web_page_is_refused(headers, name):
    answer = ask(**headers)
    assert answer.status_code == 403
    assert f"header '{name}': must name this machine" in answer.json()["detail"]
