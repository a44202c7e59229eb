"""A script over a connection of its own: it is there again when the server is."""

from __future__ import annotations

from pathlib import Path

import pytest
import redis

from graphs.state.redis_script import RedisScript
from project.local import valkey

TEXT = "return {redis.call('INCRBY', KEYS[1], ARGV[1]), ARGV[2]}"


def test_it_is_known_to_a_server_that_never_saw_it(redis_url: str) -> None:
    client = redis.Redis.from_url(redis_url)
    script = RedisScript(client, TEXT)
    client.script_flush()
    assert script(["own:count"], ["2", b"\x00 a"]) == [2, b"\x00 a"]
    assert script(["own:count"], ["3", b""]) == [5, b""]


def test_a_connection_that_the_server_closed_is_made_anew_once(redis_url: str) -> None:
    client = redis.Redis.from_url(redis_url)
    script = RedisScript(client, TEXT)
    script(["own:closed"], ["1", ""])
    client.client_kill_filter(_type="normal", skipme=True)
    assert script(["own:closed"], ["1", ""]) == [2, b""]
    script.close()
    assert script(["own:closed"], ["1", ""]) == [3, b""]


def test_an_error_of_the_script_is_raised_and_the_next_call_is_answered(redis_url: str) -> None:
    script = RedisScript(redis.Redis.from_url(redis_url), TEXT)
    with pytest.raises(redis.ResponseError, match="not an integer"):
        script(["own:wrong"], ["x", ""])
    assert script(["own:wrong"], ["1", ""]) == [1, b""]


def test_a_server_that_is_away_is_told_and_found_again(tmp_path: Path) -> None:
    script = RedisScript(redis.Redis.from_url(valkey.start(tmp_path).url), TEXT)
    script(["count"], ["1", ""])
    valkey.stop(tmp_path)
    with pytest.raises(redis.ConnectionError):
        script(["count"], ["1", ""])
    valkey.start(tmp_path)
    try:
        assert script(["count"], ["1", ""]) == [2, b""]
    finally:
        valkey.stop(tmp_path)
