from dataclasses import replace

import pytest

from drift.alert import Alert
from drift.missed_alert import MissedAlert
from drift.newest_labels import NewestLabels
from drift.wrong_devices import DeviceErrors, WrongDevices
from project.api_reader import Endpoint
from project.endpoint_routing import ChampionChange
from project.summary.alerts import alert_texts, told_of_drift
from project.summary.columns import ideas
from project.summary.drift_lines import drift_texts
from project.summary.facts import begun, candidates, collect_facts, evaluation
from project.summary.lines import (
    _model_lines,
    _taken_lines,
    candidate_lines,
    rows_text,
    summary_lines,
)
from project.summary.live_labels import late_labels_of
from project.summary.readiness import not_ready
from tests.project.fake_endpoint import fake_endpoint

TRAIN = {
    "metadata": {"name": "train"},
    "status": {
        "results": {"best_iteration": 2},
        "iterations": [
            [
                "state",
                "iter",
                "param.candidate",
                "param.family",
                "param.parameters",
                "output.average_precision",
                "output.f1",
                "output.rung",
            ],
            [None, 1, "forest a=1", "forest", "a=1", 0.4, 0.3, 2],
            [None, 2, "boosting a=1", "boosting", "a=1", 0.8, 0.7, 2],
            [None, 3, "boosting a=2", "boosting", "a=2", 0.9, 0.8, 1],
            ["error", 4, "broken", "broken", "", None, None, None],
        ],
    },
}


def test_candidates_of_the_last_rung_come_first_and_failed_ones_last():
    entries = candidates(TRAIN)
    assert [entry["candidate"] for entry in entries] == [
        "boosting a=1",
        "forest a=1",
        "boosting a=2",
        "broken",
    ]
    assert [entry["best"] for entry in entries] == [True, False, False, False]
    assert entries[0]["average_precision"] == 0.8
    assert "average_precision" not in entries[3]
    assert candidates(None) == []


def test_combinations_that_fell_out_are_counted_and_not_listed():
    first, parameters, second, others, rest = candidate_lines(candidates(TRAIN))
    assert first.startswith("candidates    * boosting ") and first.endswith("precision 0.800  F1 0.700")
    assert second.split()[0] == "forest"
    assert parameters == others == f"{'':18}a=1"
    assert rest.strip() == "and 2 more that fell out on fewer rows"
    assert candidate_lines([]) == []


def test_incidents_without_a_reading_are_told_beside_the_rows():
    facts = facts_without_streaming()
    told = {"incidents": 9, "silent": 2, "unannounced": 0, "sentence": "2 of 9 incidents have no reading"}
    facts["ingest"]["incidents_without_reading"] = told
    assert "incidents     2 of 9 incidents have no reading" in summary_lines(facts)
    outside = {"incidents": 9, "before": 4, "sentence": "4 of 9 incidents lie outside"}
    facts["ingest"]["incidents_outside"] = outside
    assert "incidents     4 of 9 incidents lie outside" in summary_lines(facts)
    facts["ingest"]["incidents_outside"] = {**outside, "sentence": ""}
    # What came live is added afterwards, and counted again.
    live = {**told, "sentence": "1 of 9 incidents has no reading"}
    after = summary_lines({**facts, "live_history": {"incidents_without_reading": live}})
    assert [line for line in after if line.startswith("incidents")] == [
        "incidents     1 of 9 incidents has no reading"
    ]
    facts["ingest"]["incidents_without_reading"] = {**told, "sentence": ""}
    assert not any(line.startswith("incidents") for line in summary_lines(facts))


def facts_without_streaming(**evaluated):
    return {
        "project": "p",
        "run_id": "r",
        "ingest": {
            "rows_read": 1200,
            "rows_rejected": 200,
            "rows_ingested": 1000,
            "devices": 3,
            "report": {
                "metrics": {"rejected": {"duplicate": 200}},
                "labels": {"rejected": {"end_before_start": 2}},
                "maintenance": {"warnings": ["none of the 2 entries names a device"]},
            },
        },
        "selected": {"n_features_in": 36, "n_features_selected": 12},
        "trained": {
            "train_rows": 500,
            "train_rows_available": 700,
            "train_start": "2024-01-01T00:00:02.497000+00:00",
            "train_end": "2024-01-02T07:00:02.497000+00:00",
        },
        "candidates": candidates(TRAIN),
        "test": {
            "average_precision": 0.5,
            "test_rows": 290,
            "promoted": False,
            "promotion": "not promoted",
            "promotion_reason": "clearly worse",
            "production": True,
            "verdict": f"{'On later rows it is good. ' * 5}Use it.",
            **evaluated,
        },
        "report": "/artifacts/report.html",
        "endpoint": None,
        "tester": None,
        "rehearsal": None,
        "stream": None,
        "labeled": None,
        "labeled_this_run": None,
        "drift": None,
        "drift_this_run": None,
        "magnitude": None,
        "artifacts": "/artifacts",
    }


