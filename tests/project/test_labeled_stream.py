import pandas as pd
import pytest

from project.errors import NetopsError
from project.jobs.drift_magnitude import NoBatchesError, at_the_same_hours, rows_in_window, wait_for_rows
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
    with pytest.raises(NoBatchesError, match="must hold rows of model version new within 2 s, got none"):
        wait_for_rows(tmp_path, "new", 5, 2, clock=lambda: float(next(times)), sleep=lambda _: None)


def at(*moments):
    return pd.DataFrame({"timestamp": pd.to_datetime(list(moments), utc=True)})


def test_an_evening_is_compared_with_the_evenings_of_the_days_before():
    base = at("2024-01-01T17:59Z", "2024-01-01T18:00Z", "2024-01-02T19:30Z", "2024-01-02T20:00Z")
    batch = at("2024-01-03T18:50Z", "2024-01-03T19:10Z")
    assert at_the_same_hours(base, batch, "timestamp").equals(base.iloc[1:3])
    elsewhere = base.assign(timestamp=base["timestamp"].dt.tz_convert("Asia/Tokyo"))
    assert at_the_same_hours(elsewhere, batch, "timestamp").equals(elsewhere.iloc[1:3])


def test_a_base_shorter_than_a_day_is_compared_as_it_is():
    base = at("2024-01-01T10:00Z", "2024-01-01T12:00Z")
    assert at_the_same_hours(base, at("2024-01-01T13:00Z"), "timestamp").equals(base)


def test_rows_that_share_a_window_are_one_block():
    times = pd.date_range("2024-01-01", periods=50, freq="10s", tz="UTC")
    frame = pd.DataFrame({"device": "a", "t": times})
    assert rows_in_window(frame, "t", 300) == 30
    assert rows_in_window(frame.head(1), "t", 300) == 1
