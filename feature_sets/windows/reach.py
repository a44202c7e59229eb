"""Which rows of a history see a row that is added to it, and which rows their windows are made from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from feature_sets.rows.keyed_rows import Bools, Integers


@dataclass(frozen=True)
class Reach:
    """What added rows do to a sequence of rows, shape (n,) each.

    :param too_late: rows that are in no window, because a reading beyond the allowed lateness was first.
    :param changed: rows with windows that hold an added row, those added among them; with counters also rows
        that may.
    :param needed: these, and every row that one of their windows holds.
    """

    too_late: Bools
    changed: Bools
    needed: Bools


def reach(
    devices: Integers, buckets: Integers, added: Bools, longest: int, lateness: int, rates: int = 0
) -> Reach:
    """How far added rows reach.

    A row shows the buckets (B − longest, B], where B is the newest bucket that its device has reached. So a
    row in bucket b is seen until its device reaches bucket b + longest, and by no row from then on::

        bucket    1    2    3    4    5        longest = 3
        row       o    +    o    o    o        + is added
        changed        x    x    x

    With counters a row changes the rates of rows up to ``rates`` buckets after it, and is seen through them.

    With added rows a device may reach a bucket earlier. So rows that were not too late before may be, never
    the other way round.

    :param devices: number of each row's device, ascending, shape (n,).
    :param buckets: bucket of each row; those of a device in the order in which they were taken in.
    :param added: which rows are new.
    :param longest: buckets of the longest window.
    :param lateness: a row as many buckets behind the newest, or more, is too late; at most ``longest``.
    :param rates: how many buckets before a row there are others that its rates may depend on.
    """
    if not len(devices):
        nothing = np.zeros(0, dtype=np.bool_)
        return Reach(nothing, nothing, nothing)
    # Each device in a range of its own, so far apart that nothing reaches from one into the next.
    first = int(buckets.min())
    apart = int(buckets.max()) - first + 2 * (longest + rates) + 2
    places = buckets - first + devices * apart
    newest = np.maximum.accumulate(places)
    before = np.concatenate([[places[0]], newest[:-1]])
    too_late = places <= before - lateness
    nowhere = np.iinfo(np.int64).min // 2
    newest_added = np.maximum.accumulate(np.where(added & ~too_late, places, nowhere))
    changed = (newest_added + longest + rates > newest) & ~too_late
    # What the next changed row sees is all that it and those after it see.
    shown = np.where(changed, newest, -nowhere)
    following = np.minimum.accumulate(shown[::-1])[::-1]
    needed = (places > following - longest - rates) & ~too_late
    return Reach(too_late, changed, needed)
