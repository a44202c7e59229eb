"""The benchmark of the drift detectors at a tiny size: what is counted, and that the page shows it."""

from __future__ import annotations

import numpy as np

from tests.benchmarks import drift_detectors
from tests.benchmarks.drift_detectors import ALWAYS, NEVER, Score, measure, page, shows
from tests.benchmarks.drift_streams import ErrorStream, learned, rate_streams, recipes
from tests.benchmarks.varied_streams import FITTED, GENERATORS, LEARNERS, Varied, kept_aside, varied


def test_a_change_is_found_once_and_what_lies_elsewhere_is_a_false_alarm():
    errors = [0] * 10_000 + [0, 1, 0, 0, 0] * 2_000
    stream = ErrorStream("some", errors, (5_000, 10_000))
    score = Score()
    score.add([100, 5_000, 5_010, 7_500, 12_499], stream)
    assert (score.found, score.changes, score.delays, score.false_alarms) == (2, 2, [0, 2_499], 2)
    assert score.cells() == ["2 of 2", "1 of 1", "1,250", "1.00"]


def test_a_change_shows_if_errors_become_more_or_fewer_or_are_so_for_some_hundred_labels():
    random = np.random.default_rng(1)
    before = (random.random(6_000) < 0.2).tolist()
    for after, expected in ((0.3, True), (0.1, True), (0.2, False)):
        assert shows([*before, *(random.random(3_000) < after)], 6_000) == expected
    burst = [*(random.random(200) < 0.5), *(random.random(2_800) < 0.2)]
    assert shows([*before, *burst], 6_000)
    late = [*(random.random(2_600) < 0.2), *(random.random(400) < 0.9)]
    assert not shows([*before, *late], 6_000)
    assert not shows([0] * 9_000, 6_000)


def test_always_finds_all_with_false_alarms_and_never_nothing_without():
    streams = list(rate_streams(2_000, 1))
    scores = measure(streams, [ALWAYS, NEVER, "glr"])
    for each in scores.values():
        assert each[ALWAYS].found == each[ALWAYS].changes
        assert each[NEVER].found == each[NEVER].false_alarms == 0
    rise = scores["abrupt rise, 0.1 of labels"]
    assert (rise["glr"].found, rise["glr"].changes) == (1, 1)
    text = page(scores)
    assert text.count("| `always` |") == len(scores) + 4
    assert "### Seasonal, 0.3 of labels" in text


def test_the_page_in_the_documentation_is_of_this_form():
    shown = drift_detectors.PAGE.read_text(encoding="utf-8")
    head = page({}).splitlines()
    assert shown.splitlines()[: len(head)] == head
    measured = "| detector |" in shown
    for name in (*drift_detectors.DETECTORS, ALWAYS, NEVER):
        assert (f"| `{name}` |" in shown) == measured


def test_the_page_says_what_the_default_is_worth_beside_the_others():
    def score(found: int, false_alarms: int) -> Score:
        shown = {"showing": 8, "showing_found": found - 1}
        return Score(
            changes=9, found=found, **shown, delays=[5] * found, false_alarms=false_alarms, labels=10_000
        )

    text = page(
        {
            "learner, abrupt": {
                "glr": score(7, 2),
                "ddm": score(8, 50),
                "eddm": score(3, 0),
                NEVER: score(0, 0),
            }
        }
    )
    assert "GLR, the default, finds 7 of 9 with 2 false alarms. Of the 8 that show it finds 6." in text
    assert "Those that find more: `ddm` 8 with 50." in text
    assert "Those with fewer false alarms: `eddm` 3 with 0." in text


def test_the_streams_of_learners_are_the_same_twice_and_change_their_concept():
    every = recipes(5)
    assert len(every) == 26
    assert {recipe.group for recipe in every} == {"abrupt", "gradual", "recurring"}
    first = next(recipe for recipe in every if recipe.generator == "Mixed")
    stream = learned(first, 2_000)
    assert stream == learned(first, 2_000)
    assert stream.changes == (500, 1000, 1500)
    assert sum(stream.errors[500:700]) > 3 * sum(stream.errors[300:500])


def test_the_streams_that_are_kept_aside_are_the_same_twice_and_their_models_fail():
    every = kept_aside()
    assert len(every) == len(set(every)) == 108
    assert {each.learner for each in every} == {*LEARNERS, *FITTED}
    assert {each.generator for each in every} == {*GENERATORS}
    for learner in ("naive Bayes", "fitted tree"):
        recipe = Varied("Sine", learner, "abrupt", 7, False)
        stream = varied(recipe, 4_000)
        assert stream == varied(recipe, 4_000)
        assert stream.changes == (1_000, 2_000, 3_000)
        assert sum(stream.errors[1_000:1_200]) > 2 * sum(stream.errors[800:1_000])
    moved = varied(Varied("Mixed", "perceptron", "recurring", 3, True), 4_000)
    assert moved.changes != (1_000, 2_000, 3_000)
