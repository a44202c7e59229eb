"""A folder that grows: each ingestion reads what is new, and in the end all is as if read at once."""

from __future__ import annotations

import os
from unittest.mock import Mock

import mlrun.feature_store as fstore
import numpy as np
import pandas as pd
import pytest

from feature_sets.ingestion import ingest as ingest_module
from feature_sets.ingestion.telemetry_history import TelemetryHistory
from feature_sets.labels.excluded import excluded_rows
from feature_sets.telemetry import table_files
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from project.untold_warnings import UntoldWarnings
from tests.feature_sets.ingestion.folders import (
    MODELS,
    SETS,
    Folder,
    add_day,
    day_of,
    forget_all,
    run,
    states,
)
from tests.feature_sets.ingestion.histories import (
    COUNTED,
    COUNTED_WITH_ARRIVAL,
    MIDNIGHT,
    SCHEMA,
    WITH_ARRIVAL,
    assert_same_states,
    labels,
    parts,
    readings_of,
    seeds,
)

EXPECTING = [
    TelemetrySchema.from_dict({**schema.to_dict(), "expected_interval": "20s"})
    for schema in (SCHEMA, WITH_ARRIVAL)
]


@pytest.mark.parametrize("seed", seeds(2, 4))
@pytest.mark.parametrize(
    "schema",
    [SCHEMA, WITH_ARRIVAL, COUNTED, COUNTED_WITH_ARRIVAL, *EXPECTING],
    ids=[
        *("in order", "with arrival", "counters in order", "counters with arrival"),
        *("expecting", "expecting, with arrival"),
    ],
)
def test_a_folder_that_grows_equals_the_folder_read_at_once(tmp_path, project, local_stack, seed, schema):
    generator = np.random.default_rng([seed, 3])
    rows = readings_of(schema, generator)
    tables = {"metrics": parts(generator, rows, 4), "labels": parts(generator, labels(generator, rows), 4)}
    forget_all()
    growing = Folder(tmp_path / "growing", schema)
    growing.static(MODELS)
    done = []
    for day in range(4):
        for table, cut in tables.items():
            if day < len(cut):
                growing.add(table, f"day-{day}", cut[day])
        done.append(growing.ingest())
    found = states(local_stack.info.redis_url)
    devices = fstore.get_feature_set("devices").to_dataframe()

    forget_all()
    whole = growing.ingest()
    assert_same_states(found, states(local_stack.info.redis_url))
    pd.testing.assert_frame_equal(devices, fstore.get_feature_set("devices").to_dataframe())
    last = done[-1]
    for count in ("rows_read", "rows_ingested", "label_rows", "devices", "first_event", "last_event"):
        assert last[count] == whole[count], count
    total = sum(one["rows_new"] - one.get("rows_dropped", 0) for one in done)
    assert total == whole["rows_ingested"]
    if schema.counter_metrics:
        stored = fstore.get_feature_set("device_metrics").to_dataframe()
        missing = int((stored["cpu"].isna() & stored["cpu_counter"].notna()).sum())
        assert whole["without_rate"] == {"cpu": missing}
        assert 0 < missing < stored["cpu_counter"].notna().sum()
        lines = whole["report_lines"]
        place = next(place for place, line in enumerate(lines) if line.startswith(f"  cpu: {missing:,} of"))
        assert f"cpu: {missing:,} of {len(stored):,} new rows" in lines[place]
        table = [line for line in lines[:place] if not line.startswith(" ")][-1]
        assert table.startswith("metrics: ")
        told = [one for one in done if one["without_rate"]["cpu"]]
        assert told and all("without a rate" in "\n".join(one["report_lines"]) for one in told)


def test_the_same_folder_again_changes_nothing_and_is_not_even_read(folder, monkeypatch):
    add_day(folder, 1)
    add_day(folder, 2)
    assert folder.ingest()["rows_new"] == 80
    before = {name: fstore.get_feature_set(name).get_target_path("parquet") for name in (*SETS, "devices")}
    read = []
    for name in ("read_file", "file_chunks"):
        load = getattr(table_files, name)
        monkeypatch.setattr(
            table_files, name, lambda path, load=load, **rest: read.append(path.name) or load(path, **rest)
        )
    done = folder.ingest()
    assert read == ["static.parquet"]
    assert (done["rows_read"], done["rows_known"], done["rows_new"]) == (80, 80, 0)
    assert (done["rows_ingested"], done["label_rows"], done["devices"]) == (80, 80, 4)
    assert "2 files unchanged; their 80 rows were not read again" in "\n".join(done["report_lines"])
    after = {name: fstore.get_feature_set(name).get_target_path("parquet") for name in (*SETS, "devices")}
    assert after == before

    add_day(folder, 3)
    read.clear()
    done = folder.ingest()
    assert sorted(read) == ["day-03.parquet", "day-03.parquet", "static.parquet"]
    assert (done["rows_read"], done["rows_known"], done["rows_new"], done["rows_ingested"]) == (
        120,
        80,
        40,
        120,
    )
    assert (done["first_event"], done["last_event"]) == (
        "2024-03-02T00:00:00+00:00",
        "2024-03-04T00:03:10+00:00",
    )


