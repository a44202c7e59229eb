"""Selection sees the training part only, and says what it left out."""

from __future__ import annotations

import re
from dataclasses import replace

import mlrun.feature_store as fstore
import numpy as np
import pandas as pd
import pytest

from feature_sets.checks import InputError
from training.dataset.time_split import split_by_time
from training.select_features import save_selected_vector, select_from
from training.selection.selection_mark import LABEL, refuse_selection_on_test_rows


def select(frame, schema, test_fraction=0.3, **settings):
    return select_from(split_by_time(frame, schema, test_fraction), schema, **settings)


def test_the_causes_of_errors_are_selected_and_noise_is_not(frame, schema):
    selection = select(frame, schema, k=2)
    assert set(selection.election.selected) == {"heat", "flow"}


def test_a_window_that_says_the_same_as_its_metric_is_left_out_unless_told_otherwise(frame, schema):
    selection = select(frame, schema, k=3)
    assert list(selection.election.redundant) == ["heat_felt"]
    reason = selection.election.redundant["heat_felt"]
    assert re.fullmatch(r"r = 0\.98\d with heat, which has a higher score", reason)
    both = select(frame, schema, k=3, max_correlation=1.0)
    assert set(both.election.selected) == {"heat", "flow", "heat_felt"}


def test_the_table_holds_every_feature(frame, schema):
    selection = select(frame.assign(dead=np.nan, fixed=7.0), schema, k=2)
    table = selection.table.set_index("feature")
    assert set(table.index) == set(selection.features) and len(table) == 7
    assert table["reason"].tail(2).to_dict() == {
        "dead": "no reading in the training part",
        "fixed": "one value only in the training part",
    }
    assert table.loc[table["selected"], "reason"].eq("").all() and table["selected"].sum() == 2
    assert table.loc[~table["selected"], "reason"].ne("").all()
    assert table["votes"].dtype == np.int64 and table["chi2_voted"].dtype == bool
    assert np.isnan(table.loc["dead", "chi2_scaled"]) and not table.loc["dead", "chi2_voted"]


def test_a_feature_that_gives_the_label_away_in_the_test_period_only_is_not_selected(frame, schema):
    cut = split_by_time(frame, schema, 0.6).cut
    random = np.random.default_rng(9)
    late = frame["timestamp"] >= cut
    frame["tempting"] = np.where(late, frame["is_error"] * 10.0, 0.1 * random.normal(size=len(frame)))
    selection = select(frame, schema, k=2, test_fraction=0.6)
    assert "tempting" not in selection.election.selected
    # The same column over all rows would win: the test above can fail.
    everything = frame.assign(timestamp=frame["timestamp"].sample(frac=1.0, random_state=0).to_numpy())
    assert "tempting" in select(everything, schema, k=2, test_fraction=0.6).election.selected


def test_nothing_in_the_test_part_or_the_embargo_changes_the_selection(frame, schema):
    split = split_by_time(frame, schema, 0.3)
    before = select(frame, schema, k=3)
    later = frame["timestamp"] > split.train["timestamp"].max()
    columns = ["heat", "flow", "noise", "heat_felt"]
    frame.loc[later, columns] = np.random.default_rng(3).normal(size=(int(later.sum()), 4)) * 1e3
    pd.testing.assert_frame_equal(before.table, select(frame, schema, k=3).table)


def test_static_columns_that_are_no_inputs_are_left_out_and_said(frame, schema):
    of = replace(schema, static=("site", "site_type"), no_inputs=("site",))
    flips = np.random.default_rng(3).random((2, len(frame))) < 0.05
    site, core = (np.where(flip, 1 - frame[schema.target], frame[schema.target]) for flip in flips)
    frame = frame.assign(site_oslo=site, site_bergen=1 - site, site_type_core=core)
    selection = select(frame, of, k=3)
    reason = "the schema says that 'site' is no input (no_inputs)"
    assert selection.dropped == {"site_oslo": reason, "site_bergen": reason}
    assert "site_type_core" in selection.election.selected
    assert "site_oslo" in select(frame, replace(of, no_inputs=()), k=3, max_correlation=1).election.selected


def test_useless_features_are_left_out_and_said(frame, schema):
    cut = split_by_time(frame, schema, 0.3).cut
    late = frame["timestamp"] >= cut
    frame["dead"] = np.nan
    frame["born_late"] = np.where(late, 1.0, np.nan)
    frame["fixed"] = np.where(late, np.arange(len(frame)), 7.0)
    selection = select(frame, schema, k=3)
    assert selection.dropped == {
        "dead": "no reading in the training part",
        "born_late": "no reading in the training part",
        "fixed": "one value only in the training part",
    }
    assert set(selection.election.table["feature"]).isdisjoint(selection.dropped)
    assert "dead" in selection.features


def test_nothing_but_useless_features_is_refused(frame, schema):
    frame = frame[["device", "timestamp", "is_error"]].assign(dead=np.nan, fixed=1.0)
    with pytest.raises(
        InputError, match=r"training part: must have at least one feature that varies, got \{'dead'"
    ):
        select(frame, schema)


def test_no_feature_at_all_is_refused(frame, schema):
    with pytest.raises(InputError, match=r"must hold at least one feature, got \[\]"):
        select(frame[["device", "timestamp", "is_error"]], schema)


def test_an_infinite_value_is_refused(frame, schema):
    frame.loc[3, "heat"] = np.inf
    with pytest.raises(InputError, match="feature 'heat': must be finite or missing, got inf"):
        select(frame, schema)


def test_the_saved_vector_says_up_to_when_rows_were_seen(run_db, vector_uri, frame, schema):
    selection = select(frame, schema, k=3)
    uri = save_selected_vector(vector_uri, schema, selection)
    vector = fstore.get_feature_vector(uri)
    assert vector.spec.label_feature == "device_labels.is_error"
    until = pd.Timestamp(int(vector.metadata.labels[LABEL]), unit="s", tz="UTC")
    assert until == selection.split.train["timestamp"].max()
    assert uri == "store://feature-vectors/test-network/device_features_selected"


def test_a_vector_selected_with_the_help_of_test_rows_is_refused(run_db, vector_uri, frame, schema):
    uri = save_selected_vector(vector_uri, schema, select(frame, schema, k=3, test_fraction=0.2))
    refuse_selection_on_test_rows(uri, split_by_time(frame, schema, 0.2))
    with pytest.raises(
        InputError, match=r"must be selected on rows up to .*same test_fraction .*, got '2024"
    ):
        refuse_selection_on_test_rows(uri, split_by_time(frame, schema, 0.3))


def test_a_vector_that_nobody_selected_from_passes(run_db, vector_uri, frame, schema):
    refuse_selection_on_test_rows(vector_uri, split_by_time(frame, schema, 0.3))
