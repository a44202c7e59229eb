"""Everything that can be set about a serving graph, checked before any of it is used."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from feature_sets.checks import InputError, check_choice, check_integer, check_number
from feature_sets.model_package.signature import public_keys
from graphs.protocol.device_status import POLICIES, REJECT
from graphs.protocol.request_logs import FAILED, REQUEST_LOGS
from graphs.protocol.roles import ANONYMOUS, Role
from graphs.routing.document import RoutingDocument
from graphs.state.clocks import ARRIVAL, CLOCKS, WALL

_COUNTS = (
    "journal_max_events",
    "snapshot_events",
    "ledger_max_size",
    "batch_rows",
    "max_events",
    "max_body_bytes",
    "max_waiting",
    "max_waiting_bytes",
    "max_unwritten_pairs",
)
_DURATIONS = ("label_deadline_seconds", "snapshot_seconds", "batch_seconds")


@dataclasses.dataclass(frozen=True)
class ServingSettings:
    """Parameters of the serving graph. They travel in the function's spec, so they are plain JSON.

    :param model_path: address of the model package: ``store://models/...`` or a directory. It may be left
        empty with ``routing``.
    :param model_name: name in paths and answers.
    :param routing: the routing document that is deployed, see ``RoutingDocument``; None for the model alone.
    :param deployment: id of the deployment, by which a start knows that it is none but a restart.
    :param devices: ``store://feature-sets/...`` address of the static feature set, or the features by device;
        None accepts every device and knows no static features.
    :param unknown_devices: what becomes of an event whose device is unknown, or retired by then: ``reject``
        answers 422, ``accept`` predicts with what is known and says so in the answer.
    :param history: ``store://feature-sets/...`` address of the ingested readings; the windows of a device
        start from those just before its first live event. None starts them empty.
    :param labels: ``store://feature-sets/...`` address of the ingested labels, beside which the calendar of
        maintenance lies; None knows what is posted alone.
    :param incident_mapping: field of the schema, where it is another one by now than at the training;
        None is that of the model, and without a content there is none.
    :param tells_labels: whether incidents and positives that the history has are taken over, at the start and
        with the devices. Whoever plays a recording says them when they were known, and needs it not.
    :param redis_url: where the journal is kept; None keeps none, and a restart starts empty: what the longest
        window and the label deadline cover is lost.
    :param journal_key: prefix of the keys; empty makes it from the names of project and function.
    :param journal_max_events: accepted events that the journal keeps at least. It keeps more where a restart
        needs them: all that both kept snapshots do not have or, without snapshots, all within the label
        deadline and the longest window.
    :param archive_directory: where accepted events go, as Parquet, before the journal drops them; None drops
        them for good.
    :param snapshot_directory: where snapshots of the state go, so that a restart replays only what came
        after; None takes none. It counts only with a journal.
    :param snapshot_events: accepted events after which a snapshot is due.
    :param snapshot_seconds: time after which one is due, if anything was accepted.
    :param clock: ``wall``, or ``arrival`` to take the time from the events, see ``ArrivalClock``. That is for
        recordings: whoever sends to such an instance sets its clock.
    :param arrival_clock_in_production: whether ``arrival`` may be the clock of an instance with a journal,
        that is, one which real traffic goes to. All events of a list must then have one arrival.
    :param labeled_directory: where Parquet batches of labeled pairs go; None writes none.
    :param labeled_anew: whether batches of an earlier instance in that directory are deleted at the start.
    :param label_deadline_seconds: how much later than its event and the horizon of the schema, in event time,
        a label may come.
    :param ledger_max_size: predictions and labels remembered at most; beyond it telemetry is answered 503
        until some are past the deadline. None of them is forgotten for a newer one.
    :param batch_rows: pairs in a batch.
    :param batch_seconds: longest time that a pair waits for its batch.
    :param max_events: longest list in one request, and most rows of an inference request.
    :param max_body_bytes: largest request body.
    :param max_waiting: requests with data that wait for their turn; beyond it they are answered 429.
    :param max_waiting_bytes: the same, in bytes of their bodies.
    :param max_unwritten_pairs: labeled pairs that are in no file yet, because none can be written; beyond it
        events and labels are answered 429.
    :param requests_per_second: of one token, and of all without one; one too many is answered 429. None takes
        any number.
    :param token_secret: name of the MLRun secret, variable or file that holds the tokens of the role
        ``admin``, the first of them also that of the callback; those of the others are beside it, see
        ``role_secret``. None leaves the routes open, which only a loopback address may be.
    :param anonymous: role of those who send no token, where there are tokens: ``none``, ``read`` or, at a
        loopback address, ``write``.
    :param verify_key: public keys in PEM; a package that none of them has signed is not loaded. None loads
        packages without a signature, too.
    :param request_log: which requests have a line in the log: ``failed``, those with a 5xx, ``all`` or
        ``off``. A line never has what was sent.
    :param callback_url: told about every drift found; None tells nobody.
    :param callback_body: what the callback's body holds beside ``event``.
    :raises InputError: naming the first parameter that breaks a rule.
    """

    model_path: str = ""
    model_name: str = "model"
    routing: Mapping[str, Any] | None = None
    deployment: str = ""
    devices: str | Mapping[str, Mapping[str, float]] | None = None
    unknown_devices: str = REJECT
    history: str | None = None
    labels: str | None = None
    incident_mapping: Mapping[str, Any] | None = None
    tells_labels: bool = True
    redis_url: str | None = None
    journal_key: str = ""
    journal_max_events: int = 100_000
    archive_directory: str | None = None
    snapshot_directory: str | None = None
    snapshot_events: int = 50_000
    snapshot_seconds: float = 30.0
    clock: str = WALL
    arrival_clock_in_production: bool = False
    labeled_directory: str | None = None
    labeled_anew: bool = False
    label_deadline_seconds: float = 3600.0
    ledger_max_size: int = 2_000_000
    batch_rows: int = 1000
    batch_seconds: float = 5.0
    max_events: int = 10_000
    max_body_bytes: int = 8_000_000
    requests_per_second: float | None = None
    max_waiting: int = 500
    max_waiting_bytes: int = 4_000_000
    max_unwritten_pairs: int = 500_000
    token_secret: str | None = None
    request_log: str = FAILED
    anonymous: str = Role.READ.value
    verify_key: str | None = None
    callback_url: str | None = None
    callback_body: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        if self.routing is not None:
            document = RoutingDocument.from_dict(self.routing)
            if self.model_path not in ("", document.champion.model_path):
                rule = f"must be that of the champion, {document.champion.model_path}, or empty"
                raise InputError("argument 'model_path'", rule, self.model_path)
            object.__setattr__(self, "model_path", document.champion.model_path)
        for name in ("model_path", "model_name"):
            if not getattr(self, name):
                raise InputError(f"argument '{name}'", "must not be empty", getattr(self, name))
        for name in _COUNTS:
            count = check_integer(f"argument '{name}'", getattr(self, name), at_least=1)
            object.__setattr__(self, name, count)
        for name in _DURATIONS:
            check_number(f"argument '{name}'", getattr(self, name), above=0)
        if self.requests_per_second is not None:
            check_number("argument 'requests_per_second'", self.requests_per_second, above=0)
        check_choice("argument 'clock'", self.clock, CLOCKS)
        if self.clock == ARRIVAL and self.redis_url and not self.arrival_clock_in_production:
            rule = (
                "must be wall with a journal, as a sender of real traffic could set the clock; "
                "arrival_clock_in_production=True allows it"
            )
            raise InputError("argument 'clock'", rule, self.clock)
        if self.labeled_anew and self.redis_url:
            rule = "must not be set with a journal, after whose replay the deleted pairs would be missing"
            raise InputError("argument 'labeled_anew'", rule, self.labeled_anew)
        check_choice("argument 'anonymous'", self.anonymous, ANONYMOUS)
        if self.verify_key is not None:
            public_keys(self.verify_key)
        check_choice("argument 'unknown_devices'", self.unknown_devices, POLICIES)
        check_choice("argument 'request_log'", self.request_log, REQUEST_LOGS)
        if self.callback_url and not self.callback_url.startswith(("http://", "https://")):
            raise InputError("argument 'callback_url'", "must be an http(s) address", self.callback_url)

    def to_dict(self) -> dict[str, Any]:
        """Plain form; ``ServingSettings(**content)`` reads it."""
        plain = dataclasses.asdict(self)
        return {
            name: value for name, value in plain.items() if value or name not in ("routing", "deployment")
        }
