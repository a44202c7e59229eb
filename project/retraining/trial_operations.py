"""What the loop does with a candidate at the running endpoint: shadow, comparison, promotion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from feature_sets.model_package.tags import PRODUCTION
from feature_sets.rows.entity_keys import key_parts
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from graphs.routing.document import CHAMPION, SHADOW, RoutedVersion, RoutingDocument
from project.api_reader import ready_endpoint
from project.endpoint_routing import LOOP, ReplacedError, change_routing, read_routing, with_role, without
from project.function_names import RUNNER, SERVING
from project.http_json import get_json
from project.retraining.history_spans import history_spans
from project.retraining.rows_of_both import RowsOfBoth
from project.retraining.state import Trial
from project.retraining.trial import TrialEvidence
from project.run_lock import SWAP, held
from project.settings import Settings
from training.evaluation.promotion_gate import PENDING, PROMOTED, after_rehearsal

_CLOCKS_APART = 60.0
"""Seconds by which the clock of the files and that of the loop may differ."""
_LONGEST_WHY = 900
_PATIENCE_SECONDS = 5.0
"""Drift events and persons wait for the state of the loop meanwhile; the next tick tries again."""


@dataclass(frozen=True)
class EndpointRoles:
    """Roles of versions at the endpoint of one project; no file is needed to take one away.

    :param dbpath: address of the MLRun API.
    """

    settings: Settings
    project: str
    dbpath: str

    def retract(self, version: str) -> None:
        """Take a version out of the shadow, if it is there."""
        self._route(self._address(SERVING), version, "", f"the trial of {version[:8]} is over")

    def record(self, version: str, outcome: str, reason: str) -> None:
        """Have a model, and the page of its run, say what came of its trial, see ``Operations``."""
        from project.registered_versions import find_version, record_gate

        model = find_version(self.project, version).artifact
        if after_rehearsal(str(model.spec.parameters.get("promotion", ""))):
            record_gate(self.project, model, outcome, reason)

    def _address(self, function: str) -> str:
        return ready_endpoint(self.dbpath, self.project, function).address.rstrip("/")

    def _route(
        self, address: str, version: str, role: str, why: str, declared: bool = False, until: str = ""
    ) -> None:
        """Give a version a role, or none; what it has already it keeps, and a champion is not retracted."""
        token = self.settings.bearer_token()
        now = read_routing(address, token)
        known = {each.version: each for each in now.document.versions}.get(version)
        has = known.role if known else ""
        if has == role or (not role and has != SHADOW):
            return
        document = self._with(now.document, version, role, known, until)
        change_routing(address, token, document, LOOP, why[:_LONGEST_WHY], now.revision, declared)

    def _with(
        self, document: RoutingDocument, version: str, role: str, known: RoutedVersion | None, until: str
    ) -> RoutingDocument:
        from project.registered_versions import find_version

        if not role:
            return without(document, version)
        # The digest is that of what was in shadow.
        routed = (
            replace(known, role=role, until="") if known else find_version(self.project, version).routed(role)
        )
        return with_role(document, replace(routed, until=until))


@dataclass(frozen=True)
class TrialOperations(EndpointRoles):
    """The trials of one project, see ``Operations`` of the loop.

    :param schema: of the telemetry.
    :param group_columns: by whose groups the versions are compared, too.
    :param detectors: those of a new champion, see ``DetectorChoice``.
    :param kept: rows that were read before; None reads them anew.
    """

    schema: TelemetrySchema
    group_columns: Sequence[str] = ()
    detectors: str = ""
    kept: RowsOfBoth | None = None

    def shadow(self, version: str, until: str) -> str:
        """Have the endpoint score a version beside the champion; the event time of the newest event then.

        :param until: wall clock after which the endpoint ends it by itself, ISO 8601 UTC.
        """
        address = self._address(SERVING)
        self._route(address, version, SHADOW, f"{version[:8]} passed the gate after drift", until=until)
        return str(get_json(f"{address}/labeled")["newest_event_time"] or "")

    def compare(self, trial: Trial, last: bool) -> TrialEvidence:
        """What both versions of a trial said on mature labeled rows.

        :param last: whether to compare on fewer rows than the trial waits for.
        """
        # What looks at the loop alone is to start fast.
        from project.retraining.shadow_comparison import compare_rows

        labeled = get_json(f"{self._address(SERVING)}/labeled")
        newest = labeled["newest_event_time"]
        if newest is None:
            return TrialEvidence(0)
        # The deadline is that of the endpoint, which knows how late a label may come.
        mature = datetime.fromisoformat(newest) - timedelta(seconds=labeled["deadline_seconds"])
        kept = self.kept or RowsOfBoth(self.settings.labeled_pairs(self.project))
        rows = kept.until(
            self.schema,
            trial.champion,
            trial.version,
            datetime.fromisoformat(trial.since),
            mature,
            datetime.fromisoformat(trial.begun).timestamp() - _CLOCKS_APART,
        )
        if not len(rows) or (len(rows) < trial.wanted and not last):
            return TrialEvidence(len(rows))
        least = self.settings.retraining.group_rows
        spans = history_spans(self.project, self.schema, rows[DEVICE].unique())
        found = compare_rows(
            rows, self.schema, trial.champion, groups=self._groups, group_rows=least, incidents=spans
        )
        healthy = int((rows[self.schema.target] == 0).sum())
        share = found.challenger.false_alarms / healthy if healthy else 0.0
        return TrialEvidence(len(rows), found.comparison, share, found.worse_on)

    def promote(self, trial: Trial) -> None:
        """Make the candidate the champion of the endpoint, give it the tag of production, and watch it."""
        what = "the loop promotes a model"
        with held(self.settings.home, self.project, what, SWAP, _PATIENCE_SECONDS):
            self._promote(trial)

    def _promote(self, trial: Trial) -> None:
        import mlrun

        from project.attached_detectors import watch_champion
        from project.registered_versions import find_version, record_gate

        address = self._address(SERVING)
        routing = read_routing(address, self.settings.bearer_token())
        if routing.is_replaced_by_a_person(trial.version):
            raise ReplacedError(f"a person has replaced version {trial.version[:8]}")
        champion = routing.document.champion.version
        if champion not in (trial.champion, trial.version):
            raise ReplacedError(f"it was compared with {trial.champion[:8]}, and {champion[:8]} is there now")
        self._route(address, trial.version, CHAMPION, trial.reason, declared=True)
        model = find_version(self.project, trial.version).artifact
        # Whoever sees it in production records that, too, and by this knows that no person has approved it.
        record_gate(self.project, model, PENDING[PROMOTED], trial.reason)
        mlrun.get_run_db().tag_artifacts(model, self.project, tag_name=PRODUCTION)
        record_gate(self.project, model, PROMOTED, trial.reason)
        callback = f"{self._address(RUNNER)}/drift"
        watch_champion(
            self.project, trial.version, self.schema, address, callback, self.settings, self.detectors
        )

    def _groups(self, devices: list[str]) -> Mapping[str, Mapping[str, str]]:
        return {column: self._group_of(column, devices) for column in self.group_columns}

    def _group_of(self, column: str, devices: list[str]) -> Mapping[str, str]:
        schema = self.schema
        if column == DEVICE:
            return {device: device for device in devices}
        if column in schema.entity:
            place, size = schema.entity.index(column), len(schema.entity)
            return {device: key_parts(device, size, schema.separator)[place] for device in devices}
        from training.dataset.device_groups import device_groups

        return device_groups(f"store://feature-vectors/{self.project}/", schema, column, devices)
