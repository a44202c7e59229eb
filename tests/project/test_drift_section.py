"""The report of a run tells of drift: what detectors say, and each alert."""

import subprocess
import sys

import pytest

from project.errors import NetopsError
from project.jobs import audit
from project.summary.drift_section import drift_section, tell_drift
from tests.project.fake_endpoint import fake_endpoint
from training.report_page.page import Page, Section, render, with_section

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
        monkeypatch.setattr(audit, "endpoint_address", lambda *_: address)
        assert list(drift_section(*audit.read_drift("p")).text) == ["glr: no drift", *said]


def test_an_endpoint_that_is_gone_is_said(monkeypatch):
    def gone(*_):
        raise NetopsError("function 'serving' must be deployed, got none")

    monkeypatch.setattr(audit, "endpoint_address", gone)
    assert drift_section(*audit.read_drift("p")).text == (
        "Not known: function 'serving' must be deployed, got none",
    )


def test_what_is_told_after_the_stream_takes_the_place_of_what_was_told_before(tmp_path):
    html = render(Page("a network", "Good.", {"F1": "0.9"}, (Section("Model", ("text",)),)))
    page = tmp_path / "report.html"
    page.write_text(html, encoding="utf-8")
    tell_drift(page, {"summary": "glr: no drift"})
    page.write_text(with_section(page.read_text(encoding="utf-8"), Section("Audit")), encoding="utf-8")
    tell_drift(page, {"summary": "drift: glr", "alert": {**ALERT, "cleared": None}})
    told = page.read_text(encoding="utf-8")
    assert "glr: no drift" not in told and told.count("drift: glr") == 1
    assert "Alert open, severe" in told
    assert told.count('href="#drift-by-the-end-of-the-run"') == 1
    assert told.index('<section id="drift-by') < told.index('<section id="audit"')
    page.write_text("<html>", encoding="utf-8")
    with pytest.raises(ValueError, match="must be a report of ours"):
        tell_drift(page, {"summary": ""})


def test_netops_run_tells_of_drift_at_its_end_without_loading_mlrun():
    code = "import sys, project.cli.main_job, project.summary.drift_section; print('mlrun' in sys.modules)"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert printed.stdout == "False\n"
