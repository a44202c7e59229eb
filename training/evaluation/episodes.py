"""What an operator would have seen: which error episodes raised an alarm, how soon, and false alarms.

A row is an alarm when the model calls it an error. Errors now: an episode is caught if one of its rows is an
alarm, and the delay counts from its first row. Errors ahead, with a horizon H: an episode is caught if a row
in [onset - H, onset) is an alarm, and the lead counts from the first such row; of episodes that follow each
other within H, one alarm may announce several.

An alarm that never ends would catch every episode. So what lies further from an episode than the longest gap
is a false alarm whatever it is part of, and episodes that found the alarm on already are counted.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from training.dataset.device_times import DeviceTimes, Moments, Positions, moments_of
from training.exploration.error_episodes import error_episodes

ALARM = "alarm"
SECOND = 10**9
DAY = 86_400.0


def lag_column(horizon: int) -> str:
    """Column of the seconds between onset and first alarm: a lead with a horizon, else a delay."""
    return "lead_seconds" if horizon else "delay_seconds"


@dataclass(frozen=True)
class EpisodeView:
    """Episodes and alarms of the test part.

    :param episodes: device, start, end, seconds, rows (as ``error_episodes``) of each episode that reaches
        into the test period; ``began_before`` (before that period); ``judged_rows``, the test rows that could
        catch it; ``counted``; ``caught``; ``first_alarm``, time of the first row that caught it;
        ``delay_seconds`` or, with a horizon, ``lead_seconds``; the last two missing where it is not caught;
        ``already_on``, whether the alarm that caught it was on in the row before.

        An episode counts unless it began before the test period, when its onset was not judged, or has no
        judged row: the device is not judged, was silent, or its rows are excluded.
    :param false_alarms: device, start, end, seconds, rows of each run of alarms that belongs to no episode.
    :param devices: device, ``days`` (from each of its test rows to the next, at most the longest gap each);
        sorted by device.
    :param horizon_seconds: 0 for errors now.
    """

    episodes: pd.DataFrame
    false_alarms: pd.DataFrame
    devices: pd.DataFrame
    horizon_seconds: int

    @property
    def lag(self) -> str:
        """Column of the delay or the lead."""
        return lag_column(self.horizon_seconds)

    @property
    def counted(self) -> pd.DataFrame:
        """Episodes that count."""
        return self.episodes[self.episodes["counted"]]

    def describe(self) -> dict[str, float | int]:
        """Results ready to be logged; what has nothing to be computed from is not in them.

        ``episodes`` (that count), ``episodes_caught``, ``episodes_caught_share``, ``episodes_already_on``
        (caught by an alarm that was on before), median and mean of delay or
        lead, ``episodes_begun_before_test`` and ``episodes_without_test_rows`` (both not counted),
        ``false_alarms`` (runs), ``device_days`` and ``false_alarms_per_device_day``.
        """
        counted, before = self.counted, self.episodes["began_before"]
        caught = counted[counted["caught"]]
        days = float(self.devices["days"].sum())
        facts: dict[str, float | int] = {
            "episodes": len(counted),
            "episodes_caught": len(caught),
            "episodes_already_on": int(caught["already_on"].sum()),
            "episodes_begun_before_test": int(before.sum()),
            "episodes_without_test_rows": int((~before & (self.episodes["judged_rows"] == 0)).sum()),
            "false_alarms": len(self.false_alarms),
            "device_days": days,
        }
        if len(counted):
            facts["episodes_caught_share"] = len(caught) / len(counted)
        if len(caught):
            facts[f"median_{self.lag}"] = float(caught[self.lag].median())
            facts[f"mean_{self.lag}"] = float(caught[self.lag].mean())
        if days:
            facts["false_alarms_per_device_day"] = len(self.false_alarms) / days
        return facts


def episode_view(
    rows: pd.DataFrame, states: pd.DataFrame, schema: TelemetrySchema, cut: pd.Timestamp
) -> EpisodeView:
    """Episodes that were caught, and alarms that were false.

    A run of alarms are alarms of a device that follow each other among its test rows, none later than the
    longest gap after the one before. It is a false alarm if it has no time in common with an episode, or the
    horizon before one, of the same device. Nor is it one if the device's last episode ended between the last
    test row before the run and the run, at most the longest gap ago: it began in that episode. Of a run that
    is none, the stretches further than the longest gap from every episode and its horizon are.

    The longest gap is the longest window or, where labels are sparse, twice the median step from one label
    row of a device to the next.

    :param rows: test rows: device, time (UTC), ``alarm`` (bool), in any order.
    :param states: device, time (UTC) and label of all rows of the judged devices, those before the cut as
        well.
    :param schema: names the columns; gives the horizon and the longest window.
    :param cut: when the test period begins.
    """
    gap = _longest_gap_seconds(states, schema)
    found = error_episodes(states, schema.time, schema.label, gap)
    names = pd.Index(sorted({*rows[DEVICE], *found[DEVICE]}))
    device = names.get_indexer(pd.Index(rows[DEVICE])).astype(np.intp)
    moments = moments_of(rows[schema.time])
    order = np.lexsort((moments, device))
    tested = _Tested(
        device[order],
        moments[order],
        rows[ALARM].to_numpy(dtype=bool)[order],
        rows[schema.time].iloc[order].reset_index(drop=True),
        gap * SECOND,
    )
    episode = _Episodes(
        names.get_indexer(pd.Index(found[DEVICE])).astype(np.intp),
        moments_of(found["start"]),
        moments_of(found["end"]),
        schema.horizon_seconds * SECOND,
    )
    table = _judged(found, episode, tested, cut)
    runs = _false_alarms(tested, episode)
    return EpisodeView(
        episodes=table[table["end"] >= cut].reset_index(drop=True),
        false_alarms=_runs_table(runs, tested, names),
        devices=_observed(tested, names),
        horizon_seconds=schema.horizon_seconds,
    )


def _longest_gap_seconds(states: pd.DataFrame, schema: TelemetrySchema) -> int:
    moments = moments_of(states[schema.time])
    device = pd.factorize(states[DEVICE])[0]
    order = np.lexsort((moments, device))
    steps = np.diff(moments[order])[device[order][1:] == device[order][:-1]]
    usual = 2.0 * float(np.median(steps)) / SECOND if len(steps) else 0.0
    return max(schema.longest_window_seconds, math.ceil(usual))


@dataclass(frozen=True)
class _Tested:
    """Test rows by device, then time; ``gap`` in nanoseconds."""

    device: Positions
    moment: Moments
    alarm: npt.NDArray[np.bool_]
    time: pd.Series
    gap: int

    @property
    def apart(self) -> npt.NDArray[np.bool_]:
        """Whether a row does not follow the one before: another device, or too late."""
        far = self.moment[1:] - self.moment[:-1] > self.gap
        return np.concatenate([[True], (self.device[1:] != self.device[:-1]) | far])

    @property
    def goes_on(self) -> npt.NDArray[np.bool_]:
        """Whether a row is an alarm and follows one."""
        follows: npt.NDArray[np.bool_] = np.concatenate([[False], self.alarm[:-1]]) & ~self.apart & self.alarm
        return follows


@dataclass(frozen=True)
class _Episodes:
    """Episodes by device, then time; ``horizon`` in nanoseconds."""

    device: Positions
    start: Moments
    end: Moments
    horizon: int


def _judged(found: pd.DataFrame, episode: _Episodes, tested: _Tested, cut: pd.Timestamp) -> pd.DataFrame:
    index = DeviceTimes(tested.device, tested.moment)
    if episode.horizon:
        first = index.first_at(episode.device, episode.start - episode.horizon)
        after = index.first_at(episode.device, episode.start)
    else:
        first = index.first_at(episode.device, episode.start)
        after = index.first_after(episode.device, episode.end)
    alarms = np.flatnonzero(tested.alarm)
    following = np.append(alarms, len(tested.alarm))[np.searchsorted(alarms, first)]
    caught = following < after
    at = tested.time.iloc[np.minimum(following, len(tested.alarm) - 1)].reset_index(drop=True).where(caught)
    lag = (found["start"] - at if episode.horizon else at - found["start"]).dt.total_seconds()
    before = (found["start"] < cut).to_numpy()
    judged = after - first
    goes_on = np.append(tested.goes_on, False)[first]
    return found.assign(
        began_before=before,
        judged_rows=judged,
        counted=~before & (judged > 0),
        caught=caught,
        first_alarm=at,
        already_on=caught & goes_on,
        **{lag_column(episode.horizon): lag},
    )


def _false_alarms(tested: _Tested, episode: _Episodes) -> tuple[Positions, Positions]:
    """First and last row of each run of alarms, or stretch of one, that belongs to no episode."""
    first, last = _runs(tested.alarm, tested.goes_on)
    device, begin, finish = tested.device[first], tested.moment[first], tested.moment[last]
    starts = DeviceTimes(episode.device, episode.start - episode.horizon)
    ends = DeviceTimes(episode.device, episode.end)
    # Episodes that have begun by the run's last row, less those over before its first.
    over = ends.first_at(device, begin)
    within = starts.first_after(device, finish) > over
    # The run may have begun in an episode that ended since the last row before the run.
    same_device = np.concatenate([[False], tested.device[1:] == tested.device[:-1]])[first]
    nearest = np.where(same_device, tested.moment[np.maximum(first - 1, 0)], np.iinfo(np.int64).min)
    ended = np.maximum(begin - tested.gap, nearest + same_device)
    began_within = ends.first_at(device, ended) < over

    lengths = last - first + 1
    false = np.zeros(len(tested.alarm), dtype=np.bool_)
    false[tested.alarm] = np.repeat(~(within | began_within), lengths)
    near_starts = DeviceTimes(episode.device, episode.start - episode.horizon - tested.gap)
    near_ends = DeviceTimes(episode.device, episode.end + tested.gap)
    far = near_starts.first_after(tested.device, tested.moment) <= near_ends.first_at(
        tested.device, tested.moment
    )
    false |= tested.alarm & far
    return _runs(false, false & tested.goes_on & np.concatenate([[False], false[:-1]]))


def _runs(marked: npt.NDArray[np.bool_], goes_on: npt.NDArray[np.bool_]) -> tuple[Positions, Positions]:
    """First and last row of each run of marked rows; ``goes_on`` is true for those that are not the first."""
    last = marked & ~np.append(goes_on[1:], False)
    return np.flatnonzero(marked & ~goes_on), np.flatnonzero(last)


def _runs_table(runs: tuple[Positions, Positions], tested: _Tested, names: pd.Index) -> pd.DataFrame:
    first, last = runs
    start, end = (tested.time.iloc[at].reset_index(drop=True) for at in (first, last))
    return pd.DataFrame(
        {
            DEVICE: np.asarray(names, dtype=object)[tested.device[first]],
            "start": start,
            "end": end,
            "seconds": (end - start).dt.total_seconds(),
            "rows": last - first + 1,
        }
    )


def _observed(tested: _Tested, names: pd.Index) -> pd.DataFrame:
    steps = np.append(tested.moment[1:] - tested.moment[:-1], 0)
    steps[:-1][tested.device[1:] != tested.device[:-1]] = 0
    seconds = np.bincount(tested.device, weights=np.minimum(steps, tested.gap) / SECOND, minlength=len(names))
    present = np.unique(tested.device)
    return pd.DataFrame({DEVICE: np.asarray(names, dtype=object)[present], "days": seconds[present] / DAY})
