"""Keeps storey's known numerical failures away from the user while storey computes the windows.

storey 1.12 derives stddev and stdvar from running sums of squares: on a constant metric rounding makes the
difference negative and ``math.sqrt`` stops the whole flow ("math domain error"). Late and duplicate rows make
its totals wrong for good. So the input is put in order first, and the dispersions are computed by functions
that treat a difference below the rounding error of the sums as what it is: zero.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pandas as pd
import storey.aggregation_utils

from feature_sets.telemetry.schema import DEVICE

_ROUNDING = 1e-12
"""Relative size below which a difference of two sums of squares is rounding error: a few thousand ulp, as
running totals gather the error of every addition and subtraction of a window."""

_patch_lock = threading.Lock()


def in_event_order(frame: pd.DataFrame, time: str) -> pd.DataFrame:
    """Rows in the order of event time, first row of each (device, time) only: all that storey handles right.

    :param frame: accepted telemetry; its readers already rejected and counted duplicates.
    :returns: a sorted copy with a new index.
    """
    ordered = frame.sort_values([time, DEVICE], kind="stable")
    return ordered.drop_duplicates([DEVICE, time], keep="first").reset_index(drop=True)


def guarded_variance(sums: Sequence[float]) -> float:
    """Sample variance from storey's running (count, sum, sum of squares).

    :returns: NaN for fewer than two readings; 0 where the difference is within the sums' rounding error.
    """
    count, total, squares = sums[0], sums[1], sums[2]
    if count < 2:
        return math.nan
    difference = count * squares - total * total
    if difference <= _ROUNDING * count * squares:
        return 0.0
    return difference / (count * (count - 1))


def _guarded_deviation(sums: Sequence[float]) -> float:
    return math.sqrt(guarded_variance(sums))


@contextmanager
def guarded_dispersion() -> Iterator[None]:
    """While open, flows that storey builds use the guarded stddev and stdvar.

    storey looks these two functions up when a flow is built and offers no other way in. One caller at a time.
    """
    with _patch_lock:
        module = storey.aggregation_utils
        originals = module._stddev, module._stdvar
        module._stddev, module._stdvar = _guarded_deviation, guarded_variance
        try:
            yield
        finally:
            module._stddev, module._stdvar = originals
