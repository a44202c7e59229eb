"""The scenario of a drift: its requests, what it watches for, and when it did not hold."""

import itertools
import json
import threading

import httpx
import pandas as pd
import pytest

from feature_sets.telemetry.simulator import SimulatedNetwork
from project.retraining.state import Decision, LoopState
from project.scenarios.drift import Patience, Timeline, realized, shortcomings, watch
from project.scenarios.drift_traffic import _START, ARRIVAL, DriftingNetwork, TrafficReport, send
from project.scenarios.injected_faults import Trouble

NETWORK = DriftingNetwork(devices=10, history=30, stable=30)


def sent(answer, requests=40):
    """Requests of the network until so many were made."""
    made, stop, report = [], threading.Event(), TrafficReport()

    def respond(request):
        made.append((request.url.path, json.loads(request.content)))
        if len(made) >= requests:
            stop.set()
        return answer(made)

    ticks = itertools.count()
    transport = httpx.MockTransport(respond)
    send(NETWORK, "http://e", report, stop, rate=1e9, clock=lambda: next(ticks), transport=transport)
    return made, report


def ok(made):
    return httpx.Response(200, json=[{"status": "accepted"} for _ in made[-1][1]])


def test_readings_follow_the_history_and_labels_come_a_minute_later():
    made, report = sent(ok, 400)
    readings = [body for path, bodies in made if path == "/telemetry" for body in bodies]
    labels = [body for path, bodies in made if path == "/labels" for body in bodies]
    times = [body["timestamp"] for body in readings]
    assert times == sorted(times)
    last = NETWORK.recorded().metrics["timestamp"].max()
    assert last < pd.Timestamp(times[0]) < last + pd.Timedelta("10s")
    for path, bodies in made:
        assert len({body[ARRIVAL] for body in bodies}) == 1, path
    for body in labels:
        assert pd.Timestamp(body[ARRIVAL]) - pd.Timestamp(body["timestamp"]) >= pd.Timedelta("1min")
    assert len(labels) > 500
    assert (report.requests, report.failures) == (len(made), [])


def test_before_the_change_errors_look_as_surges_do_after_it():
    network = DriftingNetwork(devices=10, history=600, stable=70)
    rows = list(itertools.islice((body for body, _ in network.live()), 10 * 90))
    plain = SimulatedNetwork(devices=10, start=_START, ticks=600).generate(600, 90).metrics
    drifts = pd.Timestamp(network.drifts)
    same = [body["cpu_utilization"] == row for body, row in zip(rows, plain["cpu_utilization"], strict=True)]
    late = [pd.Timestamp(body["timestamp"]) >= drifts for body in rows]
    assert late == 700 * [False] + 200 * [True]
    assert all(same[700:])
    assert 0.1 < 1 - sum(same[:700]) / 700 < 0.6  # Those in an error or a surge differ.


def test_a_request_that_fails_is_told_and_one_whose_connection_closed_is_made_again():
    def answer(made):
        if len(made) == 3:
            return httpx.Response(503, text="no journal")
        if len(made) == 5:
            raise httpx.RemoteProtocolError("closed")
        return ok(made)

    made, report = sent(answer)
    assert report.failures == ["POST /telemetry: 503 no journal"]
    assert report.reconnects == 1
    assert made[4] == made[5]
    assert report.requests == len(made) - 2


def decided(outcome, after=""):
    return Decision("2026-01-01T12:00:00+00:00", outcome, "why", after=after)


@pytest.mark.parametrize(
    ("decisions", "promoted"),
    [
        ([decided("opened"), decided("promoted", "v2")], "v2"),
        ([decided("opened"), decided("stopped")], ""),
        ([decided("opened"), decided("champion stays")], ""),
        ([decided("opened")], ""),
    ],
)
def test_it_watches_until_the_new_model_has_proved_itself_or_there_is_none(decisions, promoted):
    report, lines, now = TrafficReport(newest="2024-03-05T00:00:00Z"), [], itertools.count()
    timeline = Timeline(lines.append)
    states = iter(
        [LoopState(), *(LoopState(decisions=tuple(decisions[: n + 1])) for n in range(len(decisions)))]
    )
    last = [LoopState()]

    def state():
        last[0] = next(states, last[0])
        return last[0]

    found = watch(
        state,
        lambda version: 10_000,
        report,
        pd.Timestamp("2024-03-04T12:00:00Z"),
        timeline,
        20,
        clock=lambda: next(now),
        sleep=lambda _: None,
    )
    assert found == promoted
    assert "planted" in lines[0] and Trouble.planted in lines[0]
    assert [line["what"].split(":")[0] for line in timeline.lines[1 : len(decisions) + 1]] == [
        decision.outcome for decision in decisions
    ]


def test_patience_ends_with_requests_without_news_or_with_time_without_requests():
    patience = Patience(10)
    assert patience.lasts(now=0, sent=0, lines=1)
    assert patience.lasts(now=9, sent=1, lines=1) and patience.lasts(now=18, sent=119_999, lines=1)
    assert not patience.lasts(now=18, sent=120_000, lines=1)
    assert str(patience) == "120,000 requests since"
    assert patience.lasts(now=30, sent=120_001, lines=2)  # News, however long it took.
    assert not patience.lasts(now=40, sent=120_001, lines=2)


def result(**changes):
    good = {"average_precision": 0.9, "f1": 0.8, "pairs": 4000}
    return {
        "promoted": "v2",
        "before": good,
        "after": {**good, "average_precision": 0.82},
        "traffic": {"failures": []},
        "alerts": {"twice": [], "open": []},
        **changes,
    }


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, None),
        ({"promoted": ""}, "a new model must be promoted"),
        ({"after": {"average_precision": 0.8, "f1": 0.8}}, "average_precision must be within 10 % of 0.900"),
        (
            {"after": {"average_precision": 0.9, "f1": 0.7}},
            "f1 must be within 10 % of 0.800 again, got 0.700",
        ),
        ({"alerts": {"twice": ["glr-7"], "open": []}}, "must be told once, got glr-7 twice"),
        ({"alerts": {"twice": [], "open": ["glr-7"]}}, "the promotion must clear the alert, got glr-7 open"),
        ({"traffic": {"failures": ["POST: 503"]}}, "no request must fail, got 1, the first: POST: 503"),
    ],
)
def test_what_did_not_hold_is_said(changes, words):
    found = shortcomings(result(**changes))
    assert found == [] if words is None else words in found[0]


def test_performance_is_that_of_the_labeled_predictions():
    rows = pd.DataFrame(
        {"probability": [0.9, 0.8, 0.1, 0.2], "prediction": [1, 1, 0, 0], "is_error": [1, 0, 0, 0]}
    )
    found = realized(rows, NETWORK.schema)
    assert (found.pairs, found.average_precision, round(found.f1, 3)) == (4, 1.0, 0.667)
