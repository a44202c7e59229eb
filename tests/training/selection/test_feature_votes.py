"""The vote of six scorers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from feature_sets.checks import InputError
from training.selection.feature_scorers import SCORERS, SINGLE_FEATURE_SCORERS
from training.selection.feature_votes import elect_features, votes_needed

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


def test_every_scorer_votes_for_k_features(rows):
    assert elect(rows, k=3).table["votes"].sum() == 3 * len(SCORERS)


def test_features_that_say_the_same_have_one_place_and_do_not_split_what_models_give_them(rows):
    values, labels = rows
    random = np.random.default_rng(8)
    copies = values[:, [0]] + 0.01 * random.normal(size=(600, 4))
    crowded, names = np.column_stack([copies, values]), [*"abcd", *NAMES]
    # With all of them in the vote the weak feature finds no place, though it says something of its own.
    assert "weak" not in elect((crowded, labels), names=names, max_correlation=1.0).selected
    election = elect((crowded, labels), names=names)
    (of_group,) = set(election.selected) - {"weak"}
    assert set(election.redundant) | {of_group} == {*"abcd", "strong"}
    best = election.table.set_index("feature").loc[of_group]
    alone = elect(rows).table.set_index("feature").loc["strong"]
    assert best["linear_svc"] == pytest.approx(alone["linear_svc"], rel=0.05)


def test_the_table_says_of_each_feature_why_it_is_not_selected(rows):
    values, labels = rows
    election = elect((np.column_stack([values, values[:, 0]]), labels), names=[*NAMES, "again"])
    table = election.table.set_index("feature")
    reason = "r = 1.000 with strong, which has the same score and comes first"
    assert election.redundant == {"again": reason}
    assert table.loc["again", "reason"] == reason and table.index[-1] == "again"
    assert table.loc["again", "votes"] == 0 and np.isnan(table.loc["again", "extra_trees_scaled"])
    assert table.loc["again", "f_classif"] == table.loc["strong", "f_classif"]
    assert table.loc["strong", "reason"] == ""
    assert table.loc["noise_a", "reason"] == "0 of the 3 votes needed"
    assert table["selected"].sum() == len(election.selected) == 2


def test_votes_are_counted_by_scorer(rows):
    table = elect(rows, k=3).table
    voted = table[[f"{scorer}_voted" for scorer in SCORERS]]
    assert (voted.sum() == 3).all()
    assert (voted.sum(axis=1) == table["votes"]).all()
    for scorer in SCORERS:
        assert (
            table.loc[table[f"{scorer}_voted"], scorer].min()
            >= table.loc[~table[f"{scorer}_voted"], scorer].max()
        )


@pytest.mark.parametrize("scorer", list(SINGLE_FEATURE_SCORERS))
def test_what_a_single_feature_scorer_says_does_not_depend_on_the_other_features(rows, scorer):
    values, labels = rows
    together = SINGLE_FEATURE_SCORERS[scorer](values, labels, 3)
    alone = [SINGLE_FEATURE_SCORERS[scorer](values[:, [n]], labels, 3)[0] for n in range(5)]
    assert together == pytest.approx(alone, rel=1e-12)


def test_a_feature_that_is_constant_once_it_is_imputed_gets_no_vote(rows):
    values, labels = rows
    election = elect((np.column_stack([values, np.full(600, 4.0)]), labels), names=[*NAMES, "still"])
    still = election.table.set_index("feature").loc["still"]
    assert still["votes"] == 0 and "still" not in election.redundant
    assert all(still[scorer] == 0.0 for scorer in SCORERS)


def test_the_table_holds_each_score_and_its_scaled_form(rows):
    table = elect(rows).table
    assert len(table) == len(NAMES)
    for scorer in SCORERS:
        assert np.isfinite(table[scorer]).all()
        assert table[f"{scorer}_scaled"].min() == 0.0 and table[f"{scorer}_scaled"].max() == 1.0


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


@pytest.mark.parametrize("votes", [0, -1, 7, 2.5, True, "3", float("nan"), float("inf")])
def test_other_min_votes_are_refused(votes):
    with pytest.raises(InputError, match="argument 'min_votes': must be a share"):
        votes_needed(votes, 6)


def test_no_feature_with_enough_votes_is_an_error_that_says_what_the_most_is():
    labels = np.tile([0, 1], 100).astype(np.int8)
    values = np.random.default_rng(5).normal(size=(200, 40))
    with pytest.raises(InputError, match=r"6 votes, and the most is \d \(raise k or lower it\), got 6"):
        elect((values, labels), names=[f"f{n}" for n in range(40)], k=1, min_votes=6)


def test_the_vote_does_not_change_its_rows(rows):
    before = rows[0].copy()
    elect(rows)
    assert (rows[0] == before).all()
