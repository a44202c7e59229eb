"""Newest values of the devices around each live one: begun from the history, taken on by what is sent."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from feature_sets.group_features import DeviceRows, GroupFeatures
from feature_sets.groups import Groups
from feature_sets.ingestion.topology_history import stored_groups
from feature_sets.rows.event_micros import column_micros, event_micros
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from feature_sets.windows.device_places import Key
from feature_sets.windows.newest_kernel import NEVER
from graphs.protocol.request import Request
from graphs.state.moving_feature_set import MovingFeatureSet, stored_attributes_of, stored_history
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
        self._keys: list[Key] = []
        self._codes: Ints = np.empty(0, dtype=np.int64)
        self._at: Ints = np.empty((0, 2), dtype=np.int64)
        self._values = np.empty((0, len(self._inputs)))
        self._of_device: dict[Key, npt.NDArray[np.intp]] = {}
        self._of_unit: dict[Key, tuple[npt.NDArray[np.intp], Ints]] = {}

    def between(self, unit: Key, devices: Callable[[], Iterable[Key]], since: int, moment: int) -> DeviceRows:
        """Rows of what depends on each other that came at a moment or later, and before another.

        :param unit: names it.
        :param devices: gives the devices in it.
        """
        if unit not in self._of_unit:
            found = [self._of_device[device] for device in devices() if device in self._of_device]
            places = np.sort(np.concatenate(found)) if found else np.empty(0, dtype=np.intp)
            self._of_unit[unit] = places, self._at[places, 0]
        places, moments = self._of_unit[unit]
        first, end = np.searchsorted(moments, [since, moment]).tolist()
        chosen = places[first:end]
        return DeviceRows(self._keys, self._codes[chosen], self._at[chosen], self._values[chosen])

    def load(self, time: int) -> tuple[int, int]:
        """Have what may count at an event time in memory, microseconds; gives from when to when that is."""
        earliest, latest = time - self._reach, time + self._ahead
        if self._start <= earliest and latest <= self._end:
            return self._start, self._end
        start, end = earliest - self._reach, latest + self._reach
        frame = self._read(pd.Timestamp(start, unit="us", tz="UTC"), pd.Timestamp(end, unit="us", tz="UTC"))
        times = column_micros(frame[self._schema.time])
        arrival = self._schema.arrival
        at = np.column_stack([times if arrival is None else column_micros(frame[arrival]), times])
        order = np.lexsort((at[:, 1], at[:, 0]))
        self._at, self._values = at[order], frame[self._inputs].to_numpy("float64")[order]
        codes, keys = pd.factorize(frame[DEVICE].astype(str).iloc[order])
        self._codes, self._keys = codes.astype(np.int64), list(keys)
        self._of_device = {
            str(device): places
            for device, places in frame.iloc[order].groupby(DEVICE, sort=False).indices.items()
        }
        self._of_unit = {}
        self._start, self._end = start, end
        return start, end


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
            attributes = self._devices.read(stored_attributes_of)
        self._metrics.refresh()
        return self._metrics.read(
            lambda known: stored_groups(self._schema, stored_history(known), attributes)
        )


class LiveGroups:
    """Gives features of neighbors and peers; does nothing where the schema has none.

    When a device shows up, all that depend on each other with it take in what was ingested until then, and
    again after a refresh. Rows of a request and what was ingested before them count in one order, that of the
    history, however far the devices are apart. Readings that arrive at once follow each other, as they do
    there, unless they say themselves when they arrived.

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
        self._begin_again()

    @property
    def kept(self) -> bool:
        """Whether there is anything to be kept."""
        return bool(self._features.names)

    def _begin_again(self) -> None:
        self._begun: dict[Key, tuple[tuple[int, int], int]] = {}
        """Of what depends on each other: the stretch of time that was looked at, and until which moment."""
        self._past: list[DeviceRows] = []
        """Ingested rows that are taken in with the next ones that are sent."""

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
        self._begin_again()

    def begin(
        self,
        events: Iterable[tuple[float, float, str]],
        left_out: frozenset[tuple[str, int]] = frozenset(),
    ) -> None:
        """Have devices, and those that they depend on, begin with what was ingested before their events.

        :param events: time of each and when it arrived, epoch seconds, and its device.
        :param left_out: device and time of rows that a replay gives itself; where it is known when each
            arrived, that says which these are.
        :raises ApiError: 503 if it cannot be read.
        """
        if self._history is None:
            return
        far: dict[Key, tuple[int, str]] = {}
        for time, arrived, device in sorted(events):  # In order of time, so that each stretch is read once.
            moment = event_micros(arrived if self._has_arrival else time)
            stretch = self._begin_around(self._history, event_micros(time), device, moment, left_out)
            if moment > stretch[1]:
                unit = self._groups.shard_key(device)
                far[unit] = max(far.get(unit, (moment, device)), (moment, device))
        # What the others sent lately is further than a device that is far behind.
        for moment, device in sorted(far.values()):
            self._begin_around(self._history, moment, device, moment, left_out)

    def _begin_around(
        self,
        history: IngestedValues,
        time: int,
        device: str,
        moment: int,
        left_out: frozenset[tuple[str, int]],
    ) -> tuple[int, int]:
        """Have what may count at an event time, microseconds, taken in; gives the stretch that was read."""
        stretch = history.load(time)
        unit = self._groups.shard_key(device)
        looked_at, until = self._begun.get(unit, (stretch, NEVER))
        since = until if looked_at == stretch else NEVER
        past = history.between(unit, lambda: self._groups.together([device]), since, moment)
        past = past.take(self._is_new(past, left_out))
        if len(past.codes):
            self._past.append(past)
        self._begun[unit] = stretch, max(since, moment)
        return stretch

    def _is_new(self, past: DeviceRows, left_out: frozenset[tuple[str, int]]) -> npt.NDArray[np.bool_]:
        """Which rows are not older than what is known of their devices, nor left out."""
        codes, numbers = np.unique(past.codes, return_inverse=True)
        known = np.array([self._state.moment(past.keys[code]) for code in codes], dtype=np.int64)
        found: npt.NDArray[np.bool_] = past.at[:, 0] > known[numbers]
        if left_out and not self._has_arrival:
            rows = zip(past.codes.tolist(), past.at[:, 1].tolist(), strict=True)
            given = [(str(past.keys[code]), micros) not in left_out for code, micros in rows]
            found &= np.array(given, dtype=np.bool_)
        return found

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
        past, self._past = self._past, []
        self._features.add_to(rows, [event.device for event in events], at, self._state, past)

    def content(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        """All that is kept: plain content for JSON, and arrays; ``put`` goes on from it exactly."""
        past, self._past = self._past, []
        self._features.take_in(past, self._state)
        keys, arrays = self._state.content()
        plain = {"inputs": list(self._features.inputs), "devices": keys, "last": self._last}
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
        self._last = int(plain["last"])
        return True

    def forget(self, devices: Iterable[str | int]) -> None:
        """Give up devices that no other looks at."""
        self._state.forget(devices)
