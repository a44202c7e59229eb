"""Caught episodes and false alarms, against loops over rows."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score

from tests.training.network import make_schema
from training.dataset.incident_spans import IncidentSpans
from training.evaluation.device_scores import device_scores
from training.evaluation.episodes import episode_view
from training.exploration.error_episodes import error_episodes

START = pd.Timestamp("2024-03-01T00:00:00Z")
GAP = 300  # longest window of the schema, seconds
STEPS = [20, 30, 60, 20, 30, 60, 20, 30, 60, 30, 290, 300, 301, 900]


def at(second):
    return START + pd.Timedelta(seconds=float(second))


def table(rows, column):
    """Rows of (device, second, value)."""
    frame = pd.DataFrame(rows, columns=["device", "timestamp", column])
    return frame.assign(timestamp=START + pd.to_timedelta(frame["timestamp"], unit="s"))


def line(states, alarms, step=60, device="a"):
    """Label history and test rows of one device, a character a row: 1, 0 or space for no row."""
    state = [(device, step * place, int(mark)) for place, mark in enumerate(states) if mark != " "]
    alarm = [(device, step * place, mark == "1") for place, mark in enumerate(alarms) if mark != " "]
    return table(alarm, "alarm"), table(state, "is_error")


def view_of(states, alarms, *, cut=0, horizon="0s", step=60):
    rows, state = line(states, alarms, step)
    rows = rows[rows["timestamp"] >= at(cut)]
    return episode_view(rows, state, make_schema(horizon=horizon), at(cut))


def caught(view):
    """(onset, seconds of delay or lead or None) of each episode that counts."""
    return [
        ((row.start - START).total_seconds(), getattr(row, view.lag) if row.caught else None)
        for row in view.counted.itertuples()
    ]


def false_alarms(view):
    return [
        tuple((moment - START).total_seconds() for moment in (row.start, row.end))
        for row in view.false_alarms.itertuples()
    ]


def test_an_episode_is_caught_by_its_first_alarm():
    view = view_of("0011100110", "0000100000")
    assert caught(view) == [(120, 120.0), (420, None)]
    facts = view.describe()
    assert (facts["episodes"], facts["episodes_caught"], facts["episodes_caught_share"]) == (2, 1, 0.5)
    assert facts["median_delay_seconds"] == facts["mean_delay_seconds"] == 120.0
    assert facts["false_alarms"] == 0
    assert facts["device_days"] == pytest.approx(9 * 60 / 86400)


def test_an_episode_that_begins_with_the_last_reading_does_not_count_unless_it_could_be_announced():
    view = view_of("0011000001", "0010000000")
    assert caught(view) == [(120, 0.0)] and list(view.episodes["cut_off"]) == [False, True]
    assert (view.describe()["episodes"], view.describe()["episodes_cut_off"]) == (1, 1)
    assert len(view_of("0011000011", "0010000000").counted) == 2
    ahead = view_of("0011000001", "0100000000", horizon="60s")
    assert [onset for onset, _ in caught(ahead)] == [120, 540]


@pytest.mark.parametrize(("hours", "unended"), [(6, False), (28, True)])
def test_an_incident_is_unended_if_it_lasts_until_the_newest_readings_and_not_if_only_its_label_is_newest(
    hours, unended
):
    """Readings of three days, every ten minutes; of the newest day only errors have a label."""
    schema = make_schema(labels={"form": "positives", "watched": "readings", "healthy_after": "1d"})
    times = at(0) + pd.to_timedelta(np.arange(0, 3 * 86_400, 600), unit="s")
    begin = at(0) + pd.Timedelta(hours=44)
    is_error = (times >= begin) & (times < begin + pd.Timedelta(hours=hours))
    history = pd.DataFrame({"device": "a", "timestamp": times, "is_error": is_error.astype(np.int8)})
    history = history[is_error | (times <= times[-1] - pd.Timedelta("1d"))]
    rows = history.assign(alarm=False)[["device", "timestamp", "alarm"]]
    view = episode_view(rows, history, schema, at(0))
    assert list(view.episodes["unended"]) == [unended]


def test_alarms_in_a_row_are_one_false_alarm():
    view = view_of("0000000000", "0110010111")
    assert false_alarms(view) == [(60, 120), (300, 300), (420, 540)]
    assert list(view.false_alarms["rows"]) == [2, 1, 3]
    assert view.describe()["false_alarms_per_device_day"] == pytest.approx(3 / (540 / 86400))


def test_a_gap_ends_a_run_of_alarms_and_an_episode():
    # Nothing from 60 to 420: more than the longest window.
    view = view_of("11     110", "00     000")
    assert [onset for onset, _ in caught(view)] == [0, 420]
    assert false_alarms(view_of("00     000", "01     110")) == [(60, 60), (420, 480)]
    # From 60 to 360 it is exactly the longest window.
    assert [onset for onset, _ in caught(view_of("11    110", "00    000"))] == [0]
    assert false_alarms(view_of("00    000", "01    110")) == [(60, 420)]


def test_an_alarm_that_began_in_an_episode_and_goes_on_is_not_a_false_one():
    assert false_alarms(view_of("0011000000", "0001111000")) == []
    assert false_alarms(view_of("0011000000", "0110000000")) == []
    # One that begins after a healthy row is.
    assert false_alarms(view_of("0011000000", "0011010000")) == [(300, 300)]


def test_an_alarm_that_is_always_on_catches_all_and_is_false_in_between():
    # Errors at 1,200 and 3,600; alarms within 300 s of them are theirs.
    states = "0" * 20 + "1" + "0" * 39 + "1" + "0" * 19
    view = view_of(states, "1" * 80)
    assert caught(view) == [(1200, 0.0), (3600, 0.0)]
    assert false_alarms(view) == [(0, 840), (1560, 3240), (3960, 4740)]
    assert list(view.episodes["already_on"]) == [True, True]
    assert view.describe()["episodes_already_on"] == 2
    ahead = view_of(states, "1" * 20 + " " + "1" * 39 + " " + "1" * 19, horizon="120s")
    assert caught(ahead) == [(1200, 120.0), (3600, 120.0)]
    assert false_alarms(ahead) == [(0, 720), (1560, 3120), (3960, 4740)]
    assert view_of("0011000000", "0001000000").describe()["episodes_already_on"] == 0


def test_sparse_labels_make_the_longest_gap_longer():
    # An hour from row to row, a window of five minutes.
    view = view_of("0001111110" + "0" * 86, "0000011100" + "0" * 50 + "11" + "0" * 34, step=3600)
    assert caught(view) == [(3 * 3600, 2 * 3600.0)]
    assert false_alarms(view) == [(60 * 3600, 61 * 3600)]
    assert view.describe()["device_days"] == pytest.approx(95 / 24)


def test_an_alarm_right_after_error_rows_without_a_test_row_is_not_a_false_one():
    assert false_alarms(view_of("0011000000", "00  110000")) == []
    assert false_alarms(view_of("0011000000", "00  011000")) == [(300, 360)]
    # The errors ended before the test period begins; the alarm may have begun in them.
    assert false_alarms(view_of("0011000000", "0011100000", cut=240)) == []
    assert false_alarms(view_of("0010000000", "0010000011", cut=480)) == [(480, 540)]


def test_an_episode_that_began_before_the_test_period_is_listed_and_does_not_count():
    view = view_of("0111100110", "0000110111", cut=180)
    assert list(view.episodes["began_before"]) == [True, False]
    assert list(view.episodes["counted"]) == [False, True]
    assert caught(view) == [(420, 0.0)]
    assert false_alarms(view) == []
    assert view.describe()["episodes_begun_before_test"] == 1


def test_an_episode_without_a_test_row_does_not_count():
    view = view_of("0110011000", "0  0011000")
    assert list(view.episodes["test_rows"]) == [0, 2]
    assert caught(view) == [(300, 0.0)]
    facts = view.describe()
    assert (facts["episodes"], facts["episodes_without_test_rows"]) == (1, 1)


def test_an_episode_before_which_the_device_was_silent_for_the_horizon_says_so():
    # Before the onsets at 300 and 780 are rows that are not tested, before the one at 1,200 tested ones.
    view = view_of("00000110    010000001000", "00           00000000000", horizon="180s")
    assert list(view.episodes["test_rows"]) == [0, 0, 3]
    assert list(view.episodes["unseen"]) == [False, False, False]
    view = view_of("00000110     10000001000", "00            0000001000", horizon="180s")
    assert list(view.episodes["unseen"]) == [False, True, False]
    facts = view.describe()
    assert (facts["episodes_without_test_rows"], facts["episodes_unseen"]) == (2, 1)
    # Without a horizon an episode is caught in itself.
    assert not view_of("00     100", "00     000").episodes["unseen"].any()


def test_with_a_horizon_an_alarm_counts_before_the_onset():
    # horizon 180 s before the onset at 360: from 180 on, not at 360
    view = view_of("0000001100", "010110  00", horizon="180s")
    assert caught(view) == [(360, 180.0)]
    assert false_alarms(view) == [(60, 60)]
    facts = view.describe()
    assert facts["median_lead_seconds"] == 180.0 and "median_delay_seconds" not in facts


@pytest.mark.parametrize(
    ("alarms", "lead", "false"),
    [
        ("000100  00", 180.0, []),
        ("001000  00", None, [(120, 120)]),
        ("000001  00", 60.0, []),
        ("000000  10", None, []),  # right after the errors: it may have begun in them
        ("000000  01", None, [(540, 540)]),
        ("001100  00", 180.0, []),
    ],
)
def test_edges_of_the_horizon(alarms, lead, false):
    view = view_of("0000001100", alarms, horizon="180s")
    assert (caught(view), false_alarms(view)) == ([(360, lead)], false)


def test_without_episodes_and_alarms_nothing_is_made_up():
    facts = view_of("0000", "0000").describe()
    assert (facts["episodes"], facts["false_alarms"], facts["false_alarms_per_device_day"]) == (0, 0, 0.0)
    assert not [name for name in facts if name.endswith(("share", "seconds"))]
    assert "false_alarms_per_device_day" not in view_of("0", "0").describe()


def test_states_that_are_not_known_neither_continue_nor_end_an_episode():
    rows, states = line("0110110", "0000000")
    states["is_error"] = states["is_error"].astype(float).where(states.index != 3)
    view = episode_view(rows, states, make_schema(), START)
    assert [onset for onset, _ in caught(view)] == [60]


def random_network(seed, horizon):
    """Ragged rows of some devices, errors and alarms in runs; some rows are not evaluated."""
    random = np.random.default_rng(seed)
    states, alarms = [], []
    for device in ("b", "a", "c/d"):
        second, error, alarm = int(random.integers(0, 400)), False, False
        for _ in range(150):
            second += int(random.choice(STEPS))
            error ^= random.random() < (0.3 if error else 0.08)
            alarm ^= random.random() < (0.4 if alarm else 0.1)
            states.append((device, second, int(error)))
            if random.random() < 0.9 and not (horizon and error):
                alarms.append((device, second, alarm))
    return states, alarms


def slow_episodes(states, cut):
    found = []
    for device in sorted({row[0] for row in states}):
        own = sorted(row[1:] for row in states if row[0] == device)
        current, last = None, None
        for second, error in own:
            if current and (not error or second - last > GAP):
                found.append(current)
                current = None
            if error:
                current = (device, current[1] if current else second, second)
            last = second
        if current:
            found.append(current)
    return found


def slow_view(states, alarms, horizon, cut):
    everything = slow_episodes(states, cut)
    listed = []
    for device, start, end in everything:
        if end < cut:
            continue
        rows = [
            (second, alarm)
            for name, second, alarm in sorted(alarms)
            if name == device and (start - horizon <= second < start if horizon else start <= second <= end)
        ]
        hits = [second for second, alarm in rows if alarm]
        lag = (start - hits[0] if horizon else hits[0] - start) if hits else None
        listed.append((device, start, end, start < cut, len(rows), lag))
    false = []
    seconds = {}
    for device in sorted({row[0] for row in alarms}):
        own = sorted(row[1:] for row in alarms if row[0] == device)
        seconds[device] = sum(min(b[0] - a[0], GAP) for a, b in pairwise(own))
        runs = []
        for place, (second, alarm) in enumerate(own):
            if not alarm:
                continue
            if place and own[place - 1][1] and second - own[place - 1][0] <= GAP:
                runs[-1][1] = second
            else:
                runs.append([second, second, own[place - 1][0] if place else -np.inf])
        mine = [episode[1:] for episode in everything if episode[0] == device]
        for begin, finish, before in runs:
            overlaps = any(start - horizon <= finish and end >= begin for start, end in mine)
            goes_on = any(before < end < begin and begin - end <= GAP for _, end in mine)
            current = None
            for second in (second for second, alarm in own if begin <= second <= finish):
                far = all(second < start - horizon - GAP or second > end + GAP for start, end in mine)
                if far or not (overlaps or goes_on):
                    current = (device, current[1] if current else second, second)
                elif current:
                    false.append(current)
                    current = None
            if current:
                false.append(current)
    return listed, false, seconds


@pytest.mark.parametrize("horizon", [0, 60, 600])
@pytest.mark.parametrize("seed", range(8))
def test_the_view_is_that_of_a_loop_over_rows(seed, horizon):
    states, alarms = random_network(seed, horizon)
    cut = 1000
    alarms = [row for row in alarms if row[1] >= cut]
    shuffled = np.random.default_rng(seed).permutation(len(alarms))
    view = episode_view(
        table(alarms, "alarm").iloc[shuffled],
        table(states, "is_error").sample(frac=1.0, random_state=seed),
        make_schema(horizon=f"{horizon}s"),
        at(cut),
    )
    listed, false, seconds = slow_view(states, alarms, horizon, cut)
    found = view.episodes
    second = {name: (found[name] - START).dt.total_seconds() for name in ("start", "end", "first_alarm")}
    lags = [None if np.isnan(lag) else lag for lag in found[view.lag]]
    columns = (
        found["device"],
        second["start"],
        second["end"],
        found["began_before"],
        found["test_rows"],
        lags,
    )
    assert list(zip(*columns, strict=True)) == listed
    first = [start - lag if horizon else start + lag for _, start, *_, lag in listed if lag is not None]
    assert list(second["first_alarm"].dropna()) == first
    assert list(found["caught"]) == [lag is not None for *_, lag in listed]
    last = {device: max(second for name, second, _ in states if name == device) for device, *_ in states}
    off = [start == last[device] and not horizon for device, start, *_ in listed]
    assert list(found["cut_off"]) == off
    assert list(found["counted"]) == [
        not before and rows > 0 and not cut for (*_, before, rows, _), cut in zip(listed, off, strict=True)
    ]
    runs = [
        (row.device, (row.start - START).total_seconds(), (row.end - START).total_seconds())
        for row in view.false_alarms.itertuples()
    ]
    assert runs == false and len(false) > 0
    days = dict(zip(view.devices["device"], 86400 * view.devices["days"], strict=True))
    assert days == pytest.approx(seconds)


def test_episodes_without_a_longest_gap_go_on_as_before():
    _, states = line("11     110", "0")
    assert len(error_episodes(states, "timestamp", "is_error")) == 1
    assert len(error_episodes(states, "timestamp", "is_error", 359)) == 2
    assert len(error_episodes(states, "timestamp", "is_error", 360)) == 1


def test_the_table_of_devices_is_that_of_a_loop_over_them():
    states, alarms = random_network(3, 0)
    states = [*states, ("quiet", 0, 0), ("quiet", 60, 0)]
    alarms = [*alarms, ("quiet", 0, False)]
    view = episode_view(table(alarms, "alarm"), table(states, "is_error"), make_schema(), START)
    errors = {(device, second): state for device, second, state in states}
    random = np.random.default_rng(0)
    rows = pd.DataFrame(
        [(device, errors[(device, second)], int(alarm)) for device, second, alarm in alarms],
        columns=["device", "label", "predicted"],
    ).assign(probability=random.random(len(alarms)).round(2))
    found = device_scores(rows["device"], rows["label"], rows["probability"], rows["predicted"], view)
    assert list(found["device"]) == ["a", "b", "c/d", "quiet"]
    for row in found.itertuples():
        own = rows[rows["device"] == row.device]
        hits = ((own["label"] == 1) & (own["predicted"] == 1)).sum()
        assert (row.rows, row.positives, row.alarms) == (len(own), own["label"].sum(), own["predicted"].sum())
        counted = view.counted[view.counted["device"] == row.device]
        assert (row.episodes, row.episodes_caught) == (len(counted), counted["caught"].sum())
        assert row.false_alarms == (view.false_alarms["device"] == row.device).sum()
        if row.device != "quiet":
            assert row.precision == pytest.approx(hits / own["predicted"].sum())
            assert row.recall == pytest.approx(hits / own["label"].sum())
            expected = average_precision_score(own["label"], own["probability"])
            assert row.average_precision == pytest.approx(expected)
            assert row.false_alarms_per_day == pytest.approx(row.false_alarms / row.days)
    quiet = found.set_index("device").loc["quiet"]
    assert quiet[["precision", "recall", "average_precision", "false_alarms_per_day"]].isna().all()
    assert found["episodes"].sum() == view.describe()["episodes"]


@pytest.mark.parametrize("horizon", ["0s", "5m"])
def test_an_incident_in_whose_middle_its_device_is_silent_is_one_episode(horizon):
    rows, states = line("0000111         11000", "0001000         00000")
    ticket = IncidentSpans(
        np.array(["a"], dtype=object), *(np.array([at(60 * end).value]) for end in (4, 18))
    )
    schema = make_schema(horizon=horizon)
    split, whole = (episode_view(rows, states, schema, START, *known) for known in ((), (ticket,)))
    assert [len(view.episodes) for view in (split, whole)] == [2, 1]
    assert (whole.episodes["seconds"].item(), len(whole.counted)) == (13 * 60, 1)
    assert split.describe()["episodes_without_test_rows"] == (horizon != "0s")
    assert whole.describe()["episodes_without_test_rows"] == 0