def test_a_run_that_is_not_split_by_time_says_how():
    said = "Rows are split by group:site; evaluated on oslo; in neither part: none."
    text = "\n".join(summary_lines(facts_without_streaming(split="group:site", split_summary=said)))
    assert "on 500 of 700 training rows" in text and "on all 290 test rows" in text
    assert f"\nsplit         {said}\n" in text


def test_a_run_warns_of_labels_that_come_too_late():
    counted = {"joined": 10, "waiting": 1, "expired": 20, "conflicting": 0}
    facts = facts_without_streaming() | {"labeled": {**counted, "warning": "66.7% of the labels came late"}}
    assert "\n              66.7% of the labels came late\n" in "\n".join(summary_lines(facts))
    facts["labeled"]["warning"] = None
    assert "came late" not in "\n".join(summary_lines(facts))


def test_status_warns_of_labels_that_come_too_late():
    answers = {"/labeled": {"warning": "66.7% of the labels came late"}}
    with fake_endpoint(lambda method, path, body: (200, answers[path])) as address:
        assert late_labels_of(address) == ["66.7% of the labels came late"]
        answers["/labeled"] = {"warning": None}
        assert late_labels_of(address) == []
    assert late_labels_of(address) == []


@pytest.mark.parametrize(
    ("promise", "told"),
    [
        ("at most 0.5 false alarms in 10,000 labels like the base", False),
        ("at most 0.5 false alarms in 10,000 labels like the base; the test rows span 2.0 hours", True),
        ("none: the base has 3 errors in 2 of 20 blocks; it takes 30 errors in 10 of them", True),
    ],
)
def test_a_base_that_promises_nothing_is_told(promise, told):
    facts = facts_without_streaming() | {"drift": {"detectors": {}, "promise": promise}}
    said = " ".join("\n".join(summary_lines(facts)).split())
    begin = promise.replace("none:", "no rate can be told:")[:36]
    assert (f"false alarms of the verdict: {begin}" in said) is told
    assert "false alarms of the verdict: none" not in said  # That would read as no false alarms.


def test_a_run_without_streaming_says_that_nothing_is_deployed():
    text = "\n".join(summary_lines(facts_without_streaming()))
    assert "1,200 read - 200 rejected = 1,000 ingested, from 3 devices" in text
    assert "warning       maintenance: none of the 2 entries names a device" in text
    assert "rejected: 200 duplicate" in text
    assert "rejected labels: 2 end_before_start" in text
    assert "36 computed, 12 selected" in text
    assert "on 500 of 700 earlier rows, 2024-01-01 00:00 to 2024-01-02 07:00 UTC" in text
    assert "on all 290 later rows: average precision 0.500" in text
    assert "endpoint      none deployed\n" in text, "a model is in production, the run was not to deploy it"
    facts = facts_without_streaming()
    facts["test"]["production"] = False
    kept_out = "\n".join(summary_lines(facts))
    assert "endpoint      none deployed: the gate kept the model out of production, see above\n" in kept_out
    not_asked = "\n".join(summary_lines({**facts, "deploy_streaming": False}))
    assert "endpoint      none deployed: deploy_streaming=False\n" in not_asked, "the gate is told above"
    promoted = "\n".join(summary_lines(facts_without_streaming(promoted=True)))
    assert "endpoint      none deployed\n" in promoted
    assert max(map(len, text.splitlines())) <= 112
    assert "\nverdict       On later rows it is good.\n              On later rows" in text
    assert "Use it.\ngate          not promoted: clearly worse;\n              what is in production" in text
    assert text.endswith("\nreport        /artifacts/report.html")
    assert "drift" not in text


def test_an_endpoint_that_the_run_did_not_touch_is_told_as_left_as_it_is():
    endpoint = {"address": "http://there", "state": "ready", "version": "v1"}
    live = {**facts_without_streaming(), "endpoint": endpoint, "audit": {"unaudited": "no history yet"}}
    left = "endpoint      http://there  ready, model version v1; left as it is, nothing that it is made of"
    assert f"\n{left} has changed\n" in "\n".join(summary_lines(live))
    tester = {"rows": 9, "mismatches": 0, "errors": 0, "p50_ms": 1.0, "p99_ms": 2.0}
    # One that was deployed, and one that the run had nothing to do with.
    for other in ({**live, "tester": tester}, {**live, "audit": None}):
        text = "\n".join(summary_lines(other))
        assert "ready, model version v1\n" in text and "left as it is" not in text


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"passed": True, "production": True}, "not better"),
        ({"passed": False, "production": False}, "not better; --promote overrules"),
        (
            {"passed": False, "production": True, "champion_version": "0123456789"},
            "not better; what is in production stays (--promote overrules)",
        ),
        (
            {"passed": False, "production": False, "champion_version": "0123456789"},
            "not better; version 01234567 stays in production and was not deployed again, as it cannot be "
            "scored on these rows (--promote overrules)",
        ),
    ],
)
def test_what_becomes_of_the_model_in_production_is_said(facts, said):
    evaluated = {"promoted": facts["passed"], "promotion": "p", "promotion_reason": "not better", **facts}
    lines = _model_lines({"trained": None, "candidates": [], "test": evaluated})
    assert " ".join(" ".join(lines).split()).endswith(f"gate p: {said}")


