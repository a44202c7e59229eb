"""Incidents beside the time of the readings, and of devices that never report, are counted."""

from __future__ import annotations

from typing import Any

from feature_sets.labels.outside_incidents import OutsideIncidents, outside_incidents, without_devices
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from tests.feature_sets.labels.test_silent_incidents import devices, incidents_of, moment, schema_of, ticket

FIRST, LAST = 0, 600


def counted(
    schema: TelemetrySchema, *rows: dict[str, Any], heard: str = "ab", **sites: str
) -> OutsideIncidents:
    """Of readings of minute 0 to 600, where the devices of ``heard`` have one."""
    known = devices(**(sites or {"a": "x", "b": "x", "c": "y"}))
    first, last = (int(moment(minute).value // 1000) for minute in (FIRST, LAST))
    incidents = incidents_of(schema, *rows)
    return outside_incidents(
        incidents, known, lambda some: set(heard).intersection(some), schema, first, last
    )


def test_those_that_meet_the_readings_are_not_counted():
    schema = schema_of()
    # The first has its last moment at the first reading, the second begins at the last one.
    found = counted(
        schema,
        ticket("T-1", -5, 0.001, device="a"),
        ticket("T-2", 600, None, device="b"),
        ticket("T-3", -9, None, device="a"),
    )
    assert (found.incidents, found.outside, found.unheard, found.sentence, found.warning) == (
        3,
        0,
        (),
        "",
        "",
    )


def test_those_before_and_after_are_counted_each_with_its_reason():
    rows = [
        ticket("T-1", -50, 0, device="a"),
        ticket("T-2", -90, -80, device="b"),
        ticket("T-3", 600.1, None, device="a"),
        ticket("T-4", 300, 310, device="a"),
    ]
    found = counted(schema_of(), *rows)
    assert (found.incidents, found.before, found.after, found.is_far) == (4, ("T-2", "T-1"), ("T-3",), False)
    assert found.sentence == (
        "3 of 4 incidents lie outside of the time of the readings, 2026-03-01T00:00:00+00:00 to "
        "2026-03-01T10:00:00+00:00: 2 are over before the first reading (T-2, T-1; the first of "
        "2026-02-28T22:30:00+00:00); 1 begins after the last one (T-3; the last of 2026-03-01T10:00:06+00:00)"
        ". They make no reading an error"
    )
    assert found.warning == ""
    assert counted(schema_of(), *rows[:2], ticket("T-9", 5000, 5001, device="a")).is_far


def test_the_tolerance_of_labels_reaches_back_to_the_last_reading():
    rows = [ticket("T-1", 604, 700, device="a")]
    assert counted(schema_of(), *rows).outside == 1
    assert counted(schema_of(tolerance="5m"), *rows).outside == 0


def test_where_none_meets_a_reading_it_is_a_warning():
    found = counted(schema_of(), ticket("T-1", -50, -40, device="a"), ticket("T-2", 5, 9, device="c"))
    assert found.warning.startswith(
        "No incident meets a reading. 1 of 2 incidents lie outside of the time of "
    )
    assert "1 of 2 incidents are only of devices without a reading, c (T-2)" in found.warning


def test_devices_that_never_report_are_told_whenever_the_incident_was():
    found = counted(
        schema_of(),
        ticket("T-1", 50, 60, device="c"),
        ticket("T-2", -50, -40, device="c"),
        ticket("T-3", 5, 9, device="a"),
    )
    assert (found.unheard, found.devices, found.outside) == (("T-2", "T-1"), ("c",), 0)
    assert list(without_devices(devices(a="x", c="y"), found)[DEVICE]) == ["a"]


def test_an_incident_of_several_devices_is_heard_if_one_of_them_is():
    schema = schema_of(scope=["site"])
    found = counted(schema, ticket("T-1", 5, 9, site="x"), ticket("T-2", 5, 9, site="y"), heard="a")
    assert (found.incidents, found.unheard, found.devices) == (2, ("T-2",), ("c",))


def test_those_of_devices_nobody_knows_or_asks_for_are_not_counted():
    rows = [ticket("T-1", -50, -40, device="gone"), ticket("T-2", -50, -40, device="c")]
    assert counted(schema_of(), *rows).incidents == 1
    asked = TelemetrySchema.from_dict({**schema_of().to_dict(), "population": {"site": "x"}})
    assert counted(asked, *rows) == OutsideIncidents(
        0, "2026-03-01T00:00:00+00:00", "2026-03-01T10:00:00+00:00"
    )
