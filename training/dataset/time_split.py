"""Splitting rows by event time: train on earlier rows, evaluate on later ones, with nothing in both.

Rolling windows of neighboring rows share readings, so a random split shows the test part to the
model. Here the test part is the latest rows, and the rows whose windows could share a reading with it
(the embargo) belong to neither part.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from feature_sets.checks import InputError, check_number
from feature_sets.telemetry.schema import TelemetrySchema
from training.dataset.split import Split, check_enough, checked, ordered_rows
from training.job.defaults import TEST_FRACTION


def split_by_time(
    frame: pd.DataFrame,
    schema: TelemetrySchema,
    test_fraction: float = TEST_FRACTION,
    embargo_seconds: int | None = None,
) -> Split:
    """Split rows into an earlier and a later part with an embargo between them.

    A window ending at t covers (t - w, t] and a label at t looks up to the horizon h ahead, so with an
    embargo of w + h no reading and no error counts in both parts.

    :param frame: rows with the schema's time and label columns, any order; not changed.
    :param schema: names the columns and gives the longest window and the horizon.
    :param test_fraction: share of the rows, by time, that the later part starts with, in (0, 1).
    :param embargo_seconds: gap between the parts; default and minimum is ``schema.embargo_seconds``.
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
    check_enough(frame)
    ordered = ordered_rows(frame, schema)
    times = ordered[schema.time]
    cut = times.iloc[min(int(np.floor(len(ordered) * (1.0 - test_fraction))), len(ordered) - 1)]
    earlier, later = times <= cut - pd.Timedelta(seconds=embargo), times >= cut
    split = Split(
        train=ordered[earlier].reset_index(drop=True),
        test=ordered[later].reset_index(drop=True),
        cut=cut,
        embargo_seconds=embargo,
        left_out={"embargoed_rows": len(ordered) - int(earlier.sum()) - int(later.sum())},
        time=schema.time,
        label=schema.target,
    )
    return checked(split, f"cut at {cut.isoformat()} with an embargo of {embargo} s", schema)