def test_a_model_is_promoted_in_the_summary_only_once_its_rehearsal_is_over():
    def step(**results):
        return {"status": {"results": results}}

    evaluated = step(
        passed=True, promoted=False, promotion="to be promoted", promotion_reason="better", f1=0.5
    )
    assert evaluation({"evaluate": evaluated})["promotion"] == "to be promoted"
    promoted = step(promoted=True, promotion="promoted", promotion_reason="better", version="v", changed=True)
    assert evaluation({"evaluate": evaluated, "promote": promoted}) == {
        **evaluated["status"]["results"],
        "promoted": True,
        "promotion": "promoted",
    }
    assert (
        evaluation({"evaluate": evaluated, "promote": step(version="v", changed=False)})
        == (evaluated["status"]["results"])
    )


def test_rows_that_arrived_too_late_are_in_the_account():
    ingested = {"rows_read": 10, "rows_rejected": 1, "rows_too_late": 2, "rows_quarantined": 1}
    empty = dict.fromkeys(
        ("endpoint", "tester", "stream", "rehearsal", "labeled", "drift", "magnitude", "report", "trained"),
        None,
    )
    _, rows, *rest = summary_lines(
        {
            **empty,
            "project": "p",
            "run_id": "r",
            "ingest": {**ingested, "rows_ingested": 6, "devices": 1},
            "selected": {},
            "candidates": [],
            "test": {},
            "artifacts": "",
        }
    )
    assert "rejected; what is in production stays" not in "".join(rest)
    assert "10 read - 1 rejected - 3 that arrived too late or from the future = 6 ingested" in rows


@pytest.mark.parametrize(
    ("counts", "text"),
    [
        (
            {"rows_new": 1000, "rows_ingested": 1000},
            "1,000 read - 0 rejected = 1,000 ingested, from 3 devices",
        ),
        (
            {"rows_known": 1000, "rows_new": 0, "rows_ingested": 5000},
            "1,000 read, all known already; 5,000 in history, from 3 devices",
        ),
        (
            {"rows_rejected": 10, "rows_known": 900, "rows_new": 90, "rows_ingested": 990},
            "1,000 read - 10 rejected - 900 known already = 90 new; 990 in history, from 3 devices",
        ),
        (
            {"rows_read": 0, "rows_new": 0, "rows_ingested": 1500, "label_rows_new": 20, "labels_changed": 7},
            "no readings in it; 20 labels are new, 7 others than before; 1,500 in history, from 3 devices",
        ),
        (
            {"rows_new": 1000, "rows_ingested": 1500},
            "1,000 read - 0 rejected - 0 known already = 1,000 new; 1,500 in history, from 3 devices",
        ),
        (
            {"rows_known": 990, "rows_new": 0, "rows_ingested": 985, "rows_rejected": 10}
            | {"rows_too_late": 0, "rows_not_read_again": 990},
            "1,000 read - 10 rejected - 990 known already, or left out by arrival then = 0 new; "
            "985 in history, from 3 devices",
        ),
        (
            {
                "rows_too_late": 5,
                "rows_known": 900,
                "rows_new": 95,
                "rows_ingested": 993,
                "rows_rewritten": 7,
                "rewritten_from": "2024-01-09T23:59:10+00:00",
                "rows_dropped": 2,
                "rows_conflicting": 3,
            },
            "1,000 read - 0 rejected - 5 that arrived too late or from the future - 900 known already "
            "= 95 new; 993 in history, from 3 devices; "
            "7 earlier ones computed anew, back to 2024-01-09 23:59; "
            "2 earlier ones were too late and left out; 3 say something else than the history, which stays",
        ),
    ],
)
def test_the_account_of_rows_says_what_is_new_and_what_was_known(counts, text):
    assert rows_text({"rows_read": 1000, "devices": 3, **counts}) == text


