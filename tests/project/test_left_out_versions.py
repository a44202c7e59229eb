"""Versions that an endpoint could not load, as its changes tell them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from project.retraining.history import with_people
from project.settings import Settings
from project.summary.left_out_versions import left_out, left_out_versions

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)


def change(who: str, why: str, before: str, after: str, error: str = "", **more: Any) -> dict[str, Any]:
    def roles(version: str) -> list[dict[str, str]]:
        return [{"version": version, "role": "champion"}, {"version": "v7", "role": "shadow"}]

    return {
        **{"who": who, "why": why, "from": roles(before), "to": roles(after), "error": error},
        **{"time": "2026-11-29T08:00:00.000Z", "outcome": "applied", **more},
    }


GONE = change("endpoint", "no longer loadable: v13", "v13", "v3", "version 'v13': model.sig: none")
BACK = change("endpoint", "loadable again: v13", "v3", "v13")


def test_a_version_that_gave_way_is_told_with_its_reason_until_it_is_back_or_nobody_wants_it() -> None:
    told = (
        "version v13 could not be loaded at 2026-11-29 08:00 UTC, and is tried again; v3 is the champion: "
        "version 'v13': model.sig: none"
    )
    assert left_out([GONE], NOW) == [told]
    assert left_out([GONE, change("kim", "x", "v3", "v5", outcome="refused")], NOW) == [told]
    assert left_out([GONE, change("deployment", "further horizons", "v3", "v3")], NOW) == [told]
    assert left_out([GONE, BACK], NOW) == left_out([GONE, change("kim", "x", "v3", "v5")], NOW) == []
    (of_earlier_release,) = left_out([{**GONE, "error": ""}], NOW)
    assert of_earlier_release.endswith(": the log of the endpoint has the reason")


def test_what_somebody_wants_anew_ends_it_and_the_end_of_another_shadow_does_not() -> None:
    both = [{"version": "v3", "role": "champion"}, {"version": "v7", "role": "shadow"}]
    over = {**change("deadline", "nobody has ended it", "v3", "v3"), "from": both, "to": both[:1]}
    assert len(left_out([GONE, over], NOW)) == 1
    assert left_out([GONE, change("kim", "v3 is to stay", "v3", "v3")], NOW) == []


def test_a_shadow_that_gave_way_is_told_until_its_time_is_over() -> None:
    tried = [{"version": "v3", "role": "champion"}]
    tried += [{"version": "v13", "role": "shadow", "until": "2026-11-29T13:00:00+01:00"}]
    gone = {**GONE, "from": tried, "to": tried[:1]}
    assert len(left_out([gone], NOW)) == 1
    assert left_out([gone], NOW + timedelta(seconds=1)) == []


def test_what_the_endpoint_changed_is_no_promotion() -> None:
    found = with_people([], [GONE, BACK])
    assert [(each.outcome, each.before, each.after) for each in found] == [
        ("changed by itself", "v13", "v3"),
        ("changed by itself", "v3", "v13"),
    ]
    assert found[0].reason == "endpoint: no longer loadable: v13; version 'v13': model.sig: none"


@pytest.fixture
def address() -> Iterator[str]:
    """Of an endpoint that tells its routing to who has the token."""
    answer = {
        **{"revision": 1, "salt": "netops", "changes": [GONE]},
        "versions": [{"version": "v3", "role": "champion", "model_path": "here", "sha256": "0" * 64}],
    }

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            is_ours = self.path == "/routing" and self.headers["Authorization"] == "Bearer secret"
            self.send_response(200 if is_ours else 401)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        def log_message(self, *_arguments: object) -> None:
            """Keep the test output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_an_endpoint_is_asked_with_the_token_of_the_home_and_none_is_made(
    address: str, tmp_path: Path
) -> None:
    assert len(left_out_versions(Settings(home=tmp_path, token="secret"), address, NOW)) == 1
    assert left_out_versions(Settings(home=tmp_path, token="another"), address, NOW) == []
    assert left_out_versions(Settings(home=tmp_path), address, NOW) == []
    assert list(tmp_path.iterdir()) == []
    assert left_out_versions(Settings(home=tmp_path, token="secret"), "http://127.0.0.1:1", NOW) == []
