"""Splitting rows by event time: train on earlier rows, evaluate on later ones, with nothing in both.

Rolling windows of neighboring rows share readings, so a random split shows the test part to the
model. Here the test part is the latest rows, and the rows whose windows could share a reading with it
(the embargo) belong to neither part.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from feature_sets.checks import InputError, check_number
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from training.dataset.stratified_sample import ONE_EACH, ClassWeights
from training.dataset.too_little import TooLittleDataError
from training.job.defaults import TEST_FRACTION

MINIMUM_ROWS = 50
"""Each part needs at least this many rows; fewer say nothing about either class."""


@dataclass(frozen=True)
class TimeSplit:
    """Earlier rows, later rows and what was left out between them.

    :param train: rows with event time at or before ``train_until``, or a sample of them.
    :param test: rows with event time at or after ``cut``.
    :param cut: event time of the first test row.
    :param embargo_seconds: length of the gap that belongs to neither part.
    :param embargoed_rows: rows inside the gap.
    :param held_out: devices that are only evaluated on; without any, all devices are in both parts.
    :param time: name of the event-time column.
    :param label: name of the label column, 0 or 1.
    :param weights: how many rows each row of the training part stands for.
    """

    train: pd.DataFrame
    test: pd.DataFrame
    cut: pd.Timestamp
    embargo_seconds: int
    embargoed_rows: int
    time: str
    label: str
    held_out: tuple[str, ...] = ()
    weights: ClassWeights = ONE_EACH

    @property
    def train_until(self) -> pd.Timestamp:
        """Latest event time that training may have seen: the cut less the embargo."""
        return self.cut - pd.Timedelta(seconds=self.embargo_seconds)

    @property
    def held_out_digest(self) -> str:
        """Short text that differs for different held-out devices; ``none`` for none."""
        if not self.held_out:
            return "none"
        return hashlib.sha256("\n".join(self.held_out).encode()).hexdigest()[:12]

    def describe(self, earlier: str = "train", later: str = "test") -> dict[str, Any]:
        """Dates, row counts and class balance of both parts, ready to be logged as results.

        :param earlier: what the results call the earlier part.
        :param later: what they call the later part.
        """
        facts: dict[str, Any] = {
            "embargo_seconds": self.embargo_seconds,
            "embargoed_rows": self.embargoed_rows,
            "held_out_devices": len(self.held_out),
        }
        for part, rows in ((earlier, self.train), (later, self.test)):
            facts[f"{part}_start"] = rows[self.time].min().isoformat()
            facts[f"{part}_end"] = rows[self.time].max().isoformat()
            facts[f"{part}_rows"] = len(rows)
            facts[f"{part}_positives"] = int(rows[self.label].sum())
        return facts


def choose_held_out(devices: Sequence[str], share: float, seed: int) -> tuple[str, ...]:
    """Devices that a model is evaluated on and not trained on.

    :param devices: all of them, any order, with repetitions.
    :param share: of the devices, in [0, 1); rounded to whole devices.
    :returns: none for a share of 0, else at least one.
    :raises InputError: unless a device is left to train on.
    """
    if not share:
        return ()
    names = sorted(set(devices))
    count = max(1, round(share * len(names)))
    if count >= len(names):
        rule = f"must leave at least one of {len(names)} devices to train on"
        raise InputError("argument 'test_devices'", rule, share)
    chosen = np.random.default_rng(seed).choice(len(names), size=count, replace=False)
    return tuple(names[place] for place in sorted(chosen))


def split_by_time(
    frame: pd.DataFrame,
    schema: TelemetrySchema,
    test_fraction: float = TEST_FRACTION,
    embargo_seconds: int | None = None,
    held_out: Sequence[str] = (),
) -> TimeSplit:
    """Split rows into an earlier and a later part with an embargo between them.

    A window ending at t covers (t - w, t] and a label at t looks up to the horizon h ahead, so with an
    embargo of w + h no reading and no error counts in both parts.

    :param frame: rows with the schema's time and label columns, any order; not changed.
    :param schema: names the columns and gives the longest window and the horizon.
    :param test_fraction: share of the rows, by time, that the later part starts with, in (0, 1).
    :param embargo_seconds: gap between the parts; default and minimum is ``schema.embargo_seconds``.
    :param held_out: devices left out of the earlier part; the later part is then theirs alone.
    :raises InputError: unless each part has enough rows and both classes, and the embargo is long enough.
    """
    shortest = schema.embargo_seconds
    embargo = shortest if embargo_seconds is None else embargo_seconds
    if embargo < shortest:
        rule = (
            f"must be at least the longest window of {schema.longest_window_seconds} s and the horizon of "
            f"{schema.horizon_seconds} s"
        )
        if schema.rate_reach_seconds:
            rule += f", and the {schema.rate_reach_seconds} s that rates of counters reach back"
        raise InputError("embargo_seconds", rule, embargo)
    check_number("test_fraction", test_fraction, above=0.0, below=1.0)
    if len(frame) < 2 * MINIMUM_ROWS:
        raise TooLittleDataError(
            "labeled rows", f"must be at least {2 * MINIMUM_ROWS} for a split", len(frame)
        )
    ordered = frame.sort_values([schema.time], kind="stable", ignore_index=True)
    times = ordered[schema.time]
    cut = times.iloc[min(int(np.floor(len(ordered) * (1.0 - test_fraction))), len(ordered) - 1)]
    earlier, later = times <= cut - pd.Timedelta(seconds=embargo), times >= cut
    embargoed = len(ordered) - int(earlier.sum()) - int(later.sum())
    if held_out:
        test_only = ordered[DEVICE].isin(held_out)
        earlier, later = earlier & ~test_only, later & test_only
    train = ordered[earlier].reset_index(drop=True)
    test = ordered[later].reset_index(drop=True)
    for name, rows in (("training", train), ("test", test)):
        _check_part(name, rows, schema.target, f"cut at {cut.isoformat()} with an embargo of {embargo} s")
    return TimeSplit(
        train=train,
        test=test,
        cut=cut,
        embargo_seconds=embargo,
        embargoed_rows=embargoed,
        time=schema.time,
        label=schema.target,
        held_out=tuple(sorted(held_out)),
    )


def _check_part(name: str, rows: pd.DataFrame, label: str, how: str) -> None:
    where = f"{name} part ({how})"
    if len(rows) < MINIMUM_ROWS:
        raise TooLittleDataError(where, f"must have at least {MINIMUM_ROWS} rows", len(rows))
    classes = sorted(int(value) for value in rows[label].unique())
    if classes != [0, 1]:
        raise TooLittleDataError(
            where, f"must hold both classes of '{label}' in its {len(rows)} rows", classes
        )
