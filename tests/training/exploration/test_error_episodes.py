"""Runs of error rows per device."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from feature_sets.telemetry.incident_rows import END, ID, at, no_incidents
from feature_sets.telemetry.incident_rows import START as START_OF
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from training.dataset.incident_spans import IncidentSpans
from training.exploration.error_episodes import error_episodes
from training.exploration.plots import MAX_DEVICES, MAX_EPISODES, episodes_figure

START = pd.Timestamp("2024-03-01T00:00:00Z")


def states(**devices):
    parts = [
        pd.DataFrame(
            {
                "device": device,
                "timestamp": START + pd.to_timedelta(10 * np.arange(len(values)), unit="s"),
                "is_error": values,
            }
        )
        for device, values in devices.items()
    ]
    return pd.concat(parts, ignore_index=True)


def found(rows):
    """(device, first second, last second, rows) of each episode."""
    table = error_episodes(rows, "timestamp", "is_error")
    assert list(table.columns) == ["device", "start", "end", "seconds", "rows"]
    assert (table["seconds"] == (table["end"] - table["start"]).dt.total_seconds()).all()
    second = [(table[side] - START).dt.total_seconds().astype(int) for side in ("start", "end")]
    return list(zip(table["device"], *second, table["rows"], strict=True))


def test_an_episode_goes_from_its_first_to_its_last_error_row():
    #                 0  10 20 30 40 50
    assert found(states(a=[0, 1, 1, 1, 0, 1])) == [("a", 10, 30, 3), ("a", 50, 50, 1)]


def test_episodes_at_both_ends_of_the_data_are_found():
    assert found(states(a=[1, 1, 0, 1])) == [("a", 0, 10, 2), ("a", 30, 30, 1)]


def test_no_episode_reaches_from_one_device_into_the_next():
    assert found(states(a=[0, 1], b=[1, 1, 0])) == [("a", 10, 10, 1), ("b", 0, 10, 2)]


def test_a_row_without_a_state_neither_continues_nor_ends_an_episode():
    assert found(states(a=[1, np.nan, 1, 0, np.nan, 1, np.nan])) == [("a", 0, 20, 2), ("a", 50, 50, 1)]


def test_the_order_of_rows_does_not_matter():
    rows = states(b=[1, 1, 0, 1], a=[0, 1, 0, 0])
    assert found(rows.sample(frac=1.0, random_state=3)) == found(rows)
    assert [device for device, *_ in found(rows)] == ["a", "b", "b"]


def test_it_is_what_a_loop_over_rows_finds():
    random = np.random.default_rng(2)
    rows = states(**{f"d{n}": (random.random(60) < 0.4).astype(int) for n in range(5)})
    expected = []
    for device, part in rows.groupby("device"):
        run = []
        for moment, state in [*zip(part["timestamp"], part["is_error"], strict=True), (None, 0)]:
            if state:
                run.append(int((moment - START).total_seconds()))
            elif run:
                expected.append((device, run[0], run[-1], len(run)))
                run = []
    assert found(rows) == expected and len(expected) > 50


@pytest.mark.parametrize("rows", [states(a=[0, 0, 0]), states(a=[np.nan, np.nan]), states(a=[0]).iloc[:0]])
def test_without_an_error_there_is_no_episode_and_the_plot_is_empty(rows):
    table = error_episodes(rows, "timestamp", "is_error")
    assert len(table) == 0
    assert not episodes_figure(table, (START, START + pd.Timedelta("1h"))).data[0].x


def test_the_plot_has_a_bar_an_episode_and_the_worst_device_on_top():
    rows = states(few=[0, 1, 1, 0, 0], many=[1, 1, 1, 1, 0], single=[1, 0, 1, 0, 1], well=[0] * 5)
    table = error_episodes(rows, "timestamp", "is_error")
    figure = episodes_figure(table, (START, START + pd.Timedelta("1h")))
    assert list(figure.layout.yaxis.categoryarray) == ["many", "few", "single"]
    (bars,) = figure.data
    assert len(bars.x) == 3 * len(table) == 15
    assert bars.x[:3] == ("2024-03-01 00:00:00.000000", "2024-03-01 00:00:30.000000", None)
    assert bars.y[:3] == ("many", "many", None)


def test_of_many_devices_and_episodes_the_worst_are_drawn():
    random = np.random.default_rng(1)
    rows = states(**{f"d{n:02}": np.append(random.random(600) < 0.5, n > 9).astype(float) for n in range(60)})
    table = error_episodes(rows, "timestamp", "is_error")
    assert len(table) > MAX_EPISODES
    figure = episodes_figure(table, (START, START + pd.Timedelta("2h")))
    assert len(set(figure.data[0].y) - {None}) == MAX_DEVICES == len(figure.layout.yaxis.categoryarray)
    assert len(figure.data[0].x) == 3 * MAX_EPISODES
    assert f"50 of 60 devices with errors, most error time first; 2000 of {len(table)}" in (
        figure.layout.title.text
    )


TICKETS = TelemetrySchema.from_dict(
    {
        "name": "lab",
        "entity": ["device"],
        "time": "timestamp",
        "metrics": {"loss": {}},
        "label": "is_error",
        "labels": {"form": "incidents"},
        "windows": {"lengths": ["1m"], "period": "10s", "operations": ["avg"]},
    }
)


def spans(*tickets):
    """Spans of (device, first minute, minute of the end or None)."""
    rows = pd.DataFrame(
        [
            {at(DEVICE): device, START_OF: minute(start), END: pd.NaT if end is None else minute(end)}
            for device, start, end in tickets
        ]
    ).reindex(columns=list(no_incidents(TICKETS)))
    rows[END] = pd.to_datetime(rows[END], utc=True)
    rows = rows.assign(cancelled=False, source="tickets.csv", row=range(len(rows))).astype({ID: "object"})
    return IncidentSpans.of(rows, ["a", "b", "c"], None, TICKETS)


def minute(number):
    return START + pd.Timedelta(minutes=number)


def in_tickets(readings, tickets, gap=60):
    """Device, first and last minute of the episodes of readings at some minutes, by tickets."""
    rows = pd.DataFrame(
        [(device, minute(at)) for device, minutes in readings.items() for at in minutes],
        columns=["device", "timestamp"],
    )
    known = spans(*tickets)
    inside = known.numbers(rows, "timestamp")
    rows = rows.assign(is_error=(inside >= 0).astype(int))
    table = error_episodes(rows, "timestamp", "is_error", 60 * gap, inside)
    apart = error_episodes(rows, "timestamp", "is_error", 60 * gap)
    sides = [((table[side] - START).dt.total_seconds() // 60).astype(int) for side in ("start", "end")]
    return list(zip(table["device"], *sides, strict=True)), len(apart)


def test_a_silence_in_the_middle_of_an_incident_ends_no_episode():
    silent = [0, 10, 20, 30, 300, 310, 400]
    assert in_tickets({"a": silent}, [("a", 10, 320)]) == ([("a", 10, 310)], 2)
    assert in_tickets({"a": silent}, [("a", 10, None)]) == ([("a", 10, 400)], 3)
    # The same readings in two tickets are two.
    assert in_tickets({"a": silent}, [("a", 10, 35), ("a", 290, 320)]) == (
        [("a", 10, 30), ("a", 300, 310)],
        2,
    )


def test_an_incident_of_two_devices_is_an_episode_of_each():
    both = [("a", 10, 320), ("b", 10, 320)]
    readings = {"a": [0, 10, 300, 400], "b": [0, 10, 20, 30, 40, 400], "c": [0, 10]}
    assert in_tickets(readings, both) == ([("a", 10, 300), ("b", 10, 40)], 3)


def test_tickets_that_touch_or_overlap_are_one_episode_with_and_without_a_silence():
    for tickets in ([("a", 10, 100), ("a", 100, 200)], [("a", 10, 150), ("a", 20, 60), ("a", 100, 200)]):
        assert in_tickets({"a": list(range(0, 250, 10))}, tickets) == ([("a", 10, 190)], 1)
        assert in_tickets({"a": [0, 10, 190, 200]}, tickets) == ([("a", 10, 190)], 2)
    apart = [("a", 10, 100), ("a", 101, 200)]
    assert in_tickets({"a": [0, 10, 190, 200]}, apart) == ([("a", 10, 10), ("a", 190, 190)], 2)


def test_an_incident_that_is_left_out_joins_nothing():
    left_out = replace(TICKETS, exclude_labels={"is_error": "1"})
    rows = no_incidents(TICKETS).reindex(range(1)).assign(cancelled=False, source="t.csv", row=0)
    rows[START_OF], rows[END], rows[at(DEVICE)] = minute(0), minute(9), "a"
    assert len(IncidentSpans.of(rows, ["a"], None, TICKETS).keys) == 1
    assert not len(IncidentSpans.of(rows, ["a"], None, left_out).keys)
