"""Random histories, cut into parts in any way, and what an ingestion of them leaves behind."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlrun
import mlrun.errors
import mlrun.feature_store as fstore
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import redis
from mlrun.datastore.targets import get_target_driver

from feature_sets.ingestion.history.switch import purge
from feature_sets.rows.whole_numbers import whole_array
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema

SCHEMA = TelemetrySchema.from_dict(
    {
        "name": "tiny",
        "entity": ["box"],
        "time": "timestamp",
        "metrics": {"cpu": {}, "latency": {}},
        "label": "is_error",
        "static": ["model"],
        "exclude_labels": {"repair": True},
        "horizon": "90s",
        "windows": {
            "lengths": ["20s", "1m"],
            "period": "10s",
            "operations": ["avg", "stddev", "min", "max", "first", "last", "median", "count", "sum"],
        },
        "derived": {
            "ratios": [{"operation": "avg", "short": "20s", "long": "1m"}],
            "variation": ["1m"],
            "change": ["1m"],
        },
    }
)

WITH_ARRIVAL = TelemetrySchema.from_dict({**SCHEMA.to_dict(), "arrival": "received"})

RELATIVE = TelemetrySchema.from_dict(
    {
        **SCHEMA.to_dict(),
        "derived": {
            **SCHEMA.derived.to_dict(),
            "relative": {
                "operations": ["avg", "stddev"],
                "windows": ["20s", "1m"],
                "after": 3,
                "same_hour": ["1m"],
                "of_max": ["20s"],
            },
        },
    }
)

RELATIVE_WITH_ARRIVAL = TelemetrySchema.from_dict({**RELATIVE.to_dict(), "arrival": "received"})

GROUPED = TelemetrySchema.from_dict(
    {
        **SCHEMA.to_dict(),
        "topology": {"directed": True},
        "derived": {
            **SCHEMA.derived.to_dict(),
            "neighbors": {
                "operations": ["avg", "max"],
                "windows": ["20s"],
                "statistics": ["max", "mean", "median"],
                "directions": ["any", "upstream"],
                "hops": 2,
                "max_age": "1m",
            },
            "peers": {
                "by": "model",
                "statistics": ["median", "mean"],
                "comparisons": ["difference", "ratio"],
                "max_age": "30s",
            },
        },
    }
)

GROUPED_WITH_ARRIVAL = TelemetrySchema.from_dict({**GROUPED.to_dict(), "arrival": "received"})

GROUPED_RELATIVE = TelemetrySchema.from_dict(
    {
        **GROUPED_WITH_ARRIVAL.to_dict(),
        "derived": {**GROUPED.derived.to_dict(), "relative": RELATIVE.derived.to_dict()["relative"]},
    }
)

COUNTED = TelemetrySchema.from_dict(
    {
        **SCHEMA.to_dict(),
        "metrics": {"cpu": {"kind": "counter", "max_rate": 1e6, "range": [0, 1e5]}, "latency": {}},
        "uptime": {"column": "up", "unit": "timeticks"},
        "counters": {"min_interval": "2s", "max_gap": "90s"},
    }
)

COUNTED_WITH_ARRIVAL = TelemetrySchema.from_dict({**COUNTED.to_dict(), "arrival": "received"})

COUNTED_GROUPED = TelemetrySchema.from_dict(
    {**COUNTED_WITH_ARRIVAL.to_dict(), **{name: GROUPED.to_dict()[name] for name in ("topology", "derived")}}
)

MIDNIGHT = pd.Timestamp("2024-01-02T00:00:00Z")


def seeds(count: int, more: int) -> list[Any]:
    """Seeds of random histories: so many with all tests, and further ones with ``make figures``."""
    return [*range(count), *(pytest.param(seed, marks=pytest.mark.figures) for seed in range(count, more))]


def counted(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with ``cpu`` as a counter near the top of 64 bits, and ``up``, a device's uptime in ticks.

    Missing ones stay; some of the others are a reset, and some a restart of the device.
    """
    seconds = (rows["timestamp"] - MIDNIGHT).dt.total_seconds().to_numpy() + 1e6
    cpu = rows["cpu"].to_numpy(dtype=np.float64, na_value=np.nan)
    told = ~np.isnan(cpu)
    more = np.round(1000 * seconds + 50 * np.clip(np.where(told, cpu, 0.0), 0, 1000)).astype(np.uint64)
    numbers = np.where(cpu == 0.0, np.uint64(5), np.uint64(2**64 - 10**9) + more)
    up = np.where(cpu == 1e9, 300.0, np.where(cpu == 7.0, np.nan, np.round(seconds * 100)))
    return rows.assign(cpu=whole_array(numbers, told), up=up)


