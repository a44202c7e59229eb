"""Splits that cut the time of each device apart, or take a column's word for each row."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from feature_sets.checks import check_number
from feature_sets.telemetry.cell_text import rows_saying
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from feature_sets.telemetry.split_rule import DEVICE_TIME, SplitRule
from training.dataset.device_times import DeviceTimes, moments_of
from training.dataset.split import Split, check_enough, checked, ordered_rows

Flags = npt.NDArray[np.bool_]
SECOND = 10**9


def split_within_devices(
    frame: pd.DataFrame, schema: TelemetrySchema, rule: SplitRule, test_fraction: float
) -> Split:
    """Learn from the earlier rows of each device, and evaluate on its later ones.

    By ``device_time`` the latest share of the rows of each device is tested, and the embargo is taken from
    the rows before, as where time is cut for all. By ``first_rows`` the first ones of each device train, as
    many as are told, so the embargo is taken from the rows that follow.

    :param frame: rows with the schema's device, time and label columns, any order; not changed.
    :param rule: of one of the two kinds.
    :param test_fraction: share of the rows of each device that is tested, in (0, 1); for ``device_time``.
    :raises InputError: unless each part has enough rows and both classes.
    """
    check_number("test_fraction", test_fraction, above=0.0, below=1.0)
    check_enough(frame)
    rows = ordered_rows(frame, schema)
    devices = rows.groupby(DEVICE, sort=False, observed=True)
    number, count = devices.cumcount().to_numpy(), devices[DEVICE].transform("size").to_numpy()
    if rule.by == DEVICE_TIME:
        # A device of one row has it in the training part.
        later = number >= np.maximum(np.floor(count * (1.0 - test_fraction)), 1)
        how = f"the latest {test_fraction:.0%} of the rows of each device"
    else:
        later = number >= rule.rows
        how = f"all but the first {rule.rows} rows of each device"
    kept, cropped = (later, ~later) if rule.by == DEVICE_TIME else (~later, later)
    near = _near(rows, schema, kept) & cropped
    split = _split(rows, schema, rule, ~later & ~near, later & ~near, {"embargoed_rows": int(near.sum())})
    return checked(split, f"test part: {how}, with an embargo of {schema.embargo_seconds} s", schema)


def split_by_column(frame: pd.DataFrame, schema: TelemetrySchema, rule: SplitRule) -> Split:
    """Learn from the rows, and evaluate on those, that a column of the labels marks as such.

    Rows to learn from that are less than an embargo from a test row of their device are in neither part, nor
    are rows of which the column says something else.

    :param frame: rows with the schema's device, time and label columns, and that of the rule; not changed.
    :param rule: of the kind ``column``.
    :raises InputError: unless each part has enough rows and both classes.
    """
    check_enough(frame)
    rows = ordered_rows(frame, schema)
    train, test = (_says(rows[rule.column], values) for values in (rule.train, rule.test))
    near = _near(rows, schema, test) & train
    left_out = {"embargoed_rows": int(near.sum()), "rows_of_no_part": int((~train & ~test).sum())}
    split = _split(rows.drop(columns=rule.column), schema, rule, train & ~near, test, left_out)
    said = f"{rule.column} is {' or '.join(rule.train)}, or {' or '.join(rule.test)}"
    return checked(split, f"{said}, with an embargo of {schema.embargo_seconds} s", schema)


def _says(column: pd.Series, values: tuple[str, ...]) -> Flags:
    found = np.zeros(len(column), dtype=np.bool_)
    for value in values:
        found |= rows_saying(column, value)
    return found


def _near(rows: pd.DataFrame, schema: TelemetrySchema, marked: Flags) -> Flags:
    """Which rows are less than an embargo from a marked row of their device, before or after it."""
    codes = pd.factorize(rows[DEVICE])[0].astype(np.intp)
    moments = moments_of(rows[schema.time])
    order = np.lexsort((moments[marked], codes[marked]))
    others = DeviceTimes(codes[marked][order], moments[marked][order])
    embargo = schema.embargo_seconds * SECOND
    near: Flags = others.first_after(codes, moments - embargo) < others.first_at(codes, moments + embargo)
    return near


def _split(
    rows: pd.DataFrame,
    schema: TelemetrySchema,
    rule: SplitRule,
    train: Flags,
    test: Flags,
    left_out: dict[str, int],
) -> Split:
    return Split(
        train=rows[train].reset_index(drop=True),
        test=rows[test].reset_index(drop=True),
        cut=rows.loc[test, schema.time].min(),
        embargo_seconds=schema.embargo_seconds,
        left_out=left_out,
        time=schema.time,
        label=schema.target,
        rule=rule,
    )
