"""Alarm logs: their columns are found, and their incidents counted as the labels count them."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from feature_sets.telemetry.inspection.folder_check import FolderCheck, check_folder
from feature_sets.telemetry.readers import read_telemetry
from feature_sets.telemetry.schema import TelemetrySchema
from tests.feature_sets.telemetry.inspection.test_folder_check import STEP, frames, taken, write

BEGIN = pd.Timestamp("2026-03-01T00:00:00Z")


def log(columns: list[str], rows: list[tuple[Any, ...]]) -> pd.DataFrame:
    """An alarm log.

    :param rows: the first cell of each is the number of a reading.
    """
    frame = pd.DataFrame(rows, columns=columns)
    return frame.assign(**{columns[0]: BEGIN + STEP * frame[columns[0]]})


def folder(path: Path, alarms: pd.DataFrame, name: str = "incidents") -> Path:
    given = frames()
    del given["labels"]
    return write(path, {**given, name: alarms}, ".csv")


def sentence(check: FolderCheck) -> str:
    (told,) = (one for one in check.proposal.decide if "labels.alarm_log" in one)
    return told


def found(
    path: Path, alarms: pd.DataFrame, name: str = "incidents"
) -> tuple[FolderCheck, dict[str, Any], int]:
    """The check, the labels that it proposes, and how many incidents there are with them."""
    check, schema = taken(folder(path, alarms, name))
    rows, _ = read_telemetry(path, schema)
    assert rows.incidents is not None
    return check, schema.to_dict()["labels"], len(rows.incidents.frame)


@pytest.mark.parametrize(
    ("state", "raised", "cleared"),
    [
        ("state", "raise", "clear"),
        ("Status", "PROBLEM", "OK"),
        ("status", "PROBLEM", "RECOVERY"),
        ("alarm_state", "1", "0"),
        ("event", "down", "up"),
        ("state", "active", "cleared"),
        ("severity", "critical", "cleared"),
        ("is_active", "true", "false"),
        ("severity", "information", "cleared"),
        ("state", "1.0", "0.0"),
        ("trap", "linkDown", "linkUp"),
        ("trap", "IF-MIB::linkDown", "IF-MIB::linkUp"),
        ("value", "PROBLEM", "RESOLVED"),
        ("action", "Activate", "Deactivate"),
        ("state", "Uncleared", "Cleared"),
        ("state", "Fault", "Restore"),
        ("state", "SET", "CLR"),
    ],
)
def test_the_words_of_usual_tools_are_known(tmp_path: Path, state: str, raised: str, cleared: str) -> None:
    check, labels, count = found(tmp_path, log(["time", "router", state], five(raised, cleared)))
    assert labels == {"form": "incidents", "alarm_log": {} if state == "state" else {"state": state}}
    assert count == 3
    assert f"Of '{state}'" in sentence(check) and "3 incidents, 1 of them without an end" in sentence(check)


def five(raised: str, cleared: str) -> list[tuple[Any, ...]]:
    """Rows of three incidents of two devices, one of them open."""
    return [(1, "r0", raised), (4, "r0", cleared), (6, "r0", raised), (2, "r1", raised), (8, "r1", cleared)]


@pytest.mark.parametrize(
    ("raised", "cleared"), [("RAISED", "CLEARED"), ("PROBLEM", "OK"), ("firing", "resolved")]
)
def test_a_log_in_a_file_of_another_name_is_found_by_words_of_events(
    tmp_path: Path, raised: str, cleared: str
) -> None:
    _, labels, count = found(tmp_path, log(["time", "router", "state"], five(raised, cleared)), "alarms")
    assert labels == {"form": "incidents", "alarm_log": {}} and count == 3


def test_what_tells_alarms_apart_is_found_by_what_pairs_rows(tmp_path: Path) -> None:
    rows = [
        (1, "r0", "LINK", "ge0", "major", 11, "RAISED"),
        (2, "r0", "LINK", "ge1", "minor", 12, "RAISED"),
        (3, "r0", "FAN", "-", "minor", 13, "RAISED"),
        (4, "r0", "LINK", "ge0", "cleared", 14, "CLEARED"),
        (5, "r0", "LINK", "ge1", "cleared", 15, "CLEARED"),
        (6, "r0", "FAN", "-", "cleared", 16, "CLEARED"),
        (7, "r0", "FAN", "-", "major", 17, "RAISED"),
    ]
    alarms = log(["event_time", "router", "alarm_type", "port", "severity", "event_id", "state"], rows)
    check, labels, count = found(tmp_path, alarms)
    assert labels["alarm_log"] == {"time": "event_time", "alarm": ["alarm_type", "port"]}
    assert labels["kind"] == "alarm_type" and count == 4
    assert "'RAISED' raises an alarm, and 'CLEARED' clears it" in sentence(check)
    assert "4 incidents, 1 of them without an end" in sentence(check)


@pytest.mark.parametrize("name", ["alertname", "name", "fingerprint"])
def test_the_names_of_alerts_and_not_the_kind_of_a_state_tell_alarms_apart(tmp_path: Path, name: str) -> None:
    rows = [
        (1, "r0", "Link", "HARD", "firing"),
        (2, "r0", "Fan", "SOFT", "firing"),
        (3, "r0", "Link", "SOFT", "resolved"),
        (4, "r0", "Fan", "HARD", "resolved"),
    ]
    alarms = log(["time", "router", name, "state_type", "status"], rows)
    _, labels, count = found(tmp_path, alarms)
    assert labels["alarm_log"] == {"state": "status", "alarm": [name]}
    assert "kind" not in labels and count == 2


def test_acknowledgements_do_not_hide_a_log(tmp_path: Path) -> None:
    rows = [(1, "r0", "raise"), (2, "r0", "ACK"), (3, "r0", "ACK"), (4, "r0", "clear")]
    _, labels, count = found(tmp_path, log(["time", "router", "state"], rows))
    assert labels["alarm_log"] == {} and count == 1


def test_incidents_of_some_rows_are_not_told_as_those_of_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [(number, "r0", word) for number, word in enumerate(["raise", "clear"] * 100)]
    path = folder(tmp_path, log(["time", "router", "state"], rows))
    assert "100 incidents, 0 of them without an end." in sentence(check_folder(path))
    monkeypatch.setattr("feature_sets.telemetry.inspection.table_profile.LOOKED_AT", 120)
    told = sentence(check_folder(path))
    assert "60 incidents, 0 of them without an end, in the 120 rows looked at." in told


@pytest.mark.parametrize("lost", [0.0, 0.05, 0.15])
def test_in_a_log_that_lacks_rows_the_same_columns_tell_alarms_apart_and_others_do_not(
    tmp_path: Path, lost: float
) -> None:
    random = np.random.default_rng(5)
    rows: list[tuple[Any, ...]] = []
    for router, number in itertools.product(("r0", "r1", "r2"), range(60)):
        port, moments = f"ge{number}", np.sort(random.choice(40_000, 8, replace=False))
        for begin, end in moments.reshape(-1, 2).tolist():
            kind = str(random.choice(["LOS", "LOF", "AIS"]))
            rows += [(begin, router, port, kind, "raise"), (end, router, port, kind, "clear")]
    alarms = log(["time", "router", "port", "alarm_type", "state"], sorted(rows))
    alarms["time"] = BEGIN + pd.to_timedelta([row[0] for row in sorted(rows)], unit="s")
    alarms = alarms[random.random(len(alarms)) >= lost]
    count = len(alarms)
    alarms = alarms.assign(
        event_id=range(count),
        check_code=random.choice(["a", "b", "c"], count),
        slot=np.where(random.random(count) < 0.03, "B", "A"),
        trigger_code=alarms["state"].map({"raise": "100", "clear": "200"}),
    )
    _, labels, _ = found(tmp_path, alarms)
    assert labels["alarm_log"] == {"alarm": ["port", "alarm_type"]}


def test_an_id_that_a_raise_shares_with_its_clear_is_enough(tmp_path: Path) -> None:
    rows = [(1, "r0", 7, "raise"), (2, "r0", 8, "raise"), (3, "r0", 7, "clear"), (4, "r0", 8, "clear")]
    check, labels, count = found(tmp_path, log(["time", "router", "alarm_id", "state"], rows))
    assert labels["alarm_log"] == {"alarm": ["alarm_id"]} and count == 2
    assert "0 of them without an end" in sentence(check)


def test_what_is_repeated_left_alone_or_left_out_is_told(tmp_path: Path) -> None:
    rows = [(number, "r0", word) for number, word in enumerate(["clear", "raise", "raise", "clear", "raise"])]
    rows += [
        (6 + number, "r1", word) for number, word in enumerate(["raise", "clear", "raise", "clear", "ACK"])
    ]
    check = check_folder(folder(tmp_path, log(["time", "router", "state"], rows)))
    assert "4 incidents, 1 of them without an end" in sentence(check)
    assert "1 row raises what is raised already" in sentence(check)
    assert "1 row clears what is not raised" in sentence(check)
    assert "Rows that say 'ACK' are left out" in sentence(check)


def test_a_column_that_says_that_it_is_cleared_has_its_words_named(tmp_path: Path) -> None:
    rows = [(1, "r0", "false"), (4, "r0", "true"), (5, "r1", "false"), (7, "r1", "true")]
    _, labels, count = found(tmp_path, log(["time", "router", "is_cleared"], rows))
    assert labels["alarm_log"] == {"state": "is_cleared", "raised": ["false"], "cleared": ["true"]}
    assert count == 2


def test_intervals_stay_intervals(tmp_path: Path) -> None:
    rows = [(1, "r0", "open"), (4, "r0", "closed")]
    alarms = log(["start", "router", "state"], rows)
    alarms["end"] = alarms["start"] + STEP
    _, labels, count = found(tmp_path, alarms)
    assert "alarm_log" not in labels and count == 2


def test_a_state_at_each_reading_stays_a_label(tmp_path: Path) -> None:
    given = frames()
    keys = given["labels"][["router", "time"]]
    given["labels"] = keys.assign(state=["down" if number % 9 == 0 else "up" for number in range(len(keys))])
    _, schema = taken(write(tmp_path, given, ".csv"))
    assert schema.labels.form == "rows"


def test_incidents_whose_devices_only_ever_raise_are_no_log(tmp_path: Path) -> None:
    rows = [(1, "r0", "raise"), (4, "r1", "clear")]
    check = check_folder(folder(tmp_path, log(["time", "router", "state"], rows)))
    assert not any("labels.alarm_log" in one for one in check.proposal.decide)


def test_the_schema_that_is_proposed_is_read_again(tmp_path: Path) -> None:
    rows = [(1, "r0", "raise"), (4, "r0", "clear")]
    _, schema = taken(folder(tmp_path, log(["time", "router", "state"], rows)))
    assert TelemetrySchema.from_dict(schema.to_dict()) == schema


def test_a_state_within_a_text_is_said_to_need_a_column(tmp_path: Path) -> None:
    texts = ["%LINK-3-UPDOWN: ge0, changed state to down", "%LINK-3-UPDOWN: ge0, changed state to up"]
    rows = [(number, "r0", texts[number % 2]) for number in range(6)]
    check = check_folder(folder(tmp_path, log(["time", "router", "message"], rows)))
    (missing,) = check.proposal.missing
    assert "says within the text of 'message' whether an alarm is raised or cleared" in missing
    assert f"{texts[0]!r} and {texts[1]!r}: that word needs a column of its own" in missing
    assert check.schema_text() is None


def test_a_text_beside_the_times_of_an_incident_is_only_a_text(tmp_path: Path) -> None:
    alarms = log(["start", "router", "message"], [(1, "r0", "link down"), (4, "r0", "link up again")])
    alarms["end"] = alarms["start"] + STEP
    _, _, count = found(tmp_path, alarms)
    assert count == 2


def test_it_is_asked_which_severities_and_types_are_errors(tmp_path: Path) -> None:
    columns = ["time", "router", "state", "severity", "trigger"]
    rows = [
        (1, "r0", "PROBLEM", "Information", "License expiring"),
        (2, "r0", "RESOLVED", "Information", "License expiring"),
        (3, "r0", "PROBLEM", "High", "Cell down"),
        (4, "r0", "RESOLVED", "High", "Cell down"),
        (5, "r1", "PROBLEM", "Information", "License expiring"),
    ]
    check = check_folder(folder(tmp_path, log(columns, rows)))
    (told,) = (one for one in check.proposal.decide if "labels.only" in one)
    assert told == (
        "All incidents are errors, of 'severity' 2 'Information', 1 'High'; and of 'trigger' 2 'License "
        "expiring', 1 'Cell down'. If only some of these are, labels.only names them, such as only: "
        "{severity: [High]}."
    )
    one = log(columns, [row for row in rows if row[3] == "High"])
    assert "labels.only" not in "".join(check_folder(folder(tmp_path, one)).proposal.decide)


@pytest.mark.parametrize(
    ("words", "named"),
    [
        # As ServiceNow writes them: the number goes before the word.
        (["1 - Critical", "2 - High", "3 - Moderate", "5 - Planning"], ["1 - Critical", "2 - High"]),
        (["P1", "P2", "P3"], ["P1"]),
        (["Sev1: outage", "Sev2: slow"], ["Sev1: outage"]),
        (["Critical, all users", "Low"], ["Critical, all users"]),
        (["10 - low", "11 - lower"], ["11 - lower"]),
    ],
)
def test_the_example_names_the_grave_severities(tmp_path: Path, words: list[str], named: list[str]) -> None:
    # The grave ones are seldom neither the most frequent nor the rarest.
    often = [
        word for place, word in enumerate(words) for _ in range(3 + place % 2 - (place == len(words) - 1))
    ]
    columns = ["time", "router", "state", "priority"]
    rows = []
    for number, word in enumerate(often):
        rows += [(2 * number + 1, "r0", "PROBLEM", word), (2 * number + 2, "r0", "RESOLVED", word)]
    check = check_folder(folder(tmp_path, log(columns, rows)))
    (told,) = (one for one in check.proposal.decide if "labels.only" in one)
    example = yaml.safe_load(told.partition("such as ")[2].removesuffix("."))
    assert sorted(example["only"]["priority"]) == sorted(named)
