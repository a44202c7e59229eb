"""Incidents of another zone than the readings are told, and others are not."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from feature_sets.labels.shifted_incidents import shift_note, shift_note_of_few
from feature_sets.rows.keyed_rows import KeyedRows
from feature_sets.telemetry.incident_rows import END, START, at, incident_types
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema

BEGIN = pd.Timestamp("2026-03-01T00:00:00Z")
SCHEMA = TelemetrySchema.from_dict(
    {
        "name": "lab",
        "entity": ["device"],
        "time": "at",
        "metrics": {"loss": {}, "octets": {"kind": "counter"}},
        "label": "is_error",
        "labels": {"form": "incidents"},
    }
)


def site(
    seed: int,
    effect: float,
    shift: float = 0.0,
    cause: bool = False,
    begin: pd.Timestamp = BEGIN,
    summer: float | None = None,
    before: int = 0,
) -> tuple[KeyedRows, pd.DataFrame]:
    """Two weeks of three devices, a reading every five minutes, with a daily cycle, and 30 incidents.

    :param effect: of an incident on the loss, in deviations.
    :param shift: by how many hours the incidents are told too early.
    :param summer: the same of those in summer, as clocks of Europe have it.
    :param before: readings before an incident that have its effect as well.
    :param cause: whether the effect is at noon of each day, and incidents are in the morning.
    """
    random = np.random.default_rng(seed)
    times = pd.date_range(begin, periods=14 * 288, freq="5min")
    devices = [f"r{number}" for number in range(3)]
    day = np.sin(np.arange(len(times)) / 288 * 2 * np.pi)
    loss = {name: random.normal(0, 1, len(times)) + day for name in devices}
    octets = {name: np.cumsum(1000 + (300 * day).astype(int)) for name in devices}
    rows = []
    for _ in range(30):
        name, place = str(random.choice(devices)), int(random.integers(300, len(times) - 500))
        if cause:
            place = place // 288 * 288 + 96
        size = int(random.integers(4, 24))
        loss[name][place - before : place + size] += effect
        is_summer = bool(times[place].tz_convert("Europe/Berlin").dst())
        early = shift if summer is None or not is_summer else summer
        start = times[place] - pd.Timedelta(hours=early)
        rows.append({at(DEVICE): name, START: start, END: start + pd.Timedelta(minutes=5 * size)})
    frame = pd.concat(
        [
            pd.DataFrame({DEVICE: name, "at": times, "loss": loss[name], "octets_counter": octets[name]})
            for name in devices
        ]
    )
    keyed = KeyedRows.of(frame, DEVICE, "at").in_event_order()
    incidents = pd.DataFrame(rows).reindex(columns=list(incident_types(SCHEMA)))
    return keyed, incidents


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("shift", "told"), [(1, "1 hour later"), (2, "2 hours later"), (-5, "5 hours earlier")]
)
def test_incidents_of_another_zone_are_told_with_the_hours(seed: int, shift: float, told: str) -> None:
    readings, incidents = site(seed, 4.0, shift)
    note = shift_note(readings, incidents, None, SCHEMA)
    assert note.startswith(f"Incidents would fit the readings much better {told}: ")
    assert "write an offset" in note


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("shift", "direction"), [(8, "later"), (-8, "earlier"), (5, "later"), (0, "")])
@pytest.mark.parametrize("before", [9, 18, 24])
def test_what_comes_before_incidents_hides_no_other_zone(
    seed: int, shift: float, direction: str, before: int
) -> None:
    note = shift_note(*site(seed, 4.0, shift, before=before), None, SCHEMA)
    if not direction:
        assert note == ""
        return
    told = re.match(r"Incidents would fit the readings much better (\d+)(?: to (\d+))? hours (\w+):", note)
    assert told is not None, note
    assert int(told[1]) <= abs(shift) <= int(told[2] or told[1])
    assert told[3] == direction


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("winter", "summer", "told"),
    [
        (0, -1, "1 hour earlier in summer, and as they are in winter"),
        (1, 0, "1 hour later in winter, and as they are in summer"),
        (-1, -2, "1 hour earlier in winter and 2 hours earlier in summer"),
    ],
)
def test_an_hour_in_which_the_clocks_are_changed_is_told_of_its_part(
    seed: int, winter: float, summer: float, told: str
) -> None:
    readings, incidents = site(seed, 4.0, winter, False, pd.Timestamp("2026-03-22T00:00:00Z"), summer)
    note = shift_note(readings, incidents, None, SCHEMA)
    assert note.startswith(f"Incidents would fit the readings much better {told} (30 looked at): their clock")


@pytest.mark.parametrize("shift", [0, 3])
@pytest.mark.parametrize("seed", range(5))
def test_one_shift_in_winter_and_summer_is_one(seed: int, shift: float) -> None:
    readings, incidents = site(seed, 4.0, shift, False, pd.Timestamp("2026-03-22T00:00:00Z"))
    note = shift_note(readings, incidents, None, SCHEMA)
    assert note.startswith("Incidents would fit the readings much better 3 hours later: " if shift else "")
    assert bool(note) is bool(shift)


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize(("effect", "cause"), [(4.0, False), (0.0, False), (0.5, False), (0.0, True)])
def test_incidents_that_fit_or_show_nothing_are_not_told(seed: int, effect: float, cause: bool) -> None:
    readings, incidents = site(seed, effect, 0, cause)
    assert shift_note(readings, incidents, None, SCHEMA) == ""


def test_too_few_incidents_and_those_without_an_end_tell_nothing() -> None:
    readings, incidents = site(1, 5.0, 2)
    assert shift_note(readings, incidents.head(9), None, SCHEMA) == ""
    assert shift_note(readings, incidents.assign(**{END: pd.NaT}), None, SCHEMA) == ""


@pytest.mark.parametrize("count", [3, 5, 9])
@pytest.mark.parametrize(
    ("effect", "cause", "before"),
    [(4.0, False, 0), (4.0, False, 18), (0.0, False, 0), (0.0, True, 0), (4.0, True, 0)],
)
def test_a_few_incidents_that_fit_or_show_nothing_are_not_told(
    count: int, effect: float, cause: bool, before: int
) -> None:
    readings, incidents = site(count, effect, 0, cause, before=before)
    assert shift_note_of_few(readings, incidents.head(count), None, SCHEMA) == ""


def test_a_few_incidents_that_agree_tell_the_hours() -> None:
    readings, incidents = site(2, 6.0, -5)
    note = shift_note_of_few(readings, incidents.head(5), None, SCHEMA)
    assert note.startswith("Incidents would fit the readings much better about 5 hours earlier: those inside")
    assert shift_note_of_few(readings, incidents.head(2), None, SCHEMA) == ""