def test_readings_that_contradict_the_history_are_told_once():
    facts = facts_without_streaming()
    warning = "3 rows say something else of 2024-01-01 to 2024-01-02 than the history, which stays"
    facts["ingest"] |= {"rows_conflicting": 3, "report": {"metrics": {"warnings": [warning]}}}
    text = " ".join("\n".join(summary_lines(facts)).split())
    assert text.count("say something else") == 1 and f"warning metrics: {warning}" in text


def test_many_parameters_go_on_in_the_next_line():
    parameters = " ".join(f"parameter_{i}={i}" for i in range(12))
    _, *below = candidate_lines([{"family": "forest", "best": True, "parameters": parameters}])
    assert max(map(len, below)) <= 110
    assert " ".join(line.strip() for line in below) == parameters


def test_each_detector_says_what_is_now_and_then_what_was():
    drift = {
        "detectors": {
            "ddm": {
                "state": "in_control",
                "warnings": 8,
                "drifts": 3,
                "last_drift_time": "2024-01-06T18:52:10Z",
            },
            "eddm": {
                "state": "drift",
                "warnings": 2,
                "drifts": 1,
                "last_warning_time": "2024-01-06T18:40:00Z",
            },
            "page_hinkley": {"state": "warning", "warnings": 1, "drifts": 0, "last_drift_time": None},
        }
    }
    assert drift_texts(drift)[0] == [
        "ddm: no drift now; 3 drifts (newest 2024-01-06 18:52) and 8 warnings since it was attached",
        "eddm: drift now; 1 drift and 2 warnings (newest 2024-01-06 18:40) since it was attached",
        "page_hinkley: no drift, but a warning now; 1 warning since it was attached",
    ]
    assert drift_texts({"detectors": {}}) == (["no detector attached"], [])


def test_a_detector_that_does_not_decide_says_so_and_improvements_are_told():
    ddm = {"state": "drift", "warnings": 0, "drifts": 1, "improvements": 0, "decides": False}
    glr = {"state": "in_control", "warnings": 0, "drifts": 0, "improvements": 2, "decides": True}
    assert drift_texts({"detectors": {"ddm": ddm, "glr": glr}}) == (
        ["glr, which decides: no drift now; 2 improvements since it was attached"],
        ["ddm: drift now; 1 drift since it was attached"],
    )


ALERT = Alert("glr-9", "glr", "2024-01-06T18:52:10Z", 9, "2024-01-06T18:00:00Z", "severe", 0.03, 0.2, 0.08)


def test_an_open_alert_is_told_and_else_the_newest_that_is_over():
    cleared = replace(ALERT, cleared="2024-01-06T20:10:00Z").to_dict()
    known = {"alert": None, "cleared_alert": cleared}
    assert alert_texts({"attached": True}) == []
    (text,) = alert_texts(known)
    assert text.startswith("cleared 2024-01-06 20:10: was severe, raised 2024-01-06 18:52 by glr")
    opened = replace(ALERT, merged=2, rate_before=None).to_dict()
    assert alert_texts(
        {**known, "alert": ALERT.to_dict(), "groups": {"dc1": {**known, "alert": opened}}}
    ) == [
        "open, severe: raised 2024-01-06 18:52 by glr, 20.0% of the labels predicted wrong, 3.0% before",
        "open of group dc1, severe: raised 2024-01-06 18:52 by glr, 20.0% of the labels predicted wrong; "
        "found 2× more since",
    ]


def test_an_open_alert_says_on_which_devices_the_model_is_wrong():
    where = WrongDevices(
        15, 300, 37, 6, 2, 30, (DeviceErrors("AP-01", 20, 20), DeviceErrors("AP-02", 10, 20))
    )
    (text,) = alert_texts({"alert": replace(ALERT, devices=where, merged=2).to_dict()})
    assert text.endswith(
        "3.0% before; 6 of 15 devices have all 37 wrong labels; 2 stand out with 30: AP-01 20 of 20 (100%), "
        "AP-02 10 of 20 (50%); found 2× more since"
    )


def test_an_open_alert_tells_the_newest_labels_and_their_devices():
    first = WrongDevices(15, 300, 37, 6, 0, 0, (DeviceErrors("AP-01", 20, 20),))
    now = WrongDevices(15, 3975, 400, 1, 1, 400, (DeviceErrors("AP-09", 400, 500),))
    alert = replace(ALERT, devices=first).to_dict()
    newest = NewestLabels(3975, 400, "2024-01-09T12:25:00Z", 0.03, now)
    raised = "open, severe: raised 2024-01-06 18:52 by glr, 20.0% of the labels predicted wrong, 3.0% before"
    of_now = f"{raised}; of the newest 3,975, since 2024-01-09 12:25, 10.1%"
    (text,) = alert_texts({"alert": alert, "newest": newest.to_dict()})
    assert text == f"{of_now}; 1 of 15 devices has all 400 wrong labels: AP-09 400 of 500 (80%)"
    (text,) = alert_texts({"alert": alert, "newest": replace(newest, devices=None).to_dict()})
    assert text.startswith(f"{of_now}; when it was told last, 6 of 15 devices have all 37 wrong labels")
    (text,) = alert_texts({"alert": alert, "newest": None})
    assert text.startswith(f"{raised}; 6 of 15 devices have all 37 wrong labels")


