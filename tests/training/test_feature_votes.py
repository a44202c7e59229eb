"""The vote of six selectors."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from training.feature_votes import SELECTORS, elect_features, votes_needed
from training.handler_arguments import ArgumentError

NAMES = ["strong", "noise_a", "noise_b", "noise_c", "weak"]


@pytest.fixture
def rows():
    random = np.random.default_rng(1)
    labels = (random.random(600) < 0.2).astype(np.int8)
    values = random.normal(size=(600, 5))
    values[:, 0] += 3.0 * labels
    values[:, 4] += 1.0 * labels
    return values, labels


def elect(rows, **changes):
    settings = {"names": NAMES, "k": 2, "min_votes": 0.5, "seed": 0, **changes}
    return elect_features(*rows, **settings)


def test_features_that_tell_the_classes_apart_win(rows):
    election = elect(rows)
    assert election.selected == ("strong", "weak")
    assert election.table["feature"].tolist()[:2] == ["strong", "weak"]
    assert election.table["votes"].tolist()[:2] == [6, 6]


def test_every_selector_votes_for_k_features(rows):
    assert elect(rows, k=3).table["votes"].sum() == 3 * len(SELECTORS)


def test_the_table_holds_each_score_and_its_scaled_form(rows):
    table = elect(rows).table
    assert len(table) == len(NAMES)
    for selector in SELECTORS:
        assert np.isfinite(table[selector]).all()
        assert table[f"{selector}_scaled"].min() == 0.0 and table[f"{selector}_scaled"].max() == 1.0


def test_the_same_seed_gives_the_same_election(rows):
    pd.testing.assert_frame_equal(elect(rows).table, elect(rows).table)


def test_selected_features_keep_the_order_they_came_in(rows):
    values, labels = rows
    election = elect((values[:, ::-1], labels), names=NAMES[::-1])
    assert election.selected == ("weak", "strong")


def test_k_above_the_number_of_features_selects_all(rows):
    assert elect(rows, k=50).selected == tuple(NAMES)


@pytest.mark.parametrize(("votes", "needed"), [(0.5, 3), (0.51, 4), (0.01, 1), (1, 1), (6, 6), (2.0, 2)])
def test_min_votes_is_a_share_below_one_and_a_count_from_one_on(votes, needed):
    assert votes_needed(votes, 6) == needed


@pytest.mark.parametrize("votes", [0, -1, 7, 2.5, True, "3", float("nan")])
def test_other_min_votes_are_refused(votes):
    with pytest.raises(ArgumentError, match="argument 'min_votes': must be a share"):
        votes_needed(votes, 6)


def test_no_feature_with_enough_votes_is_an_error_that_says_what_the_most_is():
    labels = np.tile([0, 1], 100).astype(np.int8)
    values = np.random.default_rng(5).normal(size=(200, 40))
    with pytest.raises(
        ArgumentError, match=r"no feature has 6 votes; the most is \d; raise k or lower it, got 6"
    ):
        elect((values, labels), names=[f"f{n}" for n in range(40)], k=1, min_votes=6)


def test_the_vote_does_not_change_its_rows(rows):
    before = rows[0].copy()
    elect(rows)
    assert (rows[0] == before).all()
