"""Parquet batches: whole files, no pair lost, none twice."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from graphs.protocol.records import LabeledPair, Position, Prediction
from graphs.state.labeled_batches import LabeledBatches


def pair(number: int, feature: float = 1.5) -> LabeledPair:
    made = Prediction("model", "v1", np.array([feature, number]), number % 2, 0.25, 0)
    return LabeledPair(
        f"a/{number}", 1_700_000_000.0005 + number, made, 5.0, 1, 6.25, Position(1000 + number, 0, number)
    )


class Failures(list[Exception]):
    def __init__(self) -> None:
        super().__init__()
        self.came = threading.Event()

    def __call__(self, error: Exception) -> None:
        self.append(error)
        self.came.set()


@pytest.fixture
def opened() -> Iterator[list[LabeledBatches]]:
    batches: list[LabeledBatches] = []
    yield batches
    for each in batches:
        each.close()


def make(
    directory: Path, rows: int = 3, seconds: float = 3600, failures: Failures | None = None
) -> LabeledBatches:
    return LabeledBatches(
        directory,
        "timestamp",
        "is_error",
        ["x", "y"],
        rows,
        seconds,
        Failures() if failures is None else failures,
    )


def read(directory: Path) -> pd.DataFrame:
    files = sorted(directory.glob("*.parquet"))
    return pd.concat([pd.read_parquet(file) for file in files], ignore_index=True)


def test_two_processes_that_write_at_once_write_each_pair_once(tmp_path: Path) -> None:
    """As while a function is deployed anew: both have the pairs, one a few more, and a third begins."""
    for number in range(30):
        folder = tmp_path / str(number)
        old, new = make(folder, rows=1000), make(folder, rows=1000)
        old.add([pair(at) for at in range(40)])
        new.add([pair(at) for at in range(45)])
        threads = [threading.Thread(target=each.close) for each in (old, new)]
        for thread in threads:
            thread.start()
        make(folder, rows=1000).close()
        for thread in threads:
            thread.join()
        assert read(folder)["y"].tolist() == list(range(45)), number
        assert not list(folder.glob("*.unfinished"))


def wait_for_files(directory: Path, count: int) -> list[Path]:
    waited = threading.Event()
    for _ in range(1000):
        files = sorted(directory.glob("*.parquet"))
        if len(files) >= count:
            return files
        waited.wait(0.01)
    raise AssertionError(f"{count} files must appear in {directory}, got {files}")


def test_a_file_holds_all_that_is_known_of_its_pairs(tmp_path: Path) -> None:
    batches = make(tmp_path)
    batches.add([pair(0), pair(1, math.nan)])
    batches.close()
    frame = read(tmp_path)
    assert list(frame.columns) == [
        "device", "timestamp", "model", "version", "x", "y", "prediction", "probability", "is_error",
        "predicted_at", "labeled_at",
    ]  # fmt: skip
    assert frame["timestamp"].tolist() == [
        pd.Timestamp("2023-11-14T22:13:20.000500Z"),
        pd.Timestamp("2023-11-14T22:13:21.000500Z"),
    ]
    assert frame["x"].iloc[0] == 1.5 and math.isnan(frame["x"].iloc[1])
    assert frame["prediction"].tolist() == [0, 1]
    assert frame["predicted_at"].iloc[0] == pd.Timestamp(5.0, unit="s", tz="UTC")
    assert frame["labeled_at"].iloc[0] == pd.Timestamp(6.25, unit="s", tz="UTC")


def test_a_full_batch_is_written_without_being_asked(tmp_path: Path, opened: list[LabeledBatches]) -> None:
    opened.append(make(tmp_path, rows=3))
    opened[0].add([pair(number) for number in range(7)])
    files = wait_for_files(tmp_path, 2)
    assert [file.name for file in files] == [
        "0000000001002-000000-000002.parquet",
        "0000000001005-000000-000005.parquet",
    ]


def test_a_pair_does_not_wait_for_ever(tmp_path: Path, opened: list[LabeledBatches]) -> None:
    opened.append(make(tmp_path, rows=1000, seconds=0.02))
    opened[0].add([pair(0)])
    wait_for_files(tmp_path, 1)
    assert len(read(tmp_path)) == 1


def test_replayed_pairs_that_are_in_a_file_are_not_taken_again(tmp_path: Path) -> None:
    first = make(tmp_path)
    first.add([pair(number) for number in range(4)])
    first.close()
    second = make(tmp_path)
    second.add([pair(number) for number in range(6)], replayed=True)
    second.close()
    assert read(tmp_path)["device"].tolist() == [f"a/{number}" for number in range(6)]


def test_pairs_that_another_process_was_done_with_first_are_not_taken_again(tmp_path: Path) -> None:
    """A step failed here at their entry, which another process of the function took and wrote meanwhile."""
    ours, theirs = make(tmp_path), make(tmp_path)
    theirs.add([pair(1), pair(2)])
    theirs.flush()
    ours.add([pair(0)])
    ours.flush()  # Now it knows of their file.
    ours.add([pair(1), pair(2), pair(3)])
    ours.flush()
    assert read(tmp_path)["device"].tolist() == ["a/1", "a/2", "a/3"]
    for each in (ours, theirs):
        each.close()


def test_the_file_is_named_after_its_last_pair_and_unfinished_files_are_removed(tmp_path: Path) -> None:
    batches = make(tmp_path)
    batches.add([pair(number) for number in range(5)])
    batches.close()
    (tmp_path / "0000000009999-000000-000000.unfinished").write_bytes(b"half")
    (tmp_path / "notes.parquet").write_bytes(b"of somebody else")
    written = sorted(path.name for path in tmp_path.glob("0*.parquet"))
    assert written[-1] == "0000000001004-000000-000004.parquet"
    make(tmp_path)
    assert not list(tmp_path.glob("*.unfinished"))


def test_pairs_are_kept_when_the_disk_fails_and_written_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pyarrow.parquet as pq

    write, failures = pq.write_table, Failures()

    def fail(*args: object, **kwargs: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(pq, "write_table", fail)
    batches = make(tmp_path, rows=1, failures=failures)
    batches.add([pair(0)])
    assert failures.came.wait(10)
    assert "no space" in str(failures[0])
    assert batches.unwritten == 1
    monkeypatch.setattr(pq, "write_table", write)
    batches.close()
    assert read(tmp_path)["device"].tolist() == ["a/0"]
    assert batches.unwritten == 0


def test_files_of_earlier_processes_count(tmp_path: Path) -> None:
    for second in (1, 2):
        (tmp_path / f"{second:013d}-000000-000000.parquet").write_bytes(b"")
    (tmp_path / "notes.txt").write_text("")
    batches = LabeledBatches(tmp_path, "timestamp", "is_error", ["cpu"], 10, 60.0, lambda error: None)
    assert batches.written == 2