MISSED = MissedAlert(
    "missed_incidents-8", "2024-01-07T01:02:00Z", "2024-01-06T01:00:00Z", "severe", 8, 0, 60, 48
)


def test_an_alert_of_missed_incidents_is_told_beside_that_of_the_error_rate():
    words = (
        "catches fewer incidents than on its test data: of the newest 8 incidents 0 were caught (0%), "
        "of 60 on its test data 48 (80%)"
    )
    opened = {"alert": MISSED.to_dict(), "cleared_alert": None}
    glr, missed = alert_texts({"alert": ALERT.to_dict(), "missed_incidents": opened})
    assert glr.startswith("open, severe: raised 2024-01-06 18:52 by glr")
    assert missed == f"open, severe: raised 2024-01-07 01:02, {words}"
    over = {"alert": None, "cleared_alert": replace(MISSED, cleared="2024-01-09T10:00:00Z").to_dict()}
    assert alert_texts({"missed_incidents": over}) == [
        f"cleared 2024-01-09 10:00: was severe, raised 2024-01-07 01:02, {words}"
    ]
    assert alert_texts({"missed_incidents": {"state": "off", "alert": None, "cleared_alert": None}}) == []


@pytest.mark.parametrize(("precision", "told"), [(0.11, True), (0.12, False), (None, False)])
def test_a_model_that_knows_no_more_than_guessing_is_told_as_not_usable(precision, told):
    realized = {"rows": 5000, "errors": 340, "average_precision": precision}
    found = alert_texts({"attached": True, "performance": {"realized": realized}})
    assert found == told * [
        "THE MODEL IN PRODUCTION IS NOT USABLE: average precision 0.110 on the newest 5,000 labels, where "
        "guessing has 0.068"
    ]
    told_of = [alert_texts({"performance": {"realized": {**realized, "error_episodes": n}}}) for n in (5, 4)]
    assert told_of[0] == found
    assert told_of[1] == told * [
        "average precision is 0.110 on the newest 5,000 labels, where guessing has 0.068; that rests on 4 "
        "error episodes, and a verdict takes 5"
    ]
    few = {"rows": 20, "errors": 3, "not_enough_data": "at least 300 rows"}
    assert alert_texts({"performance": {"realized": few}}) == alert_texts({"performance": None}) == []


def test_the_alert_of_an_endpoint_that_is_away_is_not_known():
    with fake_endpoint(lambda *_: (200, {"summary": "drift", "alert": ALERT.to_dict()})) as address:
        assert told_of_drift(address, "lab").alerts[0].startswith("open, severe")
        assert told_of_drift(address, "lab").summary == ["drift"]
    assert told_of_drift(address, "lab").alerts[0].startswith("not known: ")
    assert told_of_drift(address, "lab").summary == []


@pytest.mark.parametrize(
    ("state", "told"), [("in_control", True), ("not_watched", True), ("drift", False), ("off", False)]
)
def test_status_says_what_is_known_of_missed_incidents_unless_an_alert_does(state, told):
    missed = {"state": state, "summary": "words", "alert": None, "cleared_alert": None}
    with fake_endpoint(lambda *_: (200, {"summary": "drift", "missed_incidents": missed})) as address:
        assert told_of_drift(address, "lab").summary == ["drift", *told * ["missed incidents: words"]]


def test_status_names_the_command_where_no_detectors_watch():
    nobody = {"attached": False, "summary": "not watched: no detectors are attached"}
    with fake_endpoint(lambda *_: (200, nobody)) as address:
        assert told_of_drift(address, "lab").summary == [
            "not watched: no detectors are attached; 'netops serve --project lab' attaches those of the "
            "champion, or says why not"
        ]


def test_an_endpoint_that_takes_no_telemetry_is_not_ready_and_says_why():
    full = {"field": "journal", "rule": "must be written", "got": "MISCONF Errors writing to the AOF file"}
    answers = [(200, {"ready": True}), (503, {"ready": False, "error": full})]
    with fake_endpoint(lambda _, path, __: answers.pop(0) if path == "/v2/health/ready" else (404, {})) as it:
        assert not_ready(it) == ""
        assert "(journal: must be written, got MISCONF Errors writing to the AOF file)" in not_ready(it)
    assert not_ready(it)


