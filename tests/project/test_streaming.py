import threading

import pytest

from project.errors import NetopsError
from project.live_telemetry import Batch
from project.streaming import StreamReport, stream
from tests.project.fake_endpoint import fake_endpoint


def events(n):
    return [{"device": f"d{i}", "timestamp": "2024-01-01T00:00:00Z"} for i in range(n)]


def accept(method, path, body):
    if path == "/telemetry":
        return 200, [{"status": "accepted", "prediction": int(i == 0)} for i, _ in enumerate(body)]
    return 200, [{"status": "joined"} for _ in body]


def test_every_event_and_label_is_accounted_for():
    report = StreamReport()
    with fake_endpoint(accept) as address:
        stream(
            iter([Batch(events(3), []), Batch(events(2), events(3)), Batch([], events(2))]),
            address,
            report,
            seconds=60,
            events_per_second=1e6,
        )
    summary = report.to_dict()
    assert summary["events_sent"] == 5
    assert summary["labels_sent"] == 5
    assert summary["statuses"] == {"accepted": 5}
    assert summary["labels"] == {"joined": 5}
    assert summary["predicted_errors"] == 2
    assert summary["rejected"] == 0
    assert summary["done"]


def test_a_batch_with_bad_events_counts_the_good_and_the_bad():
    def answer(method, path, body):
        results = [{"status": "accepted", "prediction": 0}, None]
        return 422, {"error": {}, "errors": [{"position": 1}], "results": results}

    report = StreamReport()
    with fake_endpoint(answer) as address:
        stream(iter([Batch(events(2), [])]), address, report, seconds=60, events_per_second=1e6)
    assert (report.rejected, dict(report.statuses)) == (1, {"accepted": 1})


def test_a_server_error_ends_the_stream_and_is_reported():
    report = StreamReport()
    with (
        fake_endpoint(lambda *_: (500, {"error": "boom"})) as address,
        pytest.raises(NetopsError, match=r"POST /telemetry with 2 entries: 500 .*boom"),
    ):
        stream(iter([Batch(events(2), [])]), address, report, seconds=60, events_per_second=1e6)
    assert report.done
    assert "500" in report.error


def test_an_endpoint_that_is_away_too_long_is_an_error():
    times = iter(range(0, 1000, 20))
    with pytest.raises(NetopsError, match="no answer"):
        stream(
            iter([Batch(events(1), [])]),
            "http://127.0.0.1:9",
            StreamReport(),
            seconds=1e6,
            events_per_second=1e6,
            clock=lambda: float(next(times)),
        )


def test_a_stopped_stream_sends_nothing_more():
    stop = threading.Event()
    stop.set()
    report = StreamReport()
    stream(
        iter([Batch(events(1), [])]), "http://127.0.0.1:9", report, seconds=60, events_per_second=1, stop=stop
    )
    assert report.events_sent == 0
    assert report.done


def test_the_time_limit_holds():
    now = [0.0]

    def clock():
        now[0] += 1.0
        return now[0]

    report = StreamReport()
    with fake_endpoint(accept) as address:
        stream(
            (Batch(events(1), []) for _ in range(1000)),
            address,
            report,
            seconds=20,
            events_per_second=1e9,
            clock=clock,
        )
    assert 0 < report.events_sent < 20
