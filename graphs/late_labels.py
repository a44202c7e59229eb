"""A warning where labels come so late that they meet no prediction."""

from __future__ import annotations

import math

from graphs.protocol.label_status import DEADLINE_SETTING
from graphs.state.ledger_counts import LedgerCounts

NOTABLE, LEAST = 0.05, 20
"""From which share of the predictions on, and how many, it is told that their labels come too late."""


def late_warning(ledger: LedgerCounts, deadline: float, horizon_seconds: float) -> str | None:
    """What is missed, how late labels were, and what to set; None if few are late.

    :param deadline: how old a label may be, in seconds of event time, with the horizon.
    :param horizon_seconds: of the schema, by which the deadline is later than what is set.
    """
    lost, late_by = ledger.lost_to_delay, ledger.late_by
    if lost < LEAST or late_by is None or lost < NOTABLE * (ledger.joined + lost):
        return None
    share = lost / (ledger.joined + lost)
    return (
        f"{share:.1%} of the labels, {lost:,}, came after their deadline of {_rounded(deadline)}: no "
        f"detector and no score knows of them; most were at most {_rounded(late_by)} old; set "
        f"{DEADLINE_SETTING}={_rounded(late_by - horizon_seconds)} and deploy the endpoint again"
    )


def _rounded(seconds: float) -> str:
    """Whole hours, or minutes below two hours, never less than it is.

    >>> _rounded(3600), _rounded(7300), _rounded(10)
    ('60m', '3h', '1m')
    """
    return f"{math.ceil(seconds / 60)}m" if seconds < 7200 else f"{math.ceil(seconds / 3600)}h"
