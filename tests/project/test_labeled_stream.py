from types import SimpleNamespace

import pandas as pd
import pytest

from project.errors import NetopsError
from project.jobs.drift_magnitude import measure_drift_magnitude, wait_for_rows
from project.jobs.labeled_stream import wait_for_pairs
from tests.project.fake_endpoint import fake_endpoint


def endpoint(joined, step, generator=None):
    """An endpoint that knows ``joined`` pairs of earlier runs, and a generator that reports this."""
    count = {"joined": joined}

    def answer(method, path, body):
        if path == "/generator":
            return 200, generator
        assert path == "/labeled"
        count["joined"] += step
        return 200, {"joined": count["joined"], "waiting": 4, "expired": 2, "conflicting": 1, "batches": 9}

    return fake_endpoint(answer)


def ticking():
    times = iter(range(1000))
    return lambda: float(next(times))


def test_waiting_ends_with_enough_new_pairs():
    with endpoint(0, 40) as address:
        found = wait_for_pairs(address, "", 100, 60, sleep=lambda _: None)
    assert found == {
        "joined": 160,
        "waiting": 4,
        "expired": 2,
        "conflicting": 1,
        "new_pairs": 120,
        "nothing_newer": "",
    }


def test_pairs_that_the_stream_made_before_the_first_look_are_new_too():
    report = {"done": False, "error": "", "before": {"labeled": {"joined": 1000}}}
    with endpoint(1100, 0, report) as address:
        found = wait_for_pairs(address, f"{address}/generator", 100, 60, sleep=lambda _: None)
    assert (found["joined"], found["new_pairs"]) == (1100, 100)


def test_too_few_pairs_in_time_is_an_error_that_says_how_many():
    with (
        endpoint(0, 1) as address,
        pytest.raises(NetopsError, match="must reach 100 new pairs within 3 s, got 3; stream for longer"),
    ):
        wait_for_pairs(address, "", 100, 3, clock=ticking(), sleep=lambda _: None)


def never(_seconds):
    raise AssertionError("there is nothing to wait for")


def test_a_stream_that_failed_is_told_at_once_with_its_cause():
    report = {"done": True, "error": "disk full", "before": {}}
    with (
        endpoint(5, 0, report) as address,
        pytest.raises(NetopsError, match="the telemetry stream ended early: disk full"),
    ):
        wait_for_pairs(address, f"{address}/generator", 50, 60, sleep=never)


def test_a_stream_that_ended_with_too_few_pairs_is_told_at_once():
    report = {"done": True, "error": "", "before": {"labeled": {"joined": 5}}}
    with (
        endpoint(5, 3, report) as address,
        pytest.raises(NetopsError, match="must reach 50 new pairs by the end of the telemetry stream, got 6"),
    ):
        wait_for_pairs(address, f"{address}/generator", 50, 60, sleep=never)


def test_with_nothing_newer_to_stream_nothing_is_waited_for():
    report = {"done": True, "error": "", "before": {"labeled": {"joined": 5}}, "nothing_newer": "too recent"}
    with endpoint(5, 0, report) as address:
        found = wait_for_pairs(address, f"{address}/generator", 50, 60, sleep=never)
    assert (found["new_pairs"], found["nothing_newer"]) == (0, "too recent")


class Context:
    def __init__(self):
        self.results = {}

    def log_result(self, key, value):
        self.results[key] = value


def test_without_a_new_pair_no_magnitude_is_measured():
    context = Context()
    rows = SimpleNamespace(as_df=lambda: pd.DataFrame({"x": [1, 2]}))
    measure_drift_magnitude(context, rows, "serving", new_pairs=0)
    assert context.results == {
        "base_rows": 2,
        "batch_rows": 0,
        "verdict": "not measured: this run labeled no new pair",
    }


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
