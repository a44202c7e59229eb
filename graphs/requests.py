"""One HTTP request on its way through the graph, and the error that answers a bad one."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from feature_sets.telemetry.events import EventError, LabelEvent, TelemetryEvent


class Kind(StrEnum):
    """What a request asks for; each step handles the kinds it is for and passes the others on."""

    TELEMETRY = "telemetry"
    LABELS = "labels"
    INFER = "infer"
    MODEL = "model"
    MODEL_READY = "model_ready"
    MODELS = "models"
    SERVER = "server"
    LIVE = "live"
    READY = "ready"
    METRICS = "metrics"
    DRIFT = "drift"
    ENLIST = "enlist"
    DISMISS = "dismiss"
    LABELED = "labeled"
    OPENAPI = "openapi"
    UNKNOWN = "unknown"


class ApiError(Exception):
    """A request, or one event of it, that is answered with an error object.

    :param status: HTTP status.
    :param field: the field that breaks a rule.
    :param rule: the rule, for people.
    :param got: what came; made JSON-able and cut to a readable length.
    """

    def __init__(self, status: int, field: str, rule: str, got: object = None) -> None:
        self.status = status
        self.error = EventError(field, rule, got)
        super().__init__(str(self.error))

    def to_dict(self) -> dict[str, Any]:
        """The content of the answer's ``error``."""
        return error_object(self.error)


def error_object(error: EventError) -> dict[str, Any]:
    """Error object of an answer; half characters (lone surrogates), which JSON cannot carry, become ``?``."""
    return {
        name: value.encode(errors="replace").decode() if isinstance(value, str) else value
        for name, value in error.to_dict().items()
    }


def is_text(value: str) -> bool:
    """Whether text has whole characters only; Python's JSON decoder lets lone surrogates in."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


class Position(NamedTuple):
    """Where an event stands in the order of all accepted events, over restarts too.

    :param milliseconds: first part of the journal entry's id.
    :param sequence: second part of the id.
    :param place: of the event within its entry.
    """

    milliseconds: int
    sequence: int
    place: int


class Prediction(NamedTuple):
    """What the model said about one event.

    :param model: name of the model.
    :param version: its version.
    :param features: model inputs before imputation, NaN where missing, shape (inputs,).
    :param prediction: 0 or 1.
    :param probability: of 1.
    """

    model: str
    version: str
    features: npt.NDArray[np.float64]
    prediction: int
    probability: float


class LabeledPair(NamedTuple):
    """A prediction and the label that came for it.

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


@dataclass
class Request:
    """Everything the steps learn about one request.

    ``statuses``, ``features`` and ``predictions`` run in parallel with ``events`` or ``labels``.

    :param kind: what it asks for.
    :param method: HTTP method.
    :param path: HTTP path without query.
    :param started: monotonic clock at its start, seconds.
    :param arrival: when it arrived, epoch seconds.
    :param replayed: whether it comes from the journal and nobody waits for its answer.
    :param model: model name in the path.
    :param version: model version in the path, or empty.
    :param body: decoded JSON of the request.
    :param single: whether the body was one event and not a list.
    :param events: accepted telemetry.
    :param labels: accepted labels.
    :param places: place of each accepted event or label in the list that was sent.
    :param sent: length of the list that was sent.
    :param entry: id of the journal entry that holds the accepted events.
    :param statuses: what became of each event or label.
    :param features: features by name of each event that gets a prediction, else None.
    :param predictions: answers of the model, None where there is none.
    :param pairs: pairs that this request completed.
    :param errors: error objects of refused events, each with its position.
    :param status: HTTP status of the answer.
    :param answer: content of the answer; ``answered`` tells whether it is complete.
    :param content_type: MIME type of the answer.
    """

    kind: Kind
    method: str = ""
    path: str = ""
    started: float = 0.0
    arrival: float = 0.0
    replayed: bool = False
    model: str = ""
    version: str = ""
    body: Any = None
    single: bool = False
    events: list[TelemetryEvent] = field(default_factory=list)
    labels: list[LabelEvent] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    sent: int = 0
    entry: tuple[int, int] = (0, 0)
    statuses: list[str] = field(default_factory=list)
    features: list[dict[str, float] | None] = field(default_factory=list)
    predictions: list[Prediction | None] = field(default_factory=list)
    pairs: list[LabeledPair] = field(default_factory=list)
    errors: list[dict[str, Any]] = field(default_factory=list)
    status: int = 200
    answer: Any = None
    answered: bool = False
    content_type: str = "application/json"

    def __str__(self) -> str:
        """Short text for logs; bodies may be large or private."""
        return f"{self.method} {self.path} ({self.kind}, {self.sent} events)"

    def reply(self, answer: Any, status: int = 200, content_type: str = "application/json") -> None:
        """Complete the answer; the remaining steps pass the request on."""
        self.answer, self.status, self.content_type, self.answered = answer, status, content_type, True

    def fail(self, error: ApiError) -> None:
        """Complete the answer with an error object."""
        self.reply({"error": error.to_dict()}, error.status)

    def position(self, index: int) -> Position:
        """Position of the accepted event with this index."""
        return Position(*self.entry, index)