def test_a_file_that_was_only_touched_or_moved_changes_nothing(folder, tmp_path):
    add_day(folder, 1)
    folder.ingest()
    file = folder.path / "metrics" / "day-01.parquet"
    os.utime(file, (1, 1))
    assert folder.ingest()["rows_new"] == 0
    file.rename(file.with_name("first.parquet"))
    done = folder.ingest()
    assert (done["rows_read"], done["rows_known"], done["rows_new"]) == (40, 40, 0)
    other = tmp_path / "elsewhere"
    folder.path.rename(other)
    done = run(other, folder.schema)
    assert (done["rows_known"], done["rows_new"], done["rows_ingested"]) == (40, 0, 40)


def test_a_file_that_is_delivered_again_with_corrected_rows_is_told_with_what_to_do(folder):
    add_day(folder, 0)
    folder.ingest()
    rows, _ = day_of(0)
    rows.loc[[3, 7], "cpu"] = [1000.0, None]
    folder.add("metrics", "day-00", rows)
    done = folder.ingest()
    assert (done["rows_new"], done["rows_conflicting"]) == (0, 2)
    (warning,) = done["report"]["metrics"]["warnings"]
    assert warning.startswith(
        "2 rows say something else of 2024-03-01T00:00:10+00:00 to 2024-03-01T00:00:30+00:00 than the "
        "history, which stays, such as cpu of dev-1 at 2024-03-01T00:00:10+00:00: 3.0 there, 1000.0 given"
    )
    assert warning.endswith("take them with --replace, from a folder with all files")
    assert f"metrics: warning: {warning}" in done["report_lines"]
    told = [line for line in done["report_lines"] if "1000.0" in line or "something else" in line]
    assert len(told) == 1, "each is told once"
    # With it, what was corrected counts.
    assert folder.ingest(replace=True)["rows_ingested"] == len(rows)
    again = folder.ingest()
    assert again["rows_conflicting"] == 0 and "warnings" not in again["report"]["metrics"]


def test_the_newest_day_alone_is_added_to_the_history_it_does_not_replace_it(folder, tmp_path):
    # Today it was replaced without a word.
    add_day(folder, 1)
    folder.ingest()
    newest = Folder(tmp_path / "newest")
    add_day(newest, 2)  # without a static file, too
    done = newest.ingest()
    assert (done["rows_read"], done["rows_new"], done["rows_ingested"], done["label_rows"]) == (
        40,
        40,
        80,
        80,
    )
    assert done["devices"] == 4
    until = "2024-03-03T00:03:10+00:00"
    assert done["watermark"] == {
        "source": f"folder {newest.path}",
        "static": None,
        "metrics": until,
        "labels": until,
    }
    # To replace is to replace, and has to be said.
    newest.static(MODELS)
    done = newest.ingest(replace=True)
    assert (done["rows_new"], done["rows_ingested"], done["label_rows"]) == (40, 40, 40)


def test_labels_may_come_later_than_the_readings(folder, tmp_path):
    add_day(folder, 1)
    folder.ingest()
    rows, truths = day_of(2)
    folder.add("metrics", "day-02", rows)
    assert folder.ingest()["label_rows"] == 40
    folder.add("labels", "day-02", truths)
    done = folder.ingest()
    assert (done["rows_new"], done["label_rows_new"], done["label_rows"]) == (0, 40, 80)
    # The last of the first day see further now, though there is a gap that is longer than the horizon.
    assert done["label_rows_rewritten"] == 0


def test_the_future_of_the_last_labels_becomes_known(folder):
    rows, truths = day_of(1)
    folder.add("metrics", "day-01", rows)
    folder.add("labels", "day-01", truths[:20])
    folder.ingest()
    target = SCHEMA.target
    stored = fstore.get_feature_set("device_labels").to_dataframe()
    assert stored[target].isna().sum() == 18  # of ten rows a device the last nine
    folder.add("labels", "day-01b", truths[20:].assign(is_error=1))
    done = folder.ingest()
    assert (done["label_rows_new"], done["label_rows_rewritten"]) == (20, 18)
    stored = fstore.get_feature_set("device_labels").to_dataframe()
    assert (stored[target] == 1).sum() == 18 and (stored[target] == 0).sum() == 2


