"""The records that the steps make of an event."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from feature_sets.telemetry.events import EventError, LabelEvent, TelemetryEvent
from feature_sets.telemetry.incident_events import IncidentEvent
from feature_sets.telemetry.maintenance_event import MaintenanceEvent
from graphs.protocol.device_status import DeviceStatus
from graphs.protocol.feature_rows import Features


class Position(NamedTuple):
    """Place of an event in the order of all accepted events, over restarts too.

    :param milliseconds: first part of the journal entry's id.
    :param sequence: second part of the id.
    :param place: of the event within its entry.
    """

    milliseconds: int
    sequence: int
    place: int


class ShadowAnswer(NamedTuple):
    """What a version said about an event that another version has answered.

    :param version: of the model.
    :param prediction: 0 or 1.
    :param probability: of 1.
    """

    version: str
    prediction: int
    probability: float


class Ahead(NamedTuple):
    """What the model of a further horizon said about one event.

    :param horizon: as the schema has it.
    :param version: of the model.
    :param prediction: 0 or 1.
    :param probability: of 1.
    """

    horizon: str
    version: str
    prediction: int
    probability: float


class Prediction(NamedTuple):
    """What the model said about one event.

    :param model: name of the model.
    :param version: its version.
    :param features: model inputs before imputation, NaN where missing, shape (inputs,).
    :param prediction: 0 or 1.
    :param probability: of 1.
    :param missing: how many of the features are missing and were imputed.
    :param inputs: names of the features; empty for those of the model that the graph was deployed with.
    :param shadows: what other versions said about the same event.
    :param ahead: of further horizons, as far as they have a model.
    """

    model: str
    version: str
    features: npt.NDArray[np.float64]
    prediction: int
    probability: float
    missing: int
    inputs: tuple[str, ...] = ()
    shadows: tuple[ShadowAnswer, ...] = ()
    ahead: tuple[Ahead, ...] = ()


class LabeledPair(NamedTuple):
    """A prediction and its label.

    :param device: device key.
    :param time: event time in epoch seconds.
    :param made: the prediction.
    :param predicted_at: when the event arrived, epoch seconds.
    :param label: 0 or 1.
    :param labeled_at: when the label arrived, epoch seconds.
    :param position: of the event that completed the pair.
    """

    device: str
    time: float
    made: Prediction
    predicted_at: float
    label: int
    labeled_at: float
    position: Position


@dataclass(slots=True)
class TelemetryRecord:
    """What the steps learn about one accepted reading.

    :param event: the reading.
    :param place: its place in the list that was sent.
    :param device_status: whether its device is registered. An endpoint that is given no devices knows none.
    :param status: what became of it; empty until the windows have seen it.
    :param features: features by name; None for an event that gets no prediction.
    :param prediction: None while there is none.
    :param device_state: state in which the event found its device; empty where nobody keeps states.
    :param maintenance: name of the entry of the calendar that the device is in at the time of the event.
    """

    event: TelemetryEvent
    place: int
    device_status: DeviceStatus = DeviceStatus.UNKNOWN
    status: str = ""
    features: Features | None = None
    prediction: Prediction | None = None
    device_state: str = ""
    maintenance: str | None = None


@dataclass(slots=True)
class LabelRecord:
    """What the steps learn about one accepted label.

    :param event: the label.
    :param place: its place in the list that was sent.
    :param status: what became of it; empty until the ledger has seen it.
    :param name: by which it named its event, see ``LabelEvent``.
    """

    event: LabelEvent
    place: int
    status: str = ""
    name: str = ""


@dataclass(slots=True)
class MaintenanceRecord:
    """What the steps learn about one accepted change of the calendar of maintenance.

    :param event: the change.
    :param place: its place in the list that was sent.
    :param status: ``opened``, ``changed``, ``unchanged`` or ``cancelled``; empty until it was taken over.
    :param devices: how many registered devices the entry covers; None where none are registered.
    """

    event: MaintenanceEvent
    place: int
    status: str = ""
    devices: int | None = None


@dataclass(slots=True)
class IncidentRecord:
    """What the steps learn about one accepted incident.

    :param event: what was said of it.
    :param place: its place in the list that was sent.
    :param status: what became of it; empty until the ledger has seen it.
    :param labeled: predictions that it labeled as errors.
    :param too_late: predictions in it that had been taken as healthy.
    :param devices: how many registered devices it names at its start; None where that is not known.
    :param nothing_at: paths of ``incident_mapping`` at which the body of a tool had nothing.
    :param too_little: why the body of a tool makes no incident that is new.
    :param stays_cancelled: whether it was none before, and still is.
    :param is_late: whether it is new, and began before what was taken as healthy by then.
    """

    event: IncidentEvent
    place: int
    status: str = ""
    labeled: int = 0
    too_late: int = 0
    devices: int | None = None
    nothing_at: tuple[str, ...] = ()
    too_little: EventError | None = None
    stays_cancelled: bool = False
    is_late: bool = False


def label_record(event: LabelEvent | IncidentEvent, place: int) -> LabelRecord | IncidentRecord:
    """Record of a label or an incident."""
    if isinstance(event, IncidentEvent):
        return IncidentRecord(event, place)
    return LabelRecord(event, place, name=event.name)
