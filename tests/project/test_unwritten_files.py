"""That an endpoint alone cannot write its disk is told while it lasts."""

from __future__ import annotations

import errno
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from graphs.protocol.errors import ApiError
from graphs.state.serving_metrics import ServingMetrics
from graphs.state.serving_state import _archive_failed
from project.summary.lost_store import lost_store
from project.summary.told_metrics import metrics_of
from project.summary.unwritten_files import unwritten_files

FOLDER = Path("/home/streams/lab")


@pytest.fixture
def endpoint():
    """Metrics, and the address that tells them."""
    metrics = ServingMetrics()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/metrics" else 404)
            self.end_headers()
            self.wfile.write(metrics.text().encode())

        def log_message(self, *_arguments: object) -> None:
            """Keep the test output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield metrics, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    ("kinds", "named"),
    [
        (("pairs",), "labeled pairs"),
        (("snapshots", "archive"), "the archive of events and snapshots"),
        (("snapshots", "archive", "pairs"), "labeled pairs, the archive of events and snapshots"),
    ],
)
def test_what_could_not_be_written_is_told_for_ten_minutes(endpoint, kinds: tuple[str, ...], named: str):
    metrics, address = endpoint
    now: Callable[[], datetime] = lambda: datetime.now(UTC)  # noqa: E731
    assert unwritten_files(metrics_of(address), FOLDER, now()) == []
    for kind in kinds:
        metrics.write_failed(kind)
    (told,) = unwritten_files(metrics_of(address), FOLDER, now())
    assert told.startswith(f"serving could not write {named}, at ") and str(FOLDER) in told
    assert unwritten_files(metrics_of(address), FOLDER, now() + timedelta(seconds=590))
    assert unwritten_files(metrics_of(address), FOLDER, now() + timedelta(seconds=601)) == []


def test_of_an_endpoint_that_does_not_answer_nothing_is_told():
    assert unwritten_files(metrics_of("http://127.0.0.1:1"), FOLDER, datetime.now(UTC)) == []


def test_an_archive_that_waits_for_the_store_is_no_matter_of_the_disk(endpoint):
    metrics, address = endpoint
    _archive_failed(metrics, ApiError(503, "journal", "must answer", None))
    assert unwritten_files(metrics_of(address), FOLDER, datetime.now(UTC)) == []
    _archive_failed(metrics, OSError(errno.EROFS, "Read-only file system"))
    assert "the archive of events" in unwritten_files(metrics_of(address), FOLDER, datetime.now(UTC))[0]
    assert "netops_archive_write_failures_total 2.0" in metrics.text()


def test_a_store_that_lost_its_content_is_told_until_the_endpoint_starts_anew(endpoint):
    metrics, address = endpoint
    assert lost_store(metrics_of(address)) == []
    metrics.store_losses.inc()
    (told,) = lost_store(metrics_of(address))
    assert told.startswith("lost its content, 1× since the endpoint began to serve at ")
    assert lost_store(metrics_of("http://127.0.0.1:1")) == []
