"""A process may be killed at any step of an ingestion: readers see all or nothing, the next one does it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlrun.feature_store as fstore
import numpy as np
import pandas as pd
import pytest
import redis

from feature_sets.device_metrics import device_metrics
from feature_sets.ingestion import newest_rows, next_history, vectorized_ingest
from feature_sets.ingestion.append import append_rows
from feature_sets.ingestion.errors import IngestError
from feature_sets.ingestion.history import parquet_partitions, switch, target_folder
from feature_sets.ingestion.history.target_folder import TargetFolder
from feature_sets.ingestion.vectorized_ingest import ingest_vectorized
from feature_sets.telemetry.schema import DEVICE
from tests.feature_sets.ingestion.folders import MODELS, SETS, Folder, add_day, forget_all, states
from tests.feature_sets.ingestion.histories import (
    SCHEMA,
    KeptHistories,
    assert_same_bits,
    assert_same_state,
    assert_same_states,
    forget,
    parts,
    readings,
    state_of,
)


class KilledError(BaseException):
    """The end of a process: nothing of it runs after that."""


class Death:
    """Kills at one of the steps that leave something behind, before or after it."""

    def __init__(self, patch: pytest.MonkeyPatch, at: int) -> None:
        self.steps = 0
        self.dead = False
        self._at = at
        for owner, name in (
            (target_folder, "write_table"),
            (parquet_partitions.OpenFile, "write"),
            (TargetFolder, "take_over"),
            (TargetFolder, "write_manifest"),
            (newest_rows, "write_newest"),
            (fstore.FeatureSet, "save"),
            (TargetFolder, "remove"),
            (switch, "purge"),
            (vectorized_ingest, "purge"),
        ):
            patch.setattr(owner, name, self._mortal(getattr(owner, name)))

    def _mortal(self, step: Callable[..., Any]) -> Callable[..., Any]:
        def mortal(*args: Any, **kwargs: Any) -> Any:
            if self.dead:
                raise KilledError
            self.steps += 1
            if self.steps == self._at:
                self.dead = True
                if step.__name__ == "write_table":  # Half of it is there.
                    file_system, address, _ = args
                    file_system.makedirs(address.rpartition("/")[0], exist_ok=True)
                    file_system.pipe_file(address, b"PAR1 half a file")
                raise KilledError
            return step(*args, **kwargs)

        return mortal


def sorted_rows() -> list[pd.DataFrame]:
    generator = np.random.default_rng(5)
    rows = readings(generator, 120).drop(columns="received").drop_duplicates([DEVICE, "timestamp"])
    return parts(generator, rows.sort_values(["timestamp", DEVICE], ignore_index=True), 3)


def begun(first: pd.DataFrame, second: pd.DataFrame, project: str, url: str, copies: Path) -> KeptHistories:
    """A history of two parts, and nothing of an earlier one."""
    forget("device_metrics")
    append_rows(device_metrics(SCHEMA), first)
    append_rows(device_metrics(SCHEMA), second)
    return KeptHistories(["device_metrics"], project, url, copies)


def folders(state_folder: Path) -> list[str]:
    return sorted(path.name for path in state_folder.parent.iterdir())


def online_tables(redis_url: str, project: str) -> set[str]:
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        return {key.rsplit("/", 1)[0] for key in client.scan_iter(f"*{project}*device_metrics*")}


def killed_everywhere(
    act: Callable[[], object],
    before: Callable[[], object],
    check: Callable[[], None],
    patch: pytest.MonkeyPatch,
) -> int:
    """Kill an act at each of its steps, each time from the same beginning; gives the number of steps."""
    at = 0
    while True:
        at += 1
        before()
        with patch.context() as patched:
            death = Death(patched, at)
            with contextlib.suppress(KilledError):
                act()
        check()
        if not death.dead:
            return at - 1


def test_an_addition_may_be_killed_at_every_step(project, local_stack, monkeypatch, tmp_path):
    url = local_stack.info.redis_url
    first, second, third = sorted_rows()

    kept = begun(first, second, project, url, tmp_path)
    old = state_of("device_metrics", url)
    append_rows(device_metrics(SCHEMA), third)
    new = state_of("device_metrics", url)
    seen = set()

    def check() -> None:
        found = state_of("device_metrics", url)
        seen.add(found.table.num_rows)
        # Readers see the one or the other, and never a mixture; a newer online row is never taken back.
        assert_same_bits(found.table, old.table if found.table.num_rows == old.table.num_rows else new.table)
        append_rows(device_metrics(SCHEMA), third)
        done = state_of("device_metrics", url)
        assert_same_state(done, new)
        # Nothing stays of what was begun but the state before, for those who still read it.
        last = append_rows(
            device_metrics(SCHEMA), third.assign(timestamp=third["timestamp"] + pd.Timedelta("9d"))
        )
        assert last.new == len(third)
        assert len(folders(done.folder)) == 2

    steps = killed_everywhere(
        lambda: append_rows(device_metrics(SCHEMA), third), kept.restore, check, monkeypatch
    )
    assert steps >= 8
    assert seen == {old.table.num_rows, new.table.num_rows}


def test_a_replacement_may_be_killed_at_every_step(project, local_stack, monkeypatch, tmp_path):
    url = local_stack.info.redis_url
    first, second, third = sorted_rows()

    kept = begun(first, second, project, url, tmp_path)
    old = state_of("device_metrics", url)
    ingest_vectorized(device_metrics(SCHEMA), third)
    new = state_of("device_metrics", url)

    def check() -> None:
        found = state_of("device_metrics", url)
        assert_same_state(found, old if found.table.num_rows == old.table.num_rows else new)
        ingest_vectorized(device_metrics(SCHEMA), third)
        done = state_of("device_metrics", url)
        assert_same_state(done, new)
        assert folders(done.folder) == [done.folder.name]
        assert len(online_tables(url, project)) == 1

    assert (
        killed_everywhere(
            lambda: ingest_vectorized(device_metrics(SCHEMA), third), kept.restore, check, monkeypatch
        )
        >= 8
    )


@pytest.mark.figures
def test_the_job_may_be_killed_at_every_step(project, local_stack, monkeypatch, tmp_path):
    url = local_stack.info.redis_url
    folder = Folder(tmp_path / "telemetry")
    forget_all()
    folder.static(MODELS)
    add_day(folder, 1)
    folder.ingest()
    kept = KeptHistories([*SETS, "devices"], project, url, tmp_path / "copies")
    folder.static({**MODELS, "dev-0": "m9", "new": "m7"})
    add_day(folder, 2, devices=("dev-0", "new"))

    def check() -> None:
        folder.ingest()
        assert_same_states(states(url), new)
        found = fstore.get_feature_set("devices").to_dataframe().sort_index()
        pd.testing.assert_frame_equal(found, devices)

    folder.ingest()
    new = states(url)
    devices = fstore.get_feature_set("devices").to_dataframe().sort_index()
    assert killed_everywhere(folder.ingest, kept.restore, check, monkeypatch) >= 15


def test_what_fails_leaves_the_history_as_it_was(project, local_stack, monkeypatch):
    url = local_stack.info.redis_url
    first, second, _ = sorted_rows()
    forget("device_metrics")
    append_rows(device_metrics(SCHEMA), first)
    before = state_of("device_metrics", url)

    def away(*args: Any, **kwargs: Any) -> None:
        raise IngestError("it is away")

    for owner, name in (
        (newest_rows, "write_newest"),
        (target_folder, "write_table"),
        (fstore.FeatureSet, "save"),
    ):
        with monkeypatch.context() as failing:
            failing.setattr(owner, name, away)
            with pytest.raises(IngestError, match="it is away"):
                append_rows(device_metrics(SCHEMA), second)
        assert_same_bits(state_of("device_metrics", url).table, before.table)
    append_rows(device_metrics(SCHEMA), second)
    assert state_of("device_metrics", url).table.num_rows == len(first) + len(second)


def test_of_two_at_once_the_slower_one_writes_nothing(project, local_stack, monkeypatch):
    url = local_stack.info.redis_url
    first, second, third = sorted_rows()
    forget("device_metrics")
    append_rows(device_metrics(SCHEMA), first)
    write = next_history.write_next_files

    def overtaken(*args: Any) -> Any:
        monkeypatch.setattr(next_history, "write_next_files", write)
        append_rows(device_metrics(SCHEMA), third)
        return write(*args)

    monkeypatch.setattr(next_history, "write_next_files", overtaken)
    with pytest.raises(
        IngestError, match=r"must stay as it is while rows are added, .* another ingestion was faster"
    ):
        append_rows(device_metrics(SCHEMA), second)
    assert state_of("device_metrics", url).table.num_rows == len(first) + len(third)
