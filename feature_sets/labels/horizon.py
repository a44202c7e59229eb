"""What is predicted with a label horizon: that an error of the device starts soon."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from feature_sets.labels.excluded import excluded_rows
from feature_sets.telemetry.each_horizon import by_horizon
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema

Flags = npt.NDArray[np.bool_]
Moments = npt.NDArray[np.datetime64]


def with_target(labels: pd.DataFrame, schema: TelemetrySchema) -> pd.DataFrame:
    """Label rows with what is predicted ahead, a column for each horizon; unchanged if only errors now are.

    A label is known unless it is missing or its row is excluded by ``schema.exclude_labels``. With horizon H,
    a row at t whose label is known and not an error is

    - 1 if the device has a known error in (t, t + H] and no excluded row before it in there;
    - 0 if it has no known error and no excluded row in (t, t + H], and its labels are known through it: from
      t up to its first known label at or after t + H, no two that follow each other lie further apart than H;
    - missing (NaN) else: what happens then is not known.

    It is missing as well where the device is in error already, or its own label is not known.

    ::

        time     t ──────────────── t+H              o healthy   x error   - excluded
        1        o    o    x    o
        0        o    o    o    o      o
        NaN      o    o    -    x    o               the error may have begun in what is excluded
        NaN      o    o                     ...  o   silent for longer than H

    :param labels: device, time (any order; a device has one row at a time), label (0 or 1), the columns of
        ``exclude_labels`` and further ones; not changed. Errors without a reading are rows as others, see
        ``derived_labels``.
    """
    targets = {one.target: _target(labels, one) for one in by_horizon(schema).values() if one.horizon_seconds}
    return labels.assign(**targets) if targets else labels


def _target(labels: pd.DataFrame, schema: TelemetrySchema) -> npt.NDArray[np.float64]:
    """What is predicted with one horizon of each row, NaN where it is not known."""
    times = labels[schema.time]
    moments = (
        times.dt.tz_convert("UTC").dt.tz_localize(None) if times.dt.tz is not None else times
    ).to_numpy()
    codes = pd.factorize(labels[DEVICE])[0]
    label = labels[schema.label].to_numpy(dtype=np.float64, na_value=np.nan)
    return starts_soon(codes, moments, label, excluded_rows(labels, schema), schema.horizon_seconds)


def starts_soon(
    codes: npt.NDArray[np.intp],
    moments: Moments,
    labels: npt.NDArray[np.float64],
    excluded: Flags,
    horizon_seconds: int,
) -> npt.NDArray[np.float64]:
    """The rule of ``with_target`` on the columns of its rows, in any order; each has shape (n,).

    :param codes: number of the device.
    :param moments: event times.
    :param labels: 0 or 1, NaN where missing.
    :param excluded: whether the row is.
    """
    horizon = np.timedelta64(horizon_seconds, "s")
    order = np.lexsort((moments, codes))
    moment, device = moments[order], codes[order]
    label, excluded = labels[order], excluded[order]
    known = ~excluded & ~np.isnan(label)
    in_error = known & (label == 1)

    error_at = _next(in_error, moment, device)
    excluded_at = _next(excluded, moment, device)
    # Comparisons with "not a time", there is no such row, are false.
    excluded_soon = excluded_at <= moment + horizon
    starts = (error_at <= moment + horizon) & ~(excluded_soon & (excluded_at <= error_at))
    known_through = _next(_last_before_gap(known, moment, device, horizon), moment, device)
    quiet = ~starts & ~excluded_soon & (known_through >= moment + horizon)
    unknown = ~known | in_error
    target = np.full(len(order), np.nan)
    target[order] = np.where(unknown, np.nan, np.where(starts, 1.0, np.where(quiet, 0.0, np.nan)))
    return target


def _next(marked: Flags, moment: Moments, device: npt.NDArray[np.intp]) -> Moments:
    """Time of the first marked row of the same device at or after each row; "not a time" without one.

    Rows are ordered by device, then time; so are those of ``_last_before_gap``.
    """
    if not len(marked):
        return moment
    rows = np.arange(len(marked))
    following = np.minimum.accumulate(np.where(marked, rows, len(rows))[::-1])[::-1]
    following = np.minimum(following, len(rows) - 1)
    found = marked[following] & (device[following] == device)
    return np.where(found, moment[following], np.datetime64("NaT"))


def _last_before_gap(
    known: Flags, moment: Moments, device: npt.NDArray[np.intp], longest: np.timedelta64
) -> Flags:
    """Known rows after which their device has no known row, or none within the longest gap."""
    marked = np.zeros(len(known), dtype=np.bool_)
    rows = np.flatnonzero(known)
    if len(rows):
        left, right = rows[:-1], rows[1:]
        marked[left] = (device[left] != device[right]) | (moment[right] - moment[left] > longest)
        marked[rows[-1]] = True
    return marked
