"""Engines with a clock of the test's own, and their comparison with the reference."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from hypothesis import strategies as st

from feature_sets.windows.definition import WindowDefinition
from feature_sets.windows.event_status import COLUMN
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


def by_columns(online: OnlineWindows, events: list[Event]) -> list[dict[str, object]]:
    """What an engine answers to events that it is given as columns."""
    definition = online.definition
    features, statuses = online.update_columns(
        [one[definition.entity] for one in events],
        [one[definition.timestamp] for one in events],
        [one["arrival"] for one in events],
        {name: [one[name] for one in events] for name in definition.input_columns},
    )
    return [
        {**dict(zip(definition.computed_names, row, strict=True)), COLUMN: status}
        for row, status in zip(features.tolist(), statuses, strict=True)
    ]


def in_any_batches(
    definition: WindowDefinition,
    events: list[Event],
    frame: Callable[[list[Event]], pd.DataFrame],
    data: st.DataObject,
) -> pd.DataFrame:
    """What an engine answers to events that are cut in any way, and sometimes goes on from its snapshot."""
    online = OnlineWindows(
        definition, FakeClock(0.0), arrival="arrival", threads=data.draw(st.integers(1, 3))
    )
    got: list[dict[str, object]] = []
    begin = 0
    while begin < len(events):
        size = data.draw(st.integers(1, 15))
        batch = events[begin : begin + size]
        kind = data.draw(st.sampled_from(["one", "list", "columns", "frame"]))
        if kind == "one":
            got += [online.update(one) for one in batch]
        elif kind == "list":
            got += online.update(batch)
        elif kind == "columns":
            got += by_columns(online, batch)
        else:
            got += online.update(frame(batch)).to_dict("records")
        begin += size
        if data.draw(st.booleans()):
            restored = OnlineWindows(definition, FakeClock(0.0), arrival="arrival")
            restored.restore(online.snapshot())
            assert restored.snapshot() == online.snapshot()
            online = restored
    return pd.DataFrame(got)


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
