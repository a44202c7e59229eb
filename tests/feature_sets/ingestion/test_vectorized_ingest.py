"""Any feature set with sensible targets can be ingested; what cannot be is refused beforehand."""

from __future__ import annotations

from pathlib import Path

import mlrun.feature_store as fstore
import numpy as np
import pandas as pd
import pytest
from mlrun.data_types import InferOptions
from mlrun.data_types.infer import get_df_stats
from mlrun.datastore.targets import CSVTarget, ParquetTarget, RedisNoSqlTarget

from feature_sets.checks import InputError
from feature_sets.ingestion.errors import IngestError
from feature_sets.ingestion.history.manifest import HistoryFile
from feature_sets.ingestion.history.parquet_partitions import PartitionFiles
from feature_sets.ingestion.newest_rows import NewestRows
from feature_sets.ingestion.vectorized_ingest import Ingested, ingest_vectorized
from feature_sets.online_store.redis_write import OnlineWrite
from tests.feature_sets.ingestion.probes import probe_rows

TIMES = pd.date_range("2024-03-01", periods=6, freq="5s", tz="UTC")


def probes() -> pd.DataFrame:
    return probe_rows(TIMES)


def probe_set(*targets, windows=True, time="at", entities=("probe",), name="probes") -> fstore.FeatureSet:
    feature_set = fstore.FeatureSet(name, entities=list(entities), timestamp_key=time)
    if windows:
        feature_set.add_aggregation("loss", ["sum", "count", "first"], ["10s"], "5s")
    feature_set.set_targets(list(targets or [ParquetTarget("files")]), with_defaults=False)
    return feature_set


def read(feature_set) -> pd.DataFrame:
    return fstore.get_feature_set(feature_set.uri).to_dataframe()


def test_a_feature_set_of_ones_own_gets_windows_and_its_other_columns(project):
    feature_set = probe_set(ParquetTarget("files"), RedisNoSqlTarget("now"))
    rows = probes()
    before = rows.copy()
    assert ingest_vectorized(feature_set, rows) == Ingested(6, 0, OnlineWrite(written=2, older=0))
    pd.testing.assert_frame_equal(rows, before)
    stored = read(feature_set)
    assert stored.index.name == "probe" and stored.index.tolist() == list("bababa")
    assert list(stored.columns) == [
        "at", "loss_sum_10s", "loss_count_10s", "loss_first_10s", "loss", "note", "hops", "up",
    ]  # fmt: skip
    # A window of 10 s in steps of 5 s holds the buckets of this and the earlier step.
    assert stored["loss_sum_10s"].tolist()[3:] == [3.0, 4.0, 5.0]
    assert stored["loss_count_10s"].tolist() == [1.0, 1.0, 0.0, 1.0, 1.0, 1.0]
    assert stored["note"].tolist() == ["x", None, "y", "12", "z", "w"]
    assert stored["hops"].dtype == np.int64 and stored["up"].dtype == bool
    types = {f.name: f.value_type for f in fstore.get_feature_set(feature_set.uri).spec.features}
    assert types["note"] == "str" and types["hops"] == "int" and types["up"] == "bool"


def test_windows_hold_what_had_arrived_and_what_came_too_late_is_counted(project):
    feature_set = probe_set(ParquetTarget("files"), name="arrivals")
    rows = probes().assign(probe="a", came=TIMES)
    rows.loc[1, "came"] += pd.Timedelta("7s")  # after the reading at 10 s, which has no loss
    rows.loc[0, "came"] += pd.Timedelta("1h")
    done = ingest_vectorized(feature_set, rows, arrival="came")
    assert (done.rows, done.duplicates, done.left_out) == (5, 0, {"too_late": 1})
    stored = read(feature_set)
    assert stored["at"].tolist() == TIMES[1:].tz_localize(None).tolist()
    assert stored["loss_count_10s"].tolist() == [1.0, 0.0, 1.0, 2.0, 2.0]
    assert stored["came"].tolist()[0] == rows["came"][1].tz_localize(None)
    with pytest.raises(InputError, match="column 'gone': must be in the frame"):
        ingest_vectorized(feature_set, rows, arrival="gone")
    with pytest.raises(InputError, match="column 'came': must have a time in every row, got '1 without'"):
        ingest_vectorized(feature_set, rows.assign(came=rows["came"].where(rows.index > 0)), arrival="came")


