"""The report of a run tells of drift: what detectors say, and each alert."""

import pytest

from project.errors import NetopsError
from project.jobs import drift_section as module
from tests.project.fake_endpoint import fake_endpoint

ALERT = {
    "severity": "severe",
    "source": "glr",
    "raised": "2024-05-01T12:00:00+00:00",
    "rate": 0.15,
    "rate_before": 0.03,
    "merged": 0,
    "cleared": "2024-05-01T15:00:00+00:00",
}


@pytest.mark.parametrize(
    ("alerts", "said"),
    [
        ({}, ["No alert is open, and none is over."]),
        (
            {"alert": {**ALERT, "cleared": None}},
            [
                "Alert open, severe: raised 2024-05-01 12:00 by glr, 15.0% of the labels predicted wrong, "
                "3.0% before"
            ],
        ),
        (
            {"cleared_alert": ALERT, "groups": {"oslo": {"alert": {**ALERT, "severity": "minor"}}}},
            [
                "Alert cleared 2024-05-01 15:00: was severe, raised 2024-05-01 12:00 by glr, 15.0% of the "
                "labels predicted wrong, 3.0% before",
                "Alert open of group oslo, minor: raised 2024-05-01 12:00 by glr, 15.0% of the labels "
                "predicted wrong, 3.0% before",
            ],
        ),
    ],
)
def test_the_summary_and_each_alert_are_told(monkeypatch, alerts, said):
    with fake_endpoint(lambda *_: (200, {"summary": "glr: no drift", **alerts})) as address:
        monkeypatch.setattr(module, "endpoint_address", lambda *_: address)
        assert list(module.drift_section("p").text) == ["glr: no drift", *said]


def test_an_endpoint_that_is_gone_is_said(monkeypatch):
    def gone(*_):
        raise NetopsError("function 'serving' must be deployed, got none")

    monkeypatch.setattr(module, "endpoint_address", gone)
    assert module.drift_section("p").text == ("Not known: function 'serving' must be deployed, got none",)