def test_quiet_detectors_share_a_line():
    quiet = {"state": "in_control", "warnings": 0, "drifts": 0}
    assert drift_texts({"detectors": {"eddm": quiet, "ddm": quiet}})[0] == ["ddm, eddm: no drift, no warning"]
    # As where a short stream has ended before detectors were attached.
    unfed = {"glr": {**quiet, "n": 0, "decides": True}, "ddm": {**quiet, "n": 9, "decides": False}}
    assert drift_texts({"detectors": unfed}) == (
        ["glr, which decides: no label was watched yet"],
        ["ddm: no drift, no warning"],
    )


def test_what_a_person_may_have_to_act_on_is_told_first_of_drift():
    glr = {"state": "drift", "warnings": 0, "drifts": 1, "decides": True}
    ddm = {"state": "in_control", "warnings": 2, "drifts": 0, "decides": False}
    drift = {"detectors": {"ddm": ddm, "glr": glr}, "alert": ALERT.to_dict(), "promise": "none: 3 errors"}
    moved = {"verdict": "concept drift: no column moved (0.05; 0.03 by chance); measured on 9 rows"}
    facts = facts_without_streaming() | {"drift": drift, "drift_this_run": drift, "magnitude": moved}
    assert summary_lines(facts)[-9:-2] == [
        "alert         open, severe: raised 2024-01-06 18:52 by glr, 20.0% of the labels predicted wrong, "
        "3.0% before",
        "drift         glr, which decides: drift now; 1 drift in this run",
        "next          'netops run --project p' trains on the newest telemetry",
        "magnitude     concept drift: no column moved (0.05; 0.03 by chance);",
        "              measured on 9 rows",
        "beside it     ddm: no drift now; 2 warnings in this run",
        "              false alarms of the verdict: no rate can be told: 3 errors",
    ]


def test_each_idea_of_a_text_begins_a_line_and_goes_on_further_in():
    long = "it catches 5 of 9 (1 by an alarm; not counting 2). " + "Rows of the newest day are many " * 4
    lines = ideas("verdict", f"On 9 rows it is good; {long}", "use it")
    assert [line[:30] for line in lines] == [
        "verdict       On 9 rows it is ",
        "              it catches 5 of ",
        "              Rows of the newe",
        "                Rows of the ne",
        "              use it",
    ]
    assert " ".join(" ".join(lines).split()[1:]) == f"On 9 rows it is good; {long.strip()} use it"
    assert ideas("verdict", "") == []


def detector(warnings, drifts, state="in_control"):
    return {"state": state, "warnings": warnings, "drifts": drifts, "last_drift_time": None}


def labeled(joined, waiting, expired, conflicting):
    return {"joined": joined, "waiting": waiting, "expired": expired, "conflicting": conflicting}


STREAM = {
    "events_sent": 900,
    "statuses": {"accepted": 900},
    "rejected": 0,
    "predicted_errors": 3,
    "request_p50_ms": 4.0,
    "nothing_newer": "",
}


def live_facts(stream, steps=()):
    """Facts of a run on an endpoint that counted much in earlier runs."""
    answers = {
        "/labeled": labeled(17_815, 40, 12, 0),
        "/drift": {"attached": True, "detectors": {"ddm": detector(8, 3), "eddm": detector(2, 0)}},
    }
    with fake_endpoint(lambda _method, path, _body: (200, answers[path])) as address:
        deployed = [Endpoint("serving", address, "ready", "model", "v1", "p")]
        return collect_facts("p", "r", {step: {"spec": {}} for step in steps}, deployed, stream)


def test_the_summary_counts_this_run_and_the_document_has_both():
    before = {
        "labeled": labeled(17_000, 60, 10, 0),
        "drift": {"detectors": {"ddm": detector(7, 2), "eddm": detector(2, 0)}},
    }
    facts = live_facts({**STREAM, "before": before})
    assert facts["labeled"]["joined"] == 17_815
    assert facts["labeled_this_run"] == labeled(815, 0, 2, 0)
    assert facts["drift"]["detectors"]["ddm"]["drifts"] == 3
    assert facts["drift_this_run"]["detectors"]["ddm"]["drifts"] == 1
    text = "\n".join(summary_lines(facts))
    assert "labeled       815 pairs joined, 0 waiting, 2 expired, 0 conflicting, by this run" in text
    assert "drift         ddm: no drift now; 1 drift and 1 warning in this run" in text
    assert "              eddm: no drift, no warning" in text
    assert "\nnext          'netops run --project p' trains on the newest telemetry" in text
    assert "17,815" not in text
    assert (
        "streamed      900 events (900 accepted), 0 rejected, 3 predicted in error, request p50 4.0 ms;\n"
        in text
    )
    assert "the simulated network is the endpoint's real traffic" in " ".join(text.split())


