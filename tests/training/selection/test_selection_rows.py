"""Votes look at the rows that no fold is evaluated on, as long as those are enough."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tests.training.network import START, make_frame, make_schema
from tests.training.trained import fit
from training import select_features
from training.dataset.time_split import split_by_time
from training.search.time_folds import always_fitted, episode_folds
from training.select_features import select_from
from training.selection import selection_rows as module
from training.selection.selection_rows import FIRST_HALF, WHOLE, SelectionRows, selection_rows

NAMES = ["heat", "flow", "noise", "heat_felt"]


@pytest.fixture
def frame():
    return make_frame(ticks=600)


@pytest.mark.parametrize("folds", [1, 2, 3, 5])
@pytest.mark.parametrize("horizon", ["0s", "10m"])
def test_the_first_half_is_what_the_first_fold_fits_on_however_many_there_are(frame, folds, horizon):
    schema = make_schema(horizon=horizon)
    shuffled = frame.rename(columns={"is_error": schema.target}).sample(frac=1.0, random_state=1)
    early = always_fitted(shuffled, schema)
    used = episode_folds(shuffled, schema, folds).used
    assert set(early) == set(used[0].fit) and len(used) == folds
    assert list(early) == sorted(early)
    assert not set(early) & set(np.concatenate([fold.validation for fold in used]))


def test_labels_that_the_search_is_evaluated_on_do_not_change_the_vote(frame, schema):
    train = split_by_time(frame, schema).train
    before = select_from(split_by_time(frame, schema), schema, k=3)
    assert before.rows.part == FIRST_HALF
    later = frame["timestamp"] > train["timestamp"].iloc[before.rows.positions].max()
    # Every device gets the labels of the next: as many episodes, which say where the later half begins.
    labels = frame.loc[later, "is_error"].to_numpy().reshape(-1, 4)
    frame.loc[later, "is_error"] = np.roll(labels, 1, axis=1).ravel()
    random = np.random.default_rng(0)
    after = select_from(split_by_time(frame, schema), schema, k=3)
    pd.testing.assert_frame_equal(after.table, before.table)
    # Nor do their readings, which would say otherwise which of two alike is the better one.
    frame.loc[later, "heat"] += random.normal(0.0, 5.0, int(later.sum()))
    again = select_from(split_by_time(frame, schema), schema, k=3)
    pd.testing.assert_frame_equal(again.table, before.table)


def noise(seed, rows=2000, features=100):
    random = np.random.default_rng(seed)
    names = [f"x{number}" for number in range(features)]
    table = pd.DataFrame(random.normal(size=(rows, features)), columns=names)
    ticks = np.arange(rows) // 10
    table["device"] = [f"site/{number % 10}" for number in range(rows)]
    table["timestamp"] = START + pd.to_timedelta(30 * ticks, unit="s")
    table["is_error"] = (random.random(rows) < 0.1).astype(np.int8)
    return table


def out_of_fold_gain(table, schema):
    """How far out-of-fold average precision with the selected features lies above the base rate."""
    split = split_by_time(table, schema)
    chosen = select_from(split, schema).election.selected
    fitted = fit(split.train[["device", "timestamp", *chosen, "is_error"]], schema)
    return fitted.schema.validation["average_precision"] - fitted.outcome.labels.mean()


@pytest.mark.slow
def test_noise_that_was_selected_looks_like_noise_out_of_fold(schema, monkeypatch):
    honest = np.mean([out_of_fold_gain(noise(seed), schema) for seed in range(3)])
    assert honest < 0.02

    def everything(train, names, schema, shape):
        return SelectionRows(np.arange(len(train)), WHOLE, {}, "asked for")

    # With votes on all rows it does not: the test above can fail.
    monkeypatch.setattr(select_features, "selection_rows", everything)
    assert np.mean([out_of_fold_gain(noise(seed), schema) for seed in range(3)]) > 0.05


def test_too_few_errors_in_the_first_half_give_the_vote_to_the_whole_part(frame, schema, monkeypatch):
    early = always_fitted(frame, schema)
    errors = int(frame["is_error"].to_numpy()[early].sum())
    monkeypatch.setattr(module, "FEWEST_ROWS", errors)
    assert selection_rows(frame, NAMES, schema).part == FIRST_HALF
    monkeypatch.setattr(module, "FEWEST_ROWS", errors + 1)
    found = selection_rows(frame, NAMES, schema)
    assert (found.part, list(found.positions)) == (WHOLE, list(range(len(frame))))
    assert found.reason == (
        f"its first half has {errors} error rows and {len(early) - errors} healthy ones, and needs "
        f"{errors + 1} of each"
    )


def test_few_episodes_give_the_vote_to_the_whole_part(frame, schema):
    """All of them are evaluated on, so no row is left that only teaches."""
    frame["is_error"] = ((frame.index % 600 < 40) & (frame["device"] == "site/0")).astype(np.int8)
    found = selection_rows(frame, NAMES, schema)
    assert found.part == WHOLE and "no row that every fold is fitted on" in found.reason


def test_a_feature_that_begins_after_the_vote_is_left_out_and_said(frame, schema):
    half = frame["timestamp"] < frame["timestamp"].quantile(0.35)
    frame["late"] = np.where(half, np.nan, frame["flow"])
    frame["switched"] = np.where(half, 300.0, frame["heat"])
    selection = select_from(split_by_time(frame, schema), schema, k=3)
    assert selection.dropped == {
        "late": "no reading in the first half of the training part",
        "switched": "one value only in the first half of the training part",
    }
    assert selection.rows.part == FIRST_HALF
    # Where nothing else is left, they are voted on after all.
    only = frame[["device", "timestamp", "late", "switched", "is_error"]]
    found = select_from(split_by_time(only, schema), schema, k=1, max_drift=1.0)
    assert found.dropped == {} and found.rows.part == WHOLE
    assert found.rows.reason == "its first half has no feature that varies, of 2"
