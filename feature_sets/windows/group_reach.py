"""Which rows of a history see a changed row of another device, and which rows theirs are made from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from feature_sets.rows.keyed_rows import Bools, Integers

_NEVER, _ALWAYS = np.iinfo(np.int64).min // 2, np.iinfo(np.int64).max // 2


@dataclass(frozen=True)
class GroupReach:
    """What changed rows do to the rows of the devices that depend on theirs, shape (n,) each.

    :param changed: rows that may see a changed one, those changed among them.
    :param needed: these, and every row whose values or windows they are made from.
    :param earliest: time from which on rows are needed, microseconds; None if none is.
    """

    changed: Bools
    needed: Bools
    earliest: int | None


def group_reach(
    units: Integers,
    devices: Integers,
    micros: Integers,
    changed: Bools,
    too_late: Bools,
    age: int,
    behind: int,
) -> GroupReach:
    """How far changed rows reach over other devices.

    A row sees values of the newest time of their device by then, and not if that is older than its own by
    more than the age. So of the rows that arrived after a changed one those see it, or saw what it was, whose
    device is at most the age further.

    :param units: number of what depends on each other, ascending, shape (n,); those of a unit in the order in
        which they were taken in.
    :param devices: number of each row's device.
    :param micros: event times, microseconds.
    :param changed: rows that have, or may have, other values than before.
    :param too_late: rows that are in no window.
    :param age: how much older what is seen may be, microseconds.
    :param behind: how far before its device's newest time there are readings that windows or rates of a row
        are made from, microseconds.
    """
    newest = pd.Series(np.where(too_late, _NEVER, micros)).groupby(devices).cummax().to_numpy()
    told = pd.Series(np.where(changed, newest, _NEVER)).groupby(units).cummax().to_numpy()
    seeing = changed | ((told >= newest - age) & ~too_late & (told > _NEVER))
    now = pd.Series(np.where(seeing, newest, _ALWAYS))
    following = now[::-1].groupby(units[::-1]).cummin().to_numpy()[::-1]
    needed = (micros >= following - age - behind) & ~too_late
    earliest = int(following.min()) - age - behind if seeing.any() else None
    return GroupReach(seeing, needed, earliest)
