"""A script that is run in Redis for every request, over a connection of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import redis
from redis.exceptions import NoScriptError

_PING = b"*1\r\n$4\r\nPING\r\n"
"""Answered with an error where a server with a file of its own could not write to it."""


class RedisScript:
    """Runs a script without the pool of the client, which costs more than the script.

    A connection that the server has closed is made anew, once, as the client does. Used by one thread.

    :param client: whose server is asked.
    :param text: of the script, in Lua.
    """

    def __init__(self, client: redis.Redis, text: str) -> None:
        self._client, self._text = client, text
        self._digest = client.register_script(text).sha
        self._connection = client.connection_pool.make_connection()

    def __call__(self, keys: Sequence[str], values: Sequence[str | bytes]) -> Any:
        """What the script returns.

        :raises redis.RedisError: if the server does not answer in time, or with an error.
        """
        try:
            return self._asked(keys, values)
        except redis.ConnectionError:
            return self._asked(keys, values)

    def ask_written(self) -> None:
        """Ask whether the server has written to its own file what it answered before.

        It answers a write before it knows: one that its full disk refuses is told by the next command only.

        :raises redis.RedisError: if it could not, or does not answer in time.
        """
        self._connection.send_packed_command([_PING])
        self._connection.read_response()

    def close(self) -> None:
        """Give the connection up; the next call makes one."""
        self._connection.disconnect()

    def _asked(self, keys: Sequence[str], values: Sequence[str | bytes]) -> Any:
        connection = self._connection
        try:
            try:
                connection.send_command("EVALSHA", self._digest, len(keys), *keys, *values)
                return connection.read_response()
            except NoScriptError:  # A server that was started since then.
                connection.send_command("EVAL", self._text, len(keys), *keys, *values)
                return connection.read_response()
        except redis.ConnectionError:
            connection.disconnect()
            raise
