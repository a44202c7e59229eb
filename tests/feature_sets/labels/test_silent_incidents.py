"""Incidents that make no label, or with a horizon nothing to predict, are counted with the reason."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from feature_sets.ingestion.label_state import no_statements
from feature_sets.labels.derived_labels import Told, derived_labels
from feature_sets.labels.horizon import with_target
from feature_sets.labels.silent_incidents import SilentIncidents, silent_incidents
from feature_sets.rows.keyed_rows import KeyedRows
from feature_sets.telemetry.incident_rows import END, ID, SOURCE, START, at, no_incidents
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema

BEGIN = pd.Timestamp("2026-03-01T00:00:00Z")


def schema_of(horizon: str = "0s", **labels: Any) -> TelemetrySchema:
    return TelemetrySchema.from_dict(
        {
            "name": "lab",
            "entity": ["device"],
            "time": "at",
            "metrics": {"loss": {}},
            "label": "is_error",
            "labels": {"form": "incidents", **labels},
            "static": ["site"],
            "horizon": horizon,
        }
    )


def moment(minute: float) -> pd.Timestamp:
    return BEGIN + pd.Timedelta(minutes=minute)


def readings_of(**minutes: list[int]) -> KeyedRows:
    rows = [{DEVICE: device, "at": moment(minute)} for device, each in minutes.items() for minute in each]
    return KeyedRows.of(pd.DataFrame(rows), DEVICE, "at")


def incidents_of(schema: TelemetrySchema, *rows: dict[str, Any]) -> pd.DataFrame:
    frame = pd.DataFrame(rows).reindex(columns=list(no_incidents(schema)))
    frame[END] = pd.to_datetime(frame[END], utc=True)
    frame["cancelled"] = False
    frame[SOURCE], frame["row"] = "tickets.csv", np.arange(len(frame))
    return frame.astype({ID: "object"})


def ticket(name: str | None, start: float, end: float | None, **where: str) -> dict[str, Any]:
    ends = pd.NaT if end is None else moment(end)
    return {ID: name, START: moment(start), END: ends, **{at(key): value for key, value in where.items()}}


def devices(**sites: str) -> pd.DataFrame:
    return pd.DataFrame(
        {
            DEVICE: list(sites),
            "valid_from": pd.to_datetime([pd.NaT] * len(sites), utc=True),
            "site": list(sites.values()),
        }
    )


def counted(schema: TelemetrySchema, readings: KeyedRows, *rows: dict[str, Any], **sites: str) -> Any:
    known = devices(**(sites or dict.fromkeys(map(str, readings.keys), "x")))
    span = int(readings.micros.min()), int(readings.micros.max())
    return silent_incidents(readings, incidents_of(schema, *rows), known, schema, *span)


def without(first: int, last: int) -> list[int]:
    """Minutes of readings every five, none of them from the first to the last."""
    return [minute for minute in range(0, 600, 5) if not first <= minute <= last]


def test_beside_a_horizon_what_is_silent_counts_for_the_model_of_now():
    both = TelemetrySchema.from_dict({**schema_of().to_dict(), "horizon": ["0s", "30m"]})
    found = counted(
        both,
        readings_of(a=without(100, 200)),
        ticket("dead", 98, 203, device="a"),
        ticket("later", 170, 180, device="a"),
        ticket("back", 98, 206, device="a"),
    )
    assert (found.silent, found.unannounced) == (("dead", "later"), ("later",))
    assert found.sentence.startswith(
        "2 of 3 incidents have no reading to learn from: in 2 the devices sent nothing throughout "
        "(dead, later, which counts for errors now); before 1 the devices sent nothing for the horizon, 30m "
        "(later; "
    )
    assert found.sentence.endswith(
        "Such models neither learn nor are scored on them, and live they are not watched"
    )
    ahead = TelemetrySchema.from_dict({**schema_of().to_dict(), "horizon": ["10m", "30m"]})
    assert counted(ahead, readings_of(a=without(100, 200)), ticket("dead", 98, 203, device="a")).silent == ()


def test_an_incident_in_whose_time_the_device_sent_nothing_is_silent():
    found = counted(
        schema_of(),
        readings_of(a=without(100, 200)),
        ticket("dead", 98, 203, device="a"),
        ticket("back", 98, 206, device="a"),
    )
    assert (found.incidents, found.silent, found.unannounced) == (2, ("dead",), ())
    assert found.sentence == (
        "1 of 2 incidents have no reading to learn from: in 1 the devices sent nothing throughout (dead). "
        "Models neither learn nor are scored on them, and live they are not watched"
    )


def test_with_a_horizon_one_after_a_silence_has_nothing_to_predict_from():
    rows = [ticket("late", 203, 260, device="a"), ticket("seen", 400, 420, device="a")]
    found = counted(schema_of("1h"), readings_of(a=without(100, 200)), *rows)
    assert (found.silent, found.unannounced, found.away_seconds) == ((), ("late",), (108 * 60.0,))
    assert (
        "before 1 the devices sent nothing for the horizon, 1h (late; in the median 108 min" in found.sentence
    )
    assert counted(schema_of("108m"), readings_of(a=without(100, 200)), *rows).sentence == ""


def test_with_a_horizon_one_that_kills_its_device_is_learned_from_the_readings_before():
    rows = [ticket("dead", 98, 203, device="a"), ticket("later", 150, 203, device="a")]
    found = counted(schema_of("30m"), readings_of(a=without(100, 200)), *rows)
    assert (found.incidents, found.silent, found.unannounced) == (2, (), ("later",))


def test_what_began_before_all_readings_or_lies_beside_them_is_not_counted():
    readings = readings_of(a=list(range(0, 100, 5)))
    rows = [ticket(str(start), start, start + 20, device="a") for start in (-100, -10, 0, 200)]
    found = counted(schema_of("30m"), readings, *rows)
    assert (found.incidents, found.sentence) == (2, "")


def test_an_incident_of_a_site_is_silent_if_all_its_devices_are():
    readings = readings_of(a=without(100, 200), b=without(100, 200), c=without(100, 180))
    schema = schema_of(scope=["site"])
    sites = {"a": "x", "b": "x", "c": "y", "d": "z"}
    rows = [ticket(site, 110, 190, site=site) for site in ("x", "y", "z")]
    found = counted(schema, readings, *rows, **sites)
    # The device of z never sent anything.
    assert (found.incidents, found.silent) == (3, ("x", "z"))


def test_incidents_without_an_id_are_named_by_device_and_start_and_open_ones_are_counted():
    readings = readings_of(a=without(300, 600), b=without(0, -1))
    found = counted(schema_of(), readings, ticket(None, 310, None, device="a"))
    assert found.silent == ("a from 2026-03-01T05:10:00+00:00",)


def test_of_incidents_that_are_left_out_nothing_is_told():
    schema = TelemetrySchema.from_dict(
        {
            **{"name": "lab", "entity": ["device"], "time": "at", "metrics": {"loss": {}}},
            **{"label": "is_error", "labels": {"form": "incidents", "kind": "cause"}},
            "exclude_labels": {"cause": "planned"},
        }
    )
    readings = readings_of(a=without(100, 200))
    rows = [{**ticket("work", 110, 190, device="a"), "is.cause": "planned"}]
    known = devices(a="x").drop(columns="site")
    span = int(readings.micros.min()), int(readings.micros.max())
    found = silent_incidents(readings, incidents_of(schema, *rows), known, schema, *span)
    assert found == SilentIncidents(0)


@pytest.mark.parametrize("seed", range(6))
def test_the_counts_are_those_of_the_labels(seed):
    """Of each incident alone: with no error ahead it is unannounced, with no error now silent."""
    random = np.random.default_rng(seed)
    schema = schema_of("20m", healthy_after="0s")
    minutes = np.flatnonzero(random.random(600) < 0.05).tolist()
    readings = readings_of(a=[*minutes, 600], b=list(range(0, 600, 5)))
    now = schema_of(healthy_after="0s")
    silent, unannounced, rows = [], [], []
    for number in range(40):
        start = int(random.integers(minutes[0] + 1, 580))
        rows.append(ticket(str(number), start, start + int(random.integers(1, 40)), device="a"))
        told = Told(no_statements(schema), incidents_of(schema, rows[-1]), devices(a="x", b="x"))
        labels = with_target(derived_labels(readings, told, schema), schema)
        if not (labels[schema.target] == 1).any():
            unannounced.append(str(number))
        if not derived_labels(readings, told, now)["is_error"].any():
            silent.append(str(number))
    found = counted(schema, readings, *rows)
    assert sorted(found.unannounced) == sorted(unannounced) and unannounced and not found.silent
    found = counted(now, readings, *rows)
    assert sorted(found.silent) == sorted(silent) and silent and not found.unannounced


def test_incidents_of_devices_outside_the_population_are_not_counted():
    schema = TelemetrySchema.from_dict({**schema_of().to_dict(), "population": {"site": "core"}})
    readings = readings_of(inside=without(200, 300), outside=without(200, 300))
    tickets = [
        ticket("T-1", 210, 250, device="inside"),
        ticket("T-2", 210, 250, device="outside"),
        ticket("T-3", 10, 50, device="outside"),
    ]
    found = counted(schema, readings, *tickets, inside="core", outside="edge")
    assert (found.incidents, found.silent) == (1, ("T-1",))