def test_mlrun_reads_every_type_of_value_from_the_online_target(project):
    feature_set = probe_set(RedisNoSqlTarget("now"), name="typed")
    ingest_vectorized(feature_set, probes().assign(seen=TIMES))
    vector = fstore.FeatureVector("typed-vector", ["typed.note", "typed.hops", "typed.up", "typed.seen"])
    with vector.get_online_feature_service() as service:
        first, second = service.get([{"probe": "a"}, {"probe": "b"}])
    assert first == {"note": "w", "hops": 5, "up": False, "seen": TIMES[5].to_pydatetime()}
    assert second == {"note": "z", "hops": 4, "up": True, "seen": TIMES[4].to_pydatetime()}


def test_the_entity_may_be_the_index_and_times_of_any_zone(project):
    feature_set = probe_set(name="indexed")
    rows = probes()
    rows["at"] = rows["at"].dt.tz_convert("Asia/Tokyo")
    assert ingest_vectorized(feature_set, rows.set_index("probe")).rows == 6
    assert read(feature_set)["at"].tolist() == TIMES.tz_localize(None).tolist()


def test_times_without_a_zone_are_utc(project):
    feature_set = probe_set(ParquetTarget("files"), RedisNoSqlTarget("now"), name="zoneless")
    rows = probes()
    rows["at"] = rows["at"].dt.tz_localize(None)
    ingest_vectorized(feature_set, rows)
    assert read(feature_set)["at"].tolist() == rows["at"].tolist()
    recorded = fstore.get_feature_set(feature_set.uri).status.targets["files"]
    assert recorded.last_written == "2024-03-01 00:00:25+00:00"


def test_duplicates_are_counted_and_the_first_is_kept(project):
    feature_set = probe_set(name="doubled")
    rows = pd.concat([probes(), probes().assign(loss=-1.0).head(2)])
    assert ingest_vectorized(feature_set, rows) == Ingested(rows=6, duplicates=2, online=None)
    assert read(feature_set)["loss"].tolist()[:2] == [0.5, 1.0]


def test_without_windows_every_row_is_kept_as_it_comes(project):
    feature_set = probe_set(windows=False, name="plain")
    rows = pd.concat([probes().iloc[::-1], probes().head(1)])
    assert ingest_vectorized(feature_set, rows) == Ingested(rows=7, duplicates=0, online=None)
    assert read(feature_set)["hops"].tolist() == [5, 4, 3, 2, 1, 0, 0]


def test_a_feature_set_without_times_keeps_the_last_row_of_a_key_online(project):
    feature_set = probe_set(
        ParquetTarget("files"), RedisNoSqlTarget("now"), windows=False, time=None, name="timeless"
    )
    rows = probes()[["probe", "hops"]]
    assert ingest_vectorized(feature_set, rows).online == OnlineWrite(written=2, older=0)
    assert read(feature_set)["hops"].tolist() == [0, 1, 2, 3, 4, 5]
    with fstore.FeatureVector("timeless-vector", ["timeless.*"]).get_online_feature_service() as service:
        assert service.get([{"probe": "a"}, {"probe": "b"}]) == [{"hops": 5}, {"hops": 4}]


