"""Rows added to feature sets of one's own: what is known, what contradicts, types, what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import mlrun.feature_store as fstore
import numpy as np
import pandas as pd
import pytest
from fsspec.implementations.local import LocalFileSystem
from mlrun.data_types import InferOptions
from mlrun.datastore.targets import ParquetTarget, RedisNoSqlTarget

from feature_sets.checks import InputError
from feature_sets.ingestion.append import append_rows
from feature_sets.ingestion.history import row_sample
from feature_sets.ingestion.vectorized_ingest import Contents, ingest_vectorized
from feature_sets.online_store.redis_write import OnlineWrite
from tests.feature_sets.ingestion.histories import online_rows
from tests.feature_sets.ingestion.probes import probe_rows

TIMES = pd.date_range("2024-03-01T23:59:45", periods=6, freq="5s", tz="UTC")


def probes() -> pd.DataFrame:
    return probe_rows(TIMES)


def probe_set(name: str, *targets, windows=True, time="at") -> fstore.FeatureSet:
    feature_set = fstore.FeatureSet(name, entities=["probe"], timestamp_key=time)
    if windows:
        feature_set.add_aggregation("loss", ["sum", "count", "first"], ["10s"], "5s")
    feature_set.set_targets(
        list(targets or [ParquetTarget("files", partitioned=True, time_partitioning_granularity="day")]),
        with_defaults=False,
    )
    return feature_set


def read(name: str) -> pd.DataFrame:
    return fstore.get_feature_set(name).to_dataframe()


def folder_of(name: str) -> Path:
    return Path(fstore.get_feature_set(name).get_target_path("files"))


def test_older_rows_stay_behind_online_and_those_before_them_are_not_there_twice(project):
    growing = probe_set("growing", ParquetTarget("files"), RedisNoSqlTarget("now"), windows=False)
    vector = fstore.FeatureVector("growing-vector", ["growing.hops"])
    late, early = probes().iloc[2:], probes().iloc[:3]
    append_rows(growing, late)
    done = append_rows(growing, early)
    assert (done.rows, done.new, done.known) == (6, 2, 1)
    assert sorted(read("growing")["hops"]) == [0, 1, 2, 3, 4, 5]
    with vector.get_online_feature_service() as service:
        assert service.get([{"probe": "a"}, {"probe": "b"}]) == [{"hops": 5}, {"hops": 4}]
    # To replace is to replace: nothing is left that could be newer.
    assert ingest_vectorized(growing, early).online == OnlineWrite(written=2, older=0)
    assert sorted(read("growing")["hops"]) == [0, 1, 2]


def test_the_first_of_two_rows_stays_and_a_contradiction_is_counted_with_a_sample(project):
    append_rows(probe_set("contradicted"), probes())
    folder = folder_of("contradicted")
    other = probes().assign(loss=[0.5, 1.0, 2.0, 3.0, 4.0, 5.0], note=["x", "?", "y", "12", "z", "w"])
    done = append_rows(probe_set("contradicted"), other)
    assert (done.new, done.known, done.conflicting, done.rewritten) == (0, 6, 2, 0)
    assert done.conflicts == [
        {"key": "b", "time": "2024-03-01T23:59:55+00:00", "column": "loss", "kept": None, "given": 2.0},
        {"key": "a", "time": "2024-03-01T23:59:50+00:00", "column": "note", "kept": None, "given": "?"},
    ]
    assert folder_of("contradicted") == folder
    twice = pd.concat([probes(), probes().assign(loss=9.0)])
    done = append_rows(probe_set("contradicted"), twice)
    assert (done.known, done.duplicates, done.conflicting) == (6, 6, 0)


def test_only_the_days_that_change_are_written(project):
    append_rows(probe_set("days"), probes())
    before = {path.name: path.stat() for path in folder_of("days").rglob("*.parquet")}
    later = probes().assign(at=TIMES + pd.Timedelta("1d"))
    done = append_rows(probe_set("days"), later)
    assert (done.rows, done.rewritten) == (12, 0)
    after = {path.name: path.stat() for path in folder_of("days").rglob("*.parquet")}
    assert len(after) == 3 and len(before) == 2
    shared = before.keys() & after.keys()
    assert len(shared) == 1  # The day of the first rows; the other day got rows of both parts.
    assert all(after[name].st_ino == before[name].st_ino for name in shared)


def test_a_store_without_links_gets_copies_and_no_second_set_of_them(project, monkeypatch):
    def no_link(self, *args, **kwargs):
        raise OSError("no links here")

    monkeypatch.setattr(LocalFileSystem, "link", no_link)
    append_rows(probe_set("copied"), probes())
    done = append_rows(probe_set("copied"), probes().assign(at=TIMES + pd.Timedelta("1d")))
    assert done.rows == 12 and len(read("copied")) == 12
    assert [path.name for path in folder_of("copied").parent.iterdir()] == [folder_of("copied").name]

    def no_copy(self, *args, **kwargs):
        raise NotImplementedError

    monkeypatch.setattr(LocalFileSystem, "cp_file", no_copy)
    append_rows(probe_set("copied"), probes().assign(at=TIMES + pd.Timedelta("2d")))
    assert len(read("copied")) == 18


def test_a_late_row_rewrites_the_rows_that_see_it_and_says_how_far_back(project):
    late = probes().iloc[[1]]
    append_rows(probe_set("late"), probes().drop(index=1))
    assert read("late")["loss_sum_10s"].tolist()[2:] == [3.0, 4.0, 5.0]
    done = append_rows(probe_set("late"), late)
    # The row of a at 0:00:00 is two steps after it, and in a window of 10 s there are two.
    assert (done.new, done.rewritten, done.rewritten_from) == (1, 0, None)
    done = append_rows(probe_set("late"), late.assign(at=TIMES[2], loss=2.0))
    assert (done.new, done.rewritten, done.rewritten_from) == (1, 1, "2024-03-02T00:00:00+00:00")
    assert read("late").loc["a", "loss_sum_10s"].tolist() == [1.0, 3.0, 5.0, 5.0]


def test_whole_numbers_become_floats_in_the_whole_history(project):
    feature_set = probe_set("widened", ParquetTarget("files", partitioned=True), RedisNoSqlTarget("now"))
    append_rows(feature_set, probes())
    assert read("widened")["hops"].dtype == np.int64
    later = probes().assign(at=TIMES + pd.Timedelta("1d"), hops=[0.5, None, 2, 3, 4, 5])
    assert append_rows(feature_set, later).rows == 12
    stored = read("widened").sort_values("at", kind="stable")
    assert stored["hops"].tolist()[:7] == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 0.5]
    types = {f.name: f.value_type for f in fstore.get_feature_set("widened").spec.features}
    assert types["hops"] == "float" and types["up"] == "bool"
    # And whole numbers are taken from then on as floats.
    assert append_rows(feature_set, probes().assign(at=TIMES + pd.Timedelta("2d"))).rows == 18
    assert read("widened")["hops"].dtype == np.float64


def test_a_column_without_any_value_fits_every_type(project):
    append_rows(probe_set("blank"), probes())
    later = probes().assign(at=TIMES + pd.Timedelta("1d"), note=np.nan, up=None)
    assert append_rows(probe_set("blank"), later).rows == 12
    stored = read("blank").sort_values("at", kind="stable")
    assert stored["note"].tolist()[6:] == [None] * 6 and stored["up"].tolist()[4:8] == [
        True,
        False,
        None,
        None,
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda rows: rows.assign(hops="one"),
            "column 'hops': must be of type int, as in the history .* got 'str'",
        ),
        (lambda rows: rows.assign(up=1), "column 'up': must be of type bool, as in the history"),
        (lambda rows: rows.assign(note=1.5), "column 'note': must be of type str, as in the history"),
        (
            lambda rows: rows.assign(probe=[1, 2] * 3),
            "column 'probe': must be of type str, as in the history",
        ),
        (lambda rows: rows.assign(extra=1), "columns: must be those of the history; .* got .*'new: extra'"),
        (lambda rows: rows.drop(columns="note"), "columns: must be those of the history; .*'none: note'"),
        (lambda rows: rows.drop(columns="loss"), "column 'loss': must be in the frame"),
        (lambda rows: rows.assign(at=rows["at"].astype(str)), "column 'at': must be times"),
        (lambda rows: rows.assign(loss_sum_10s=1.0), "must not be named as a computed feature"),
    ],
)
def test_rows_of_other_types_are_refused_and_nothing_is_written(project, change, message):
    append_rows(probe_set("typed"), probes())
    folder = folder_of("typed")
    later = change(probes().assign(at=TIMES + pd.Timedelta("1d")))
    with pytest.raises(InputError, match=message):
        append_rows(probe_set("typed"), later)
    assert folder_of("typed") == folder
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_rows_made_by_something_else_are_refused(project):
    append_rows(probe_set("made"), probes(), contents=Contents({"horizon": "5m"}))
    other = probe_set("made")
    other.graph.steps["Aggregates"].class_args["aggregates"][0]["windows"] = ["20s"]
    with pytest.raises(
        InputError, match=r"'made', features: must be as in its history: .*'10s'.* got .*'20s'"
    ):
        append_rows(other, probes())
    plain = probe_set("made", windows=False)
    with pytest.raises(InputError, match="'made', features: must be as in its history"):
        append_rows(plain, probes())
    with pytest.raises(
        InputError, match=r"schema field 'horizon': must be that of the history: '5m'.* got '9m'"
    ):
        append_rows(probe_set("made"), probes(), contents=Contents({"horizon": "9m"}))
    renamed = probe_set("made", time="when")
    with pytest.raises(InputError, match="timestamp_key: must be as in its history: at, got 'when'"):
        append_rows(renamed, probes().rename(columns={"at": "when"}))


def test_histories_that_cannot_grow_are_refused(project, tmp_path):
    with pytest.raises(InputError, match="timestamp_key: must be set for rows to be added"):
        append_rows(probe_set("refused", windows=False, time=None), probes())
    with pytest.raises(InputError, match="targets: must have one of Parquet for rows to be added"):
        append_rows(probe_set("refused", RedisNoSqlTarget("now")), probes())
    single = ParquetTarget("files", path=str(tmp_path / "probes.parquet"))
    with pytest.raises(InputError, match="target 'files': must be a folder for rows to be added"):
        append_rows(probe_set("refused", single), probes())
    stored = probe_set("storeys", windows=False)
    stored.ingest(probes())
    with pytest.raises(
        InputError, match=r"'storeys', history: must be of the vectorized engine .* --replace"
    ):
        append_rows(probe_set("storeys", windows=False), probes())
    (folder_of("storeys") / "_history.json").write_text('{"version": 99}')
    with pytest.raises(InputError, match=r"_history.json: must be of version 1, got 99"):
        append_rows(probe_set("storeys", windows=False), probes())


def test_no_rows_add_nothing_but_what_was_read_is_kept(project):
    append_rows(probe_set("sourced"), probes(), contents=Contents(sources={"a": 1}))
    folder = folder_of("sourced")
    assert append_rows(probe_set("sourced"), probes().head(0), contents=Contents(sources={"a": 1})).rows == 6
    assert folder_of("sourced") == folder
    assert append_rows(probe_set("sourced"), probes().head(0), contents=Contents(sources={"a": 2})).rows == 6
    assert folder_of("sourced") != folder
    assert json.loads((folder_of("sourced") / "_history.json").read_text())["sources"] == {"a": 2}


def test_statistics_of_a_long_history_are_those_of_a_sample_that_does_not_depend_on_the_parts(
    project, monkeypatch
):
    monkeypatch.setattr(row_sample, "MOST_ROWS", 100)
    generator = np.random.default_rng(3)
    rows = pd.DataFrame(
        {
            "probe": generator.choice(["a", "b", "c"], 900),
            "at": pd.date_range("2024-03-01", periods=900, freq="5s", tz="UTC"),
            "loss": generator.normal(10, 2, 900),
        }
    )
    for cut in ([rows.iloc[:500], rows.iloc[500:]], [rows.iloc[::2], rows.iloc[1::3], rows]):
        name = f"sampled-{len(cut)}"
        for part in cut:
            append_rows(probe_set(name), part)
    one, other = (fstore.get_feature_set(f"sampled-{count}").status for count in (2, 3))
    assert one.stats == other.stats and one.preview == other.preview
    assert 25 < one.stats["loss"]["count"] <= 100
    assert one.stats["loss"]["mean"] == pytest.approx(10, abs=1)
    assert len(one.preview) == 21


def test_what_is_not_asked_for_stays_as_it_was(project):
    append_rows(probe_set("quiet"), probes(), InferOptions.schema())
    append_rows(probe_set("quiet"), probes().assign(at=TIMES + pd.Timedelta("1d")), InferOptions.schema())
    status = fstore.get_feature_set("quiet").status
    assert status.stats == {} and status.preview == []


def test_a_device_without_readings_has_the_online_row_that_it_has_beside_others(project, local_stack):
    def silent(name: str) -> fstore.FeatureSet:
        return probe_set(name, ParquetTarget("parquet"), RedisNoSqlTarget("online"))

    rows = probes().assign(loss=[0.5, np.nan, 1.0, np.nan, 2.0, np.nan])
    ingest_vectorized(silent("beside"), rows)
    append_rows(silent("alone"), rows[rows["probe"] == "b"])
    append_rows(silent("alone"), rows[rows["probe"] == "a"])
    one, other = (
        online_rows(fstore.get_feature_set(name), local_stack.info.redis_url) for name in ("alone", "beside")
    )
    assert len(one) == 2 and one == other


def test_keys_that_are_whole_numbers_are_told_apart_in_the_history(project):
    rows = probes().assign(probe=[2, 10, 2, 10, 2, 10])
    append_rows(probe_set("numbered"), rows.iloc[:4])
    done = append_rows(probe_set("numbered"), rows.iloc[2:])
    assert (done.rows, done.new, done.known) == (6, 2, 2)
    assert read("numbered").index.tolist() == [2, 10, 2, 10, 2, 10]


def test_mlruns_readers_take_a_time_range_and_columns_of_a_history_that_grew(project):
    append_rows(probe_set("ranged"), probes())
    append_rows(probe_set("ranged"), probes().assign(at=TIMES + pd.Timedelta("1d")))
    found = fstore.get_feature_set("ranged").to_dataframe(
        columns=["hops"],
        start_time=pd.Timestamp("2024-03-02T00:00:00"),
        end_time=pd.Timestamp("2024-03-02T12:00:00"),
        time_column="at",
    )
    assert found["hops"].tolist() == [4, 5]
