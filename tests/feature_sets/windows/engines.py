"""Engines with a clock of the test's own, and their comparison with the reference."""

from __future__ import annotations

import numpy as np
import pandas as pd

from feature_sets.windows.definition import WindowDefinition
from feature_sets.windows.online import OnlineWindows
from tests.feature_sets.windows.streams import DEFINITION, START, Event

NAMES = list(DEFINITION.feature_names)


class FakeClock:
    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def engine(definition: WindowDefinition = DEFINITION, ahead: float = 1e6) -> OnlineWindows:
    return OnlineWindows(definition, FakeClock(START + ahead))


def assert_equal_features(
    got: pd.DataFrame, want: pd.DataFrame, events: list[Event], names: list[str]
) -> None:
    assert got["event_status"].tolist() == want["event_status"].tolist()
    largest = max(
        [1.0, *(abs(e[m]) for e in events for m in ("load", "heat") if e[m] is not None and e[m] == e[m])]
    )
    squared = np.array(["_sqr_" in name or "_stdvar_" in name for name in names])
    tolerance = 1e-12 * np.where(squared, largest**2, largest)
    ours, theirs = got[names].to_numpy(), want[names].to_numpy()
    with np.errstate(invalid="ignore"):
        near = np.abs(ours - theirs) <= tolerance + 1e-9 * np.abs(theirs)
    near |= (ours == theirs) | (np.isnan(ours) & np.isnan(theirs))
    different = [
        (row, names[column], ours[row, column], theirs[row, column]) for row, column in np.argwhere(~near)
    ]
    assert not different
