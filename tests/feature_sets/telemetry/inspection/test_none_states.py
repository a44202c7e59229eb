"""Words that mean that an incident was none are left out by what is proposed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from feature_sets.telemetry.inspection.choices import Proposal
from feature_sets.telemetry.inspection.column_profile import profile_column
from feature_sets.telemetry.inspection.folder_check import check_folder
from feature_sets.telemetry.inspection.none_states import means_none, none_states
from feature_sets.telemetry.inspection.table_profile import TableProfile
from feature_sets.telemetry.readers import read_telemetry
from tests.feature_sets.telemetry.inspection.test_folder_check import taken


def table_of(**columns: list[str]) -> TableProfile:
    head = pa.table(columns)
    profiles = {name: profile_column(name, head[name]) for name in head.column_names}
    rows = head.num_rows
    return TableProfile("incidents", ("a.csv",), rows, rows, profiles, head=head)


def test_cancelled_tickets_are_left_out_by_the_schema_that_is_proposed(tmp_path: Path) -> None:
    times = pd.date_range("2026-10-19", periods=300, freq="1min", tz="UTC")
    load = np.random.default_rng(1).normal(35, 1, 600).round(2)
    metrics = pd.DataFrame({"device": ["a", "b"] * 300, "time": times.repeat(2), "snr": load})
    metrics.to_csv(tmp_path / "metrics.csv", index=False)
    start = times[::15]
    tickets = pd.DataFrame({"id": [f"T{n}" for n in range(20)], "device": ["a", "b"] * 10, "start": start})
    states = ["Canceled", "closed", "closed", "reopened", "closed"] * 4
    tickets = tickets.assign(end=start + pd.Timedelta("5min"), State=states)
    tickets.to_csv(tmp_path / "incidents.csv", index=False)
    check, schema = taken(tmp_path)
    assert schema.labels.only == {"State": ("closed", "reopened")}
    assert schema.labels.open == {"State": ("reopened",)}
    (told,) = (one for one in check.proposal.decide if "was no incident" in one)
    assert told.startswith("4 of 20 rows say 'Canceled' in 'State', as of what was no incident: labels.only")
    _, report = read_telemetry(tmp_path, schema)
    assert report.labels.values["not_in_only"] == {"State": 4}


@pytest.mark.parametrize(
    ("name", "words", "only"),
    [
        ("status", ["Closed", "Closed - Cancelled", "Resolved (Duplicate)"], ["Closed"]),
        ("Close Code", ["Solved", "NoFaultFound", "no_trouble_found", "TEST"], ["Solved"]),
        ("disposition", ["True Positive", "False-Positive", "benign positive"], ["True Positive"]),
        ("State", ["withdrawn by user", "Invalid", "rejected", "done"], ["done"]),
        ("State", ["closed", "open", "testing", "resolved"], None),
        ("State", ["cancelled", "Void"], None),
        ("type", ["outage", "false alarm"], ["outage"]),
        ("cause", ["Duplicate IP", "invalid route", "Test failed"], None),
    ],
)
def test_the_other_words_are_proposed(name: str, words: list[str], only: list[str] | None) -> None:
    proposal = Proposal()
    found = none_states(proposal, table_of(**{name: words, "start": ["2026-01-01T00:00:00Z"] * len(words)}))
    assert list(found.values()) == ([only] if only else [])
    assert len(proposal.decide) == len(found)


def test_it_is_asked_of_a_text_and_beside_empty_cells_unless_another_column_says_it() -> None:
    text = ["power", "false report", "ingress", "power"]
    proposal = Proposal()
    assert none_states(proposal, table_of(Text=text, state=["closed", "", "cancelled", "closed"])) == {}
    of_state, of_text = sorted(proposal.decide)
    assert of_state.startswith(
        "1 of 4 rows say 'cancelled' in 'state', as of what was no incident, and count as"
    )
    assert of_state.endswith("names the words that do, and 1 cell is empty.")
    assert of_text.startswith("1 of 4 rows say 'false report' in 'Text'")
    proposal = Proposal()
    found = none_states(proposal, table_of(Text=text, state=["closed", "cancelled", "open", "closed"]))
    assert found == {"state": ["closed", "open"]}
    assert len(proposal.decide) == 1


def test_an_alarm_log_tells_that_a_cancelled_alarm_counts(tmp_path: Path) -> None:
    times = pd.date_range("2026-10-19", periods=40, freq="1min", tz="UTC")
    load = np.random.default_rng(1).normal(35, 1, 80).round(2)
    metrics = pd.DataFrame({"device": ["a", "b"] * 40, "time": times.repeat(2), "snr": load})
    metrics.to_csv(tmp_path / "metrics.csv", index=False)
    states = ["Open", "Closed"] * 9 + ["Open", "Cancelled"]
    log = pd.DataFrame({"ticket": np.arange(20) // 2, "device": "a", "time": times[:20], "state": states})
    log.to_csv(tmp_path / "incidents.csv", index=False)
    check = check_folder(tmp_path)
    assert "alarm_log" in check.proposal.fields["labels"]
    told = "An alarm of which one says 'Cancelled' counts all the same, until another row clears it."
    assert any(told in one for one in check.proposal.decide)


def test_a_severity_or_a_device_is_no_such_word() -> None:
    assert not any(map(means_none, ("critical", "major", "test-lab-3", "r1", "in progress", "Positive", "")))
