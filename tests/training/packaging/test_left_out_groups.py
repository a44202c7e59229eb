from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from feature_sets.model_package.calibration import Calibration
from feature_sets.telemetry.schema import DEVICE
from tests.training.network import START, make_frame, make_schema
from training.dataset.split import Split
from training.dataset.stratified_sample import ONE_EACH, ClassWeights
from training.decision.operating_point import OperatingPoint
from training.evaluation.group_scores import COLUMNS, group_scores
from training.packaging.left_out_groups import left_out_groups
from training.search.candidates import Candidate


def scores(frame, groups, weights=ONE_EACH):
    """Of a regression, with the operating point of a model that was fitted on all."""
    schema = make_schema()
    fitted = SimpleNamespace(
        schema=SimpleNamespace(input_names=("heat", "flow"), telemetry=schema),
        outcome=SimpleNamespace(winner=SimpleNamespace(candidate=Candidate("logistic_regression", {}))),
        point=OperatingPoint(Calibration(), 0.5, 0.4, 0.6, None, 9, False),
    )
    split = Split(frame, frame, frame["timestamp"].min(), 0, {}, "timestamp", "is_error", weights=weights)
    return left_out_groups(split, fitted, groups, 1)


def by_pairs(frame):
    return {device: f"s{int(device.split('/')[1]) // 2}" for device in frame[DEVICE].unique()}


def test_a_group_to_which_nothing_carries_over_shows():
    frame = make_frame(ticks=200, devices=8)
    # At one site errors show the other way round.
    odd = frame[DEVICE].isin(["site/2", "site/3"])
    turned = frame.assign(
        heat=frame["heat"].mask(odd, 600.0 - frame["heat"]), flow=frame["flow"].mask(odd, 2.0)
    )
    found = scores(turned, by_pairs(frame)).set_index("group")
    assert list(found.columns) == COLUMNS[1:] and set(found.index) == {"s0", "s1", "s2", "s3"}
    assert found.loc["s1", "average_precision"] < 2 * found.loc["s1", "base_rate"]
    precision = found["average_precision"]
    assert (precision.drop("s1") > precision["s1"] + 0.15).all()
    assert (found["devices"] == 2).all() and (found["rows"] == 400).all()
    assert found["positives"].is_monotonic_decreasing


def test_rows_count_for_those_they_stand_for():
    frame = make_frame(ticks=200, devices=4)
    plain, weighted = (
        scores(frame, by_pairs(frame), each) for each in (ClassWeights(), ClassWeights(healthy=10))
    )
    rate = plain["positives"] / (plain["positives"] + 10 * (plain["rows"] - plain["positives"]))
    assert weighted["base_rate"].to_numpy() == pytest.approx(rate.to_numpy())
    assert (weighted["average_precision"] < plain["average_precision"]).all()
    assert (weighted["false_alarm_share"] == plain["false_alarm_share"]).all()


@pytest.mark.parametrize("groups", [{}, {"site/0": "a", "site/1": "a"}])
def test_fewer_than_two_groups_have_no_table(groups):
    found = scores(make_frame(ticks=100), groups)
    assert found.empty and list(found.columns) == COLUMNS


def test_scores_of_test_rows_by_group_lack_what_one_class_does_not_tell():
    rows = pd.DataFrame(
        {
            DEVICE: ["a", "a", "b", "b", "c"],
            "timestamp": START,
            "is_error": np.array([1, 0, 0, 0, 1], np.int8),
            "probability": [0.9, 0.2, 0.8, 0.1, 0.9],
        }
    )
    found = group_scores(rows, make_schema(), {"a": "x", "b": "y"}, 0.5, 1).set_index("group")
    assert list(found.index) == ["x", "y"]
    assert found.loc["x", ["f1", "false_alarm_share"]].tolist() == [1.0, 0.0]
    assert np.isnan(found.loc["y", "f1"]) and found.loc["y", "false_alarm_share"] == 0.5
    assert found.loc["x", "intervals"].startswith("none: 1 error episode in the test rows")
    assert found["f1_low"].isna().all()
    assert group_scores(rows, make_schema(), {}, 0.5, 1).empty


@pytest.mark.parametrize("weights", [ONE_EACH, ClassWeights(healthy=10)])
def test_scores_of_a_group_have_intervals_of_its_own_episodes(weights):
    frame = make_frame(ticks=300, devices=10)
    found = scores(
        frame, {device: "many" if device > "site/4" else "few" for device in frame[DEVICE]}, weights
    )
    for score in ("average_precision", "f1", "precision", "recall"):
        assert (found[f"{score}_low"] < found[score]).all() and (found[score] < found[f"{score}_high"]).all()
    assert found["intervals"].str.startswith("95 % by resampling").all()


def test_only_so_many_groups_are_resampled(monkeypatch):
    monkeypatch.setattr("training.evaluation.group_scores.MOST_RESAMPLED", 1)
    frame = make_frame(ticks=200, devices=4).assign(probability=lambda rows: rows["is_error"] * 0.7 + 0.1)
    found = group_scores(frame, make_schema(), by_pairs(frame), 0.5, 1)
    assert found["f1_low"].isna().tolist() == [False, True] and (found["f1"] == 1.0).all()
    assert found.loc[1, "intervals"].startswith("only of the 1 groups")
