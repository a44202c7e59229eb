"""A file with rows from the future: they join the history when their time has come."""

from __future__ import annotations

import functools

import pandas as pd
import pytest

from feature_sets.ingestion import ingest as ingest_job
from feature_sets.ingestion.sources import FolderSource
from tests.feature_sets.ingestion.folders import MODELS, Folder, day_of, forget_all, states
from tests.feature_sets.ingestion.histories import assert_same_states


def test_rows_of_tomorrow_join_tomorrow(
    tmp_path, project: str, local_stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    forget_all()
    folder = Folder(tmp_path / "early")
    folder.static(MODELS)
    metrics, labels = day_of(1)
    folder.add("metrics", "all", metrics)
    folder.add("labels", "all", labels)
    middle = metrics["timestamp"].sort_values().iloc[len(metrics) // 2]

    def ingest_at(now: pd.Timestamp) -> dict[str, int]:
        at = functools.partial(FolderSource, clock=now.timestamp)
        monkeypatch.setattr(ingest_job, "FolderSource", at)
        return folder.ingest()

    first = ingest_at(middle)
    late = int((metrics["timestamp"] > middle + pd.Timedelta("60s")).sum())
    assert (first["rows_rejected"], first["rows_new"]) == (late, len(metrics) - late) and late > 0
    assert ingest_at(middle)["rows_new"] == 0
    then = ingest_at(metrics["timestamp"].max())
    assert (then["rows_new"], then["rows_rejected"]) == (late, 0)
    found = states(local_stack.info.redis_url)
    forget_all()
    assert folder.ingest()["rows_rejected"] == 0
    assert_same_states(found, states(local_stack.info.redis_url))
