"""What the steps of one graph share; built before the first of them, which only read it."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from mlrun.utils import logger

from feature_sets.checks import InputError
from feature_sets.model_package.errors import ModelPackageError
from feature_sets.model_package.package import ModelPackage, fetch_model_package
from feature_sets.telemetry.incident_mapping import IncidentMapping
from feature_sets.telemetry.label_form import ROWS
from feature_sets.telemetry.schema import TelemetrySchema
from feature_sets.windows.definition import WindowDefinition
from graphs.protocol.errors import ApiError
from graphs.protocol.roles import Role
from graphs.routing.document import CHAMPION, RoutedVersion, RoutingDocument
from graphs.routing.routing import FurtherVersion, Routing
from graphs.state.ahead_join import followed_seconds
from graphs.state.arrival_clock import ArrivalClock
from graphs.state.clocks import ARRIVAL
from graphs.state.further_packages import further_packages
from graphs.state.journal import Journal
from graphs.state.longest_reach import longest_reach
from graphs.state.maintenance_calendar import MaintenanceCalendar, NoCalendar, StoredCalendar
from graphs.state.no_journal import NoJournal
from graphs.state.population import Population, StoredAttributes
from graphs.state.read_anew import ReadAnew
from graphs.state.redis_journal import RedisJournal
from graphs.state.routing_trail import RoutingTrail
from graphs.state.serving_metrics import ServingMetrics
from graphs.state.settings import ServingSettings
from graphs.state.static_devices import StaticDevices, static_devices
from graphs.state.told_labels import LabelSource, StoredLabels
from graphs.state.unfinished import Unfinished

_ATTRIBUTE = "netops_serving_state"

ROUTING = "routing"
"""Document beside the journal that has the trail of the routing."""


@dataclass(frozen=True)
class ServingState:
    """Shared by the steps of one graph.

    :param settings: the parameters of the graph.
    :param package: the model that predicts telemetry.
    :param devices: what is known of each device; None accepts every device.
    :param declared: the routing that the function was deployed with.
    :param routing: what was in force when.
    :param journal: accepted events, to be replayed after a restart.
    :param calendar: of maintenance; None if the schema has none.
    :param told: what the history says of errors; None if it is not asked.
    :param tokens: of the routes, by role; none leaves them open. The first of ``admin`` goes to callbacks.
    :param callback_secret: signs what the callback of the settings is told; empty signs nothing.
    :param metrics: what ``GET /metrics`` shows.
    :param clock: the wall clock, epoch seconds.
    :param arrivals: the clock that counts instead for events and labels; None if that is the wall's.
    :param further: the models of further horizons, as far as there are any, by horizon.
    :param population: the devices that the model is made for; None if that is all.
    """

    settings: ServingSettings
    package: ModelPackage
    devices: StaticDevices | None
    declared: RoutingDocument
    routing: RoutingTrail
    journal: Journal
    calendar: MaintenanceCalendar | None = None
    told: LabelSource | None = None
    tokens: dict[Role, Sequence[str]] = field(default_factory=dict, repr=False)
    callback_secret: str = field(default="", repr=False)
    metrics: ServingMetrics = field(default_factory=ServingMetrics)
    clock: Callable[[], float] = time.time
    arrivals: ArrivalClock | None = None
    further: Mapping[str, ModelPackage] = field(default_factory=dict)
    population: Population | None = None

    @cached_property
    def unfinished(self) -> Unfinished:
        """The entry that the model failed at, if there is one."""
        return Unfinished(self.clock)

    @property
    def further_versions(self) -> tuple[FurtherVersion, ...] | None:
        """The models of further horizons that the function was deployed with; None with one horizon."""
        return _versions_of(self.further, self.package.schema.telemetry)

    @property
    def token(self) -> str:
        """What callbacks get, so that they may change this endpoint; empty without tokens."""
        return next(iter(self.tokens.get(Role.ADMIN, ())), "")

    @property
    def snapshot_directory(self) -> Path | None:
        """Where snapshots go; None without a journal: there is nothing to go on with after one."""
        settings = self.settings
        named = settings.snapshot_directory if settings.redis_url else None
        return Path(named) if named else None

    @cached_property
    def schema(self) -> TelemetrySchema:
        """Columns of the events, as the model was trained on them; tools may send otherwise by now."""
        schema, mapping = self.package.schema.telemetry, self.settings.incident_mapping
        if mapping is None or not schema.labels.has_incidents:
            return schema
        try:
            return dataclasses.replace(schema, incident_mapping=IncidentMapping.from_content(mapping or None))
        except InputError as error:  # The schema is another one by now, and this model is of the one before.
            logger.warning(
                f"the incident_mapping of the model stays, as the one of now does not fit it: {error}"
            )
            return schema

    @classmethod
    def build(
        cls,
        settings: ServingSettings,
        tokens: Mapping[Role, Sequence[str]] | None = None,
        clock: Callable[[], float] = time.time,
        callback_secret: str = "",
    ) -> ServingState:
        """Fetch the model and the devices, and open the journal.

        :param tokens: of the routes, by role; None leaves them open.
        :param clock: the wall clock, epoch seconds.
        :param callback_secret: signs what the callback of the settings is told; empty signs nothing.
        :raises ModelPackageError: if the model is absent, or differs from its digest or its signature.
        """
        package = fetch_model_package(settings.model_path, settings.verify_key)
        telemetry = package.schema.telemetry
        metrics = ServingMetrics()
        journal: Journal = NoJournal()
        if settings.redis_url:
            journal = RedisJournal(
                settings.redis_url,
                settings.journal_key,
                telemetry.reading_columns,
                settings.journal_max_events,
                telemetry.target,
                Path(settings.archive_directory) if settings.archive_directory else None,
                lambda error: _archive_failed(metrics, error),
                _needed_seconds(settings, telemetry),
                ReadAnew(telemetry),
            )
        devices = static_devices(settings.devices, clock)
        declared = _declared(settings, package)
        known = None if devices is None else devices.known
        further = further_packages(settings.model_path, telemetry, settings.verify_key)
        thresholds = {package.schema.version: package.schema.threshold}
        routing = RoutingTrail(Routing.of(declared, known, thresholds, _versions_of(further, telemetry)))
        saved = journal.load(ROUTING)
        if saved is not None:
            routing.take(saved)
        arrivals = ArrivalClock(telemetry) if settings.clock == ARRIVAL else None
        calendar = _calendar(settings, telemetry) if telemetry.maintenance is not None else None
        told = None
        if settings.labels is not None and settings.tells_labels and telemetry.labels.form != ROWS:
            told = StoredLabels(settings.labels, telemetry)
        return cls(
            settings,
            package,
            devices,
            declared,
            routing,
            journal,
            calendar,
            told,
            dict(tokens or {}),
            callback_secret,
            metrics,
            clock,
            arrivals,
            further,
            _population(settings, telemetry),
        )


def _archive_failed(metrics: ServingMetrics, error: Exception) -> None:
    metrics.archive_failures.inc()
    if not isinstance(error, ApiError):  # That the store is away is no matter of the disk.
        metrics.write_failed("archive")


def _declared(settings: ServingSettings, package: ModelPackage) -> RoutingDocument:
    """The document that the settings have, or one of their model alone.

    :raises ModelPackageError: if the champion of the document is another than its package.
    """
    schema = package.schema
    if settings.routing is None:
        champion = RoutedVersion(schema.version, CHAMPION, package.address, package.digest)
        return RoutingDocument((champion,))
    document = RoutingDocument.from_dict(settings.routing)
    champion = document.champion
    for what, given, found in (
        ("sha256", champion.sha256, package.digest),
        ("version", champion.version, schema.version),
    ):
        if given != found:
            raise ModelPackageError(
                f"routing, champion: {what}", f"must be that of {champion.model_path}", given
            )
    return document


def _versions_of(
    further: Mapping[str, ModelPackage], schema: TelemetrySchema
) -> tuple[FurtherVersion, ...] | None:
    if not schema.further_horizons:
        return None
    return tuple(
        FurtherVersion(
            horizon, package.schema.version, package.address, package.digest, package.schema.threshold
        )
        for horizon, package in further.items()
    )


def _needed_seconds(settings: ServingSettings, schema: TelemetrySchema) -> float:
    """How old an event may be that a restart without a snapshot needs."""
    healthy = schema.labels.healthy_seconds + 2 * schema.horizon_seconds
    deadline = max(settings.label_deadline_seconds + schema.horizon_seconds, healthy)
    # A window that another device had may still be looked at when it is as old as this.
    reach = longest_reach(WindowDefinition.from_schema(schema)) + schema.derived.group_age_seconds
    return max(deadline + followed_seconds(schema), reach)


def _population(settings: ServingSettings, schema: TelemetrySchema) -> Population | None:
    """The population, where the devices have a history that knows their attributes."""
    if not schema.population or not isinstance(settings.devices, str):
        return None
    return Population(schema, StoredAttributes(settings.devices))


def _calendar(settings: ServingSettings, schema: TelemetrySchema) -> MaintenanceCalendar:
    if settings.labels is None:
        return MaintenanceCalendar(schema, NoCalendar())
    devices = settings.devices if isinstance(settings.devices, str) else ""
    return MaintenanceCalendar(schema, StoredCalendar(settings.labels, devices))


def attach_state(context: Any, state: ServingState) -> None:
    """Give the steps of a graph their state.

    :param context: MLRun's graph context, which lives as long as the graph and reaches every step.
    """
    setattr(context, _ATTRIBUTE, state)


def serving_state(context: Any) -> ServingState:
    """State of the graph that a context belongs to.

    :param context: MLRun's graph context.
    :raises RuntimeError: if the graph was not initialized.
    """
    state = getattr(context, _ATTRIBUTE, None)
    if not isinstance(state, ServingState):
        raise RuntimeError("the function's graph_initializer must be graphs.initializer.initialize")
    return state
