import pandas as pd
import pytest

from project.errors import NetopsError
from project.jobs.drift_magnitude import wait_for_rows
from project.jobs.labeled_stream import wait_for_pairs
from tests.project.fake_endpoint import fake_endpoint


def growing(step):
    count = {"joined": 0}

    def answer(method, path, body):
        assert path == "/labeled"
        count["joined"] += step
        return 200, {"joined": count["joined"], "waiting": 0, "expired": 0, "conflicting": 0}

    return answer


def test_waiting_ends_with_enough_pairs():
    with fake_endpoint(growing(40)) as address:
        summary = wait_for_pairs(address, 100, 60, sleep=lambda _: None)
    assert summary["joined"] == 120


def test_too_few_pairs_in_time_is_an_error_that_says_how_many():
    times = iter(range(1000))
    with (
        fake_endpoint(growing(1)) as address,
        pytest.raises(NetopsError, match="must reach 100 pairs within 3 s, got 3"),
    ):
        wait_for_pairs(address, 100, 3, clock=lambda: float(next(times)), sleep=lambda _: None)


def write(path, version, values):
    pd.DataFrame({"x": values, "version": version}).to_parquet(path)


def test_rows_of_all_batches_of_the_served_version_come_in_file_order(tmp_path):
    write(tmp_path / "a.parquet", "old", [0, 9])
    write(tmp_path / "c.parquet", "new", [2, 3])
    write(tmp_path / "b.parquet", "new", [1])
    assert wait_for_rows(tmp_path, "new", 3, 1)["x"].tolist() == [1, 2, 3]


def test_few_rows_are_measured_when_the_time_is_over(tmp_path):
    write(tmp_path / "a.parquet", "old", [1, 2, 3])
    write(tmp_path / "b.parquet", "new", [7])
    times = iter(range(1000))
    rows = wait_for_rows(tmp_path, "new", 5, 2, clock=lambda: float(next(times)), sleep=lambda _: None)
    assert rows["x"].tolist() == [7]


def test_no_rows_in_time_is_an_error(tmp_path):
    write(tmp_path / "a.parquet", "old", [1, 2, 3])
    times = iter(range(1000))
    with pytest.raises(NetopsError, match="must hold rows of model version new within 2 s, got none"):
        wait_for_rows(tmp_path, "new", 5, 2, clock=lambda: float(next(times)), sleep=lambda _: None)
