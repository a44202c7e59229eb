"""Devices named by the part of their keys that is called ``device``: alike in the history and live."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from feature_sets.labels.covered import device_incidents
from feature_sets.telemetry.device_part import device_names, may_be_part
from feature_sets.telemetry.events import EventError, EventParser
from feature_sets.telemetry.incident_events import Incident
from feature_sets.telemetry.incident_parser import IncidentParser
from feature_sets.telemetry.incident_rows import END, START, at, no_incidents
from feature_sets.telemetry.intervals import Interval, Intervals
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from graphs.state.incident_book import IncidentBook

KEYS = ["oslo/r1", "oslo/r2", "rome/r1", "rome/a/b"]


def schema(*entity: str, **labels: Any) -> TelemetrySchema:
    return TelemetrySchema.from_dict(
        {
            "name": "lab",
            "entity": list(entity),
            "time": "at",
            "metrics": {"load": {}},
            "label": "bad",
            "labels": {"form": "incidents", **labels},
            "maintenance": {},
        }
    )


def of_files(value: str, of: TelemetrySchema) -> set[str]:
    """Devices that an incident of a file names."""
    row = pd.DataFrame({at(DEVICE): [value], START: [pd.Timestamp(0, tz="UTC")]})
    frame = pd.concat([no_incidents(of), row]).assign(cancelled=False)
    frame[END] = pd.to_datetime(frame[END], utc=True)
    codes = device_incidents(frame, KEYS, None, of).codes
    assert len(np.unique(codes)) == len(codes)
    return {KEYS[code] for code in codes}


def live(value: str, of: TelemetrySchema) -> set[str]:
    """Devices that an incident names that is sent."""
    book = IncidentBook(of, lambda device, time: {}, 100)
    book.put(Incident("one", {DEVICE: value}, 0.0))
    return {key for key in KEYS if list(book.covering(key, 10))}


def in_maintenance(value: str, of: TelemetrySchema) -> set[str]:
    """Devices that a calendar names."""
    intervals = Intervals(of, {"one": Interval(((DEVICE, value),), 0)})
    found = {key for key in KEYS if intervals.at(key, 10)}
    assert found == {key for key in KEYS if intervals.covers(((DEVICE, value),), key)}
    return found


@pytest.mark.parametrize("scope", [[], ["device"], ["device", "site"]])
@pytest.mark.parametrize(
    ("value", "named"),
    [
        ("oslo/r1", {"oslo/r1"}),
        ("r1", {"oslo/r1", "rome/r1"}),
        ("r2", {"oslo/r2"}),
        ("rome/a/b", {"rome/a/b"}),
        ("a/b", set()),  # Could be a key, so it is one.
        ("oslo", set()),
        ("r3", set()),
    ],
)
def test_a_part_names_every_device_that_has_it_and_a_key_names_one(
    scope: list[str], value: str, named: set[str]
) -> None:
    of = schema("site", "device", scope=scope)
    assert of_files(value, of) == live(value, of) == in_maintenance(value, of) == named


def test_without_a_column_of_that_name_only_keys_name_devices() -> None:
    of = schema("site", "box")
    for value, named in (("oslo/r1", {"oslo/r1"}), ("r1", set())):
        assert of_files(value, of) == live(value, of) == in_maintenance(value, of) == named
    assert not may_be_part("r1", of) and not may_be_part("r1", schema("device"))


def test_an_outer_column_may_have_the_name() -> None:
    of = schema("device", "port")
    assert device_names("r1/eth/0", of) == ("r1/eth/0", "r1")
    assert of_files("rome", of) == live("rome", of) == in_maintenance("rome", of) == {"rome/r1", "rome/a/b"}


def test_a_sent_incident_may_name_the_part_of_a_device_that_is_known() -> None:
    of = schema("site", "device")
    parser = IncidentParser(of, EventParser(of, set(KEYS)), lambda part: part == "r1")
    body = {"start": 5, "device": "r1"}
    assert parser.incident(body).names == {DEVICE: "r1"}
    assert parser.incident({**body, "device": "oslo/r1"}).names == {DEVICE: "oslo/r1"}
    assert parser.incident({**body, "site": "oslo"}).names == {DEVICE: "oslo/r1"}
    for wrong in ("r9", "a/b"):
        with pytest.raises(EventError, match="device: must be a known"):
            parser.incident({**body, "device": wrong})
