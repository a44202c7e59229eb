"""Which rows of the base data set a batch is compared with, and how far rows depend on each other.

Two things look like drift and are none. Load has a daily cycle, so an evening differs from whole days. Rows
whose rolling windows share readings are nearly the same row many times over, so chance moves their
distribution further than that of as many independent rows.
"""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd

MOST_ROWS = 200_000
"""Rows of each side that are compared at most, unless ``LEAST_BLOCKS`` blocks need more."""

LEAST_BLOCKS = 10
"""Fewest independent blocks of rows on each side."""


FIXED, DAY, WEEK, ROLLING, ROLLING_WEEK = "fixed", "day", "week", "rolling", "rolling_week"
REFERENCES = (FIXED, DAY, WEEK, ROLLING, ROLLING_WEEK)
"""What a batch is compared with: the base, its same hours of the day or of the week, or the live rows of the
weeks before the batch, all of them or at the same hours of the week."""

_LENGTHS = {DAY: pd.Timedelta(days=1), WEEK: pd.Timedelta(days=7)}


class ReferenceRows(NamedTuple):
    """Two frames that can be compared, with the arguments of ``drift_magnitude`` that follow from them.

    :param base: rows of the base in device order.
    :param batch: rows of the batch in device order.
    :param block_rows: consecutive rows that depend on each other.
    :param max_rows: rows of each side that are compared at most.
    :param warning: what the base cannot tell, and what to do about it; empty if there is nothing.
    :param other_hours: why a difference may be that of the hours, so that it is no drift; empty if it is not.
    """

    base: pd.DataFrame
    batch: pd.DataFrame
    block_rows: int
    max_rows: int
    warning: str = ""
    other_hours: str = ""


def reference_rows(
    base: pd.DataFrame,
    batch: pd.DataFrame,
    entity: str,
    time: str,
    window_seconds: float,
    season: str = DAY,
) -> ReferenceRows:
    """Prepare a base data set and a batch, so that neither a cycle of load nor dependent rows are drift.

    :param base: rows that the model was not trained on; has the key and the event time.
    :param batch: live rows, with the same columns.
    :param entity: column of the device key.
    :param time: column of event times, with a zone.
    :param window_seconds: length of the longest rolling window.
    :param season: ``day`` or ``week`` to take the base rows of the same hours only; ``fixed`` takes all.
    """
    block_rows = rows_in_window(base, entity, time, window_seconds)
    return ReferenceRows(
        base=in_device_order(at_the_same_hours(base, batch, time, season), entity, time),
        batch=in_device_order(batch, entity, time),
        block_rows=block_rows,
        max_rows=max(MOST_ROWS, LEAST_BLOCKS * block_rows),
        warning=shorter_than_season(base[time], season),
        other_hours=_other_hours(base, batch, time, season),
    )


def shorter_than_season(times: pd.Series, season: str = DAY) -> str:
    """A warning if times span less than a day, or week: what repeats with it then looks like drift.

    >>> shorter_than_season(pd.Series(pd.to_datetime(["2024-01-01T00:00Z", "2024-01-01T12:00Z"])))[:55]
    'the test rows span 12.0 hours, which is less than a day'

    :param times: event times of the base, with a zone, in any order.
    :param season: ``day`` or ``week``; of any other there is no warning.
    """
    if season not in _LENGTHS or not len(times) or (spanned := _spanned(times, season)) == season:
        return ""
    lacking, hours = DAY if spanned == FIXED else season, _span(times) / pd.Timedelta(hours=1)
    return (
        f"the test rows span {hours:.1f} hours, which is less than a {lacking}: "
        f"what repeats every {lacking} may be called drift; train on a longer history, or a larger test part"
    )


def _other_hours(base: pd.DataFrame, batch: pd.DataFrame, time: str, season: str) -> str:
    """That a base of less than a day has no rows of hours of the batch: load differs by the hour."""
    if season not in _LENGTHS or base.empty or _spanned(base[time], season) != FIXED:
        return ""
    hours = _hours(batch[time], DAY)
    others = hours[~hours.isin(_hours(_in_zone_of(batch[time], base[time]), DAY).unique())].nunique()
    if not others:
        return ""
    return (
        f"{others} of the {hours.nunique()} hours of the day that the batch is of are none of the test rows'"
    )


def at_the_same_hours(base: pd.DataFrame, batch: pd.DataFrame, time: str, season: str = DAY) -> pd.DataFrame:
    """Base rows of the hours of the day, or week, that the batch lies in.

    Hours are those of the zone that times of the batch are in. People, and so load, go by the clock of their
    place: in UTC, the week after clocks change has everything an hour too early or late.

    A base that is shorter than a week says nothing of it: then the same hours of the day. Of one that is
    shorter than a day all rows are taken.

    :param time: column of event times, with a zone.
    :param season: ``day``, ``week``, or ``fixed`` for all rows.
    """
    season = _spanned(base[time], season)
    if season == FIXED:
        return base
    hours = _hours(_in_zone_of(batch[time], base[time]), season)
    same: pd.DataFrame = base[hours.isin(_hours(batch[time], season).unique())]
    return same


def _spanned(times: pd.Series, season: str) -> str:
    """The season, or a shorter one that times span; ``fixed`` if they span none."""
    for known in (WEEK, DAY):
        # Half a tick less than a whole season is one: the last reading of a day is just before its end.
        if season in (WEEK, known) and season in _LENGTHS and _span(times) >= 0.98 * _LENGTHS[known]:
            return known
    return FIXED


def _span(times: pd.Series) -> pd.Timedelta:
    span: pd.Timedelta = times.max() - times.min()
    return span


def _in_zone_of(known: pd.Series, times: pd.Series) -> pd.Series:
    converted: pd.Series = times.dt.tz_convert(known.dt.tz)
    return converted


def _hours(times: pd.Series, season: str) -> pd.Series:
    """Hour of the day, or of the week, of each time, in the zone of the times."""
    hours: pd.Series = times.dt.hour if season == DAY else 24 * times.dt.dayofweek + times.dt.hour
    return hours


def in_device_order(frame: pd.DataFrame, entity: str, time: str) -> pd.DataFrame:
    """Rows of one device after those of another, each in event order."""
    return frame.sort_values([entity, time], kind="stable", ignore_index=True)


def in_arrival_order(frame: pd.DataFrame, entity: str, time: str) -> pd.DataFrame:
    """Rows as their labels arrive: all devices of one time before those of the next.

    :param entity: column of the device key.
    :param time: column of event times.
    """
    return frame.sort_values([time, entity], kind="stable", ignore_index=True)


def rows_in_window(frame: pd.DataFrame, entity: str, time: str, window_seconds: float) -> int:
    """How many rows of one device share readings through the longest window, at least 1.

    >>> times = pd.date_range("2024-01-01", periods=5, freq="10s", tz="UTC")
    >>> rows_in_window(pd.DataFrame({"device": "a", "at": times}), "device", "at", window_seconds=300)
    30

    :param entity: column of the device key.
    :param time: column of event times.
    :param window_seconds: length of the longest rolling window.
    """
    gaps = frame.sort_values([entity, time]).groupby(entity)[time].diff().dt.total_seconds().dropna()
    return max(1, round(window_seconds / float(gaps.median()))) if len(gaps) else 1
