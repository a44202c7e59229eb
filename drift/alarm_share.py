"""How many of the newest healthy rows a model alarms on: what its caught incidents are worth."""

from __future__ import annotations

from typing import Any, NamedTuple

from drift.share_text import percent

MOST_FALSE_ALARMS = 0.2
"""Share of the healthy rows above which alarms are of no use to anybody."""

LEAST_HEALTHY = 300
"""Fewest healthy rows that a share is told of."""


class AlarmShare(NamedTuple):
    """Alarms on healthy rows.

    :param healthy: newest labeled rows that are no error.
    :param alarms: how many of them the model called an error.
    """

    healthy: int
    alarms: int

    @property
    def is_known(self) -> bool:
        """Whether there are enough rows."""
        return self.healthy >= LEAST_HEALTHY

    @property
    def share(self) -> float | None:
        """Alarms by healthy rows; None if these are too few."""
        return self.alarms / self.healthy if self.is_known else None

    def to_dict(self) -> dict[str, Any]:
        """Plain content for JSON."""
        return {**self._asdict(), "share": self.share}


def caught_beside_alarms(summary: str, found: AlarmShare) -> str:
    """How many incidents were caught, with the alarms that this takes.

    Where every fifth healthy row is an alarm, chance catches incidents, too, so that is no good news.

    >>> caught_beside_alarms("in control: 16 of 20 were caught", AlarmShare(4990, 15))
    'in control: 16 of 20 were caught; it alarms on 0.3% of the newest 4,990 healthy rows'
    >>> caught_beside_alarms("in control: 16 of 20 were caught", AlarmShare(4990, 2140))[:62]
    'SAYS NOTHING OF THE MODEL: it alarms on 42.9% of the newest 4,'

    :param summary: of the incidents, in words.
    :param found: of the same time.
    """
    if found.share is None:
        return summary
    alarms = f"it alarms on {percent(found.share)} of the newest {found.healthy:,} healthy rows"
    if found.share <= MOST_FALSE_ALARMS:
        return f"{summary}; {alarms}"
    always = "one that always alarms would catch every incident"
    return f"SAYS NOTHING OF THE MODEL: {alarms}, and {always}; {summary}"