def test_a_device_joins_and_its_earlier_rows_are_taken_then(folder):
    add_day(folder, 1, devices=("dev-0", "new"))
    done = folder.ingest()
    assert (done["rows_read"], done["rows_rejected"], done["rows_ingested"]) == (40, 20, 20)
    assert folder.ingest()["rows_new"] == 0
    folder.static({**MODELS, "new": "m7"})
    done = folder.ingest()
    assert (done["rows_rejected"], done["rows_new"], done["rows_ingested"]) == (0, 20, 40)
    assert (done["label_rows"], done["devices"], done["devices_new"]) == (40, 5, 1)
    assert "static: 1 devices joined: new" in done["report_lines"]
    stored = fstore.get_feature_set("devices").to_dataframe()
    assert stored.loc["new"].to_dict() == {"model_m0": 0, "model_m1": 0, "model_m7": 1}


def test_the_newest_attributes_count_and_what_held_before_is_kept(folder):
    add_day(folder, 1)
    folder.ingest()
    table = fstore.get_feature_set("devices").status.targets["online"].run_id
    folder.static({**MODELS, "dev-0": "m9"})
    add_day(folder, 2)
    done = folder.ingest()
    assert done["devices_changed"] == 1
    since = "2024-03-03T00:00:00+00:00"
    assert f"static: dev-0 changed: model 'm0' to 'm9' from {since} on" in done["report_lines"]
    history = TelemetryHistory.of(SCHEMA)
    known = history.attributes[history.attributes[DEVICE] == "dev-0"]
    assert known["model"].tolist() == ["m0", "m9"]
    assert pd.isna(known["valid_from"].iloc[0]) and known["valid_from"].iloc[1].isoformat() == since
    stored = fstore.get_feature_set("devices").to_dataframe()
    assert stored.loc["dev-0"].to_dict() == {"model_m0": 0, "model_m1": 0, "model_m9": 1}
    # What reads the online table goes on with it.
    assert fstore.get_feature_set("devices").status.targets["online"].run_id == table
    vector = fstore.FeatureVector("v", ["devices.*"])
    with vector.get_online_feature_service() as service:
        assert service.get([{DEVICE: "dev-0"}, {DEVICE: "dev-1"}]) == [
            {"model_m0": 0, "model_m1": 0, "model_m9": 1},
            {"model_m0": 0, "model_m1": 1, "model_m9": 0},
        ]
    # A device that the file no longer has stays.
    folder.static({"dev-0": "m9"})
    done = folder.ingest()
    assert (done["devices"], done["devices_changed"]) == (4, 0)
    assert "static: 3 devices of the history are not in the static file; they stay" in done["report_lines"]


POPULATION = TelemetrySchema.from_dict({**SCHEMA.to_dict(), "population": {"live": True}})


def test_labels_count_by_the_attributes_that_held_at_their_time(tmp_path, project, local_stack):
    forget_all()
    growing = Folder(tmp_path / "growing", POPULATION)
    growing.static({"dev-0": "m0", "dev-1": "m1"}, live=[True, True])
    add_day(growing, 1)
    growing.ingest()
    growing.static({"dev-0": "m0", "dev-1": "m1"}, live=[True, False])
    add_day(growing, 2)
    done = growing.ingest()
    assert (done["label_rows_new"], done["label_rows"]) == (20, 60)
    # A late label of the time before.
    _, truths = day_of(1)
    growing.add(
        "labels", "late", truths.tail(2).assign(timestamp=lambda late: late["timestamp"] + pd.Timedelta("1h"))
    )
    assert growing.ingest()["label_rows_new"] == 2
    found = states(local_stack.info.redis_url)
    # With the time in the static file, all at once gives the same.
    forget_all()
    growing.static({"dev-0": "m0", "dev-1": "m1"} | {}, live=[True, True])
    frame = pd.DataFrame(
        {
            "box": ["dev-0", "dev-1", "dev-1"],
            "model": ["m0", "m1", "m1"],
            "live": [True, True, False],
            "valid_from": [None, None, "2024-03-03T00:00:00Z"],
        }
    )
    frame.to_parquet(growing.path / "static.parquet", index=False)
    assert growing.ingest()["devices"] == 2
    assert_same_states(found, states(local_stack.info.redis_url))
    assert growing.ingest()["devices_changed"] == 0