def test_after_a_rollback_during_the_run_drift_is_told_as_the_run_found_it():
    """The detectors were reset; the report of the same run has the figures of those before."""
    noted = {"attached": True, "detectors": {"ddm": detector(13, 7)}}
    audit = {"spec": {}, "status": {"results": {"drift": noted, "pairs": 0}}}
    moved = {"verdict": "data drift: cpu 0.57", "base_version": "b2439f54aa"}
    steps = {"audit": audit, "drift-magnitude": {"spec": {}, "status": {"results": moved}}}
    reset = {"attached": True, "detectors": {"ddm": detector(0, 0)}}
    answers = {"/labeled": labeled(90, 0, 0, 0), "/drift": reset}
    change = ChampionChange("kim@ops", "b2439f54aa", "4dc4ab1199", "rolled back", "2024-05-01T12:05:00Z")
    with fake_endpoint(lambda _method, path, _body: (200, answers[path])) as address:
        deployed = [Endpoint("serving", address, "ready", "model", "4dc4ab1199", "p")]
        facts = collect_facts("p", "r", steps, deployed, None, change)
        before = {"labeled": labeled(0, 0, 0, 0), "drift": {"detectors": {}}}
        streamed = {**STREAM, "before": before}
        later = collect_facts("p", "r", steps, deployed, streamed)
        changed = collect_facts("p", "r", {"audit": audit}, deployed, streamed, change)
    text = " ".join(" ".join(summary_lines(facts)).split())
    assert "drift ddm: no drift now; 7 drifts and 13 warnings since it was attached" in text
    assert (
        "model version 4dc4ab1199 kim@ops has changed the champion during this run, at 2024-05-01 12:05 UTC: "
        "from version b2439f54 to 4dc4ab11 (rolled back); drift below is as the run found it, and "
        "detectors watch the other version anew"
    ) in text
    nobody = {**facts, "champion_changed": {**facts["champion_changed"], "watched": False}}
    assert "no detectors watch the other version" in " ".join(" ".join(summary_lines(nobody)).split())
    is_past = "magnitude data drift: cpu 0.57; measured for version b2439f54, which is not in production"
    assert is_past in text and is_past not in " ".join(" ".join(summary_lines(later)).split())
    assert "drift" not in facts["audit"]
    # What a stream still brings after the audit counts, unless it is of another model.
    assert later["drift"] == reset and later["champion_changed"] is None
    assert "drift ddm: no drift, no warning" in " ".join(" ".join(summary_lines(later)).split())
    assert changed["drift_this_run"]["detectors"]["ddm"]["drifts"] == 7


def test_a_run_begins_with_the_first_of_its_steps():
    times = ["2024-05-01 12:00:00.5+00:00", "2024-05-01T13:00:00+02:00"]
    steps = {str(place): {"status": {"start_time": time}} for place, time in enumerate(times)}
    assert begun(steps) == "2024-05-01T11:00:00+00:00"
    assert begun({"ingest": {"spec": {}}}) == ""


def test_recorded_telemetry_is_told_apart_from_real_traffic():
    facts = live_facts(None)
    facts["rehearsal"] = {**STREAM, **labeled(880, 20, 0, 0)}
    text = "\n".join(summary_lines(facts))
    assert "rehearsal     900 events (900 accepted)" in text
    assert "a staging endpoint of its own, the live one saw none of them" in " ".join(text.split())
    assert "labeled       880 pairs joined, 20 waiting, 0 expired, 0 conflicting, in the rehearsal" in text
    assert "live          17,815 pairs joined, 40 waiting, 12 expired, 0 conflicting, all of real" in text
    assert "streamed" not in text
    facts["rehearsal"]["labels"] = {"joined": 880, "kept": 360}
    text = "\n".join(summary_lines(facts))
    assert "0 conflicting, 360 left out as in maintenance or excluded, in the rehearsal" in " ".join(
        text.split()
    )
    facts["rehearsal"]["older"] = "no reading is later than the training rows"
    assert "no reading is later than the training rows" in "\n".join(summary_lines(facts))
    facts["rehearsal"] = {**STREAM, "nothing_newer": "history must hold readings"}
    assert "rehearsal     nothing to play: history must hold readings" in "\n".join(summary_lines(facts))