def readings(generator: np.random.Generator, rows: int = 300, devices: int = 4) -> pd.DataFrame:
    """Rows of some minutes around two midnights: ties, gaps, missing readings, delays, not in order."""
    days = generator.choice([-1440, 0, 0, 0, 1440], rows)
    seconds = generator.integers(-240, 240, rows) + 60 * days
    frame = pd.DataFrame(
        {
            DEVICE: [f"dev-{at}" for at in generator.integers(0, devices, rows)],
            "timestamp": MIDNIGHT + pd.to_timedelta(seconds, unit="s"),
            "cpu": generator.normal(50, 10, rows),
            "latency": np.where(generator.random(rows) < 0.2, np.nan, generator.gamma(2.0, 5.0, rows)),
        }
    )
    # Some cancel out, and some are alike.
    frame.loc[generator.random(rows) < 0.1, "cpu"] = generator.choice([0.0, -0.0, 1e9])
    # Some are sent again, as they were or with another reading, then or later.
    again = frame.sample(frac=0.15, random_state=int(generator.integers(1000)))
    again = again.assign(cpu=np.where(generator.random(len(again)) < 0.5, again["cpu"], 7.0))
    frame = pd.concat([frame, again]).sample(frac=1.0, random_state=int(generator.integers(1000)))
    frame = frame.reset_index(drop=True)
    delay = generator.choice([0, 0, 1, 12, 55, 75, 3000, 90_000, -20, -300], len(frame))
    frame["received"] = frame["timestamp"] + pd.to_timedelta(delay, unit="s")
    return frame


def labels(generator: np.random.Generator, rows: pd.DataFrame) -> pd.DataFrame:
    pairs = rows[[DEVICE, "timestamp"]].drop_duplicates(ignore_index=True)
    pairs = pairs[generator.random(len(pairs)) < 0.9].reset_index(drop=True)
    return pairs.assign(
        is_error=(generator.random(len(pairs)) < 0.1).astype(int),
        repair=generator.random(len(pairs)) < 0.05,
    )


def parts(generator: np.random.Generator, frame: pd.DataFrame, count: int) -> list[pd.DataFrame]:
    """The rows in some parts, by time with late ones among them, or in no order at all."""
    if generator.random() < 0.5:
        number = generator.integers(0, count, len(frame))
    else:
        number = (frame["timestamp"].rank(pct=True) * count).clip(upper=count - 1).astype(int).to_numpy()
        late = generator.random(len(frame)) < 0.1
        number = np.where(late, generator.integers(0, count, len(frame)), number)
    order = generator.permutation(count)
    cut = [frame[number == part].reset_index(drop=True) for part in order]
    return [part for part in cut if len(part)]


@dataclass
class State:
    """What a feature set holds."""

    table: pa.Table
    online: dict[str, dict[str, str]]
    stats: dict[str, Any]
    last_written: str
    manifest: dict[str, Any]
    folder: Path


def state_of(name: str, redis_url: str) -> State:
    """Rows sorted by device and time, online rows without the time of the write, statistics."""
    feature_set = fstore.get_feature_set(name)
    folder = Path(feature_set.get_target_path("parquet"))
    manifest = json.loads((folder / "_history.json").read_text())
    listed = sorted(file["path"] for file in manifest["files"])
    files = sorted(str(path.relative_to(folder)) for path in folder.rglob("*.parquet") if path.name[0] != "_")
    assert files == listed
    for file in manifest["files"]:
        times = pq.read_table(folder / file["path"], partitioning=None)["timestamp"]
        micros = times.cast(pa.timestamp("us")).cast(pa.int64()).to_numpy()
        assert (len(micros), micros.min(), micros.max()) == (file["rows"], file["first"], file["last"])
        assert list(micros) == sorted(micros)
    tables = [pq.read_table(folder / file, partitioning=None) for file in files]
    table = pa.concat_tables([one.replace_schema_metadata(None) for one in tables])
    # MLRun's own reader sees the same rows.
    assert len(feature_set.to_dataframe()) == table.num_rows
    return State(
        table=table.sort_by([(DEVICE, "ascending"), ("timestamp", "ascending")]),
        online=online_rows(feature_set, redis_url),
        stats=feature_set.status.stats,
        last_written=str(feature_set.status.targets["parquet"].last_written),
        manifest=manifest,
        folder=folder,
    )


