"""The arithmetic of the soak: labels that are due, and how sizes grow."""

from __future__ import annotations

import pytest

from tests.benchmarks.soak import events, growth, verdict


def test_readings_go_from_device_to_device():
    stream = events(["a", "b"], ["load"], seed=0)
    found = [next(stream) for _ in range(3)]
    assert [device for device, _ in found] == ["a", "b", "a"]
    assert found[0][1] != found[2][1]


def test_growth_is_that_from_a_minute_on():
    lines = [
        {"minute": at, "rss_mb": 100.0 * at if at < 5 else 500.0 + at, "files": 7} for at in range(1, 11)
    ]
    assert growth(lines, 5.5) == {"rss_mb_a_minute": pytest.approx(1.0), "files_a_minute": pytest.approx(0.0)}
    assert growth(lines, 10.0) == {}


def test_what_is_flat_and_what_grows_is_said():
    lines = [{"minute": 1, "rss_mb": 480.0, "files": 23, "folder_mb": 30.0}]
    grown = {"rss_mb_a_minute": 0.4, "files_a_minute": -0.1, "folder_mb_a_minute": 3.0}
    assert verdict(lines, grown) == {"flat": ["rss_mb", "files"], "grows": ["folder_mb"]}
    assert verdict(lines, {**grown, "files_a_minute": 0.1})["grows"] == ["files", "folder_mb"]
    assert verdict(lines, {}) == {}
