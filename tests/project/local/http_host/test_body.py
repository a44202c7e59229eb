import asyncio

import pytest

from feature_sets.checks import InputError
from graphs.state.settings import ServingSettings
from project.local.http_host.app import DEFAULT_MAX_BODY
from project.local.http_host.body import (
    BodyTooLargeError,
    BodyTooSlowError,
    DisconnectedError,
    parse_json,
    read_body,
)
from tests.project.local.http_host.support import receiver


def _read(*chunks, headers=(), limit=10):
    receive = receiver(*chunks)
    return asyncio.run(read_body(receive, headers, limit)), receive


@pytest.mark.parametrize("chunks", [(b"",), (b"0123456789",), (b"01234", b"56789"), (b"", b"a", b"")])
def test_a_body_up_to_the_limit_is_read_whole(chunks):
    assert _read(*chunks)[0] == b"".join(chunks)


def test_a_body_over_the_limit_is_refused_and_thrown_away():
    receive = receiver(b"0123456789", b"x", b"rest")
    with pytest.raises(BodyTooLargeError, match="at most 10 bytes, got 'more than 10 bytes'"):
        asyncio.run(read_body(receive, (), 10))
    assert len(receive.taken) == 3


def test_a_body_that_says_it_is_over_the_limit_is_refused_by_its_length():
    receive = receiver(b"0" * 11)
    with pytest.raises(BodyTooLargeError, match="at most 10 bytes, got '11 bytes'"):
        asyncio.run(read_body(receive, [(b"content-length", b"11")], 10))
    assert len(receive.taken) == 1


def test_a_client_that_asks_before_it_sends_is_answered_before_it_sends():
    receive = receiver(b"0" * 11)
    headers = [(b"content-length", b"11"), (b"expect", b"100-continue")]
    with pytest.raises(BodyTooLargeError):
        asyncio.run(read_body(receive, headers, 10))
    assert receive.taken == []


def test_an_endless_body_is_cut_after_a_while():
    receive = receiver(*[b"0" * 10] * 1000)
    with pytest.raises(BodyTooLargeError):
        asyncio.run(read_body(receive, (), 10))
    assert len(receive.taken) < 20


def test_a_body_that_does_not_come_is_told_so():
    async def receive():
        await asyncio.sleep(10)

    with pytest.raises(BodyTooSlowError, match=r"body: must arrive within 0.01 s, got 'a part of it'"):
        asyncio.run(read_body(receive, (), 10, seconds=0.01))


def test_a_client_that_leaves_is_noticed():
    with pytest.raises(DisconnectedError):
        asyncio.run(read_body(receiver(), (), 10))


def test_nan_is_read_as_mlrun_reads_it_and_other_text_is_no_json():
    assert parse_json(b'{"a": 1}') == {"a": 1}
    assert parse_json(b"NaN") != parse_json(b"NaN")
    with pytest.raises(InputError, match=r"body: must be JSON, got .*line 1 column 2"):
        parse_json(b"{bad")
    with pytest.raises(InputError, match="must be JSON"):
        parse_json(b"[" * 100_000)
    with pytest.raises(
        InputError, match="must be JSON; it looks like one object a line; send a list of them"
    ):
        parse_json(b'{"a": 1}\n{"a": 2}\n')


def test_the_limit_is_that_of_the_graph():
    assert ServingSettings.max_body_bytes == DEFAULT_MAX_BODY
