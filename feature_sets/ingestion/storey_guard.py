"""Keeps storey's known numerical failures away from the user while storey computes the windows.

storey 1.12 derives stddev and stdvar from running sums of squares: on a constant metric rounding makes
the difference negative and ``math.sqrt`` stops the whole flow ("math domain error"). It adds a missing
reading (NaN) to its sums and counts it. Late and duplicate rows make its totals wrong for good. So the
input is put in order first, missing readings are left out, and a difference below the rounding error of
the sums is what it is: zero.
"""

from __future__ import annotations

import functools
import math
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import storey.aggregation_utils
import storey.dtypes
import storey.table

_ROUNDING = 1e-12
"""Relative size below which a difference of two sums of squares is rounding error: a few thousand ulp, as
running totals gather the error of every addition and subtraction of a window."""

_patch_lock = threading.Lock()


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


def _without_missing(should_aggregate: Callable[..., bool]) -> Callable[..., bool]:
    """Whether storey takes an event into a metric's windows: not with a missing reading (NaN or None)."""

    @functools.wraps(should_aggregate)
    def guarded(self: Any, event: Any) -> bool:
        value = self.value_extractor(event)
        return value is not None and value == value and should_aggregate(self, event)

    return guarded


@contextmanager
def guarded_storey() -> Iterator[None]:
    """While open, flows of storey leave out missing readings and compute dispersions safely.

    storey offers no way in but its own functions. One caller at a time.
    """
    replaced: list[tuple[Any, str, Any]] = [
        (storey.aggregation_utils, "_stddev", _guarded_deviation),
        (storey.aggregation_utils, "_stdvar", guarded_variance),
    ]
    aggregator = storey.dtypes.FieldAggregator
    replaced.append((aggregator, "should_aggregate", _without_missing(aggregator.should_aggregate)))
    with _patch_lock:
        originals = [(owner, name, getattr(owner, name)) for owner, name, _ in replaced]
        for owner, name, guarded in replaced:
            setattr(owner, name, guarded)
        try:
            yield
        finally:
            for owner, name, original in originals:
                setattr(owner, name, original)
