"""What an operator would have seen of a model: the table of error episodes, and the table of false alarms."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd


def lag_column(horizon: int) -> str:
    """Column of the seconds between onset and first alarm: a lead with a horizon, else a delay."""
    return "lead_seconds" if horizon else "delay_seconds"


@dataclass(frozen=True)
class EpisodeView:
    """Episodes and alarms of the test part.

    :param episodes: device, start, end, seconds, rows (as ``error_episodes``) of each episode that reaches
        into the test period; ``began_before`` (before that period); ``cut_off``, whether it began with the
        last reading of its device, so that nobody knows what followed (never with a horizon); ``test_rows``,
        the test rows that could catch it; ``counted``; ``caught``; ``first_alarm``, time of the first row
        that caught it; ``delay_seconds`` or, with a horizon, ``lead_seconds``; the last two missing where it
        is not caught;
        ``unseen``, whether its device has no row with a known label within the horizon before;
        ``already_on``, whether the alarm that caught it was on in the row before; ``unended``, whether it
        lasts until the newest readings.

        An episode counts unless it began before the test period, when nothing could catch its onset, was
        cut off, or has no test row: the device is not evaluated, was silent, or its rows are excluded.
    :param false_alarms: device, start, end, seconds, rows of each run of alarms that belongs to no episode.
    :param devices: device, ``days`` (from each of its test rows to the next, at most the longest gap each);
        sorted by device.
    :param horizon_seconds: 0 for errors now.
    """

    episodes: pd.DataFrame
    false_alarms: pd.DataFrame
    devices: pd.DataFrame
    horizon_seconds: int

    @property
    def lag(self) -> str:
        """Column of the delay or the lead."""
        return lag_column(self.horizon_seconds)

    @property
    def counted(self) -> pd.DataFrame:
        """Episodes that count."""
        return self.episodes[self.episodes["counted"]]

    @property
    def unended(self) -> pd.DataFrame:
        """Episodes until the last reading of their device, if most test rows in episodes are of them.

        Empty with a horizon, where the test rows of an episode are those before it.
        """
        lasting = self.episodes[self.episodes["unended"].to_numpy(dtype=bool) & (not self.horizon_seconds)]
        is_most = 2 * lasting["test_rows"].sum() > self.episodes["test_rows"].sum()
        return lasting if is_most else lasting.iloc[:0]

    def describe(self) -> dict[str, float | int]:
        """Results ready to be logged; what has nothing to be computed from is not in them.

        ``episodes`` (that count), ``episodes_caught``, ``episodes_caught_share``, ``episodes_already_on``
        (caught by an alarm that was on before), median and mean of delay or lead,
        ``episodes_begun_before_test``, ``episodes_cut_off`` and ``episodes_without_test_rows`` (not counted),
        ``episodes_unseen`` (of the last ones, those whose device was silent for the horizon before),
        ``false_alarms`` (runs), ``device_days`` and ``false_alarms_per_device_day``.
        """
        counted, before = self.counted, self.episodes["began_before"]
        off = ~before & self.episodes["cut_off"]
        without = ~before & ~off & (self.episodes["test_rows"] == 0)
        caught = counted[counted["caught"]]
        days = float(self.devices["days"].sum())
        facts: dict[str, float | int] = {
            "episodes": len(counted),
            "episodes_caught": len(caught),
            "episodes_already_on": int(caught["already_on"].sum()),
            "episodes_begun_before_test": int(before.sum()),
            "episodes_cut_off": int(off.sum()),
            "episodes_without_test_rows": int(without.sum()),
            "episodes_unseen": int((without & self.episodes["unseen"]).sum()),
            "false_alarms": len(self.false_alarms),
            "device_days": days,
        }
        if len(counted):
            facts["episodes_caught_share"] = len(caught) / len(counted)
        if len(caught):
            facts[f"median_{self.lag}"] = float(caught[self.lag].median())
            facts[f"mean_{self.lag}"] = float(caught[self.lag].mean())
        if days:
            facts["false_alarms_per_device_day"] = len(self.false_alarms) / days
        return facts
