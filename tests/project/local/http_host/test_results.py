import asyncio

import nuclio_sdk
import pytest

from project.local.http_host.results import to_result


async def _stream():
    for piece in ("a", b"b", {"c": 1}):
        yield piece


async def _all(pieces):
    return [piece async for piece in pieces]


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("text", (200, "text/plain", b"text")),
        (b"bytes", (200, "text/plain", b"bytes")),
        (None, (200, "text/plain", b"")),
        (1.5, (200, "text/plain", b"1.5")),
        ({"a": 1}, (200, "application/json", b'{"a":1}')),
        ([], (200, "application/json", b"[]")),
        ({"a": float("nan")}, (200, "application/json", b'{"a":null}')),
        ((201, {"a": 1}), (201, "application/json", b'{"a":1}')),
        ((404, "gone"), (404, "text/plain", b"gone")),
        (nuclio_sdk.Response(body="no", status_code=400), (400, "text/plain", b"no")),
        (nuclio_sdk.Response(body={"a": 1}, status_code=202), (202, "application/json", b'{"a":1}')),
        (nuclio_sdk.Response(body=None, content_type="x/y"), (200, "x/y", b"")),
        (nuclio_sdk.Response(body=3), (200, "text/plain", b"3")),
    ],
)
def test_outputs_become_answers_by_nuclios_rules(output, expected):
    result = to_result(output)
    assert (result.status, result.content_type, result.body) == expected


def test_a_response_keeps_its_headers():
    assert to_result(nuclio_sdk.Response(headers={"x-a": 1}, body="")).headers == {"x-a": "1"}


def test_generators_are_streamed():
    assert asyncio.run(_all(to_result(_stream()).body)) == [b"a", b"b", b'{"c":1}']
    pieces = (piece for piece in ["a", nuclio_sdk.Response(body="b")])
    assert asyncio.run(_all(to_result(nuclio_sdk.Response(body=pieces)).body)) == [b"a", b"b"]
