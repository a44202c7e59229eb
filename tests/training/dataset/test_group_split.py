from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from feature_sets.checks import InputError
from feature_sets.telemetry.schema import DEVICE
from feature_sets.telemetry.split_rule import SplitRule
from tests.training.network import make_frame
from training.dataset.group_split import joined_groups, split_by_groups
from training.dataset.leak_check import check_split
from training.dataset.too_little import TooLittleDataError

BY_CABLE, BY_DEVICE = SplitRule("group", "cable"), SplitRule("devices")
DEVICES_OF = 12


@pytest.fixture(scope="module")
def frame():
    return make_frame(ticks=120, devices=DEVICES_OF)


def cables(frame):
    """Two devices a cable."""
    return {device: f"c{int(device.split('/')[1]) // 2}" for device in frame[DEVICE].unique()}


def each(frame):
    return {device: device for device in frame[DEVICE].unique()}


def with_errors_on(frame, devices):
    wrong = frame["is_error"].where(frame[DEVICE].isin(devices), 0)
    return frame.assign(is_error=wrong.astype(np.int8))


def test_both_ends_of_a_cable_are_on_one_side(frame, schema):
    for seed in range(5):
        split = split_by_groups(frame, schema, BY_CABLE, cables(frame), 0.3, seed)
        sides = [set(split.groups_of(rows)) for rows in (split.train, split.test)]
        assert not sides[0] & sides[1] and len(sides[0] | sides[1]) == DEVICES_OF // 2
        check_split(split, schema)
        assert split.describe()["test_groups"] == len(sides[1])


def test_all_rows_of_held_out_devices_are_tested(frame, schema):
    split = split_by_groups(frame, schema, BY_DEVICE, each(frame), 0.25, 1)
    assert len(split.held_out) == 3
    assert len(split.test) == 3 * 120 and len(split.train) == 9 * 120


@pytest.mark.parametrize("seed", range(8))
def test_both_sides_get_episodes_if_two_groups_have_some(frame, schema, seed):
    rare = with_errors_on(frame, ["site/0", "site/7"])
    split = split_by_groups(rare, schema, BY_DEVICE, each(frame), 0.2, seed)
    assert split.train["is_error"].any() and split.test["is_error"].any()


def test_the_choice_is_near_the_share_of_rows_and_episodes(frame, schema):
    # One device has a third of all rows.
    large = frame[(frame[DEVICE] == "site/0") | (frame.index < len(frame) // 5)]
    split = split_by_groups(large, schema, BY_DEVICE, each(frame), 0.3, 1)
    assert 0.25 < len(split.test) / len(large) < 0.35


def test_the_choice_depends_on_the_seed_and_not_on_the_order(frame, schema):
    def chosen(rows, seed):
        return split_by_groups(rows, schema, BY_DEVICE, each(frame), 0.3, seed).held_out

    assert chosen(frame, 3) == chosen(frame.sample(frac=1.0, random_state=0), 3)
    assert len({chosen(frame, seed) for seed in range(5)}) > 1


def test_errors_in_one_group_only_are_refused(frame, schema):
    rare = with_errors_on(frame, ["site/4", "site/5"])
    with pytest.raises(InputError, match=r"must have errors in at least two of 6 values of cable"):
        split_by_groups(rare, schema, BY_CABLE, cables(frame), 0.3, 1)


def test_a_single_group_is_refused(frame, schema):
    one = dict.fromkeys(frame[DEVICE], "c0")
    with pytest.raises(InputError, match=r"errors in at least two of 1 values of cable.*got \['c0'\]"):
        split_by_groups(frame, schema, BY_CABLE, one, 0.3, 1)


def test_groups_are_named(frame, schema):
    rule = SplitRule("group", "cable", test=("c1", "c4"))
    split = split_by_groups(frame, schema, rule, cables(frame), 0.3, 1)
    assert set(split.groups_of(split.test)) == {"c1", "c4"}
    assert split.tested_on == "rows of 2 cables not trained on"
    assert split.summary.startswith("Rows are split by group:cable=c1,c4; evaluated on c1, c4; in neither")


def test_an_unknown_name_is_refused(frame, schema):
    rule = SplitRule("devices", test=("site/1", "site/99"))
    with pytest.raises(InputError, match=r"split\.test: must name values of device .*got \['site/99'\]"):
        split_by_groups(frame, schema, rule, each(frame), 0.3, 1)


def test_groups_that_lack_rows_or_errors_now_may_have_them_later(frame, schema):
    absent = SplitRule("group", "cable", test=("c99",))
    rare = with_errors_on(frame, ["site/4"])
    for rule, rows in ((absent, frame), (BY_CABLE, rare)):
        with pytest.raises(TooLittleDataError):
            split_by_groups(rows, schema, rule, cables(frame), 0.3, 1)


def test_rows_of_devices_without_a_group_are_counted(frame, schema):
    some = {device: cable for device, cable in cables(frame).items() if cable != "c5"}
    split = split_by_groups(frame, schema, BY_CABLE, some, 0.3, 1)
    assert split.describe()["rows_without_group"] == 2 * 120
    assert "in neither part: 240 of devices without a group." in split.summary


def test_a_group_on_both_sides_is_a_leak(frame, schema):
    split = split_by_groups(frame, schema, BY_CABLE, cables(frame), 0.3, 1)
    inside = split.test[DEVICE].iloc[0]
    moved = split.test[split.test[DEVICE] == inside]
    leaky = dataclasses.replace(
        split, train=pd.concat([split.train, moved]), test=split.test[split.test[DEVICE] != inside]
    )
    with pytest.raises(InputError, match="held-out groups by cable: must not be in the training part"):
        check_split(leaky, schema)


def test_groups_that_share_a_device_are_one():
    found = joined_groups({"r1": ["b"], "r2": ["c", "a"], "r3": ["b", "c"], "r4": ["d"], "r5": []})
    assert found == {"r1": "a", "r2": "a", "r3": "a", "r4": "d"}
