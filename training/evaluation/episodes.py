"""Which error episodes raised an alarm and how soon, and which alarms were false.

A row is an alarm when the model calls it an error. Errors now: an episode is caught if one of its rows is an
alarm, and the delay counts from its first row. Errors ahead, with a horizon H: an episode is caught if a row
in [onset - H, onset) is an alarm, and the lead counts from the first such row; of episodes that follow each
other within H, one alarm may announce several.

An alarm that never ends would catch every episode. So what lies further from an episode than the longest gap
is a false alarm whatever it is part of, and episodes that found the alarm on already are counted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from training.dataset.device_times import (
    DeviceTimes,
    Moments,
    Positions,
    label_gap_seconds,
    moments_of,
)
from training.dataset.incident_spans import NO_INCIDENTS, IncidentSpans
from training.evaluation.episode_view import EpisodeView, lag_column
from training.exploration.error_episodes import error_episodes

ALARM = "alarm"
SECOND = 10**9
DAY = 86_400.0


def episode_view(
    rows: pd.DataFrame,
    label_history: pd.DataFrame,
    schema: TelemetrySchema,
    cut: pd.Timestamp | pd.Series,
    incidents: IncidentSpans = NO_INCIDENTS,
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
    :param label_history: device, time (UTC) and label of all rows of the evaluated devices, those before the
        cut as well.
    :param schema: names the columns; gives the horizon and the longest window.
    :param cut: when the test period begins: for all, or by device, of every device of the label history.
    :param incidents: of the devices; no silence in the middle of one ends an episode.
    """
    gap = label_gap_seconds(label_history, schema)
    within = incidents.numbers(label_history, schema.time)
    found = error_episodes(label_history, schema.time, schema.label, gap, within)
    names = pd.Index(sorted({*rows[DEVICE], *found[DEVICE]}))
    device = names.get_indexer(pd.Index(rows[DEVICE])).astype(np.intp)
    moments = moments_of(rows[schema.time])
    order = np.lexsort((moments, device))
    test = _TestRows(
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
    begins = found[DEVICE].map(cut) if isinstance(cut, pd.Series) else pd.Series(cut, index=found.index)
    last = found[DEVICE].map(label_history.groupby(DEVICE)[schema.time].max())
    # What follows a single reading is not known; with a horizon all that could announce it is.
    cut_off = (found["start"] == last).to_numpy() & (not schema.horizon_seconds)
    # Of the newest readings only errors may have a label: then the newest of all are so much later.
    healthy = label_history.loc[label_history[schema.label] == 0, schema.time].max()
    newest = healthy + pd.Timedelta(seconds=schema.labels.healthy_seconds - gap)
    unended = (found["end"] == last) & (found["end"] >= newest)
    unseen = _unseen(names, label_history[label_history[schema.label].notna()], schema.time, episode)
    table = _with_alarms(found, episode, test, begins, cut_off).assign(unended=unended, unseen=unseen)
    runs = _false_alarms(test, episode)
    return EpisodeView(
        episodes=table[table["end"] >= begins].reset_index(drop=True),
        false_alarms=_runs_table(runs, test, names),
        devices=_observed(test, names),
        horizon_seconds=schema.horizon_seconds,
    )


@dataclass(frozen=True)
class _TestRows:
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


def _with_alarms(
    found: pd.DataFrame,
    episode: _Episodes,
    test: _TestRows,
    begins: pd.Series,
    cut_off: npt.NDArray[np.bool_],
) -> pd.DataFrame:
    index = DeviceTimes(test.device, test.moment)
    if episode.horizon:
        first = index.first_at(episode.device, episode.start - episode.horizon)
        after = index.first_at(episode.device, episode.start)
    else:
        first = index.first_at(episode.device, episode.start)
        after = index.first_after(episode.device, episode.end)
    alarms = np.flatnonzero(test.alarm)
    following = np.append(alarms, len(test.alarm))[np.searchsorted(alarms, first)]
    caught = following < after
    at = test.time.iloc[np.minimum(following, len(test.alarm) - 1)].reset_index(drop=True).where(caught)
    lag = (found["start"] - at if episode.horizon else at - found["start"]).dt.total_seconds()
    before = (found["start"] < begins).to_numpy()
    test_rows = after - first
    goes_on = np.append(test.goes_on, False)[first]
    return found.assign(
        began_before=before,
        test_rows=test_rows,
        cut_off=cut_off,
        counted=~before & ~cut_off & (test_rows > 0),
        caught=caught,
        first_alarm=at,
        already_on=caught & goes_on,
        **{lag_column(episode.horizon): lag},
    )


def _unseen(names: pd.Index, known: pd.DataFrame, time: str, episode: _Episodes) -> npt.NDArray[np.bool_]:
    """Whether no row with a known label lies within the horizon before each episode; never without one.

    :param known: rows of the label history with a label.
    """
    if not episode.horizon:
        return np.zeros(len(episode.device), dtype=np.bool_)
    device = names.get_indexer(pd.Index(known[DEVICE])).astype(np.intp)
    moments = moments_of(known[time])
    order = np.flatnonzero(device >= 0)
    order = order[np.lexsort((moments[order], device[order]))]
    index = DeviceTimes(device[order], moments[order])
    first = index.first_at(episode.device, episode.start - episode.horizon)
    unseen: npt.NDArray[np.bool_] = first == index.first_at(episode.device, episode.start)
    return unseen


def _false_alarms(test: _TestRows, episode: _Episodes) -> tuple[Positions, Positions]:
    """First and last row of each run of alarms, or stretch of one, that belongs to no episode."""
    first, last = _runs(test.alarm, test.goes_on)
    device, begin, finish = test.device[first], test.moment[first], test.moment[last]
    starts = DeviceTimes(episode.device, episode.start - episode.horizon)
    ends = DeviceTimes(episode.device, episode.end)
    # Episodes that have begun by the run's last row, less those over before its first.
    over = ends.first_at(device, begin)
    within = starts.first_after(device, finish) > over
    # The run may have begun in an episode that ended since the last row before the run.
    same_device = np.concatenate([[False], test.device[1:] == test.device[:-1]])[first]
    nearest = np.where(same_device, test.moment[np.maximum(first - 1, 0)], np.iinfo(np.int64).min)
    ended = np.maximum(begin - test.gap, nearest + same_device)
    began_within = ends.first_at(device, ended) < over

    lengths = last - first + 1
    false = np.zeros(len(test.alarm), dtype=np.bool_)
    false[test.alarm] = np.repeat(~(within | began_within), lengths)
    near_starts = DeviceTimes(episode.device, episode.start - episode.horizon - test.gap)
    near_ends = DeviceTimes(episode.device, episode.end + test.gap)
    far = near_starts.first_after(test.device, test.moment) <= near_ends.first_at(test.device, test.moment)
    false |= test.alarm & far
    return _runs(false, false & test.goes_on & np.concatenate([[False], false[:-1]]))


def _runs(marked: npt.NDArray[np.bool_], goes_on: npt.NDArray[np.bool_]) -> tuple[Positions, Positions]:
    """First and last row of each run of marked rows; ``goes_on`` is true for those that are not the first."""
    last = marked & ~np.append(goes_on[1:], False)
    return np.flatnonzero(marked & ~goes_on), np.flatnonzero(last)


def _runs_table(runs: tuple[Positions, Positions], test: _TestRows, names: pd.Index) -> pd.DataFrame:
    first, last = runs
    start, end = (test.time.iloc[at].reset_index(drop=True) for at in (first, last))
    return pd.DataFrame(
        {
            DEVICE: np.asarray(names, dtype=object)[test.device[first]],
            "start": start,
            "end": end,
            "seconds": (end - start).dt.total_seconds(),
            "rows": last - first + 1,
        }
    )


def _observed(test: _TestRows, names: pd.Index) -> pd.DataFrame:
    steps = np.append(test.moment[1:] - test.moment[:-1], 0)
    steps[:-1][test.device[1:] != test.device[:-1]] = 0
    seconds = np.bincount(test.device, weights=np.minimum(steps, test.gap) / SECOND, minlength=len(names))
    present = np.unique(test.device)
    return pd.DataFrame({DEVICE: np.asarray(names, dtype=object)[present], "days": seconds[present] / DAY})
