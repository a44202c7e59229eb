"""What ``netops status`` prints of what it has gathered."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from project.api_reader import Schedule
from project.cli.status_facts import StatusFacts
from project.cli.status_text import print_text
from project.run_lock import Holder

NOTHING = StatusFacts("", "", "", "", [], *({} for _ in range(15)), [], [], {})
LIVES = {"failed_starts": 0, "failed_start": "", "failing_since": None, "since": None}
SERVING = {
    **{"project": "lab", "name": "serving", "address": "http://here", "state": "not ready"},
    **{"model": "model", "version": "v1", "reason": "the journal is away", "restarts": 2},
    **{"last_exit": "signal 9", "last_exit_time": "2026-11-28T05:00:00+00:00", **LIVES},
}
NAMES = ("runner", "serving", "telemetry-generator")
EVENT = {"last": "2026-11-28T04:00:00", "outcome": "started", "run": "f" * 32, "reason": "", "times": 1}
FULL = StatusFacts(
    mlrun_dbpath="http://api",
    redis_url="redis://store",
    disk="/home: No space left on device; free space there",
    control_plane="the control plane was started with other code",
    endpoints=[SERVING],
    drift={"lab": ["in control: beside it, ddm found 7 drifts"]},
    measured_drift={"lab": ["4 of 21 columns moved"]},
    alerts={"lab": ["drift is open"]},
    none_usable={"lab": "none is of use"},
    loops={"lab": ["it waits for a person"]},
    left_out_versions={"lab": ["version v2 could not be loaded"]},
    doubtful_readings={"lab": ["1 device sends readings"]},
    late_labels={"lab": ["half come too late"]},
    unknown_tokens={"lab": ["that of write is not known"]},
    other_code={"lab": ["serving was deployed with other code"]},
    lost_store={"lab": ["lost its content"]},
    unwritten_files={"lab": ["serving could not write"]},
    not_deleted={"lab": ["none was deleted"]},
    earlier_horizons={"lab": ["1h is older"]},
    horizons_without_model={"lab": ["2h has none"]},
    schedules=[Schedule("lab", "nightly", "0 2 * * *", "2026-11-29T02:00:00", "", [EVENT])],
    under_way=[Holder("lab", "netops run", 7, "2026-11-28T05:00:00+00:00")],
    reports={"lab": Path("/home/report.html")},
)


def test_each_thing_that_is_known_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    print_text(FULL, 3)
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == [
        "MLRun API     http://api",
        "online store  redis://store (died and was started again, 3×)",
    ]
    assert lines[2] == "disk          /home: No space left on device; free space there"
    assert lines[3] == "code          the control plane was started with other code"
    assert lines[4].startswith("under way     project lab: ") and "netops run" in lines[4]
    assert lines[5] == "report        project lab: /home/report.html"
    assert lines[6].split() == ["project", "endpoint", "address", "state", "model", "version"]
    assert lines[8:25] == [
        "drift of lab: in control: beside it, ddm found 7 drifts",
        "rows of lab: 4 of 21 columns moved",
        "alert of lab: drift is open",
        "models of lab: none is of use; 'netops retrain --project lab' tells what is done",
        "loop of lab: it waits for a person",
        "version of lab: version v2 could not be loaded",
        "horizon of lab: 1h is older",
        "horizon of lab: 2h has none",
        "readings of lab: 1 device sends readings",
        "labels of lab: half come too late",
        "tokens of lab: that of write is not known",
        "code of lab: serving was deployed with other code",
        "store of lab: lost its content",
        "disk of lab: serving could not write",
        "old data of lab: none was deleted",
        "serving of lab: the journal is away",
        "serving of lab: started again 2 times, last exit 2026-11-28T05:00:00+00:00: signal 9",
    ]
    assert "2026-11-28 04:00 started run ffffffff" in lines[26]


def test_what_is_not_there_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    print_text(replace(NOTHING, schedules=FULL.schedules), 0)
    lines = capsys.readouterr().out.splitlines()
    assert lines[:4] == [
        "MLRun API     not running; 'netops up' starts it",
        "online store  not running; 'netops up' starts it",
        "endpoints     none",
        "schedules     nothing starts them until the control plane runs",
    ]


def test_json_has_null_where_nothing_runs_and_plain_values_else() -> None:
    told = json.loads(json.dumps(FULL.to_dict()))
    assert told["endpoints"] == [SERVING] and told["reports"] == {"lab": "/home/report.html"}
    assert told["under_way"][0]["pid"] == 7 and told["schedules"][0]["events"] == [EVENT]
    assert NOTHING.to_dict()["mlrun_dbpath"] is NOTHING.to_dict()["redis_url"] is None


def test_what_brings_stopped_endpoints_back_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    stopped = [{**SERVING, "name": name, "state": "offline", "reason": "", "restarts": 0} for name in NAMES]
    print_text(replace(NOTHING, endpoints=stopped), 0)
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if "stopped" in line] == [
        "endpoints of lab: stopped; 'netops serve --project lab' brings them back"
    ]
