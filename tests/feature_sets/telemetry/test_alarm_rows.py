"""Rows that raise and clear alarms come to the incidents that a loop over them would find."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from feature_sets.telemetry.alarm_rows import (
    LATER,
    RAISES,
    TIME,
    alarm_part,
    alarm_types,
    no_alarms,
    paired_alarms,
)
from feature_sets.telemetry.incident_rows import END, ID, KNOWN, ROW, SOURCE, START, at, said
from feature_sets.telemetry.incidents_that_count import incidents_that_count
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema

BEGIN = pd.Timestamp("2026-01-01T00:00:00Z")
CONTENT: dict[str, Any] = {
    "name": "site",
    "entity": ["device"],
    "time": "time",
    "metrics": {"cpu": {}},
    "label": "is_error",
}


def schema(*alarm: str, **log: Any) -> TelemetrySchema:
    labels = {"form": "incidents", "kind": "severity", "alarm_log": {"alarm": list(alarm), **log}}
    return TelemetrySchema.from_dict({**CONTENT, "labels": labels})


def log(rows: list[tuple[Any, ...]], of: TelemetrySchema, source: str = "a.csv") -> pd.DataFrame:
    """Rows of an alarm log.

    :param rows: each a second, ``R`` or ``C`` and, if it is told, the port, the severity, when it was known.
    """
    given = [(*row, *(None,) * (5 - len(row))) for row in rows]
    frame = pd.DataFrame(
        {
            SOURCE: source,
            ROW: range(len(given)),
            at(DEVICE): "r1",
            alarm_part("port"): [row[2] for row in given],
            TIME: [BEGIN + pd.Timedelta(seconds=row[0]) for row in given],
            LATER: pd.to_datetime([None] * len(given), utc=True),
            KNOWN: BEGIN + pd.to_timedelta([row[4] for row in given], unit="s"),
            RAISES: [row[1] == "R" for row in given],
            said("severity"): [row[3] for row in given],
        }
    )
    return frame[list(alarm_types(of))].astype(alarm_types(of))


def spans(frame: pd.DataFrame) -> list[tuple[float, float | None]]:
    """Start and end of each, seconds."""
    found = [
        ((start - BEGIN).total_seconds(), None if pd.isna(end) else (end - BEGIN).total_seconds())
        for start, end in zip(frame[START], frame[END], strict=True)
    ]
    return sorted(found, key=by_time)


def by_time(span: tuple[float, float | None]) -> tuple[float, float]:
    """The order of starts, then of ends; those that are open last."""
    return span[0], np.inf if span[1] is None else span[1]


def slowly(rows: pd.DataFrame) -> tuple[list[tuple[float, float | None]], int, int]:
    """Incidents, rows that raise again, and clears without a raise: by a loop."""
    found: list[tuple[float, float | None]] = []
    repeated = unraised = 0
    for _, alarm in rows.groupby([name for name in rows if name.startswith(("at.", "of."))], dropna=False):
        begin: float | None = None
        for moment, told in alarm.groupby(TIME):
            now = (moment - BEGIN).total_seconds()
            raises, clears = told[RAISES].any(), not told[RAISES].all()
            if raises and clears:
                found.append((now, now) if begin is None else (begin, now))
                begin = begin if begin is None else now
            elif raises:
                repeated += begin is not None
                begin = now if begin is None else begin
            elif begin is None:
                unraised += 1
            else:
                found.append((begin, now))
                begin = None
        if begin is not None:
            found.append((begin, None))
    return sorted(found, key=by_time), repeated, unraised


@pytest.mark.parametrize("seed", range(20))
def test_random_logs_in_any_order_and_any_files_come_to_what_a_loop_finds(seed: int) -> None:
    random = np.random.default_rng([seed, 3])
    of = schema("port")
    count = int(random.integers(1, 60))
    rows = [
        (int(second), str(state), str(port))
        for second, state, port in zip(
            random.integers(0, 40, count),
            random.choice(["R", "C"], count),
            random.choice(["p1", "p2"], count),
            strict=True,
        )
    ]
    frame = log(rows, of)
    frame[at(DEVICE)] = random.choice(["r1", "r2"], count)
    frame[SOURCE] = random.choice(["a.csv", "b.csv"], count)
    expected, repeated, unraised = slowly(frame)
    found = paired_alarms(frame, of)
    assert spans(found.incidents) == expected
    assert (len(found.repeated), len(found.unraised)) == (repeated, unraised)
    assert (
        frame[RAISES].to_numpy()[found.repeated].all() and not frame[RAISES].to_numpy()[found.unraised].any()
    )
    mixed = frame.sample(frac=1, random_state=seed, ignore_index=True)
    pd.testing.assert_frame_equal(
        paired_alarms(mixed, of).incidents.sort_values([SOURCE, ROW], ignore_index=True),
        found.incidents.sort_values([SOURCE, ROW], ignore_index=True),
    )
    assert spans(incidents_that_count(found.incidents, of)) == expected
    twice = pd.concat([frame, frame.assign(**{SOURCE: "copy.csv"})], ignore_index=True)
    copied = paired_alarms(twice, of)
    assert spans(copied.incidents) == expected
    assert (len(copied.repeated), len(copied.unraised)) == (repeated, unraised)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([(5, "R"), (9, "C")], [(5, 9)]),
        ([(9, "C"), (5, "R")], [(5, 9)]),
        ([(5, "R")], [(5, None)]),
        ([(5, "C")], []),
        ([(5, "R"), (6, "R"), (9, "C")], [(5, 9)]),
        ([(5, "R"), (9, "C"), (12, "C")], [(5, 9)]),
        ([(1, "R"), (2, "C"), (3, "R"), (4, "C"), (5, "R")], [(1, 2), (3, 4), (5, None)]),
        # At one time: of what is open the end comes first, and nothing open ends when it starts.
        ([(5, "R"), (5, "C")], [(5, 5)]),
        ([(1, "R"), (5, "C"), (5, "R"), (9, "C")], [(1, 5), (5, 9)]),
        ([(1, "R"), (5, "R"), (5, "C")], [(1, 5), (5, None)]),
        ([(5, "C"), (5, "R"), (9, "C")], [(5, 5)]),
    ],
)
def test_each_rule_of_pairing(
    rows: list[tuple[Any, ...]], expected: list[tuple[float, float | None]]
) -> None:
    of = schema()
    assert spans(paired_alarms(log(rows, of), of).incidents) == expected


def test_nothing_comes_to_nothing() -> None:
    found = paired_alarms(no_alarms(schema("port")), schema("port"))
    assert not len(found.incidents) and not len(found.repeated) and not len(found.unraised)


def test_alarms_of_two_ports_are_two_incidents_and_one_without_a_port_is_a_third() -> None:
    rows = [(1, "R", "p1"), (2, "R", "p2"), (3, "R"), (4, "C", "p2"), (5, "C"), (6, "C", "p1")]
    of = schema("port")
    found = paired_alarms(log(rows, of), of).incidents
    assert spans(found) == [(1, 6), (2, 4), (3, 5)]
    assert found[ID].nunique() == 3
    assert spans(paired_alarms(log(rows, schema()), schema()).incidents) == [(1, 4)]


def test_alarms_that_begin_together_are_different_incidents() -> None:
    of = schema("port")
    found = paired_alarms(log([(1, "R", "p1"), (1, "R", "p2"), (4, "C", "p2")], of), of).incidents
    assert spans(incidents_that_count(found, of)) == [(1, 4), (1, None)]


def test_what_is_raised_again_has_what_was_said_last() -> None:
    of = schema("port")
    rows = [(1, "R", "p", "minor"), (2, "R", "p", "major"), (3, "R", "p"), (4, "C", "p", "cleared")]
    found = paired_alarms(log(rows, of), of).incidents
    assert found[said("severity")].tolist() == ["major"]
    found = paired_alarms(log([(1, "R", "p")], of), of).incidents
    assert found[said("severity")].tolist() == [None]


def test_a_device_with_one_alarm_needs_no_id_as_devices_and_start_are_one() -> None:
    found = paired_alarms(log([(1, "R"), (4, "C")], schema()), schema()).incidents
    assert found[ID].tolist() == [None]


@pytest.mark.parametrize(
    ("begin", "end", "expected"),
    [
        (2, 8, [(2, None), (8, 5.0)]),
        (2, 2, [(2, 5.0)]),
        (8, 2, [(8, 5.0)]),
        (None, 8, [(None, 5.0)]),
        (2, None, [(2, 5.0)]),
    ],
)
def test_one_that_is_known_before_it_is_over_is_told_twice_and_ends_once(
    begin: float | None, end: float | None, expected: list[tuple[float | None, float | None]]
) -> None:
    of = schema("port")
    rows = log([(1, "R", "p", None, begin), (5, "C", "p", None, end)], of)
    found = paired_alarms(rows, of).incidents
    seconds = [
        tuple(None if pd.isna(cell) else (cell - BEGIN).total_seconds() for cell in row)
        for row in found[[KNOWN, END]].itertuples(index=False)
    ]
    assert seconds == expected
    assert spans(incidents_that_count(found, of)) == [(1, 5)]


def held(found: list[tuple[float, float | None]], hold: float) -> list[tuple[float, float | None]]:
    """Incidents of one alarm where those that begin so soon after another are one with it: by a loop."""
    joined: list[tuple[float, float | None]] = []
    for start, end in sorted(found, key=by_time):
        if joined and joined[-1][1] is not None and start - joined[-1][1] <= hold:
            joined[-1] = joined[-1][0], end
        else:
            joined.append((start, end))
    return joined


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("hold", [0, 1, 5])
def test_an_alarm_that_flaps_is_one_incident_as_a_loop_finds(seed: int, hold: int) -> None:
    random = np.random.default_rng([seed, hold, 5])
    of, plain = schema("port", hold_off=f"{hold}s"), schema("port")
    seconds = random.choice(120, 40, replace=False)
    rows = [(int(at), str(random.choice(["R", "C"])), str(random.choice(["p1", "p2"]))) for at in seconds]
    frame = log(rows, of)
    frame[SOURCE] = random.choice(["a.csv", "b.csv"], len(rows))
    expected, before = [], 0
    for _, alarm in frame.groupby(alarm_part("port")):
        single = spans(paired_alarms(alarm.reset_index(drop=True), plain).incidents)
        expected += held(single, hold) if hold else single
        before += len(single)
    found = paired_alarms(frame, of)
    assert spans(found.incidents) == sorted(expected, key=by_time)
    assert found.held == before - len(expected)
    mixed = paired_alarms(frame.sample(frac=1, random_state=seed, ignore_index=True), of)
    assert spans(mixed.incidents) == spans(found.incidents)


def test_one_that_flaps_is_called_by_its_first_raise_and_says_what_was_said_last() -> None:
    of = schema("port", hold_off="1m")
    rows = [(0, "R", "p1", "minor"), (10, "C", "p1"), (70, "R", "p1", "major"), (90, "C", "p1")]
    (whole,) = paired_alarms(log(rows, of), of).incidents.to_dict("records")
    (first,) = paired_alarms(log(rows[:2], of), of).incidents.to_dict("records")
    assert (whole[ID], whole[START], whole[said("severity")]) == (first[ID], first[START], "major")
    assert whole[END] == BEGIN + pd.Timedelta(seconds=90)
    apart = [*rows[:2], (71, "R", "p1", "major"), rows[3]]
    assert spans(paired_alarms(log(apart, of), of).incidents) == [(0, 10), (71, 90)]


@pytest.mark.parametrize(
    ("live", "expected"),
    [
        (5, [(0, None), (20, 40)]),  # No row says so: what was sent live ends the first.
        (10, [(0, 10), (20, 40)]),
        (15, [(0, 10), (20, 40)]),
        (20, [(0, 10), (20, 40)]),
        (25, [(0, 40)]),
        (99, [(0, 40)]),
    ],
)
def test_what_was_closed_live_does_not_go_on(live: int, expected: list[tuple[float, float | None]]) -> None:
    of = schema("port", hold_off="1m")
    rows = log([(0, "R", "p1"), (10, "C", "p1"), (20, "R", "p1"), (40, "C", "p1")], of)
    first = paired_alarms(rows, of).incidents
    sent = first.assign(**{SOURCE: "live", END: BEGIN + pd.Timedelta(seconds=live)})
    assert spans(paired_alarms(rows, of, sent).incidents) == expected
