"""What a schema says of an alarm log: its columns, and the words that raise and clear."""

from __future__ import annotations

from typing import Any

import pytest

from feature_sets.telemetry.alarm_log import CLEARED, RAISED, AlarmLog
from feature_sets.telemetry.errors import SchemaError
from feature_sets.telemetry.schema import TelemetrySchema

CONTENT: dict[str, Any] = {
    "name": "site",
    "entity": ["device"],
    "time": "time",
    "metrics": {"cpu": {}},
    "label": "is_error",
}


def schema(log: Any, **labels: Any) -> TelemetrySchema:
    return TelemetrySchema.from_dict({**CONTENT, "labels": {"form": "incidents", **labels, "alarm_log": log}})


@pytest.mark.parametrize(
    "log",
    [
        {},
        {"state": "status"},
        {"time": "event_time", "alarm": ["alarm_id", "port"], "raised": ["SET"], "cleared": ["RESET", "7"]},
    ],
)
def test_what_is_said_is_what_a_file_of_it_says_again(log: dict[str, Any]) -> None:
    found = schema(log)
    assert found.to_dict()["labels"] == {"form": "incidents", "alarm_log": log}
    assert TelemetrySchema.from_dict(found.to_dict()) == found


def test_nothing_in_it_is_a_log_with_the_usual_names() -> None:
    assert schema(None).labels.alarm_log == AlarmLog()
    assert schema({"alarm": "port", "raised": 2}).labels.alarm_log == AlarmLog(alarm=("port",), raised=("2",))


def test_a_schema_without_a_log_says_nothing_of_it() -> None:
    found = TelemetrySchema.from_dict({**CONTENT, "labels": {"form": "incidents"}})
    assert found.labels.alarm_log is None
    assert found.to_dict()["labels"] == {"form": "incidents"}


@pytest.mark.parametrize(
    ("raised", "cleared"),
    [
        ("raise", "clear"),
        ("RAISED", "CLEARED"),
        ("1", "0"),
        ("down", "up"),
        ("active", "cleared"),
        ("critical", "cleared"),
        ("PROBLEM", "OK"),
        ("Reopened", "Resolved"),
        ("PROBLEM", "RECOVERY"),
        ("true", "false"),
        ("firing", "resolved"),
    ],
)
def test_the_words_of_usual_tools_have_their_meaning(raised: str, cleared: str) -> None:
    assert (AlarmLog().raises(raised), AlarmLog().raises(cleared)) == (True, False)
    assert AlarmLog().raises("ACK") is AlarmLog().raises(None) is None


def test_no_usual_word_means_both() -> None:
    assert not set(RAISED) & set(CLEARED)
    assert {word.lower() for word in (*RAISED, *CLEARED)} == {*RAISED, *CLEARED}


def test_words_that_are_given_are_the_only_ones() -> None:
    log = AlarmLog(raised=("Critical", "0"))
    assert [log.raises(word) for word in ("CRITICAL", "major", "0", "ok")] == [True, None, True, False]
    log = AlarmLog(cleared=("up",))
    assert [log.raises(word) for word in ("Up", "ok", "major")] == [False, None, True]


@pytest.mark.parametrize(
    ("log", "words"),
    [
        (
            {"raised": ["up"], "cleared": ["UP"]},
            "alarm_log.cleared': must have other words than raised.*'UP'",
        ),
        ({"raised": [True]}, "alarm_log.raised': must be a word, or a list .* without quotes, got True"),
        ({"cleared": [["a"]]}, r"alarm_log.cleared': must be a word.*got \['a'\]"),
        ({"cleared": [" "]}, "alarm_log.cleared': must be a word.*got ' '"),
        ({"state": "device"}, "alarm_log.state': must not be a column that names devices.*'device'"),
        ({"alarm": ["device"]}, "alarm_log.alarm': must not be a column that names devices.*'device'"),
        ({"state": "time"}, "alarm_log.state': must not be the column of the time, got 'time'"),
        ({"state": "a", "alarm": ["a"]}, "alarm_log': must name a column once, got 'a'"),
        ({"state": 3}, "alarm_log.state': must be text, got 3"),
        ({"alarm": [3]}, "alarm_log.alarm'"),
        (
            {"status": "x"},
            "alarm_log': must be among alarm, cleared, hold_off, raised, state, time, got 'status'",
        ),
        ({"hold_off": "soon"}, "alarm_log.hold_off': must be a whole number with a unit.*'soon'"),
        ({"hold_off": 5}, "alarm_log.hold_off': must be text, got 5"),
        ("state", "alarm_log': must be a mapping, got 'state'"),
    ],
)
def test_what_cannot_be_is_an_error_that_names_the_field_and_what_came(log: Any, words: str) -> None:
    with pytest.raises(SchemaError, match=words):
        schema(log)


def test_other_forms_have_no_log() -> None:
    with pytest.raises(SchemaError, match=r"alarm_log': must be absent unless the form is incidents"):
        schema({}, form="rows")


@pytest.mark.parametrize("word", ["ACK", "In Progress", "Pending", "on hold", "assigned"])
def test_a_state_between_start_and_end_leaves_an_alarm_as_it_is(word: str) -> None:
    assert AlarmLog().raises(word) is None and AlarmLog().acknowledges(word)
    assert not AlarmLog(raised=(word,)).acknowledges(word)