def test_detectors_that_this_run_found_attached_counted_before_it():
    before = {"labeled": labeled(0, 0, 0, 0), "drift": {"detectors": {"ddm": detector(7, 2)}}}
    answers = {
        "/labeled": labeled(17_815, 40, 12, 0),
        "/drift": {"attached": True, "detectors": {"ddm": detector(8, 3)}},
    }
    steps = {"init-detectors": {"spec": {}, "status": {"results": {"kept": True}}}}
    with fake_endpoint(lambda _method, path, _body: (200, answers[path])) as address:
        deployed = [Endpoint("serving", address, "ready", "model", "v1", "p")]
        facts = collect_facts("p", "r", steps, deployed, {**STREAM, "before": before})
    assert facts["drift_this_run"]["detectors"]["ddm"]["drifts"] == 1


def test_detectors_that_this_run_attached_counted_nothing_before_it():
    before = {"labeled": labeled(0, 0, 0, 0), "drift": {"detectors": {"ddm": detector(90, 70)}}}
    facts = live_facts({**STREAM, "before": before}, ["init-detectors"])
    assert facts["drift_this_run"]["detectors"]["ddm"]["drifts"] == 3


def test_a_run_with_nothing_newer_to_stream_says_so():
    before = {"labeled": labeled(17_815, 40, 12, 0), "drift": {"detectors": {}}}
    facts = live_facts(
        {**STREAM, "nothing_newer": "folder: must hold telemetry newer than ...", "before": before}
    )
    text = "\n".join(summary_lines(facts))
    assert "streamed      nothing; the endpoint is up. folder: must hold telemetry newer than" in text
    assert "labeled       0 pairs joined" in text


def test_what_arrived_live_has_a_line_and_nothing_has_none():
    taken = {"readings": 2400, "labels": 2352, "readings_new": 2399, "labels_new": 2352}
    text = " ".join(" ".join(_taken_lines(taken)).split())
    assert text.startswith("arrived live 2,400 readings and 2,352 labels arrived since the last time: ")
    assert text.endswith("2,399 and 2,352 are new in the history")
    text = " ".join(" ".join(_taken_lines({**taken, "rows_ingested": 591701})).split())
    assert text.endswith("are new in the history, which has 591,701 readings now")
    assert _taken_lines({**taken, "readings": 0, "labels": 0}) == _taken_lines({}) == []
    told = {**taken, "readings": 0, "labels": 0, "incidents": 3, "labels_changed": 1200}
    text = " ".join(" ".join(_taken_lines(told)).split())
    assert text.endswith("3 times an incident was told of, 1,200 labels are others now")
    (failed,) = _taken_lines({"reload_failure": "the endpoint must take over the devices"})
    assert failed.startswith("devices ") and failed.endswith(" the endpoint must take over the devices")


def test_each_horizon_is_told_with_what_the_gate_says_of_it():
    leads = [
        {"horizon": "0s", "promotion": "to be promoted after its rehearsal", "promotion_reason": "first"},
        {
            **{"horizon": "10m", "promotion": "to be promoted after its rehearsal"},
            **{"promotion_reason": "better", "average_precision": 0.7},
            **{"episodes": 9.0, "episodes_caught": 7.0},
        },
        {"horizon": "1h", "promotion": "not trained", "promotion_reason": "too few errors"},
    ]
    promoted = {"promotion": "promoted", "promotion_reason": "first", "promotions": {"10m": "promoted"}}
    by_name = {
        name: {"metadata": {"name": name}, "spec": {}, "status": {"results": results}}
        for name, results in (("horizons", {"horizons": leads}), ("promote", promoted))
    }
    facts = collect_facts("p", "r", by_name, [], None)
    assert [lead["promotion"] for lead in facts["horizons"]] == ["promoted", "promoted", "not trained"]
    told = [line.strip() for line in _model_lines({**facts, "trained": {}, "test": {}})]
    assert told[-3:] == [
        "horizons      0s: promoted: first",
        "10m: promoted: better; average precision 0.700, 7 of 9 episodes caught",
        "1h: not trained: too few errors",
    ]
    # The model in production knows one horizon: it was made before the schema had others.
    by_name["promote"]["status"]["results"] = {"version": "v0"}
    _, soon, later = collect_facts("p", "r", by_name, [], None)["horizons"]
    assert soon["promotion"] == "waits for a new model of the primary horizon 0s (--promote makes one)"
    assert later["promotion"] == "not trained"
    # Without a model of the primary horizon nothing is rehearsed, and so nothing promoted.
    del by_name["promote"]
    by_name["evaluate"] = {"metadata": {}, "spec": {}, "status": {"results": {"production": False}}}
    _, soon, later = collect_facts("p", "r", by_name, [], None)["horizons"]
    assert soon["promotion"].startswith("waits for a model of the primary horizon 0s, nothing is served")
    assert later["promotion"] == "not trained"
    by_name["horizons"]["status"]["results"]["horizons"] = leads[:1]
    assert "horizons" not in collect_facts("p", "r", by_name, [], None)
