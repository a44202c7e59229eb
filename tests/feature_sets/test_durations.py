"""Durations for people."""

from __future__ import annotations

import pytest

from feature_sets.durations import in_words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.0, "0 s"),
        (0.5, "0.5 s"),
        (90.0, "90 s"),
        (119.0, "119 s"),
        (120.0, "2 min"),
        (150.0, "2.5 min"),
        (5400.0, "90 min"),
        (7200.0, "2 h"),
        (36_000.0, "10 h"),
        (172_800.0, "2 d"),
        (200_000.0, "2.31 d"),
        (1234 * 86_400.0, "1234 d"),
    ],
)
def test_a_duration_is_in_the_largest_unit_that_it_has_two_of(seconds, words):
    assert in_words(seconds) == words