def forget(name: str) -> None:
    """Delete a feature set with all that it left.

    The way of MLRun's own ``purge_targets`` asks its API twice as often, and saves what is deleted next.
    """
    database = mlrun.get_run_db()
    try:
        feature_set = database.get_feature_set(name)
    except mlrun.errors.MLRunNotFoundError:
        return
    folder = Path(feature_set.get_target_path("parquet")).parent
    purge(get_target_driver(target, feature_set) for target in feature_set.status.targets)
    shutil.rmtree(folder, ignore_errors=True)
    database.delete_feature_set(name)


class KeptHistories:
    """What feature sets hold now, to be had again as often as it is asked for.

    :param names: of the feature sets.
    :param project: theirs.
    :param folder: an empty one, for copies of their files.
    """

    def __init__(self, names: Sequence[str], project: str, redis_url: str, folder: Path) -> None:
        self._names, self._folder, self._redis = names, folder, redis.Redis.from_url(redis_url)
        self._pattern, database = f"*{project}*", mlrun.get_run_db()
        self._records = {name: database.get_feature_set(name) for name in names}
        self._rows = {key: self._redis.dump(key) for key in self._redis.scan_iter(self._pattern)}
        for name in names:
            shutil.copytree(self._files(name), folder / name)

    def _files(self, name: str) -> Path:
        return Path(self._records[name].get_target_path("parquet")).parent

    def restore(self) -> None:
        for name in self._names:
            forget(name)
            shutil.rmtree(self._files(name), ignore_errors=True)
            shutil.copytree(self._folder / name, self._files(name))
            mlrun.get_run_db().store_feature_set(self._records[name].to_dict())
        for key in self._redis.scan_iter(self._pattern):
            self._redis.delete(key)
        for key, value in self._rows.items():
            self._redis.restore(key, 0, value)


def online_rows(feature_set: fstore.FeatureSet, redis_url: str) -> dict[str, dict[str, str]]:
    if "online" not in [target.name for target in feature_set.status.targets]:
        return {}
    run_id = feature_set.status.targets["online"].run_id
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        keys = list(client.scan_iter(f"*{run_id}*:static"))
        rows = {key.rpartition("/")[2]: client.hgetall(key) for key in keys}
    return {
        key: {field: text for field, text in row.items() if "mtime" not in field} for key, row in rows.items()
    }


def readings_of(schema: TelemetrySchema, generator: np.random.Generator) -> pd.DataFrame:
    """Readings as a schema has them: counters if it has any, and no arrival unless it asks for one."""
    rows = readings(generator)
    rows = counted(rows) if schema.counter_metrics else rows
    return rows if schema.arrival else rows.drop(columns="received")


def assert_same_bits(one: pa.Table, other: pa.Table) -> None:
    assert one.schema.equals(other.schema)
    assert one.num_rows == other.num_rows
    for name in one.column_names:
        mine, theirs = one[name].combine_chunks(), other[name].combine_chunks()
        assert mine.is_valid().equals(theirs.is_valid()), name
        if pa.types.is_floating(mine.type):
            mine, theirs = (
                pa.array(column.fill_null(0.0).to_numpy().view(np.int64)) for column in (mine, theirs)
            )
        assert mine.equals(theirs), name


def assert_same_state(one: State, other: State) -> None:
    assert_same_rows([one], [other])
    assert one.stats == other.stats
    assert one.last_written == other.last_written


def assert_same_states(mine: Iterable[State], theirs: Iterable[State]) -> None:
    for one, other in zip(mine, theirs, strict=True):
        assert_same_state(one, other)


def assert_same_rows(mine: Iterable[State], theirs: Iterable[State]) -> None:
    """Statistics and the time of writing may differ."""
    for one, other in zip(mine, theirs, strict=True):
        assert_same_bits(one.table, other.table)
        assert one.online == other.online


def links() -> pd.DataFrame:
    """A chain of the devices ``dev-0`` to ``dev-3``, of which one link is moved at midnight."""
    none = pd.NaT
    rows = [
        ("dev-0", "dev-1", none, MIDNIGHT),
        ("dev-0", "dev-2", MIDNIGHT, none),
        ("dev-1", "dev-2", none, none),
        ("dev-2", "dev-3", none, none),
    ]
    frame = pd.DataFrame(rows, columns=["device", "neighbor", "valid_from", "valid_until"])
    return frame.astype(dict.fromkeys(["valid_from", "valid_until"], "datetime64[ns, UTC]"))
