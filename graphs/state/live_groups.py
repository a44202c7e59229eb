"""Newest values of the devices around each live one: begun from the history, taken on by what is sent."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from feature_sets.group_features import GroupFeatures
from feature_sets.groups import Groups
from feature_sets.ingestion.device_history import stored_attributes
from feature_sets.ingestion.topology_history import stored_groups
from feature_sets.rows.event_micros import column_micros, event_micros
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from graphs.protocol.request import Request
from graphs.state.moving_feature_set import MovingFeatureSet, stored_history
from graphs.state.serving_state import ServingState
from graphs.state.stored_rows import StoredRows

Read = Callable[[pd.Timestamp, pd.Timestamp], pd.DataFrame]
Ints = npt.NDArray[np.int64]

_DAY = 86_400_000_000
"""In microseconds."""


class IngestedValues:
    """Ingested values of all devices, a stretch of time at a go.

    :param read: (start, end] -> device, time (UTC), the values of every row in that stretch, and when it
        arrived (UTC) where the schema names a column with that.
    :param schema: names the columns and gives how old values may be.
    :param features: name the values.
    """

    def __init__(self, read: Read, schema: TelemetrySchema, features: GroupFeatures) -> None:
        self._read, self._schema, self._inputs = read, schema, list(features.inputs)
        # A device may be behind the others; what counts for it is as much older.
        self._reach = 2 * (features.max_age_micros + schema.longest_window_seconds * 1_000_000)
        # A reading that is later than others by more is taken for one in order.
        self._ahead = max(_DAY, self._reach) if schema.arrival else 0
        self.refresh()

    def refresh(self) -> None:
        """Read anew when a device asks again."""
        self._start = self._end = 0
        self._places: dict[str, npt.NDArray[np.intp]] = {}
        self._at: Ints = np.empty((0, 2), dtype=np.int64)
        self._values = np.empty((0, len(self._inputs)))

    def before(self, device: str, since: int, moment: int) -> tuple[Ints, npt.NDArray[np.float64]]:
        """Rows of a device that came between two moments, both excluded, in the order of these.

        :returns: moment and event time, microseconds, shape (n, 2), and the values, shape (n, values).
        """
        places = self._places.get(device)
        if places is None:
            return self._at[:0], self._values[:0]
        moments = self._at[places, 0]
        chosen = places[(moments > since) & (moments < moment)]
        return self._at[chosen], self._values[chosen]

    def load(self, time: int) -> None:
        """Have what may count at an event time, microseconds, in memory."""
        earliest, latest = time - self._reach, time + self._ahead
        if self._start <= earliest and latest <= self._end:
            return
        start, end = earliest - self._reach, latest + self._reach
        frame = self._read(pd.Timestamp(start, unit="us", tz="UTC"), pd.Timestamp(end, unit="us", tz="UTC"))
        times = column_micros(frame[self._schema.time])
        arrival = self._schema.arrival
        at = np.column_stack([times if arrival is None else column_micros(frame[arrival]), times])
        order = np.lexsort((at[:, 1], at[:, 0]))
        self._at, self._values = at[order], frame[self._inputs].to_numpy("float64")[order]
        self._places = {
            str(device): places
            for device, places in frame.iloc[order].groupby(DEVICE, sort=False).indices.items()
        }
        self._start, self._end = start, end


class StoredGroups:
    """Links of a project and what its devices share, beside the history.

    :param schema: declares what they are for.
    :param metrics: ``store://feature-sets/...`` of the readings.
    :param devices: of the devices; empty if there are none.
    """

    def __init__(self, schema: TelemetrySchema, metrics: str, devices: str = "") -> None:
        self._schema = schema
        self._metrics = MovingFeatureSet(metrics)
        self._devices = MovingFeatureSet(devices) if devices else None

    def read(self) -> Groups:
        """What the newest ingestion left.

        :raises ApiError: 503 if it cannot be read.
        """
        attributes = None
        if self._devices is not None:
            self._devices.refresh()
            attributes = self._devices.read(_attributes)
        self._metrics.refresh()
        return self._metrics.read(
            lambda known: stored_groups(self._schema, stored_history(known), attributes)
        )


def _attributes(feature_set: object) -> pd.DataFrame | None:
    history = stored_history(feature_set)
    return None if history is None else stored_attributes(history)


class LiveGroups:
    """Gives features of neighbors and peers; does nothing where the schema has none.

    When the first device of those that depend on each other shows up, all of them begin with what was
    ingested. Each takes in what was ingested since when it shows up itself, and again after a refresh.

    Rows count in the order in which the history has them. Readings that arrive at once follow each other, as
    they do there, unless they say themselves when they arrived.

    :param schema: declares the features.
    :param history: of what was ingested; None for nothing.
    :param source: says who looks at whom; None is nobody.
    :param tells_arrival: whether events say when they arrived; else the clock does.
    """

    def __init__(
        self,
        schema: TelemetrySchema,
        history: IngestedValues | None = None,
        source: StoredGroups | None = None,
        tells_arrival: bool = False,
    ) -> None:
        self._features = GroupFeatures(schema)
        self._has_arrival, self._tells_arrival = schema.arrival is not None, tells_arrival
        self._last = 0
        self._history, self._source = history, source
        self._groups = source.read() if source is not None else Groups(schema, {})
        self._state = self._features.state(self._groups)
        self._begun: set[str | int] = set()

    @classmethod
    def of(cls, state: ServingState) -> LiveGroups:
        """Of what was ingested, if the schema has such features.

        :raises InputError: see ``StoredRows``.
        """
        schema, history, devices = state.schema, state.settings.history, state.settings.devices
        features, tells_arrival = GroupFeatures(schema), state.arrivals is not None
        if history is None or not features.names:
            return cls(schema, tells_arrival=tells_arrival)
        stored = StoredRows(history, schema, features.inputs)

        def read(start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
            stored.refresh()
            return stored.between(start, end)

        source = StoredGroups(schema, history, devices if isinstance(devices, str) else "")
        return cls(schema, IngestedValues(read, schema, features), source, tells_arrival)

    def refresh(self) -> None:
        """Take over links, peers, and what was ingested since.

        :raises ApiError: 503 if they cannot be read; what is known stays.
        """
        if self._source is None or self._history is None:
            return
        self._groups = self._source.read()
        self._state.relate(self._groups.relations)
        self._history.refresh()
        self._begun.clear()

    def begin(
        self, device: str, time: float, arrived: float, left_out: frozenset[tuple[str, int]] = frozenset()
    ) -> None:
        """Have a device, and those that it depends on, begin with what was ingested before its event.

        :param time: event time, epoch seconds.
        :param arrived: when it arrived.
        :param left_out: device and time of rows that a replay gives itself; where it is known when each
            arrived, that says which these are.
        :raises ApiError: 503 if it cannot be read.
        """
        if self._history is None:
            return
        moment = event_micros(arrived if self._has_arrival else time)
        self._history.load(event_micros(time))
        root = self._groups.shard_key(device)
        others: Iterable[str | int] = [device]
        if root not in self._begun:
            others = sorted(self._groups.together([device]), key=str)
        for other in others:
            at, values = self._history.before(str(other), self._state.moment(other), moment)
            if left_out and not self._has_arrival:
                kept = [(str(other), micros) not in left_out for micros in at[:, 1].tolist()]
                at, values = at[kept], values[kept]
            if len(at):
                self._state.compare([other], np.zeros(len(at), dtype=np.int64), at, values)
        self._begun.add(root)

    def begin_anew(self) -> None:
        """Have each group look at the history again: it may have rows that a replay does not give."""
        self._begun.clear()

    def add_to(self, rows: Sequence[dict[str, Any]], request: Request, places: Sequence[int]) -> None:
        """Put the features into rows that count, and take the rows in.

        :param request: whose rows they are.
        :param places: index of the event of each row.
        """
        if not self._features.names or not rows:
            return
        events = [request.telemetry[place].event for place in places]
        at = np.empty((len(rows), 2), dtype=np.int64)
        at[:, 1] = [event_micros(event.time) for event in events]
        at[:, 0] = at[:, 1]
        if self._has_arrival:
            for row, place in enumerate(places):
                arrived = event_micros(request.arrived(place))
                if not self._tells_arrival:
                    self._last = arrived = max(arrived, self._last + 1)
                at[row, 0] = arrived
        self._features.add_to(rows, [event.device for event in events], at, self._state)

    def content(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        """All that is kept: plain content for JSON, and arrays; ``put`` goes on from it exactly."""
        keys, arrays = self._state.content()
        plain = {
            "inputs": list(self._features.inputs),
            "devices": keys,
            "begun": sorted(self._begun, key=str),
            "last": self._last,
        }
        return plain, arrays

    def put(self, plain: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> bool:
        """Go on from what ``content`` gave, if it is of these features; else nothing changes.

        :returns: whether it is.
        """
        if plain.get("inputs", []) != list(self._features.inputs):
            return False
        if not plain:  # Saved before there were such features.
            return True
        self._state.put(plain["devices"], arrays)
        self._begun, self._last = set(plain["begun"]), int(plain["last"])
        return True

    def forget(self, devices: Iterable[str | int]) -> None:
        """Give up devices that no other looks at."""
        self._state.forget(devices)
