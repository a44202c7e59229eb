"""Third step: raw events become features: rolling windows, latest readings, static one-hots."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd
from mlrun.utils import logger

from feature_sets.checks import InputError, duration_seconds
from feature_sets.derived_features import DerivedFeatures
from feature_sets.rows.whole_numbers import whole_array
from feature_sets.telemetry.schema import DEVICE
from feature_sets.telemetry.schema_content import readings_are_of
from feature_sets.windows import event_status
from feature_sets.windows.definition import WindowDefinition
from feature_sets.windows.online import OnlineWindows
from feature_sets.windows.warm_up import warm_up
from graphs.protocol.feature_rows import FeatureRow, FeatureTable
from graphs.protocol.request import Request
from graphs.protocol.routes import Kind, kinds_of
from graphs.protocol.telemetry_columns import columns_of
from graphs.request_step import RequestStep
from graphs.state.entry_id import BEFORE_ALL, EntryId
from graphs.state.journal import Journal
from graphs.state.live_groups import LiveGroups
from graphs.state.live_levels import LiveLevels
from graphs.state.longest_reach import longest_reach
from graphs.state.reading_history import ReadingHistory, Readings, stored_readings
from graphs.state.serving_state import serving_state
from graphs.state.snapshots.saved_state import SavedState

_ARRIVAL = "(arrival)"
"""Field with the arrival time; no schema can have a column of this name."""


class Preprocess(RequestStep):
    """Keeps the rolling windows of every device and gives each event its features.

    A device that sent nothing for so long that no window of its next event can reach back to its last one is
    forgotten. When it comes back it starts like a new one, from the history. Two things differ then. A very
    late event sees only the ingested readings. An event that is sent again after the silence is taken again;
    the ledger answers it as it was answered first.

    :param context: MLRun's graph context.
    :param name: name of the step.
    """

    kinds: ClassVar[frozenset[Kind]] = kinds_of("preprocess")
    takes_other_schemas: ClassVar[bool] = True  # As the history does.

    def __init__(self, context: Any, name: str = "preprocess") -> None:
        self.name = name
        warm_up()  # so that the first event does not wait for it
        self._state = serving_state(context)
        schema = self._state.schema
        history = self._state.settings.history
        self._schema, self._of = schema, readings_are_of(schema.to_dict())
        self._derived = DerivedFeatures(schema)
        # What is not computed of a reading is a feature as it is.
        self._gauges = [metric.name for metric in schema.metrics if metric.counter is None]
        definition = WindowDefinition.from_schema(schema)
        # Time is that of arrival, so that a replay forgets what was forgotten and nothing else.
        self._definition = definition
        computed = definition.computed_names
        self._columns = (*computed, *self._derived.names, *self._gauges)
        self._derived_of = [computed.index(name) for name in self._derived.inputs]
        self._arrived = 0.0
        self._idle_seconds = longest_reach(definition)
        self._swept = -math.inf
        self._history = stored_readings(history, schema) if history else None
        self._begin_anew()
        self._tolerance = duration_seconds(schema.windows.future_tolerance)
        self._started: set[str] = set()
        self._is_restored = False

    def _begin_anew(self) -> None:
        """Know of no device."""
        self._windows = OnlineWindows(self._definition, lambda: self._arrived, _ARRIVAL)
        self._levels = LiveLevels(self._schema, self._state.settings.history)
        self._groups = LiveGroups.of(self._state)

    def handle(self, request: Request) -> None:
        """Take the events into the windows, or the devices from the store anew.

        Events that were not counted get no features.
        """
        if request.kind is Kind.RELOAD:
            request.answer = self._reload()
            return
        self._arrived = request.arrived(0)
        if self._is_sweep_due():
            self._forget_idle()
        self._start_new(request)
        if len(request.telemetry) == 1 or self._levels.kept or self._groups.kept:
            self._take_rows(request)
        else:
            self._take_columns(request)

    def _take_rows(self, request: Request) -> None:
        """Features by name: of a lone event, and where they depend on others of the list."""
        devices = self._state.devices
        readings = [
            self._reading(event.device, event.time, event.metrics, request.arrived(index))
            for index, event in enumerate(record.event for record in request.telemetry)
        ]
        done, windows = request.done, self._windows
        if "windows" not in done:
            done["windows"] = (
                [windows.update(readings[0])] if len(readings) == 1 else windows.update(readings)
            )
        rows = done["windows"]
        counted, devices_of, times, arrivals, places = [], [], [], [], []
        for place, (record, row) in enumerate(zip(request.telemetry, rows, strict=True)):
            record.status = row.pop(event_status.COLUMN, record.status)
            if record.status not in event_status.COUNTED:
                continue
            event = record.event
            row.update({name: event.metrics[name] for name in self._gauges})
            if devices is not None:
                row.update(devices.features(event.device, event.time))
            record.features = row
            counted.append(row)
            devices_of.append(event.device)
            times.append(event.time)
            arrivals.append(request.arrived(place))
            places.append(place)
        self._derived.add_to(counted)
        if "levels" not in done:
            self._levels.add_to(counted, devices_of, times, arrivals)
            done["levels"] = True
        if "groups" not in done:
            self._groups.add_to(counted, request, places)
            done["groups"] = True

    def _take_columns(self, request: Request) -> None:
        """Features of several events as columns of one table."""
        given, names = columns_of(request.telemetry), self._definition.input_columns
        times: Sequence[float] | npt.NDArray[np.float64]
        inputs: Mapping[str, Sequence[float] | npt.NDArray[np.float64]]
        if given is not None:
            keys, times, inputs = given.plain.devices, given.seconds, given.plain.arrays
        else:
            events = [record.event for record in request.telemetry]
            keys, times = [event.device for event in events], [event.time for event in events]
            inputs = {name: [event.metrics[name] for event in events] for name in names}
        arrivals = request.arrivals or [request.arrival]
        if "windows" not in request.done:
            request.done["windows"] = self._windows.update_columns(keys, times, arrivals, inputs)
        features, statuses = request.done["windows"]
        table = self._table(keys, times, features, inputs)
        if given is not None:
            given.statuses, given.table = statuses, table
            return
        for place, (record, status) in enumerate(zip(request.telemetry, statuses, strict=True)):
            record.status = status
            if status in event_status.COUNTED:
                record.features = FeatureRow(table, place)

    def _table(
        self,
        keys: Sequence[str],
        times: Sequence[float] | npt.NDArray[np.float64],
        features: npt.NDArray[np.float64],
        inputs: Mapping[str, Sequence[float] | npt.NDArray[np.float64]],
    ) -> FeatureTable:
        """All features of events, those of the windows and the others."""
        columns, devices = [features], self._state.devices
        if self._derived.names:
            columns.append(self._derived.of(features[:, self._derived_of]))
        latest = np.empty((len(keys), len(self._gauges)))
        for place, name in enumerate(self._gauges):
            latest[:, place] = inputs[name]
        columns.append(latest)
        static: list[Mapping[str, float]] = []
        if devices is not None:
            static = [devices.features(key, float(time)) for key, time in zip(keys, times, strict=True)]
        return FeatureTable(self._columns, np.concatenate(columns, axis=1), static)

    def _reload(self) -> dict[str, int]:
        devices = self._state.devices
        if devices is not None:
            devices.reload()
        if self._state.calendar is not None:
            self._state.calendar.reload()
        if self._state.population is not None:
            self._state.population.reload()
        if self._history is not None:
            self._history.refresh()
            self._levels.refresh()
            self._groups.refresh()
            self._started.clear()
        return {"devices": len(devices) if devices is not None else 0}

    def saved(self) -> SavedState:
        """Windows and levels of all devices, and their newest values, which others see."""
        parts = {
            "windows": SavedState(arrays={"windows": np.frombuffer(self._windows.snapshot(), np.uint8)}),
            "levels": self._levels.saved(),
            "groups": SavedState(*self._groups.content()),
        }
        found = SavedState.of_parts(parts)
        found.plain.update(
            arrived=self._arrived, swept=self._swept, started=sorted(self._started), of=self._of
        )
        return found

    def restore(self, state: SavedState, lost: bool) -> bool:
        """Go on from the windows, unless the model of now has others: then the journal fills them.

        It does so, too, where readings become other numbers by now, as with another range of a metric.
        """
        if state.plain.get("of", self._of) != self._of:  # Snapshots of earlier releases do not say.
            logger.warning("the windows begin with the journal: the schema has other bounds of metrics")
            return False
        try:
            self._windows.restore(state.part("windows").arrays["windows"].tobytes())
        except InputError as error:
            logger.warning(f"the windows begin with the journal: {error}")
            return False
        groups = state.part("groups")
        for what, is_restored in (
            ("relative to a device", self._levels.restore(state.part("levels"), self._windows.newest)),
            ("of other devices", self._groups.put(groups.plain, groups.arrays)),
        ):
            if not is_restored:
                self._begin_anew()
                logger.warning(f"the windows begin with the journal: features {what} are others by now")
                return False
        self._arrived, self._swept = state.plain["arrived"], state.plain["swept"]
        self._started = set(state.plain["started"])
        self._is_restored = True
        return True

    def before_replay(self, journal: Journal, after: EntryId) -> None:
        """Have the history leave out what the replay will give."""
        if self._history is not None:
            begin = after if self._is_restored else BEFORE_ALL
            self._history.leave_out(
                (event.device, event.time) for entry in journal.entries(begin) for event in entry.events
            )

    def after_replay(self) -> None:
        """Have each device begin with what the history has beside the journal, such as files of the night."""
        if self._history is not None:
            self._history.leave_out(())
            self._started.clear()
            self._groups.begin_anew()

    def prepare(self, request: Request) -> None:
        """Have the windows of devices that are new here begin with the history.

        Nothing is forgotten here: the request may not be journaled, or come after entries of another process.

        :raises ApiError: 503 if it cannot be read.
        """
        if request.kind is not Kind.TELEMETRY or self._history is None:
            return
        self._arrived = request.arrived(0)
        if self._is_sweep_due():  # Those that will be forgotten are started anew: have it read by then.
            for index, record in enumerate(request.telemetry):
                event, arrival = record.event, request.arrived(index)
                if event.time <= arrival + self._tolerance:
                    self._history.before(event.device, event.time, arrival)
        self._start_new(request)

    def _is_sweep_due(self) -> bool:
        return not 0 <= self._arrived - self._swept < self._idle_seconds  # Below 0 the clock was set back.

    def _start_new(self, request: Request) -> None:
        """Start devices. Done again, it changes nothing."""
        if self._history is None:
            return
        given = columns_of(request.telemetry)
        devices = (
            given.plain.devices
            if given is not None
            else [record.event.device for record in request.telemetry]
        )
        if not self._started.issuperset(devices):
            self._start(self._history, request)

    def _reading(
        self, device: str, time: float, metrics: Mapping[str, float], arrival: float
    ) -> dict[str, Any]:
        return {DEVICE: device, self._schema.time: time, _ARRIVAL: arrival, **metrics}

    def _forget_idle(self) -> None:
        """Give up the devices that sent nothing for long; looks at all, so it is done once in that time."""
        self._swept = self._arrived
        idle = self._windows.evict(self._idle_seconds)
        self._levels.forget(idle)
        self._groups.forget(idle)
        if self._started:
            self._started.intersection_update(self._windows.devices)

    def _start(self, history: ReadingHistory, request: Request) -> None:
        """Fill the windows of devices with what was ingested of them; what they have already does no harm.

        All devices of a request are filled at once: after a restart, and whenever the history has grown, each
        begins like this.
        """
        found: dict[str, tuple[float, Readings]] = {}
        new: list[tuple[float, float, str]] = []
        as_they_are: set[str] = set()
        for index, record in enumerate(request.telemetry):
            device, time, arrival = record.event.device, record.event.time, request.arrived(index)
            if device in self._started or time > arrival + self._tolerance:
                continue  # The time of one that will be quarantined does not say where the device is.
            new.append((time, arrival, device))
            if device in found:
                continue
            found[device] = arrival, history.before(device, time, arrival)
            if not self._levels.begin(device, time, arrival, history.left_out):
                as_they_are.add(device)
        self._groups.begin(new, history.left_out)
        sizes = [len(readings.micros) for _, readings in found.values()]
        if any(sizes):
            values = np.concatenate([readings.values for _, readings in found.values()])
            wholes = np.concatenate([readings.wholes for _, readings in found.values()])
            told = np.concatenate([readings.told for _, readings in found.values()])
            micros = np.concatenate([readings.micros for _, readings in found.values()])
            columns = zip(self._schema.whole_columns, wholes.T, told.T, strict=True)
            filled = pd.DataFrame(
                {
                    DEVICE: np.repeat(np.array(list(found), dtype=object), sizes),
                    self._schema.time: micros.view("datetime64[us]"),
                    _ARRIVAL: np.repeat([arrival for arrival, _ in found.values()], sizes),
                    **dict(zip(self._gauges, values.T, strict=True)),
                    **{name: whole_array(numbers, given) for name, numbers, given in columns},
                }
            )
            self._levels.take_filled(filled, self._windows.update(filled), as_they_are)
        self._started.update(found)  # Only now: if the history cannot be read, a later event asks again.