def test_a_folder_without_a_usable_row_adds_nothing_to_a_history(folder):
    add_day(folder, 1)
    folder.ingest()
    folder.add("metrics", "day-02", day_of(2)[0].assign(timestamp="never"))
    done = folder.ingest()
    assert (done["rows_read"], done["rows_rejected"], done["rows_new"]) == (80, 40, 0)
    assert done["report"]["metrics"]["rejected"] == {"unparsable_time": 40}
    assert folder.ingest()["rows_rejected"] == 40


def test_days_of_other_types_are_one_history_of_the_types_of_the_schema(folder):
    """Whole numbers then floats, numbers then text, booleans then words, text keys then dictionaries."""
    add_day(folder, 1)
    folder.ingest()
    rows, truths = day_of(2)
    planned = truths["repair"].to_numpy().copy()
    planned[:3] = True
    folder.add("metrics", "day-02", rows.assign(cpu=rows["cpu"].map("{:.2f}".format)))
    words = np.where(planned, "Yes", "no")
    folder.add("labels", "day-02", truths.assign(repair=words, device=truths[DEVICE].astype("category")))
    done = folder.ingest()
    assert (done["rows_new"], done["rows_rejected"]) == (40, 0)
    stored = fstore.get_feature_set("device_labels").to_dataframe()
    assert set(stored["repair"]) == {"false", "no", "Yes"}
    assert int(excluded_rows(stored, TelemetrySchema.load(folder.schema)).sum()) == 3
    cpu = fstore.get_feature_set("device_metrics").to_dataframe()["cpu"]
    assert cpu.dtype == np.float64 and not cpu.isna().all()


def test_a_schema_without_static_columns_and_horizon(tmp_path, project):
    forget_all()
    content = {**SCHEMA.to_dict(), "static": [], "horizon": "0s", "exclude_labels": {}}
    plain = Folder(tmp_path / "plain", TelemetrySchema.from_dict(content))
    pd.DataFrame({"box": ["dev-0", "dev-1"]}).to_parquet(plain.path / "static.parquet")
    add_day(plain, 1)
    plain.ingest()
    add_day(plain, 2)
    assert plain.ingest()["label_rows"] == 80
    assert plain.ingest()["rows_new"] == 0


@pytest.mark.parametrize("days", [1, 3])
def test_new_files_in_another_unit_than_the_history_are_told_once(folder, days, tmp_path, monkeypatch):
    rng = np.random.default_rng(0)

    def day(number: int, factor: float) -> pd.DataFrame:
        times = np.repeat(pd.date_range(MIDNIGHT, periods=40, freq="1min"), len(MODELS))
        keys = list(MODELS) * 40
        values = rng.uniform(0.4, 0.6, len(keys)) * factor
        return pd.DataFrame(
            {DEVICE: keys, "timestamp": times + pd.Timedelta(days=number), "cpu": values, "latency": 1.0}
        )

    told = pd.DataFrame({DEVICE: "dev-0", "timestamp": [MIDNIGHT], "is_error": 0, "repair": "no"})
    folder.add("labels", "day", told)
    for number in range(2):
        folder.add("metrics", f"unit{number}", day(number, 1.0))
        assert "warnings" not in folder.ingest()["report"]["metrics"]
    for number in range(2, 2 + days):
        folder.add("metrics", f"unit{number}", day(number, 100.0))
    untold = UntoldWarnings(tmp_path / "ingestion" / "untold.json")
    if days == 1:
        with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
            patched.setattr(ingest_module, "all_features", Mock(side_effect=KeyboardInterrupt))
            folder.ingest(untold=untold)  # As if killed when the rows were there.
        for _ in range(2):
            done = folder.ingest(untold=untold)
            (warning,) = done["report"]["metrics"]["warnings"]
            assert "was ended before it could say so: cpu may be in another unit in metrics/unit2" in warning
            assert f"metrics: warning: {warning}" in done["report_lines"] and done["rows_new"] == 0
        untold.told()
        assert "warnings" not in folder.ingest(untold=untold)["report"]["metrics"]
        return
    done = folder.ingest(untold=untold)
    (warning,) = done["report"]["metrics"]["warnings"]
    names = ", ".join(f"metrics/unit{number}.parquet" for number in range(2, 2 + days))
    assert warning.startswith(f"cpu may be in another unit in {names}: its values are about 100 times larger")
    assert f"  warning: {warning}" in done["report_lines"]
    assert (done["rows_new"], done["files_refused"]) == (days * 40 * len(MODELS), {})
    assert "warnings" not in folder.ingest()["report"]["metrics"]