def test_statistics_are_those_of_mlrun(project):
    feature_set = probe_set(windows=False, name="described")
    rows = probes().assign(constant=1.0, empty=np.nan, endless=[np.inf, 1, 2, 3, 4, 5])
    ingest_vectorized(feature_set, rows)
    stats = fstore.get_feature_set(feature_set.uri).status.stats
    with np.errstate(invalid="ignore"):
        expected = get_df_stats(rows.set_index("probe"), InferOptions.all())
    # JSON has no infinity: MLRun's client sends null.
    for statistic in ("mean", "max"):
        assert expected["endless"].pop(statistic) == np.inf and stats["endless"].pop(statistic) is None
    assert stats == expected
    assert "hist" in stats["constant"] and "hist" not in stats["endless"]


def test_what_is_not_asked_for_is_not_found_out(project):
    feature_set = probe_set(name="quiet")
    ingest_vectorized(feature_set, probes(), InferOptions.schema())
    status = fstore.get_feature_set(feature_set.uri).status
    assert status.stats == {} and status.preview == []


def test_a_single_file_is_written_at_its_address(project, tmp_path):
    feature_set = probe_set(ParquetTarget("files", path=str(tmp_path / "probes.parquet")), name="single")
    ingest_vectorized(feature_set, probes())
    (file,) = tmp_path.rglob("*.parquet")
    assert file.name == "probes.parquet"
    assert len(read(feature_set)) == 6


def test_no_rows_leave_an_empty_target(project):
    feature_set = probe_set(ParquetTarget("files"), RedisNoSqlTarget("now"), name="empty")
    assert ingest_vectorized(feature_set, probes().head(0)) == Ingested(0, 0, OnlineWrite(0, 0))
    status = fstore.get_feature_set(feature_set.uri).status
    assert status.stats == {}
    assert status.targets["files"].last_written == "0001-01-01 00:00:00"


def test_what_was_there_stays_if_the_new_rows_cannot_be_written(project, monkeypatch):
    feature_set = probe_set(name="kept")
    ingest_vectorized(feature_set, probes())
    monkeypatch.setattr(PartitionFiles, "written", lambda files: (HistoryFile("", 5, 0, 0, 0),))
    with pytest.raises(IngestError, match="every row must be in target 'files', got 5 of 6"):
        ingest_vectorized(probe_set(name="kept"), probes())
    assert len(read(feature_set)) == 6


def test_files_of_an_ingestion_that_failed_are_removed(project, monkeypatch):
    def away(rows, table):
        raise IngestError("the online store is away")

    feature_set = probe_set(ParquetTarget("files"), RedisNoSqlTarget("now"), name="half")
    ingest_vectorized(feature_set, probes())
    before = read(feature_set)
    monkeypatch.setattr(NewestRows, "write", away)
    with pytest.raises(IngestError, match="the online store is away"):
        ingest_vectorized(feature_set, probes().head(2))
    pd.testing.assert_frame_equal(read(feature_set), before)
    runs = Path(fstore.get_feature_set(feature_set.uri).get_target_path("files")).parent
    assert len(list(runs.rglob("*.parquet"))) == len(list(runs.iterdir())) == 1


def unsupported(project, feature_set, message, **kwargs):
    with pytest.raises(InputError, match=message):
        ingest_vectorized(feature_set, probes(), **kwargs)
    assert not any(feature_set.status.targets)


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        ([CSVTarget("table")], "target 'table': must be among parquet, redisnosql, got 'csv'"),
        ([ParquetTarget("f", partition_cols=["note"])], "target 'f': must not have 'partition_cols'"),
        (
            [ParquetTarget("f", key_bucketing_number=0)],
            "target 'f': must not have 'key_bucketing_number', got 0",
        ),
        ([ParquetTarget("f", after_step="Aggregates")], "target 'f': must not have 'after_step'"),
        (
            [ParquetTarget("f", path="/x/y.parquet", partitioned=True)],
            "target 'f': must be a folder, if it is partitioned",
        ),
    ],
)
def test_targets_that_are_not_written_are_refused(project, targets, message):
    unsupported(project, probe_set(*targets, name="refused"), message)


