"""Labels in any form, as rows at the times of readings: held against slow and obvious versions."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from feature_sets.labels.derived_labels import Told, derived_labels
from feature_sets.labels.horizon import with_target
from feature_sets.rows.keyed_rows import KeyedRows
from feature_sets.telemetry.incident_rows import no_incidents
from feature_sets.telemetry.schema import DEVICE
from tests.feature_sets.labels.forms import BEGIN, incident_frame, incidents, inside, readings, schema

KEYS = [DEVICE, "timestamp"]


def labels_of(rows, of, statements=None, given=None, **kwargs):
    if statements is None:
        statements = pd.DataFrame({DEVICE: [], "timestamp": rows["timestamp"].head(0), "is_error": []})
    statements = statements.assign(**{name: None for name in of.exclude_labels if name not in statements})
    told = Told(statements, no_incidents(of) if given is None else given, kwargs.pop("attributes", None))
    return derived_labels(KeyedRows.of(rows, DEVICE, "timestamp"), told, of, **kwargs)


def truth(rows, given, tolerance=0.0):
    ordered = rows.sort_values(["timestamp", DEVICE], ignore_index=True)[KEYS]
    return ordered.assign(is_error=inside(ordered, given, tolerance).astype("int64"))


@pytest.mark.parametrize("seed", range(12))
def test_the_same_incidents_in_any_form_are_the_same_labels(seed):
    generator = np.random.default_rng(seed)
    rows, given = readings(generator), incidents(generator)
    expected = truth(rows, given)
    by_interval = schema(form="incidents")
    pd.testing.assert_frame_equal(
        labels_of(rows, by_interval, given=incident_frame(given, by_interval)), expected
    )
    positives = expected[expected["is_error"] == 1].sample(frac=1.0, random_state=seed)
    pd.testing.assert_frame_equal(
        labels_of(rows, schema(form="positives", watched="readings"), positives), expected
    )
    # Rows beside the readings, up to the tolerance later, say what was true at the reading.
    seconds = generator.integers(0, 8, len(expected))
    beside = expected.assign(timestamp=expected["timestamp"] + pd.to_timedelta(seconds * 100, unit="ms"))
    of_rows = schema(form="rows", tolerance="7s")
    found = labels_of(rows, of_rows, beside.sample(frac=1.0, random_state=seed))
    pd.testing.assert_frame_equal(found, expected)


@pytest.mark.parametrize("seed", range(4))
def test_an_incident_begins_earlier_by_the_tolerance_and_ends_as_it_says(seed):
    generator = np.random.default_rng(seed)
    rows, given = readings(generator), incidents(generator)
    of = schema(form="incidents", tolerance="30s")
    found = labels_of(rows, of, given=incident_frame(given, of))
    pd.testing.assert_frame_equal(found, truth(rows, given, 30.0))


def at(*seconds, device="osl/a"):
    return pd.DataFrame({DEVICE: device, "timestamp": BEGIN + pd.to_timedelta(seconds, unit="s")})


def of_device(frame):
    return dict(
        zip(((frame["timestamp"] - BEGIN).dt.total_seconds()).tolist(), frame["is_error"], strict=True)
    )


def test_the_start_is_in_an_incident_and_the_end_is_not():
    of = schema(form="incidents")
    given = pd.DataFrame(
        {DEVICE: ["osl/a"], "start": BEGIN, "end": BEGIN + pd.Timedelta("20s"), "kind": "link"}
    )
    found = labels_of(at(-1, 0, 10, 20, 21), of, given=incident_frame(given, of))
    assert of_device(found) == {-1: 0, 0: 1, 10: 1, 20: 0, 21: 0}


def test_a_label_belongs_to_the_latest_reading_at_or_before_it_and_the_nearest_label_counts():
    of = schema(form="rows", tolerance="10s")
    statements = at(3, 7, 25, 41, -5).assign(is_error=[1, 0, 1, 1, 1])
    # 3 and 7 are of the reading at 0, of which the nearest stays; 25 is too late for 10; 41 is of 40.
    assert of_device(labels_of(at(0, 10, 40, 50), of, statements)) == {0: 1, 40: 1}


def test_outside_of_what_was_watched_nothing_is_known():
    begin, end = (BEGIN + pd.Timedelta(seconds=at) for at in (10, 30))
    of = schema(form="positives", watched={"from": begin.isoformat(), "to": end.isoformat()})
    found = labels_of(at(0, 10, 20, 30, 40), of, at(20, 40).assign(is_error=1))
    assert of_device(found) == {10: 0, 20: 1, 40: 1}


def test_a_reading_counts_as_healthy_when_it_is_old_enough():
    of = schema(form="incidents", healthy_after="20s")
    rows = at(0, 10, 20, 30, 40)
    given = pd.DataFrame(
        {DEVICE: ["osl/a"], "start": BEGIN + pd.Timedelta("35s"), "end": pd.NaT, "kind": "link"}
    )
    given["end"] = pd.to_datetime(given["end"], utc=True)
    assert of_device(labels_of(rows, of, given=incident_frame(given, of))) == {0: 0, 10: 0, 20: 0, 40: 1}


def test_the_kind_of_an_incident_excludes_its_rows_also_beneath_another_one():
    of = schema(form="incidents", exclude_labels={"kind": "test"})
    given = pd.DataFrame(
        {
            DEVICE: "osl/a",
            "start": BEGIN + pd.to_timedelta([0, 10], unit="s"),
            "end": BEGIN + pd.to_timedelta([30, 20], unit="s"),
            "kind": ["link", "test"],
        }
    )
    found = labels_of(at(0, 10, 20, 30), of, given=incident_frame(given, of))
    assert found["is_error"].tolist() == [1, 1, 1, 0]
    assert found["kind"].tolist() == ["link", "test", "link", None]


@pytest.mark.parametrize(
    ("scope", "cells", "named"),
    [
        (["site"], {"site": "osl"}, ["osl/a", "osl/b"]),
        (["site", "box"], {"site": "osl", "box": "b"}, ["osl/b"]),
        (["site", "box"], {"site": None, "box": "a"}, ["osl/a", "bgo/a"]),
        (["model"], {"model": "m1"}, ["osl/b", "bgo/a"]),
        (["model", "site"], {"model": "m1", "site": "osl"}, ["osl/b"]),
        (["site"], {"site": "nowhere"}, []),
    ],
)
def test_an_incident_names_devices_by_its_scope(scope, cells, named):
    of = schema(form="incidents", scope=scope)
    devices = ["osl/a", "osl/b", "bgo/a"]
    rows = pd.concat([at(0, 10, device=device) for device in devices], ignore_index=True)
    attributes = pd.DataFrame(
        {DEVICE: devices, "model": ["m0", "m1", "m1"], "valid_from": pd.to_datetime([None] * 3, utc=True)}
    )
    frame = incident_frame(
        pd.DataFrame({DEVICE: ["x"], "start": [BEGIN], "end": [pd.NaT], "kind": ["k"]}), of
    )
    frame = frame.assign(**{f"at.{name}": [cell] for name, cell in cells.items()})
    found = labels_of(rows, of, given=frame, attributes=attributes)
    assert sorted(found[found["is_error"] == 1][DEVICE].unique()) == sorted(named)


def test_a_static_column_names_devices_by_what_held_at_the_time():
    of = schema(form="incidents", scope=["model"])
    attributes = pd.DataFrame(
        {
            DEVICE: "osl/a",
            "model": ["m0", "m1"],
            "valid_from": pd.to_datetime([None, BEGIN + pd.Timedelta("15s")], utc=True),
        }
    )
    frame = incident_frame(
        pd.DataFrame({DEVICE: ["x"], "start": [BEGIN], "end": [pd.NaT], "kind": ["k"]}), of
    )
    found = labels_of(at(0, 10, 20), of, given=frame.assign(**{"at.model": "m1"}), attributes=attributes)
    assert found["is_error"].tolist() == [0, 0, 1]


def test_of_sources_that_overlap_the_first_counts_if_the_schema_says_so():
    given = pd.DataFrame(
        {
            DEVICE: "osl/a",
            "start": BEGIN + pd.to_timedelta([0, 10, 100], unit="s"),
            "end": BEGIN + pd.to_timedelta([20, 50, 120], unit="s"),
            "kind": "link",
            "source": [
                "folder|incidents/tickets.csv",
                "folder|incidents/alerts.csv",
                "folder|incidents/alerts.csv",
            ],
        }
    )
    rows = at(0, 30, 110)
    for conflict, expected in (("union", [1, 1, 1]), ("first", [1, 0, 1])):
        of = schema(form="incidents", sources=["tickets", "alerts"], conflict=conflict)
        frame = incident_frame(given, of).assign(source=given["source"])
        assert labels_of(rows, of, given=frame)["is_error"].tolist() == expected


def changes(**columns):
    size = len(columns["start"])
    frame = pd.DataFrame({DEVICE: "osl/a", "kind": "link", **columns}, index=range(size))
    for name in ("start", "end", "known"):
        if name in frame:
            frame[name] = [
                BEGIN + pd.Timedelta(seconds=at) if at is not None else pd.NaT for at in columns[name]
            ]
            frame[name] = pd.to_datetime(frame[name], utc=True)
    return frame


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        # One id: the last row counts, wherever it is.
        ({"id": "7", "start": [0, 0], "end": [None, 20]}, [1, 1, 0, 0]),
        ({"id": "7", "start": [0, 0], "end": [20, None]}, [1, 1, 1, 1]),
        ({"id": "7", "start": [0, 0], "end": [None, 20], "known": [9, 8]}, [1, 1, 1, 1]),
        ({"id": "7", "start": [0, 0], "end": [None, 20], "cancelled": [False, True]}, [0, 0, 0, 0]),
        ({"id": ["7", "8"], "start": [0, 0], "end": [20, None]}, [1, 1, 1, 1]),
        # None: an end closes what has the same start, in any order.
        ({"start": [0, 0], "end": [None, 20]}, [1, 1, 0, 0]),
        ({"start": [0, 0], "end": [20, None]}, [1, 1, 0, 0]),
        ({"start": [0, 10], "end": [20, None]}, [1, 1, 1, 1]),
        ({"start": [0, 0], "end": [20, 20], "cancelled": [False, True]}, [0, 0, 0, 0]),
    ],
)
def test_several_rows_of_one_incident_are_one(columns, expected):
    of = schema(form="incidents")
    frame = incident_frame(changes(**columns), of)
    for order in (frame, frame[::-1]):
        assert labels_of(at(0, 10, 20, 30), of, given=order)["is_error"].tolist() == expected


@pytest.mark.parametrize("seed", range(8))
def test_with_a_horizon_an_error_starts_when_its_incident_does_also_where_the_device_is_silent(seed):
    generator = np.random.default_rng([seed, 3])
    of = schema(form="incidents", horizon="40s")
    rows, given = readings(generator), incidents(generator, 40)
    rows = rows[generator.random(len(rows)) < 0.5].reset_index(drop=True)
    made = labels_of(rows, of, given=incident_frame(given, of))
    found = with_target(made, of).merge(rows[KEYS], on=KEYS)
    ahead, horizon = [], pd.Timedelta("40s")
    for row in found[found["is_error"] == 0].itertuples():
        start = given["start"][
            (given[DEVICE] == row.device) & (given["start"] < given["end"].fillna(given["start"] + horizon))
        ]
        ahead.append(bool(((start > row.timestamp) & (start <= row.timestamp + horizon)).any()))
    target = found.loc[found["is_error"] == 0, of.target]
    assert ((target == 1) == np.array(ahead)).all()
    # Rows without a reading are more, and say nothing else of readings.
    at_readings = labels_of(rows, of, given=incident_frame(given, of), onsets=False)
    assert len(at_readings) == len(rows) < len(made)
    pd.testing.assert_frame_equal(made.merge(rows[KEYS], on=KEYS), at_readings)


def test_a_row_of_an_error_that_belongs_to_no_reading_is_an_error_ahead():
    of = schema(form="positives", watched="readings", tolerance="5s", horizon="30s")
    rows = at(0, 10, 20, 100)
    positives = at(15, 40, 90).assign(is_error=1)
    made = labels_of(rows, of, positives)
    # That of 15 belongs to the reading at 10, that of 90 has no reading within the horizon before.
    assert ((made["timestamp"] - BEGIN).dt.total_seconds().tolist(), made["is_error"].tolist()) == (
        [0, 10, 20, 40, 100],
        [0, 1, 0, 1, 0],
    )
    assert with_target(made, of)[of.target].head(3).fillna(-1).tolist() == [1, -1, 1]


def test_an_incident_that_is_excluded_leaves_what_precedes_its_silence_unknown():
    of = schema(form="incidents", horizon="30s", exclude_labels={"kind": "test"})
    given = changes(start=[45], end=[90]).assign(kind="test")
    made = labels_of(at(*range(0, 45, 5), *range(90, 150, 5)), of, given=incident_frame(given, of))
    target = with_target(made, of).set_index((made["timestamp"] - BEGIN).dt.total_seconds())[of.target]
    assert target[10] == 0 and target[[15, 20, 40]].isna().all()


def test_a_device_that_an_incident_names_only_later_has_no_start_of_it():
    of = schema(form="incidents", scope=["model"], horizon="30s")
    attributes = pd.DataFrame(
        {
            DEVICE: ["osl/a", "osl/a"],
            "valid_from": [pd.NaT, BEGIN + pd.Timedelta(seconds=15)],
            "model": ["m0", "m1"],
        }
    )
    given = incident_frame(changes(start=[5], end=[60]), of).assign(**{"at.model": "m1"})
    assert len(labels_of(at(0, 10, 20), of, given=given, attributes=attributes)) == 3
