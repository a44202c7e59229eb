"""Folds by time: what is fitted lies an embargo before what it is evaluated on."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from feature_sets.checks import InputError
from tests.training.network import START, make_frame, make_schema
from training.dataset.fold_shape import FoldShape
from training.search.time_folds import DEVICES, FORWARD, GROUPS, LEFT_OUT, always_fitted, episode_folds


def short_schema():
    return make_schema(windows={"lengths": ["1m"], "period": "10s", "operations": ["avg"]})


def with_episodes(starts, ticks=2000, length=5, devices=("a",)):
    """A row every 30 seconds; the errors of each device are the ticks [start, start + length)."""
    frames = []
    for device in devices:
        at = np.arange(ticks)
        wrong = np.isin(at, np.concatenate([np.arange(start, start + length) for start in starts]))
        times = START + pd.to_timedelta(30 * at, unit="s")
        frames.append(pd.DataFrame({"device": device, "timestamp": times, "is_error": wrong.astype(np.int8)}))
    return pd.concat(frames, ignore_index=True)


def check(frame, schema, folds):
    """Nothing is on both sides: rows that are fitted on lie an embargo from those evaluated on."""
    times, embargo = frame["timestamp"].reset_index(drop=True), pd.Timedelta(seconds=schema.embargo_seconds)
    labels, devices = frame["is_error"].to_numpy(), frame["device"].to_numpy()
    for fold in (*folds.used, *folds.decision):
        assert set(labels[fold.fit]) == set(labels[fold.validation]) == {0, 1}
        if folds.kind == DEVICES:
            assert not set(devices[fold.fit]) & set(devices[fold.validation])
            continue
        first, last = times[fold.validation].min(), times[fold.validation].max()
        fit = times[fold.fit]
        assert ((fit <= first - embargo) | (fit >= last + embargo)).all()
    for several in (folds.used, folds.decision):
        evaluated = np.concatenate([fold.validation for fold in several])
        assert len(set(evaluated)) == len(evaluated)


def test_folds_expand_keep_the_embargo_and_evaluate_on_each_row_once(frame, schema):
    frame = frame.sample(frac=1.0, random_state=1)  # the order of the rows does not matter
    folds = episode_folds(frame, schema, 3)
    assert len(folds.used) == 3 and folds.skipped == () and folds.kind == FORWARD
    check(frame, schema, folds)
    times = frame["timestamp"].reset_index(drop=True)
    for fold in folds.used:
        assert times[fold.validation].min() > times[fold.fit].max()
    fits = [set(fold.fit) for fold in folds.used]
    assert fits[0] < fits[1] < fits[2]
    evaluated = np.concatenate([fold.validation for fold in folds.used])
    assert times[evaluated].max() == times.max()
    # Calibration and threshold: the same rows, of models that have also seen what comes after.
    assert set(np.concatenate([fold.validation for fold in folds.decision])) == set(evaluated)
    assert len(folds.decision) == 5
    assert all(times[fold.fit].max() == times.max() for fold in folds.decision[:-1])


def test_errors_that_begin_late_have_folds():
    frame = with_episodes(range(1700, 2000, 20))
    folds = episode_folds(frame, short_schema(), 3)
    assert folds.episodes == 15 and folds.kind == FORWARD
    check(frame, short_schema(), folds)


@pytest.mark.parametrize("count", range(2, 10))
def test_few_episodes_are_each_left_out_in_turn_with_the_healthy_time_around(count):
    schema, starts = short_schema(), [300 + 180 * number for number in range(count)]
    frame = with_episodes(starts)
    folds = episode_folds(frame, schema, 3)
    assert folds.kind == LEFT_OUT and folds.episodes == count and folds.used == folds.decision
    check(frame, schema, folds)
    assert len(folds.used) == min(count, 8)
    assert set(np.concatenate([fold.validation for fold in folds.used])) == set(range(len(frame)))
    assert len(always_fitted(frame, schema)) == 0


@pytest.mark.parametrize("starts", [[1900, 1950], [100, 1980], [60, 100, 1990]])
def test_two_episodes_anywhere_are_enough(starts):
    frame = with_episodes(starts)
    check(frame, short_schema(), episode_folds(frame, short_schema(), 3))


def test_episodes_at_the_same_time_are_one_and_then_devices_are_left_out():
    frame = with_episodes([700], devices=("a", "b", "c"))
    folds = episode_folds(frame, short_schema(), 3)
    assert folds.kind == DEVICES and len(folds.used) == 3
    check(frame, short_schema(), folds)


def test_groups_are_left_out_whole_however_many_episodes_there_are():
    devices = ("a", "b", "c", "d", "e", "f")
    frame = with_episodes(range(60, 1960, 100), devices=devices)
    groups = dict(zip(devices, ("x", "x", "y", "y", "z", "z"), strict=True))
    folds = episode_folds(frame, short_schema(), 3, groups)
    assert folds.kind == GROUPS and len(folds.used) == 3
    for fold in folds.used:
        sides = [set(frame["device"].iloc[rows].map(groups)) for rows in (fold.fit, fold.validation)]
        assert not sides[0] & sides[1]
    alone = episode_folds(frame, short_schema(), 3, {device: device for device in devices})
    assert alone.kind == DEVICES and len(alone.used) == 6


def test_errors_of_one_group_leave_its_episodes_out_in_turn():
    frame = with_episodes([300, 900, 1500])
    folds = episode_folds(frame, short_schema(), 3, {"a": "x"})
    assert folds.kind == LEFT_OUT and len(folds.used) == 3


def test_devices_that_report_at_different_times_are_cut_at_a_time_of_their_own():
    starts = range(60, 1960, 100)
    one, other = with_episodes(starts), with_episodes(starts).assign(device="b")
    later = other.assign(timestamp=other["timestamp"] + pd.Timedelta(days=30))
    frame = pd.concat([one, later], ignore_index=True)
    in_order = FoldShape(within_devices=True).in_order(frame, "timestamp")
    assert in_order.groupby("device")["timestamp"].max().nunique() == 1
    for fold in episode_folds(in_order, short_schema(), 3).used:
        assert set(frame["device"].iloc[fold.fit]) == set(frame["device"].iloc[fold.validation]) == {"a", "b"}
    # By one time for all, the folds are evaluated on the second device alone.
    for fold in episode_folds(frame, short_schema(), 3).used:
        assert set(frame["device"].iloc[fold.validation]) == {"b"}


def test_a_single_episode_is_an_error_that_says_what_is_needed():
    with pytest.raises(InputError, match=r"must have two error episodes .*got \['1 error episode'"):
        episode_folds(with_episodes([700]), short_schema(), 3)


def test_rows_of_one_instant_are_never_in_two_blocks(schema):
    frame = make_frame(ticks=101)  # 404 rows, four an instant: block ends fall inside an instant
    folds = episode_folds(frame, schema, 2)
    times = frame["timestamp"]
    earlier, later = folds.used
    assert times[earlier.validation].max() < times[later.validation].min()
    assert len(earlier.validation) % 4 == len(later.validation) % 4 == 0


def test_a_longer_horizon_widens_the_gap(frame):
    schema = make_schema(horizon="10m")
    frame = frame.rename(columns={"is_error": schema.target})
    for fold in episode_folds(frame, schema, 2).used:
        gap = frame["timestamp"][fold.validation].min() - frame["timestamp"][fold.fit].max()
        assert gap >= pd.Timedelta(seconds=300 + 600)


def test_fewer_folds_are_made_where_each_would_lack_rows():
    # Ten episodes of a row each, four rows apart and an embargo of two: no block of one has ten rows.
    frame = with_episodes(range(100, 140, 4), ticks=140, length=1)
    schema = short_schema()
    folds = episode_folds(frame, schema, 5)
    check(frame, schema, folds)
    assert folds.kind == FORWARD and folds.episodes == 10
    assert 0 < len(folds.used) < 5 and folds.skipped == ()


def test_an_embargo_longer_than_the_data_is_an_error(frame):
    schema = make_schema(windows={"lengths": ["6h"], "period": "1h", "operations": ["avg"]})
    only = frame[frame["device"] == "site/0"]
    with pytest.raises(InputError, match=r"an embargo of 21600 s: must have two error episodes an embargo"):
        episode_folds(only, schema, 3)


def test_an_incident_in_whose_middle_its_device_is_silent_is_one_episode_and_in_one_part():
    frame, schema = with_episodes([300, 480, 660]), short_schema()
    at = np.arange(len(frame))
    frame, at = (rows[(at < 305) | (at >= 480)] for rows in (frame, at))  # Ticks 300 to 484 are one incident.
    spans = np.where((at >= 300) & (at < 485), 0, -1)
    for each in (frame, FoldShape(within_devices=True).in_order(frame, "timestamp")):
        assert episode_folds(each, schema, 3).episodes == 3
        folds = episode_folds(each, schema, 3, spans=spans)
        assert folds.episodes == len(folds.used) == 2
        for fold in folds.used:
            assert len({bool(part) for part in np.isin(np.flatnonzero(spans == 0), fold.validation)}) == 1
