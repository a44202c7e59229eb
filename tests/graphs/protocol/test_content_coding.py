"""Compressed bodies: read whole, or refused by name before more than the limit is in memory."""

from __future__ import annotations

import gzip
import json
import tracemalloc
import zlib
from pathlib import Path
from typing import Any

import pytest

from graphs.protocol.content_coding import decompressed
from graphs.protocol.errors import ApiError
from tests.graphs.conftest import Client, event, make_client

PLAIN = json.dumps([1, 2, 3]).encode()
SQUEEZED = {
    "gzip": gzip.compress(PLAIN, mtime=0),
    "x-gzip": gzip.compress(PLAIN, mtime=0),
    "deflate": zlib.compress(PLAIN),
}
"""Without the time of now: the cases are called by their bytes."""


@pytest.mark.parametrize("coding", [*SQUEEZED, " GZIP "])
def test_a_body_is_as_it_was_before(coding: str) -> None:
    assert decompressed(SQUEEZED[coding.strip().lower()], coding, len(PLAIN)) == PLAIN
    assert decompressed(2 * SQUEEZED["gzip"], "gzip", 2 * len(PLAIN)) == 2 * PLAIN  # Of two members.
    assert decompressed(PLAIN, "", 1) == decompressed(PLAIN, "identity", 1) == PLAIN


@pytest.mark.parametrize(
    ("body", "coding", "status", "where"),
    [
        (PLAIN, "br", 415, "content-encoding"),
        (SQUEEZED["gzip"], "gzip, gzip", 415, "content-encoding"),
        (PLAIN, "gzip", 400, "body"),
        (SQUEEZED["gzip"], "deflate", 400, "body"),
        (SQUEEZED["gzip"][:-3], "gzip", 400, "body"),
        (SQUEEZED["gzip"] + b"more", "gzip", 400, "body"),
        (b"", "gzip", 400, "body"),
        (SQUEEZED["deflate"] + b"more", "deflate", 400, "body"),
        (gzip.compress(PLAIN + b" ", mtime=0), "gzip", 413, "body"),
        (2 * SQUEEZED["gzip"], "gzip", 413, "body"),
    ],
    ids=[
        "unknown",
        "twice",
        "plain",
        "another",
        "cut",
        "goes on",
        "empty",
        "deflate goes on",
        "too long",
        "twice too long",
    ],
)
def test_what_is_not_as_it_says_is_refused(body: bytes, coding: str, status: int, where: str) -> None:
    with pytest.raises(ApiError) as refused:
        decompressed(body, coding, len(PLAIN))
    assert (refused.value.status, refused.value.where) == (status, where)


def test_a_small_body_of_much_is_refused_before_it_is_in_memory() -> None:
    bomb = gzip.compress(bytes(50_000_000))
    tracemalloc.start()
    with pytest.raises(ApiError):
        decompressed(bomb, "gzip", 1000)
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()


def test_the_graph_reads_what_a_trigger_left_compressed(package: Path) -> None:
    client = make_client(package, max_body_bytes=1000)

    def sent(body: bytes, coding: str) -> Any:
        return client.post("/telemetry", body, headers={"Content-Encoding": coding})

    body = json.dumps(event()).encode()
    answered = sent(gzip.compress(body), "gzip")
    assert (answered.status, answered.json["status"]) == (200, "accepted")
    assert sent(gzip.compress(body + bytes(1000).replace(b"\0", b" ")), "gzip").status == 413
    refused: list[Client | Any] = [sent(body, "gzip"), sent(body, "zstd")]
    assert [one.status for one in refused] == [400, 415]
