"""Level and spread of each live device: begun from what was ingested of it, taken on by what it sends."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from mlrun.utils import logger

from feature_sets.relative_features import RelativeFeatures, hours_of
from feature_sets.rows.event_micros import column_micros, event_micros
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from feature_sets.windows import event_status
from graphs.state.level_history import LevelHistory, stored_levels
from graphs.state.sent_rows import SentRows
from graphs.state.snapshots.saved_state import SavedState


class LiveLevels:
    """Gives features relative to the device's own past; does nothing where the schema has none.

    A device that is new here begins with all of its ingested rows, and so does one that was forgotten and
    comes back. What is ingested of a device later, such as a day that came by file, belongs between what it
    sent. So with its first event after an ingestion it begins with the history again, and goes on with what
    it sent that the history has not yet.

    :param schema: declares the features.
    :param history: ``store://feature-sets/...`` of what was ingested; None for nothing.
    :raises InputError: see ``stored_levels``.
    """

    def __init__(self, schema: TelemetrySchema, history: str | None) -> None:
        self._time = schema.time
        self._features = RelativeFeatures(schema)
        self._baselines = self._features.baselines()
        self._history: LevelHistory | None = (
            stored_levels(history, schema, self._features) if history else None
        )
        self._sent = SentRows(len(self._features.inputs))
        self._begun: dict[str, str] = {}
        """Version of the history that each device has begun with last."""
        self._owed: set[str] = set()
        """Devices whose levels are of a snapshot that has no rows: the history may lack some of these."""

    @property
    def kept(self) -> bool:
        """Whether there is anything to be kept."""
        return bool(self._features.names)

    def add_to(
        self,
        rows: Sequence[dict[str, Any]],
        devices: Sequence[str],
        times: Sequence[float],
        arrivals: Sequence[float] | None = None,
    ) -> None:
        """Put the features into rows that count, in the order of arrival, and take the rows in.

        :param devices: of each row.
        :param times: event time of each, in epoch seconds.
        :param arrivals: when each arrived, the same; without, with its event.
        """
        if not self.kept:
            return
        micros = [event_micros(time) for time in times]
        self._features.add_to(rows, devices, micros, self._baselines)
        if self._history is None:  # Nothing is ever begun anew.
            return
        came = micros if arrivals is None else [event_micros(arrival) for arrival in arrivals]
        for row, device, arrival, moment in zip(rows, devices, came, micros, strict=True):
            self._sent.add(device, arrival, moment, (row[name] for name in self._features.inputs))

    def saved(self) -> SavedState:
        """Level and spread of each device; ``restore`` goes on from it exactly."""
        devices, levels = self._baselines.content()
        sent, rows = self._sent.content()
        begun: dict[str, list[str]] = {}
        for device, version in self._begun.items():
            begun.setdefault(version, []).append(device)
        plain = {
            "names": list(self._features.names),
            "devices": devices,
            "sent": sent,
            "begun": begun,
            "owed": sorted(self._owed),
        }
        return SavedState(plain, {"levels": levels, **rows})

    def restore(self, state: SavedState, newest: Mapping[str | int, int]) -> bool:
        """Go on from what was saved, if it is of these features; else nothing changes.

        An earlier release saved no rows, and the journal may have dropped them. Its levels go on as they are
        until the history has what they are made of.

        :param newest: event time of the newest row of each device, microseconds.
        :returns: whether it is.
        """
        if state.plain.get("names") != list(self._features.names):
            return False
        if "sent" in state.plain:
            self._sent.put(state.plain["sent"], state.arrays["sent_at"], state.arrays["sent"])
            versions = state.plain["begun"].items()
            self._begun = {device: version for version, devices in versions for device in devices}
            self._owed = set(state.plain.get("owed", ()))
        elif self.kept and self._history is not None:
            for device, micros in newest.items():
                self._sent.have_dropped(str(device), micros)
            self._owed = set(map(str, newest))
            logger.warning(
                f"features relative to the past of {len(newest)} devices go on from a snapshot of an "
                "earlier release; each begins with the history again once 'netops ingest --live' has added "
                "what it sent"
            )
        self._baselines.put(state.plain["devices"], state.arrays["levels"])
        return True

    def refresh(self) -> None:
        """Take over what was ingested since, for devices that begin later."""
        if self._history is not None:
            self._history.refresh()

    def forget(self, devices: Iterable[str | int]) -> None:
        """Give up devices."""
        devices = list(devices)
        self._baselines.forget(devices)
        self._sent.forget(devices)
        for device in devices:
            self._begun.pop(str(device), None)
            self._owed.discard(str(device))

    def begin(
        self, device: str, time: float, arrived: float, left_out: frozenset[tuple[str, int]] = frozenset()
    ) -> bool:
        """Have a device begin with what was ingested of it, and go on with what it sent beside that.

        Done again it changes nothing. With the history that it has begun with before, nothing is read.

        :param left_out: see ``LevelHistory.before``.
        :returns: whether it did; else more came since an ingestion than is kept, and it goes on as it is.
        :raises ApiError: 503 if it cannot be read.
        """
        if self._history is None or self._begun.get(device) == self._history.version:
            return True
        found = self._history.with_sent(device, time, arrived, left_out, self._sent)
        if found is None:
            if device not in self._owed:  # Of those it was told at once.
                logger.warning(
                    f"features relative to the past of {device!r} lack what was ingested of it: too "
                    "much that it sent is not in the history, see 'netops ingest --live'"
                )
            return False
        self._owed.discard(device)
        past, micros, sent, is_whole = found
        self._baselines.forget([device])
        self._baselines.compare([device], np.zeros(len(past), dtype=np.int64), past, hours_of(micros))
        self._sent.keep(device, sent)
        self._begun.pop(device, None)
        if is_whole:  # Else a later event may have more of it, as after a replay.
            self._begun[device] = self._history.version
        return True

    def take_filled(self, filled: pd.DataFrame, rows: pd.DataFrame, known: Collection[str | int]) -> None:
        """Take in what the windows of devices that did not begin anew were filled with, if it counted.

        :param filled: the readings.
        :param rows: what the windows gave for them.
        :param known: these devices.
        """
        if not self.kept:
            return
        new = rows[event_status.COLUMN].isin(event_status.COUNTED) & filled[DEVICE].isin(known)
        devices = filled.loc[new, DEVICE].tolist()
        shown = [{str(name): value for name, value in row.items()} for row in rows[new].to_dict("records")]
        micros = column_micros(filled.loc[new, self._time]).tolist()
        self._features.add_to(shown, devices, micros, self._baselines)
