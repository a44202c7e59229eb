import pytest

from project.errors import NetopsError
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