def test_other_steps_and_entities_are_refused(project):
    stepped = probe_set(name="refused")
    stepped.graph.add_step("storey.Filter", "only", after="$prev", _fn="(event['loss'] > 1)")
    unsupported(project, stepped, "graph step 'only': must be of add_aggregation")
    unsupported(project, probe_set(entities=("probe", "site")), "entities: must be one, got .*'site'")
    unsupported(project, probe_set(entities=()), r"entities: must be one, got \[\]")
    passing = probe_set(windows=False, name="refused")
    passing.spec.passthrough = True
    unsupported(project, passing, "passthrough: must be off")
    filtered = probe_set(name="refused")
    filtered.graph.steps["Aggregates"].class_args["aggregates"][0]["max_value"] = 3
    unsupported(project, filtered, "must not have 'max_value' in aggregation 'loss'")
    policy = probe_set(name="refused")
    policy.graph.steps["Aggregates"].class_args["emit_policy"] = {"mode": "afterPeriod"}
    unsupported(project, policy, "graph step 'Aggregates': must not have 'emit_policy'")
    untargeted = probe_set(name="refused")
    untargeted.spec.targets = []
    unsupported(project, untargeted, "targets: must be set with set_targets")


@pytest.mark.parametrize("key", ["a\0b", "\ud800", None, True])
def test_keys_are_checked_without_windows_too(project, key):
    rows = probes()
    rows.loc[2, "probe"] = key
    with pytest.raises(InputError, match="column 'probe': must"):
        ingest_vectorized(probe_set(windows=False, name="unkeyed"), rows)


def test_windows_that_our_engine_does_not_compute_are_refused(project):
    fixed = fstore.FeatureSet("refused", entities=["probe"], timestamp_key="at")
    fixed.add_aggregation("loss", ["sum"], ["10s"])
    fixed.set_targets([ParquetTarget("f")], with_defaults=False)
    with pytest.raises(InputError, match="must have a period"):
        ingest_vectorized(fixed, probes())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: rows.drop(columns="probe"), "column 'probe': must be in the frame"),
        (lambda rows: rows.drop(columns="at"), "column 'at': must be in the frame"),
        (lambda rows: rows.drop(columns="loss"), "column 'loss': must be in the frame"),
        (
            lambda rows: rows.assign(loss_sum_10s=1.0),
            "column 'loss_sum_10s': must not be named as a computed feature",
        ),
        (lambda rows: rows.assign(probe=[None, *rows["probe"][1:]]), "column 'probe': .* got '1 without'"),
        (
            lambda rows: rows.assign(probe=["a\0b", *rows["probe"][1:]]),
            "column 'probe': .* without NUL, got 'a",
        ),
        (
            lambda rows: rows.assign(probe=["\ud800", *rows["probe"][1:]]),
            "column 'probe': must be whole Unicode",
        ),
        (
            lambda rows: rows.assign(probe=pd.Series([1, True] * 3, dtype=object)),
            "column 'probe': .* got True",
        ),
        (lambda rows: rows.assign(at=rows["at"].astype(str)), "column 'at': must be times, got 'object'"),
        (lambda rows: rows.assign(at=rows["at"].where(rows["hops"] > 1)), "column 'at': .* got '2 without'"),
        (lambda rows: rows.rename(columns={"note": "a note"}), "without spaces and brackets, got 'a note'"),
        (lambda rows: rows.rename(columns={"note": "up"}), "must have different names"),
        (
            lambda rows: rows.assign(hops=np.arange(6, dtype="int8")),
            "column 'hops': must be of type str in every",
        ),
    ],
)
def test_frames_that_do_not_fit_are_refused(project, change, message):
    feature_set = probe_set(name="unfit")
    with pytest.raises(InputError, match=message):
        ingest_vectorized(feature_set, change(probes()))
    with pytest.raises(Exception, match="unfit"):
        fstore.get_feature_set(f"{project}/unfit")
