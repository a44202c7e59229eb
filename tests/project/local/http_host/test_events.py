import mlrun
import pytest

from feature_sets.checks import InputError
from project.local.http_host.events import make_event
from tests.project.local.http_host.support import JSON


def _event(body=b"", headers=(), query=b"", json_only=True):
    return make_event("POST", "/path", query, headers, body, json_only)


def test_an_event_is_what_nuclio_makes_of_a_request():
    event = _event(b'{"a": 1}', [*JSON, (b"x-request-id", b"7")], b"q=1&r=a%20b")
    assert (event.method, event.path, event.url) == ("POST", "/path", "/path?q=1&r=a%20b")
    assert (event.body, event.content_type) == ({"a": 1}, "application/json")
    assert event.headers["X-Request-Id"] == "7"
    assert event.fields == {"q": "1", "r": "a b"}
    assert event.trigger.kind == "http"
    assert len({_event().id for _ in range(100)}) == 100


def test_only_a_graph_insists_on_json():
    assert _event(b"{bad", JSON, json_only=False).body == b"{bad"
    assert _event(b"{bad").body == b"{bad"
    with pytest.raises(InputError, match="must be JSON"):
        _event(b"{bad", JSON)


def test_a_step_that_fails_unexpectedly_reaches_the_error_step_of_the_graph():
    function = mlrun.new_function("failing", kind="serving")
    graph = function.set_topology("flow", engine="sync")
    graph.to(name="fails", handler="fails").respond()
    graph.error_handler("told", handler="told", full_event=True)
    namespace = {"fails": lambda body: 1 // 0, "told": lambda event: f"told {event.error}"}
    server = function.to_mock_server(namespace=namespace)
    event = make_event("POST", "/", b"", [], b"{}", json_only=True)
    answer = server.run(event)
    assert "told " in str(getattr(answer, "body", answer)) and "division" in str(
        getattr(answer, "body", answer)
    )
