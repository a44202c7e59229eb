"""How far the newest labels are below what goes on as before: a model that learns gets better by and by."""

from __future__ import annotations

import math

CHANCE = 2.0
"""Standard errors of a trend that are taken for chance."""

GOES_ON = 2.0
"""By how many times the rest of it is expected to go on."""


def below_trend(newest: int, w: int, newer: int, older: int, m: int, factor: float) -> float:
    """Standard errors by which the newest w labels are below the trend of the m before; 0 if they are not.

    The middle of the newer half of those is m / 4 from theirs, and that of the newest labels (m + w) / 2. So
    from one to the other the trend, which is a step of m / 2, goes on by 1 / 2 + w / m of it.

    >>> round(below_trend(200, 1000, 1500, 1500, 4000, 1.0), 1), below_trend(200, 1000, 600, 1500, 4000, 1.0)
    (29.6, 0.0)

    :param newest: errors in the newest w labels.
    :param newer: errors in the half of the m labels that is right before them.
    :param older: errors in the half before that, which is longer by one label if m is odd.
    :param factor: variance inflation, at least 1.
    """
    n = m // 2
    rate, lately, before = newest / w, newer / n, older / (m - n)
    if rate >= min(lately, before):
        return 0.0
    pooled = (newest + newer + older) / (w + m)
    of_one = pooled * (1 - pooled) * factor
    fell = max(0.0, before - lately - CHANCE * math.sqrt(of_one * (1 / n + 1 / (m - n))))
    on = GOES_ON * (1 / 2 + w / m)
    known = (1 + on) ** 2 / n + on**2 / (m - n) if fell else 1 / n
    expected = min(lately, (newer + older) / m) - on * fell
    return max(0.0, expected - rate) / math.sqrt(of_one * (1 / w + known))
