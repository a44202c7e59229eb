"""Tokens that were replaced while an endpoint runs are named by their roles, and never shown."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from graphs.protocol.access import AccessGuard
from graphs.protocol.errors import ApiError
from graphs.protocol.roles import Role
from project.http_json import DeniedError, get_guarded, get_json
from project.settings import Settings
from project.summary.unknown_tokens import unknown_tokens


@pytest.fixture
def guarded():
    """Address of a server that knows tokens of its start."""
    known = {role: [f"old-{role}"] for role in Role}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            try:
                AccessGuard(known, Role.READ).check(Role.READ, self.headers)
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b"{}")
            except ApiError as error:
                self.send_response(error.status)
                self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            """Keep the test output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    ("replaced", "words"),
    [
        ((), None),
        (("write",), "the token of write is not known to the endpoint"),
        (("read", "admin"), "the tokens of read and admin are not known to the endpoint"),
        (tuple(Role), "the tokens of read, write and admin are not known to the endpoint"),
    ],
)
def test_the_roles_of_tokens_that_were_replaced_are_named(guarded, replaced, words, tmp_path):
    tokens = {role: f"new-{role}" if role in replaced else f"old-{role}" for role in Role}
    write, read = tokens[Role.WRITE], tokens[Role.READ]
    settings = Settings(home=tmp_path, token=tokens[Role.ADMIN], write_token=write, read_token=read)
    told = unknown_tokens(settings, guarded, "netops-lab")
    assert bool(told) == bool(words)
    if words:
        assert told[0].startswith(words) and "'netops serve --project netops-lab'" in told[0]
        assert "new-" not in told[0] and "old-" not in told[0]


def test_to_look_makes_no_token_and_an_endpoint_that_is_away_is_no_matter_of_tokens(guarded, tmp_path: Path):
    assert unknown_tokens(Settings(home=tmp_path), guarded, "p") == []
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "write-token").write_text("new")
    assert "token of write is not known" in unknown_tokens(Settings(home=tmp_path), guarded, "p")[0]
    assert unknown_tokens(Settings(home=tmp_path), "http://127.0.0.1:1", "p") == []


def test_an_answer_401_is_told_apart(guarded):
    assert get_json(guarded) == {}
    with pytest.raises(DeniedError, match="401"):
        get_guarded(guarded, "new")
