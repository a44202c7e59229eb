"""The rows of a split, and of its folds, over time."""

from __future__ import annotations

import dataclasses

import pandas as pd
import pytest

from feature_sets.telemetry.schema import DEVICE
from feature_sets.telemetry.split_rule import DEVICE_TIME, GROUP, SplitRule
from tests.training.network import STEP_SECONDS, make_frame, make_schema
from training.dataset.device_split import split_within_devices
from training.dataset.group_split import split_by_groups
from training.dataset.time_split import split_by_time
from training.report_page.split_section import split_figure, split_sections
from training.search.split_timeline import COLUMNS, MOST_EPISODES, MOST_LANES, split_timeline
from training.search.time_folds import episode_folds

SCHEMA = make_schema()
STEP = pd.Timedelta(seconds=STEP_SECONDS)


def folds_of(split):
    return episode_folds(split.shape.in_order(split.train, SCHEMA.time), SCHEMA, groups=split.groups)


def spans(table, lane):
    own = table[(table["lane"] == lane) & (table["part"] != "error episode")]
    return list(own[["part", "start", "end", "rows"]].itertuples(index=False, name=None))


def test_where_time_is_cut_all_devices_are_a_lane_and_each_fold_is_one():
    frame = make_frame(ticks=400, devices=4)
    split = split_by_time(frame, SCHEMA, 0.3)
    folds = folds_of(split)
    table = split_timeline(split, SCHEMA, folds)
    assert list(table.columns) == COLUMNS
    assert list(dict.fromkeys(table["lane"])) == [
        "all devices",
        "errors",
        "fold 1 of 3",
        "fold 2 of 3",
        "fold 3 of 3",
    ]
    learned, embargo, test = spans(table, "all devices")
    assert learned == (
        "learned from",
        frame["timestamp"].min(),
        split.train["timestamp"].max(),
        len(split.train),
    )
    assert embargo == ("embargo", split.train["timestamp"].max(), split.cut, 0)
    assert test == ("test", split.cut, frame["timestamp"].max(), len(split.test))
    for number, fold in enumerate(folds.used, start=1):
        fit, validation = spans(table, f"fold {number} of 3")
        assert (fit[0], validation[0]) == ("learned from", f"validation, fold {number}")
        assert (fit[3], validation[3]) == (len(fold.fit), len(fold.validation))
        assert validation[1] - fit[2] >= pd.Timedelta(seconds=SCHEMA.embargo_seconds)


def test_where_groups_are_left_out_each_has_a_lane_that_says_its_fold():
    frame = make_frame(ticks=200, devices=8)
    groups = {device: f"s{int(device.split('/')[1]) // 2}" for device in frame[DEVICE].unique()}
    split = split_by_groups(frame, SCHEMA, SplitRule(GROUP, "site"), groups, 0.3, 1)
    table = split_timeline(split, SCHEMA, folds_of(split))
    tested = set(split.groups_of(split.test))
    for lane in ("s0", "s1", "s2", "s3"):
        (span,) = spans(table, lane)
        assert span[0] == "test" if lane in tested else span[0].startswith("validation, fold ")
        assert span[3] == 400


def test_where_each_device_is_cut_it_has_a_lane_with_its_own_embargo():
    split = split_within_devices(make_frame(ticks=400), SCHEMA, SplitRule(DEVICE_TIME), 0.3)
    table = split_timeline(split, SCHEMA, folds_of(split))
    assert list(dict.fromkeys(table["lane"])) == [f"site/{number}" for number in range(4)]
    parts = [part for part, *_ in spans(table, "site/1")]
    assert parts[0] == "learned from" and parts[-2:] == ["embargo", "test"]
    assert {"validation, fold 1", "validation, fold 3"} <= set(parts)


def test_episodes_are_marks_in_their_lane_and_not_too_many():
    frame = make_frame(ticks=300, devices=4).assign(is_error=0)
    at = (frame[DEVICE] == "site/1") & frame["timestamp"].between(
        frame["timestamp"].min() + 9 * STEP, frame["timestamp"].min() + 12 * STEP
    )
    frame.loc[at | (frame["timestamp"] == frame["timestamp"].max() - STEP), "is_error"] = 1
    split = split_by_time(frame, SCHEMA, 0.3)
    table = split_timeline(split, SCHEMA, None)
    marks = table[table["part"] == "error episode"]
    assert set(marks["lane"]) == {"errors"} and len(marks) == 5
    assert tuple(marks.iloc[0][["start", "rows"]]) == (frame["timestamp"].min() + 9 * STEP, 4)


def test_episodes_of_a_device_are_in_its_lane():
    split = split_within_devices(make_frame(ticks=400), SCHEMA, SplitRule(DEVICE_TIME), 0.3)
    table = split_timeline(split, SCHEMA, None)
    marks = table[table["part"] == "error episode"]
    assert set(marks["lane"]) == {f"site/{number}" for number in range(4)}


def test_of_many_episodes_some_are_drawn():
    many = make_frame(ticks=20_000, devices=2)
    short = make_schema(windows={**SCHEMA.to_dict()["windows"], "lengths": ["10s"]})
    drawn = split_timeline(split_by_time(many, short, 0.3), short, None)
    assert (drawn["part"] == "error episode").sum() == MOST_EPISODES


def test_lanes_and_stretches_are_bounded():
    frame = make_frame(ticks=120, devices=MOST_LANES + 6)
    split = split_within_devices(frame, SCHEMA, SplitRule(DEVICE_TIME), 0.3)
    table = split_timeline(split, SCHEMA, None)
    assert table["lane"].nunique() == MOST_LANES


def test_parts_that_take_turns_row_by_row_are_told_from_their_first_to_their_last_row():
    frame = make_frame(ticks=300)
    split = split_within_devices(frame, SCHEMA, SplitRule(DEVICE_TIME), 0.3)
    odd = (frame.index // 4) % 2 == 1
    turned = dataclasses.replace(split, train=frame[~odd], test=frame[odd], left_out={})
    found = spans(split_timeline(turned, SCHEMA, None), "site/0")
    assert [(part, rows) for part, _, _, rows in found] == [("learned from", 150), ("test", 150)]


def test_the_plot_has_a_trace_a_part_and_lanes_from_the_top():
    split = split_by_time(make_frame(ticks=400), SCHEMA, 0.3)
    table = split_timeline(split, SCHEMA, folds_of(split))
    figure = split_figure(table)
    names = [trace.name.partition(" (")[0] for trace in figure.data]
    assert names == ["learned from", "validation", "validation", "embargo", "test", "error episodes"]
    assert [trace.showlegend for trace in figure.data] == [True, True, False, True, True, True]
    assert figure.layout.yaxis.categoryarray[0] == "all devices"
    assert "validation, fold 2<br>" in " ".join(figure.data[2].text)
    (section,) = split_sections(table, "Rows are split by time.")
    assert section.text[0] == "Rows are split by time."


@pytest.mark.parametrize("timeline", [None, pd.DataFrame(columns=COLUMNS)])
def test_a_run_of_before_has_no_section(timeline):
    assert split_sections(timeline, "x") == ()
