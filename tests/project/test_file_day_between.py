"""A day that came by file between live days is in the features that are relative to a device's past."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from feature_sets.telemetry.schema import DEVICE
from graphs.state import level_history
from project.live_history import take_live
from tests.feature_sets.ingestion.folders import MODELS, forget_all, states
from tests.feature_sets.ingestion.histories import GROUPED_RELATIVE
from tests.graphs.conftest import write_package
from tests.graphs.snapshots.conftest import taken
from tests.project.live_network import (
    INPUTS,
    PLAIN,
    RELATIVE_ARRIVING,
    RELATIVE_PLAIN,
    START,
    TICK,
    Past,
    offline_rows,
    open_endpoint,
)

GROUPED = replace(GROUPED_RELATIVE, horizon=PLAIN.horizon)
DAY = 100
"""Ticks, which is longer than the windows reach and than the endpoint remembers a silent device."""


@pytest.fixture(autouse=True)
def read_in_parts(monkeypatch):
    monkeypatch.setattr(level_history, "_ROWS", 50)


def live_day(generator, number: int, ticks: int = 30):
    """Requests of a day, one a tick, without anything late."""
    found = []
    for tick in range(ticks):
        at = START + pd.Timedelta(seconds=TICK * (number * DAY + tick))
        cpu, latency = generator.normal(50 + 9 * number, 10, len(MODELS)), generator.gamma(2.0, 5.0, 4)
        found.append(
            [
                {"device": device, "timestamp": at.isoformat(), "cpu": cpu[place], "latency": latency[place]}
                for place, device in enumerate(MODELS)
            ]
        )
    return found


def file_day(generator, number: int) -> pd.DataFrame:
    times = pd.date_range(START + pd.Timedelta(seconds=TICK * number * DAY), periods=90, freq=f"{TICK}s")
    return pd.DataFrame(
        {
            DEVICE: np.tile(list(MODELS), len(times)),
            "timestamp": times.repeat(len(MODELS)),
            "cpu": generator.normal(20, 5, len(times) * len(MODELS)),
            "latency": generator.gamma(2.0, 5.0, len(times) * len(MODELS)),
        }
    )


def assert_equals_history(schema, table, served) -> None:
    offline = offline_rows(table, served)
    for name in schema.live_features:
        made = np.array([row[name] for row in served.values()], dtype=np.float64)
        stored = offline[name].to_numpy(dtype=np.float64)
        same = (made == stored) | (np.isnan(made) & np.isnan(stored))
        assert same.all(), (name, int((~same).sum()), len(same))


@pytest.mark.parametrize("restart", ["none", "journal", "snapshot", "version"])
@pytest.mark.parametrize("sent_before", [0, 3], ids=["at once", "after live readings"])
@pytest.mark.parametrize(
    "schema", [RELATIVE_PLAIN, RELATIVE_ARRIVING, GROUPED], ids=["no arrival", "arrival", "groups"]
)
def test_live_equals_the_history_after_a_day_by_file(
    project, local_stack, tmp_path, schema, sent_before, restart
):
    """Also where the endpoint is made anew, and where live readings came after the file's day was written."""
    forget_all()
    generator = np.random.default_rng(31)
    folder = Past.random(generator).folder(tmp_path / "files", schema)
    folder.ingest()
    endpoint = open_endpoint(tmp_path, project, local_stack.info.redis_url, schema)
    if restart == "snapshot":
        endpoint.settings |= {
            "snapshot_directory": str(tmp_path / "snapshots"),
            "snapshot_seconds": 3600,
        }
    client = endpoint.start()
    for body in live_day(generator, 0):
        assert endpoint.send("/telemetry", body).status == 200
    if restart == "snapshot":  # Of before the day, with which the endpoint begins after it.
        taken(client)
    take_live(endpoint.journal, schema)
    rows = file_day(generator, 1)
    if schema.arrival:  # As a collector wrote them down, after all that came live.
        rows["received"] = pd.Timestamp.now(tz="UTC") + pd.to_timedelta(np.arange(len(rows)), unit="us")
    folder.add("metrics", "then", rows)
    following = live_day(generator, 2)
    folder.ingest()
    early = following[:sent_before]
    for body in early:
        assert endpoint.send("/telemetry", body).status == 200
    endpoint.served.clear()  # They came before the endpoint was told.
    if restart == "none":
        assert endpoint.send("/devices/reload", None).status == 200
    else:
        client.shut_down()
        if restart == "version":
            (tmp_path / "second").mkdir()
            endpoint.package = write_package(tmp_path / "second", schema, seed=4, inputs=INPUTS)
        client = endpoint.start()
    for body in following[sent_before:]:
        assert endpoint.send("/telemetry", body).status == 200
    served = dict(endpoint.served)
    take_live(endpoint.journal, schema)
    assert endpoint.send("/devices/reload", None).status == 200
    endpoint.served.clear()
    for body in live_day(generator, 3, 5):
        assert endpoint.send("/telemetry", body).status == 200
    served |= endpoint.served
    take_live(endpoint.journal, schema)
    client.shut_down()
    table = states(local_stack.info.redis_url)[0].table
    assert len(served) == (len(following) - sent_before + 5) * len(MODELS)
    assert_equals_history(schema, table, served)
    forget_all()
