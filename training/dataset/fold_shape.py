"""What the folds of a training part have in common with the split that it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

from feature_sets.telemetry.schema import DEVICE
from training.dataset.incident_spans import NO_INCIDENTS, IncidentSpans


@dataclass(frozen=True)
class FoldShape:
    """A search is to be asked what the evaluation will ask: other times, other groups, or later on a device.

    :param groups: group of each device, where whole groups are left out; empty where none are.
    :param within_devices: whether the time of each device is cut on its own.
    :param incidents: of the devices, in their own times.
    """

    groups: Mapping[str, str] = field(default_factory=dict)
    within_devices: bool = False
    incidents: IncidentSpans = NO_INCIDENTS

    def in_order(self, frame: pd.DataFrame, time: str) -> pd.DataFrame:
        """The rows with the times by which folds are cut.

        Where the time of each device is cut on its own, their times are moved so that all end together: one
        cut then parts earlier from later rows of each. Between rows of a device nothing changes.

        :param frame: device and time; not changed.
        """
        if not self.within_devices:
            return frame
        ends = frame.groupby(DEVICE, observed=True)[time].transform("max")
        return frame.assign(**{time: frame[time] + (frame[time].max() - ends)})


ONE_TIME = FoldShape()
"""Folds of a split by time."""
