from email.message import Message
from urllib.error import HTTPError

import pytest

from project import http_json
from project.http_json import BusyError, UnreachableError, get_json
from tests.project.fake_endpoint import fake_endpoint


def test_the_content_is_read_and_the_query_is_encoded():
    with fake_endpoint(lambda method, path, body: (200, {"asked": f"{method} {path}"})) as address:
        assert get_json(f"{address}/runs") == {"asked": "GET /runs"}
        assert get_json(f"{address}/runs", label="a=b", limit=3) == {"asked": "GET /runs?label=a%3Db&limit=3"}


def test_a_refusal_names_the_address_and_the_reason():
    with (
        fake_endpoint(lambda *_: (404, {})) as address,
        pytest.raises(UnreachableError, match=rf"{address}/x: must answer GET with JSON, got .*404"),
    ):
        get_json(f"{address}/x")


def test_a_server_that_is_away_is_unreachable():
    with pytest.raises(UnreachableError, match="refused"):
        get_json("http://127.0.0.1:9/x")


def test_an_answer_in_another_form_is_refused(tmp_path):
    page = tmp_path / "page.html"
    page.write_text("<html>")
    with pytest.raises(UnreachableError, match="must answer GET with JSON, got Expecting value"):
        get_json(page.as_uri())


@pytest.mark.parametrize(("asked", "wait"), [("7", 7.0), ("", 1.0), ("Thu, 26 Nov 2026 23:00:00 GMT", 1.0)])
def test_a_server_that_takes_no_more_requests_says_for_how_long(monkeypatch, asked, wait):
    def refuse(request, timeout):
        headers = Message()
        headers["Retry-After"] = asked
        raise HTTPError(request.full_url, 429, "Too Many Requests", headers, None)

    monkeypatch.setattr(http_json, "urlopen", refuse)
    with pytest.raises(BusyError, match="429") as told:
        get_json("http://here")
    assert told.value.wait == wait
