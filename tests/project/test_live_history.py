"""What an endpoint accepts becomes history: once, as if it had come in files, with the features it served."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from project.live_history import take_live
from tests.feature_sets.conftest import project  # noqa: F401 - a fixture
from tests.feature_sets.ingestion.folders import forget_all, states
from tests.feature_sets.ingestion.histories import assert_same_bits
from tests.project.live_network import (
    ARRIVING,
    PLAIN,
    Endpoint,
    Past,
    conversation,
    label_rows,
    open_endpoint,
)

both_schemas = pytest.mark.parametrize("schema", [PLAIN, ARRIVING], ids=["no arrival", "arrival"])


def at_once(tmp_path, schema: TelemetrySchema, past: Past, endpoint: Endpoint, requests, url: str):
    """States after one ingestion of everything from files."""
    accepted = endpoint.accepted()
    if schema.arrival is None:  # Nobody knows then that these were from the future.
        accepted = accepted[accepted["status"] != "quarantined"].drop(columns="received")
    forget_all()
    folder = past.folder(tmp_path / "at-once", schema)
    # After "past" in the order of names, so that of equal ones those of the past stay.
    folder.add("metrics", "then", accepted.drop(columns="status"))
    folder.add("labels", "then", label_rows(requests))
    folder.ingest()
    return states(url)


def offline_features(table: pa.Table, served) -> pd.DataFrame:
    """Offline rows of the events that were served, by device and time."""
    frame = table.to_pandas()
    frame["timestamp"] = frame["timestamp"].dt.tz_localize("UTC")
    keys = [(device, pd.Timestamp(round(time * 1e6), unit="us", tz="UTC")) for device, time in served]
    return frame.set_index([DEVICE, "timestamp"]).loc[keys]


def different(schema: TelemetrySchema, table: pa.Table, served) -> list[tuple[str, float]]:
    """Served events with a feature of other bits than offline."""
    offline = offline_features(table, served)
    names = list(schema.live_features)
    made = np.array([[row[name] for name in names] for row in served.values()], dtype=np.float64)
    stored = np.ascontiguousarray(offline[names].to_numpy(dtype=np.float64))
    same = (made.view(np.int64) == stored.view(np.int64)) | (np.isnan(made) & np.isnan(stored))
    return [key for key, alike in zip(served, same.all(axis=1), strict=True) if not alike]


@both_schemas
def test_live_becomes_history_as_if_it_had_been_in_files(project, local_stack, tmp_path, schema):  # noqa: F811
    url = local_stack.info.redis_url
    forget_all()
    generator = np.random.default_rng(8)
    past = Past.random(generator)
    past.folder(tmp_path / "files", schema).ingest()
    endpoint = open_endpoint(tmp_path, project, url, schema)
    client = endpoint.start()
    requests = conversation(generator)
    results = []
    for number, (path, body) in enumerate(requests):
        assert endpoint.send(path, body).status == 200
        if number in (33, 34, 90):
            results.append(take_live(endpoint.journal, schema))
        if number == 70:
            client.shut_down()
            client = endpoint.start()
    results.append(take_live(endpoint.journal, schema))
    client.shut_down()
    first = states(url)

    # Once more changes nothing.
    again = take_live(endpoint.journal, schema)
    assert again["readings"] == again["labels"] == 0
    assert [state.folder for state in states(url)] == [state.folder for state in first]

    accepted = endpoint.accepted()
    assert sum(result["readings"] for result in results) == len(accepted)
    statuses = accepted["status"].value_counts()
    assert {"accepted", "late", "too_late", "duplicate", "quarantined"} <= set(statuses.index)
    assert sum(result["readings_quarantined"] for result in results) == statuses["quarantined"]
    once_each = accepted[accepted["status"] != "quarantined"].drop_duplicates([DEVICE, "timestamp"])
    known = pd.MultiIndex.from_frame(past.rows[[DEVICE, "timestamp"]])
    new = ~pd.MultiIndex.from_frame(once_each[[DEVICE, "timestamp"]]).isin(known)
    late = (once_each["status"].isin(["late", "too_late"]) & new).sum()
    assert sum(result["late_readings"] for result in results) == (0 if schema.arrival else late)

    served = endpoint.served
    wrong = different(schema, first[0].table, served)
    if schema.arrival:
        assert not wrong
    else:  # Only where a late reading came within the longest window.
        assert 0 < len(wrong) < len(served) / 2

    once = at_once(tmp_path, schema, past, endpoint, requests, url)
    for mine, theirs in zip(first, once, strict=True):
        assert_same_bits(mine.table, theirs.table)
        assert mine.online == theirs.online
    forget_all()
