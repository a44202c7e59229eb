"""Alarm logs in a history that grows: a raise of today, and its clear of tomorrow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlrun.feature_store as fstore
import numpy as np
import pandas as pd
import pytest
import yaml

from feature_sets.ingestion.label_state import LabelState
from feature_sets.ingestion.telemetry_history import TelemetryHistory
from feature_sets.telemetry.incident_rows import END, KNOWN, START
from feature_sets.telemetry.incidents_that_count import incidents_that_count
from feature_sets.telemetry.inspection.folder_check import check_folder
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from tests.feature_sets.ingestion.folders import MODELS, Folder, forget_all, run, states
from tests.feature_sets.ingestion.histories import MIDNIGHT, parts, readings, seeds
from tests.feature_sets.ingestion.test_label_forms import grow_and_compare, schema

LOG = {"alarm": ["alarm"], "time": "at"}
BEGIN = pd.Timestamp("2026-01-01T00:00:00Z")


def alarms(generator: np.random.Generator, count: int = 60) -> pd.DataFrame:
    days = generator.choice([-1440, 0, 0, 1440], count)
    moments = MIDNIGHT + pd.to_timedelta(generator.integers(-240, 240, count) + 60 * days, unit="s")
    delays = pd.to_timedelta(generator.choice([0, 30, 600], count), unit="s")
    return pd.DataFrame(
        {
            DEVICE: [f"dev-{number}" for number in generator.integers(0, 5, count)],
            "at": moments,
            "alarm": generator.choice(["link", "fan", None], count),
            "kind": generator.choice(["minor", "test"], count),
            "state": generator.choice(["raise", "clear", "clear"], count),
            "known": pd.Series(moments + delays).mask(pd.Series(generator.random(count) < 0.2)),
        }
    )


@pytest.mark.parametrize("seed", seeds(2, 4))
def test_files_of_the_hour_that_clocks_show_twice_may_come_one_by_one(
    tmp_path: Path, project: str, local_stack: Any, seed: int
) -> None:
    generator = np.random.default_rng([seed, 21])
    of = schema(
        {"form": "incidents", "alarm_log": LOG},
        horizon="0s",
        assume_timezone="Europe/Madrid",
    )
    forget_all()
    folder = Folder(tmp_path / "growing", of)
    (folder.path / "labels").rmdir()
    (folder.path / "incidents").mkdir()
    folder.static(MODELS)
    times = pd.date_range("2026-10-24T23:00:00Z", "2026-10-25T04:00:00Z", freq="5min")
    rows = pd.DataFrame({DEVICE: "dev-0", "timestamp": times, "cpu": 1.0, "latency": 1.0})
    folder.add("metrics", "day", rows)
    minutes = np.sort(generator.integers(60, 240, 60))
    told = pd.DataFrame(
        {
            "box": "dev-0",
            "at": [f"2026-10-25T{minute // 60:02}:{minute % 60:02}:00" for minute in minutes],
            "alarm": generator.choice(["link", "fan", "power"], len(minutes)),
            "state": generator.choice(["raise", "clear"], len(minutes)),
        }
    )
    files = generator.integers(0, 4, len(told)) if seed % 2 else np.arange(len(told)) * 4 // len(told)

    def add(day: int) -> None:
        told[files == day].to_csv(folder.path / "incidents" / f"{day}.csv", index=False)

    done = grow_and_compare(folder, local_stack, add)
    assert sum(day["labels_changed"] for day in done) > 0


@pytest.mark.parametrize("seed", seeds(1, 3))
@pytest.mark.parametrize(
    ("log", "content"),
    [
        (LOG, {"horizon": "0s"}),
        (LOG, {"horizon": ["0s", "90s"], "exclude_labels": {"kind": "test"}}),
        ({"time": "at"}, {"horizon": "0s"}),
        ({**LOG, "hold_off": "40s"}, {"horizon": "0s"}),
    ],
    ids=["alarms", "horizon", "devices", "hold-off"],
)
def test_logs_that_grow_in_any_order_equal_those_read_at_once(
    tmp_path: Path, project: str, local_stack: Any, seed: int, log: dict[str, Any], content: dict[str, Any]
) -> None:
    generator = np.random.default_rng([seed, 8])
    of = schema({"form": "incidents", "alarm_log": log}, **content)
    cut = parts(generator, readings(generator).drop(columns="received"), 4)
    forget_all()
    folder = Folder(tmp_path / "growing", of)
    (folder.path / "labels").rmdir()
    (folder.path / "incidents").mkdir()
    folder.static(MODELS)
    told = np.array_split(
        alarms(generator).drop(columns=["known"] if "hold_off" in log or seed == 2 else []), 4
    )

    def add(day: int) -> None:
        if day < len(cut):
            folder.add("metrics", f"day-{day}", cut[day])
        folder.add("incidents", f"day-{day}", told[day])
        if day == 2:  # The first day is told anew, with another row less.
            folder.add("incidents", "day-0", told[0].iloc[1:])

    done = grow_and_compare(folder, local_stack, add)
    assert sum(day["labels_changed"] for day in done) > 0


def site(folder: Path, first: int, last: int, log: list[tuple[int, str, str, str]]) -> Path:
    """Readings of three devices, one a minute, and an alarm log.

    :param log: minute, device, alarm and state.
    """
    folder.mkdir()
    keys = [(minute, device) for minute in range(first, last) for device in ("r1", "r2", "r3")]
    random = np.random.default_rng(first)
    moments = [BEGIN + pd.Timedelta(minutes=minute) for minute, _ in keys]
    metrics = pd.DataFrame({"timestamp": moments, "device": [device for _, device in keys]})
    metrics = metrics.assign(cpu=random.normal(40, 5, len(keys)).round(2))
    metrics.to_csv(folder / "metrics.csv", index=False)
    rows = [(BEGIN + pd.Timedelta(minutes=minute), *rest) for minute, *rest in log]
    frame = pd.DataFrame(rows, columns=["timestamp", "device", "alarm_type", "state"])
    frame.to_csv(folder / "incidents.csv", index=False)
    return folder


def errors() -> list[tuple[str, int]]:
    """Device and minute of each reading that is an error."""
    frame = fstore.get_feature_set("device_labels").to_dataframe().reset_index()
    moments = pd.to_datetime(frame["timestamp"], utc=True)
    minutes = ((moments - BEGIN) / pd.Timedelta("1min")).astype(int)
    return sorted(
        (key, minute)
        for key, minute, bad in zip(frame[DEVICE], minutes, frame["is_error"], strict=True)
        if bad
    )


def inside(*spans: tuple[str, int, int]) -> list[tuple[str, int]]:
    return sorted({(device, minute) for device, start, end in spans for minute in range(start, end)})


FIRST_DAY = [
    (5, "r1", "LINK_DOWN", "RAISED"),
    (8, "r1", "LINK_DOWN", "CLEARED"),
    (9, "r1", "LINK_DOWN", "RAISED"),
    (11, "r1", "LINK_DOWN", "CLEARED"),
    (12, "r2", "FAN", "RAISED"),
    (14, "r2", "FAN", "RAISED"),
    (13, "r2", "TEMP", "RAISED"),
    (16, "r2", "TEMP", "CLEARED"),
    (3, "r3", "TEMP", "CLEARED"),
    (25, "r3", "FAN", "RAISED"),
]
SECOND_DAY = [(33, "r2", "FAN", "CLEARED"), (40, "r1", "FAN", "RAISED"), (42, "r1", "FAN", "CLEARED")]


def test_a_small_site_from_the_check_of_its_folder_to_the_clear_of_the_next_day(
    tmp_path: Path, project: str, local_stack: Any
) -> None:
    forget_all()
    first = site(tmp_path / "first", 0, 30, FIRST_DAY)
    check = check_folder(first)
    (told,) = (sentence for sentence in check.proposal.decide if "alarm_log" in sentence)
    assert "5 incidents, 2 of them without an end" in told
    assert "1 row raises what is raised already" in told and "1 row clears what is not raised" in told
    text = check.schema_text()
    assert text is not None
    of = TelemetrySchema.from_dict(yaml.safe_load(text))
    assert of.labels.alarm_log is not None and of.labels.alarm_log.alarm == ("alarm_type",)
    file = tmp_path / "schema.yaml"
    file.write_text(text)
    run(first, file)
    before = [("r1", 5, 8), ("r1", 9, 11), ("r3", 25, 30)]
    assert errors() == inside(*before, ("r2", 12, 30))
    second = site(tmp_path / "second", 30, 50, SECOND_DAY)
    done = run(second, file)
    expected = inside(("r1", 5, 8), ("r1", 9, 11), ("r1", 40, 42), ("r2", 12, 33), ("r3", 25, 50))
    assert errors() == expected
    labels = TelemetryHistory.of(of).labels
    state, light = LabelState.of(labels, of), LabelState.of(labels, of, with_log=False)
    assert state.alarms is not None and len(state.alarms) == len(FIRST_DAY) + len(SECOND_DAY)
    assert light.alarms is None and light.incidents.equals(state.incidents)
    assert done["clears_without_raise"] == 1
    found = incidents_that_count(state.incidents, of)
    assert len(found) == 6 and found[END].isna().sum() == 1
    assert "1 row clears what is not raised, of all in the history now" in "\n".join(done["report_lines"])
    # The same files again, and a copy of them, change nothing.
    kept = states(local_stack.info.redis_url)
    run(first, file)
    copy = site(tmp_path / "copy", 30, 50, SECOND_DAY)
    run(copy, file)
    assert errors() == expected
    again = incidents_that_count(LabelState.of(TelemetryHistory.of(of).labels, of).incidents, of)
    columns = [START, END, KNOWN]
    pd.testing.assert_frame_equal(
        again.sort_values(columns, ignore_index=True)[columns],
        found.sort_values(columns, ignore_index=True)[columns],
    )
    for one, other in zip(kept, states(local_stack.info.redis_url), strict=True):
        pd.testing.assert_frame_equal(one.table.to_pandas(), other.table.to_pandas())
    forget_all()


def test_the_labels_of_a_log_are_those_of_the_same_intervals(
    tmp_path: Path, project: str, local_stack: Any
) -> None:
    forget_all()
    folder = site(tmp_path / "log", 0, 30, FIRST_DAY)
    content = {
        "name": "site",
        "entity": ["device"],
        "time": "timestamp",
        "metrics": {"cpu": {}},
        "label": "is_error",
    }
    file = tmp_path / "log.yaml"
    file.write_text(
        yaml.safe_dump({**content, "labels": {"form": "incidents", "alarm_log": {"alarm": "alarm_type"}}})
    )
    run(folder, file)
    found = states(local_stack.info.redis_url)[1].table
    forget_all()
    spans = [("r1", 5, 8), ("r1", 9, 11), ("r2", 12, None), ("r2", 13, 16), ("r3", 25, None)]
    rows = [
        (device, *(None if minute is None else BEGIN + pd.Timedelta(minutes=minute) for minute in both))
        for device, *both in spans
    ]
    pd.DataFrame(rows, columns=["device", "start", "end"]).to_csv(folder / "incidents.csv", index=False)
    file.write_text(yaml.safe_dump({**content, "labels": {"form": "incidents"}}))
    run(folder, file)
    assert states(local_stack.info.redis_url)[1].table.equals(found)
    forget_all()
