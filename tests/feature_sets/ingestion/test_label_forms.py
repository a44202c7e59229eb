"""Labels as positives, incidents or beside the readings, in a history that grows."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import mlrun.feature_store as fstore
import numpy as np
import pandas as pd
import pytest

from feature_sets.ingestion import label_state
from feature_sets.labels import derived_labels
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from tests.feature_sets.ingestion.folders import MODELS, Folder, forget_all, states
from tests.feature_sets.ingestion.histories import (
    MIDNIGHT,
    SCHEMA,
    WITH_ARRIVAL,
    assert_same_states,
    parts,
    readings,
    seeds,
)
from tests.feature_sets.ingestion.test_append_kills import Death, KilledError

BASE = {name: value for name, value in SCHEMA.to_dict().items() if name != "exclude_labels"}
KIND = {"exclude_labels": {"kind": "test"}}


def schema(labels: dict[str, Any], **content: Any) -> TelemetrySchema:
    return TelemetrySchema.from_dict({**BASE, **content, "labels": labels})


def incidents(generator: np.random.Generator, count: int = 10) -> pd.DataFrame:
    days = generator.choice([-1440, 0, 0, 1440], count)
    starts = MIDNIGHT + pd.to_timedelta(generator.integers(-240, 240, count) + 60 * days, unit="s")
    ends = pd.Series(starts + pd.to_timedelta(generator.integers(0, 200, count), unit="s"))
    return pd.DataFrame(
        {
            DEVICE: [f"dev-{at}" for at in generator.integers(0, 5, count)],
            "start": starts,
            "end": ends.mask(generator.random(count) < 0.2),
            "kind": generator.choice(["link", "test"], count),
        }
    )


def labeled() -> pd.DataFrame:
    frame = fstore.get_feature_set("device_labels").to_dataframe().reset_index()
    return frame.sort_values([DEVICE, "timestamp"], ignore_index=True)


def grow_and_compare(folder: Folder, local_stack, add) -> list[dict[str, Any]]:
    """Add days to a folder and compare what is left with one ingestion of what the folder has in the end."""
    done = []
    for day in range(4):
        add(day)
        done.append(folder.ingest())
    again = folder.ingest()
    assert (again["labels_changed"], again["label_rows_new"], again["rows_new"]) == (0, 0, 0)
    found = states(local_stack.info.redis_url)
    forget_all()
    folder.ingest()
    assert_same_states(found, states(local_stack.info.redis_url))
    return done


@pytest.mark.parametrize("seed", seeds(1, 3))
@pytest.mark.parametrize(
    ("labels", "content"),
    [
        ({"form": "incidents"}, {"horizon": "0s"}),
        (
            {"form": "incidents", "tolerance": "5s", "healthy_after": "2m"},
            {"horizon": ["0s", "90s", "3m"], **KIND},
        ),
        ({"form": "incidents", "scope": ["model"]}, {"horizon": "0s", **KIND}),
        ({"form": "incidents"}, {**WITH_ARRIVAL.to_dict(), **KIND}),
        ({"form": "incidents", "sources": ["day-3", "day-2"], "conflict": "first"}, {"horizon": "0s"}),
    ],
    ids=["plain", "horizon", "scope", "arrival", "first"],
)
def test_incidents_that_grow_equal_those_read_at_once(tmp_path, project, local_stack, seed, labels, content):
    generator = np.random.default_rng([seed, 5])
    of = schema(labels, **content)
    rows = readings(generator)
    cut = parts(generator, rows if of.arrival else rows.drop(columns="received"), 4)
    given = incidents(generator, 40 if "conflict" in labels else 10)
    if "scope" in labels:
        given = given.assign(model=given.pop(DEVICE).map(lambda key: f"m{int(key[-1]) % 2}"))
    forget_all()
    folder = Folder(tmp_path / "growing", of)
    (folder.path / "labels").rmdir()
    (folder.path / "incidents").mkdir()
    folder.static(MODELS)
    told = np.array_split(given, 4)

    def add(day: int) -> None:
        if day < len(cut):
            folder.add("metrics", f"day-{day}", cut[day])
        folder.add("incidents", f"day-{day}", told[day])
        if day == 2:  # The first day is told anew: one is closed, one is cancelled, one is new.
            told[0] = told[0].assign(end=told[0]["end"].fillna(told[0]["start"] + pd.Timedelta("50s")))
            told[0] = pd.concat(
                [told[0].iloc[1:], incidents(generator, 1) if "scope" not in labels else None]
            )
            folder.add("incidents", "day-0", told[0])

    done = grow_and_compare(folder, local_stack, add)
    assert sum(day["labels_changed"] for day in done) > 0


@pytest.mark.parametrize("seed", seeds(1, 3))
@pytest.mark.parametrize(
    "labels",
    [
        {"form": "rows", "tolerance": "7s"},
        {"form": "positives", "tolerance": "3s", "watched": "readings", "healthy_after": "1m"},
        {"form": "positives", "watched": {"from": "2024-01-01T23:58:00Z", "to": "2024-01-02T00:02:00Z"}},
    ],
    ids=["rows", "positives", "period"],
)
def test_rows_beside_the_readings_that_grow_equal_those_read_at_once(
    tmp_path, project, local_stack, seed, labels
):
    generator = np.random.default_rng([seed, 6])
    of = schema(labels)
    rows = readings(generator).drop(columns="received")
    pairs = rows[[DEVICE, "timestamp"]].drop_duplicates(ignore_index=True)
    seconds = pd.to_timedelta(generator.integers(0, 9, len(pairs)), unit="s")
    told = pairs.assign(timestamp=pairs["timestamp"] + seconds).drop_duplicates()
    told["is_error"] = 1 if of.labels.form == "positives" else generator.integers(0, 2, len(told))
    told = told[generator.random(len(told)) < 0.3]
    if labels["form"] == "positives":
        told = told.drop(columns="is_error")
    metrics, cut = parts(generator, rows, 4), parts(generator, told, 4)
    forget_all()
    folder = Folder(tmp_path / "growing", of)
    folder.static(MODELS)

    def add(day: int) -> None:
        for table, days in (("metrics", metrics), ("labels", cut)):
            if day < len(days):
                folder.add(table, f"day-{day}", days[day])

    grow_and_compare(folder, local_stack, add)


def one_day(folder: Folder) -> pd.DataFrame:
    times = pd.date_range(MIDNIGHT, periods=10, freq="10s")
    rows = pd.DataFrame({DEVICE: "dev-0", "timestamp": times, "cpu": 1.0, "latency": 1.0})
    folder.add("metrics", "day", rows)
    return rows


def tell(folder: Folder, *given: tuple[int, int | None], **columns: Any) -> dict[str, Any]:
    frame = pd.DataFrame(
        {
            "box": "dev-0",
            "start": [MIDNIGHT + pd.Timedelta(seconds=start) for start, _ in given],
            "end": [pd.NaT if end is None else MIDNIGHT + pd.Timedelta(seconds=end) for _, end in given],
            **columns,
        }
    )
    frame["end"] = pd.to_datetime(frame["end"], utc=True)
    frame.to_csv(folder.path / "incidents.csv", index=False)
    return folder.ingest()


@pytest.fixture
def incident_folder(tmp_path, project):
    forget_all()
    made = Folder(tmp_path / "telemetry", schema({"form": "incidents"}, horizon="0s"))
    (made.path / "labels").rmdir()
    made.static(MODELS)
    one_day(made)
    return made


def errors() -> list[int]:
    return labeled()["is_error"].tolist()


def test_an_incident_opens_grows_closes_comes_late_and_is_cancelled(incident_folder):
    done = tell(incident_folder, (35, None))
    assert errors() == [0, 0, 0, 0, 1, 1, 1, 1, 1, 1]
    (warning,) = done["report"]["labels"]["warnings"]
    assert warning.startswith("By these labels 60.0% are errors (6 of 10): ")
    assert f"labels: warning: {warning}" in done["report_lines"]
    done = tell(incident_folder, (35, 60))
    assert errors() == [0, 0, 0, 0, 1, 1, 0, 0, 0, 0]
    assert (done["labels_changed"], done["label_rows_new"], done["label_rows_conflicting"]) == (4, 0, 0)
    assert "warnings" not in done["report"]["labels"]
    assert "4 earlier labels are others now" in "\n".join(done["report_lines"])
    assert tell(incident_folder, (35, 60), (0, 20))["labels_changed"] == 2
    assert errors() == [1, 1, 0, 0, 1, 1, 0, 0, 0, 0]
    assert tell(incident_folder, (0, 20))["labels_changed"] == 2
    assert errors() == [1, 1, 0, 0, 0, 0, 0, 0, 0, 0]
    assert tell(incident_folder, (0, 20))["labels_changed"] == 0


def test_each_count_of_earlier_rows_tells_the_time_of_its_own_rows(tmp_path, project):
    forget_all()
    folder = Folder(tmp_path / "telemetry", schema({"form": "incidents"}, horizon="20s"))
    (folder.path / "labels").rmdir()
    folder.static(MODELS)
    one_day(folder)
    tell(folder, (35, 60))
    lines = "\n".join(tell(folder, (65, 80))["report_lines"])
    # At 40, 50 and 70 the label is another one, at 20, 30 and 60 the target alone.
    changed, ahead = ((MIDNIGHT + pd.Timedelta(seconds=seconds)).isoformat() for seconds in (40, 20))
    assert f"3 earlier labels are others now: back to {changed}" in lines
    assert f"3 earlier rows computed anew, because of rows that came later: back to {ahead}" in lines


def test_an_incident_before_its_readings_is_kept_until_they_come(incident_folder):
    done = tell(incident_folder, (95, 130))
    assert done["report"]["labels"]["warnings"] == [
        "By these labels no reading is an error (of 10), so no model can learn to tell errors from health.",
        "No incident meets a reading. The only incident lies outside of the time of the readings, "
        "2024-01-02T00:00:00+00:00 to 2024-01-02T00:01:30+00:00: 1 begins after the last one (dev-0 from "
        "2024-01-02T00:01:35+00:00; the last of 2024-01-02T00:01:35+00:00). They make no reading an error. "
        "Look at the zone and the unit of their times, too",
    ]
    assert done["incidents_outside"]["after"] == 1
    assert errors() == [0] * 10
    times = pd.date_range(MIDNIGHT + pd.Timedelta("100s"), periods=4, freq="10s")
    later = pd.DataFrame({DEVICE: "dev-0", "timestamp": times, "cpu": 1.0, "latency": 1.0})
    incident_folder.add("metrics", "later", later)
    done = incident_folder.ingest()
    assert errors() == [0] * 10 + [1, 1, 1, 0]
    assert (done["label_rows_new"], done["labels_changed"]) == (4, 0)


def test_incidents_without_a_reading_are_counted_in_each_ingestion(incident_folder):
    done = tell(incident_folder, (31, 39), (45, 60))
    told = done["incidents_without_reading"]
    assert (told["incidents"], told["silent"], told["unannounced"]) == (2, 1, 0)
    assert told["sentence"].startswith("1 of 2 incidents have no reading to learn from: in 1 the devices ")
    assert "(dev-0 from 2024-01-02T00:00:31+00:00)" in told["sentence"]
    assert f"labels: {told['sentence']}" in done["report_lines"]
    done = tell(incident_folder, (31, 39), (45, 60), (71, 72))
    assert done["incidents_without_reading"]["silent"] == 2
    # What comes later counts them anew, and where none is left nothing is told.
    done = tell(incident_folder, (45, 60))
    assert done["incidents_without_reading"]["sentence"] == ""
    assert not any("no reading to learn from" in line for line in done["report_lines"])


def test_incidents_beside_the_readings_and_of_devices_that_never_report_are_counted(incident_folder):
    boxes = ["dev-0", "dev-0", "dev-1", "dev-0", "dev-0"]
    done = tell(incident_folder, (15, 25), (-500, -400), (20, 30), (99, 200), (-900, -800), box=boxes)
    told = done["incidents_outside"]
    counts = {name: told[name] for name in ("incidents", "before", "after", "apart", "unheard")}
    assert counts == {"incidents": 5, "before": 2, "after": 1, "apart": 0, "unheard": 1}
    assert told["devices_unheard"] == ["dev-1"]
    assert done["incidents_without_reading"]["silent"] == 0
    assert f"labels: {told['sentence']}" in done["report_lines"]
    # It is told of the whole history, each time, until readings of then come.
    times = pd.date_range(MIDNIGHT - pd.Timedelta("900s"), periods=40, freq="10s")
    earlier = pd.DataFrame({DEVICE: "dev-0", "timestamp": times, "cpu": 1.0, "latency": 1.0})
    incident_folder.add("metrics", "earlier", earlier)
    done = incident_folder.ingest()
    assert (done["incidents_outside"]["before"], done["incidents_outside"]["unheard"]) == (0, 1)


def test_incidents_after_a_silence_of_the_horizon_are_counted_in_the_history(tmp_path, project):
    forget_all()
    made = Folder(tmp_path / "telemetry", schema({"form": "incidents", "tolerance": "5s"}, horizon="30s"))
    (made.path / "labels").rmdir()
    made.static(MODELS)
    times = [MIDNIGHT + pd.Timedelta(seconds=10 * place) for place in (*range(5), *range(11, 15))]
    made.add(
        "metrics", "day", pd.DataFrame({DEVICE: "dev-0", "timestamp": times, "cpu": 1.0, "latency": 1.0})
    )
    told = tell(made, (95, 130), (30, 40))["incidents_without_reading"]
    assert (told["incidents"], told["silent"], told["unannounced"]) == (2, 0, 1)
    assert "sent nothing for the horizon, 30s (dev-0 from" in told["sentence"]
    assert "in the median 50 s lie between" in told["sentence"]


def test_with_a_horizon_an_incident_that_silences_its_device_is_an_error_ahead_of_it(
    tmp_path, project, monkeypatch
):
    forget_all()
    made = Folder(tmp_path / "telemetry", schema({"form": "incidents"}, horizon="30s"))
    (made.path / "labels").rmdir()
    made.static(MODELS)
    seconds = [*range(0, 70, 10), *range(200, 260, 10)]
    times = [MIDNIGHT + pd.Timedelta(seconds=second) for second in seconds]
    rows = pd.DataFrame({DEVICE: "dev-0", "timestamp": times, "cpu": 1.0, "latency": 1.0})

    def targets() -> dict[int, float]:
        found = labeled()
        found.index = (found["timestamp"] - MIDNIGHT.tz_localize(None)).dt.total_seconds().astype(int)
        return found["is_error_within_30s"].dropna().astype(int).to_dict()

    # A release that took labels at readings alone wrote the history.
    monkeypatch.setattr(label_state, "ahead_targets", lambda schema: ())
    monkeypatch.setattr(derived_labels, "ahead_targets", lambda schema: ())
    made.add("metrics", "day", rows[:7])
    tell(made, (65, 190))
    made.add("metrics", "later", rows[7:])
    made.ingest()
    ahead = dict.fromkeys((0, 10, 20, 30, 200, 210, 220), 0)
    assert targets() == ahead
    monkeypatch.undo()
    assert made.ingest()["label_rows_new"] == 1
    announced = {**ahead, 40: 1, 50: 1, 60: 1}
    assert targets() == announced | {30: 0}
    assert labeled()["is_error"].tolist().count(1) == 1
    tell(made, (58, 190))  # It began earlier: the reading at 60 is in it.
    assert targets() == {0: 0, 10: 0, 20: 0, 30: 1, 40: 1, 50: 1, 200: 0, 210: 0, 220: 0}
    assert made.ingest()["label_rows_new"] == 0


def test_a_folder_without_an_incident_is_healthy(incident_folder):
    assert "warnings" not in tell(incident_folder)["report"]["labels"]
    assert errors() == [0] * 10


def test_every_wrong_incident_is_told_with_a_sample(incident_folder):
    rows = [
        "box,start,end,known",
        "dev-0,2024-01-02T00:00:20Z,2024-01-02T00:00:10Z,",
        "dev-0,2024-01-02 00:00:20,,",
        "dev-0,soon,,",
        "dev-0,2024-01-02T00:00:20Z,later,",
        ",2024-01-02T00:00:20Z,,",
        "dev-0,2024-01-02T00:00:20Z,,yesterday",
        "nobody,2024-01-02T00:00:20Z,,",
        "dev-0,2024-01-02T00:00:20Z,2024-01-02T00:00:40Z,",
        "dev-0,2024-01-02T00:00:30Z,2024-01-02T00:00:50Z,",
    ]
    (incident_folder.path / "incidents.csv").write_text("\n".join(rows))
    done = incident_folder.ingest()
    text = "\n".join(done["report_lines"])
    assert errors() == [0, 0, 1, 1, 1, 0, 0, 0, 0, 0]
    for told in (
        "rejected end_before_start: 1, such as end '2024-01-02T00:00:10Z' in row 1 of incidents.csv",
        "rejected naive_start: 1, such as start '2024-01-02 00:00:20'",
        "rejected unparsable_start: 1, such as start 'soon' in row 3",
        "rejected unparsable_end: 1, such as end 'later'",
        "rejected missing_device: 1",
        "rejected unparsable_known: 1",
        "1 incidents name a device that is not known, such as device 'nobody'",
        "1 incidents begin before an earlier one ended",
        "3 incidents, 1 of them without an end",
    ):
        assert told in text, (told, text)


def test_labels_beside_the_readings_are_told_with_the_setting_that_takes_them(tmp_path, project):
    forget_all()
    folder = Folder(tmp_path / "telemetry", schema({}, horizon="0s"))
    folder.static(MODELS)
    rows = one_day(folder)
    folder.add(
        "labels",
        "day",
        rows[[DEVICE, "timestamp"]].assign(timestamp=rows["timestamp"] + pd.Timedelta("7s"), is_error=0),
    )
    text = "\n".join(folder.ingest()["report_lines"])
    assert "10 labels are at the time of no reading (labels.tolerance is 0s), such as dev-0" in text
    assert "half of them are up to 7 s later than one" in text
    assert json.dumps(labeled()["timestamp"].dt.second.tolist()[:2]) == "[7, 17]"


def test_labels_that_belong_to_no_reading_begin_a_history_without_label_rows(tmp_path, project):
    forget_all()
    folder = Folder(tmp_path / "telemetry", schema({"tolerance": "5s"}, horizon="0s"))
    folder.static(MODELS)
    rows = one_day(folder)
    beside = rows[[DEVICE, "timestamp"]].assign(timestamp=rows["timestamp"] + pd.Timedelta("6s"), is_error=1)
    folder.add("labels", "day", beside)
    assert folder.ingest()["label_rows"] == 0
    # A reading that comes later takes its label.
    folder.add("metrics", "late", rows.head(1).assign(timestamp=MIDNIGHT + pd.Timedelta("3s")))
    done = folder.ingest()
    assert (done["label_rows"], done["label_rows_new"]) == (1, 1)
    assert errors() == [1]


@pytest.mark.parametrize("at", range(1, 16))
def test_an_ingestion_that_is_killed_is_made_good_by_the_next_one(incident_folder, monkeypatch, at):
    tell(incident_folder, (35, None))
    times = pd.date_range(MIDNIGHT + pd.Timedelta("100s"), periods=4, freq="10s")
    later = pd.DataFrame({DEVICE: "dev-0", "timestamp": times, "cpu": 1.0, "latency": 1.0})
    incident_folder.add("metrics", "later", later)
    with monkeypatch.context() as patch, contextlib.suppress(KilledError):
        death = Death(patch, at)
        tell(incident_folder, (35, 110))
        assert not death.dead
    incident_folder.ingest()
    assert errors() == [0, 0, 0, 0] + [1] * 7 + [0, 0, 0]


def test_statements_that_contradict_each_other_are_told_and_the_first_stays(tmp_path, project):
    forget_all()
    folder = Folder(tmp_path / "telemetry", schema({"tolerance": "5s"}, horizon="0s"))
    folder.static(MODELS)
    rows = one_day(folder)
    folder.add("labels", "day", rows[[DEVICE, "timestamp"]].assign(is_error=0))
    folder.ingest()
    folder.add("labels", "more", rows[[DEVICE, "timestamp"]].head(3).assign(is_error=1))
    done = folder.ingest()
    assert (done["label_rows_conflicting"], done["labels_changed"]) == (3, 0)
    assert (done["conflicts"][0]["kept"], done["conflicts"][0]["given"]) == (0, 1)
    assert errors() == [0] * 10
