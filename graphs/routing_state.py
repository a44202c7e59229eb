"""The routing of a running endpoint: what is in force, what is loaded, what is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from mlrun.utils import logger

from feature_sets.checks import InputError
from graphs.change_loader import ChangeLoader, Loading, loaded
from graphs.loaded_versions import LoadedVersions
from graphs.onnx_model import OnnxModel
from graphs.protocol.errors import ApiError
from graphs.protocol.times import iso_time
from graphs.returning_versions import ReturningVersions
from graphs.routing.change import (
    APPLIED,
    DEADLINE,
    DEPLOYMENT,
    ENDPOINT,
    NOT_LOADABLE,
    REFUSED,
    ChangeRequest,
    RoutingChange,
)
from graphs.routing.document import CANARY, CHAMPION, RoutedVersion, RoutingDocument
from graphs.routing.routing import FurtherVersion, Routing
from graphs.state.entry_id import EntryId
from graphs.state.routing_trail import Start
from graphs.state.serving_state import ROUTING, ServingState


class RoutingState:
    """Keeps the trail beside the journal and in snapshots, and the versions that it names loaded.

    :param context: MLRun's graph context.
    :param state: shared by the steps.
    :param declared: the model that the function was deployed with.
    """

    def __init__(self, context: Any, state: ServingState, declared: OnnxModel) -> None:
        self._state = state
        self.trail = state.routing
        self.versions = LoadedVersions(context, declared)
        self._loader = ChangeLoader(self.versions, self._loaded)
        self._returning = ReturningVersions(self.versions, self._left_out, self._come_back)
        self.is_saved = self.trail.is_kept
        state.metrics.routed.read = self._roles

    def _roles(self) -> dict[tuple[str, ...], float]:
        """Versions with their roles, for the metrics."""
        versions = self.trail.now.document.versions
        return {(each.version, each.role): each.share if each.role == CANARY else 1.0 for each in versions}

    def start_change_of(self, body: object) -> dict[str, Any]:
        """Begin to load what a caller asks for; the answer has its id.

        :raises ApiError: 422 if a field breaks a rule, 409 if another change came in between.
        """
        try:
            request = ChangeRequest.from_body(body)
        except InputError as error:
            raise ApiError(422, error.where, error.rule, error.got) from error
        if request.revision is not None and request.revision != self.trail.revision:
            rule = f"must be {self.trail.revision}: the routing was changed since; read it again"
            raise ApiError(409, "revision", rule, request.revision)
        loading = self._loader.start(request, self.trail.now.document.versions)
        return {"change": loading.id, "state": "loading"}

    def _loaded(self, loading: Loading) -> None:
        """Called in another thread: the change waits for the next request, before which it is journaled."""
        self.trail.waiting = lambda: self._checked(loading)

    def _checked(self, loading: Loading) -> RoutingChange:
        """The change that a loading led to."""
        request = loading.request
        self.versions.put(*loading.models)
        self._state.metrics.load_seconds.of().observe(loading.seconds)
        change = self._change(request.document, request.who, request.why, loading.id, loading.error)
        change = replace(change, declared=request.declared)
        self.trail.waiting = lambda: change  # It is the same if the journal takes it later only.
        return change

    def _change(
        self,
        document: RoutingDocument,
        who: str,
        why: str,
        name: str,
        error: str = "",
        further: tuple[FurtherVersion, ...] | None = None,
    ) -> RoutingChange:
        """A change of now.

        :param further: models of further horizons from then on; None leaves them as they are.
        """
        state, models = self._state, [self.versions.get(each.version) for each in document.versions]
        thresholds = {model.version: model.schema.threshold for model in models if model is not None}
        known = None if state.devices is None else state.devices.known
        return RoutingChange(
            id=name,
            time=state.clock(),
            who=who,
            why=why,
            outcome=REFUSED if error else APPLIED,
            error=error,
            before=self.trail.now.document,
            routing=Routing.of(
                document, known, thresholds, self.trail.now.further if further is None else further
            ),
        )

    def apply(self, place: EntryId, change: RoutingChange, replayed: bool) -> bool:
        """Have a change of the journal in force from its place on, if it was applied; whether it is new."""
        if not self.trail.note(place, change):
            return False
        self.is_saved = False
        self.versions.try_again()
        if self._loader.loading is not None and self._loader.loading.id == change.id:
            self._loader.end()
        if not change.is_applied:
            logger.error(f"routing change {change.id} by {change.who} is refused: {change.error}")
        elif not replayed:
            logger.info(f"routing change {change.id} by {change.who}: {change.why}")
        if not replayed:
            self.settle()
        return True

    def settle(self) -> None:
        """Keep the trail, forget versions that are not in force, and try those that had to give way again."""
        self.versions.keep([each.version for each in self.trail.now.document.versions])
        self.save()
        self._returning.watch()

    def close(self) -> None:
        """Shutdown hook: try no more to load what is away."""
        self._returning.close()

    def _left_out(self) -> Sequence[RoutedVersion]:
        """Versions that were wanted, and had to give way."""
        now = {each.version for each in self.trail.now.document.versions}
        return [each for each in self._wished.document.versions if each.version not in now]

    @property
    def _wished(self) -> Routing:
        """What was wanted last, without versions in shadow whose time is over."""
        wished = self.trail.wished
        return replace(wished, document=self._in_time(wished.document))

    def _in_time(self, document: RoutingDocument) -> RoutingDocument:
        """A document without versions in shadow whose time is over."""
        now = self._state.clock()
        return replace(document, versions=tuple(each for each in document.versions if not each.is_over(now)))

    def _come_back(self, models: Sequence[OnnxModel]) -> None:
        """Called in another thread: versions that had given way can be loaded again."""
        if self.trail.waiting is None:
            self.trail.waiting = lambda: self._return_of(models)

    def _return_of(self, models: Sequence[OnnxModel]) -> RoutingChange | None:
        """The change that puts versions in force again; None if nobody wants them any more."""
        wanted, loaded = self._left_out(), {model.version for model in models}
        back = [each.version for each in wanted if each.version in loaded]
        if not back:
            return None
        self.versions.put(*models)
        wished, now = self._wished, self.trail.now
        there = [each for each in wished.document.versions if each not in wanted or each.version in back]
        if wished.document.champion not in there:
            champion = now.document.champion
            there = [champion, *(each for each in there if each.version != champion.version)]
        why = f"loadable again: {', '.join(back)}"
        document = RoutingDocument(tuple(there), wished.document.salt)
        change = self._change(document, ENDPOINT, why, self._name(ENDPOINT))
        if document == wished.document:  # Each device gets the version back that it had.
            change = replace(change, routing=replace(wished, further=now.further))
        self.trail.waiting = lambda: change
        return change

    def give_way(self) -> None:
        """Have versions that this process could not load give way before the next event."""
        if self.trail.waiting is None and self._gone(load=False):
            self.trail.waiting = self._without_gone

    def end_shadows(self) -> None:
        """Have versions in shadow whose time is over leave before the next event."""
        if self.trail.waiting is None and self._without_over() is not None:
            self.trail.waiting = self._without_over

    def _without_over(self) -> RoutingChange | None:
        """The change that has them leave; None if there are none."""
        now = self.trail.now.document
        kept = self._in_time(now)
        over = [each.version for each in now.versions if each not in kept.versions]
        if not over:
            return None
        why = f"nobody has ended the shadow of {', '.join(over)} in its time"
        return self._change(kept, DEADLINE, why, self._name(DEADLINE))

    def save(self) -> None:
        """Keep the trail beside the journal; a failure is logged: the journal has it too."""
        if self.is_saved:
            return
        try:
            self._state.journal.merge(ROUTING, self.trail.merged)
            self.is_saved = True
        except ApiError as error:
            logger.error(f"the routing could not be saved beside the journal: {error}")

    def start_change(self) -> RoutingChange | None:
        """What a start changes: a deployment with another document, or versions that are no longer there.

        :raises InputError: if a version of a document that is declared anew cannot be loaded.
        """
        declared, trail, further = self._state.declared, self.trail, self._state.further_versions
        is_first, is_anew = not trail.changes and not trail.is_kept, self._is_declared_anew(declared)
        if trail.start(self._state.settings.deployment, declared):
            self.is_saved = False
        if is_first:
            self._load_all(declared)
            trail.base = self._with_thresholds(trail.base)
            return None
        if is_anew:
            self._load_all(declared)
            why, name = f"deployed with champion {declared.champion.version}", self._name(DEPLOYMENT)
            return self._change(declared, DEPLOYMENT, why, name, further=further)
        change = self._without_gone(load=True)
        if further == trail.now.further:
            return change
        if change is not None:
            return replace(change, routing=replace(change.routing, further=further))
        told = ", ".join(f"{each.horizon} {each.version}" for each in further or ()) or "none"
        why, now = f"deployed with further horizons: {told}", trail.now
        change = self._change(now.document, DEPLOYMENT, why, self._name(DEPLOYMENT))
        return replace(change, routing=replace(now, further=further))

    def _name(self, who: str) -> str:
        return f"{who}-{self.trail.revision}"

    def _gone(self, load: bool) -> list[RoutedVersion]:
        """Versions that should be in force and cannot be loaded.

        :param load: whether to try; else those that were tried.
        """
        versions = self.trail.now.document.versions
        if load:
            return [each for each in versions if not self.versions.is_there(each)]
        return [each for each in versions if self.versions.why_absent(each)]

    def _without_gone(self, load: bool = False) -> RoutingChange | None:
        """The change that has them give way; None if there are none."""
        now, gone, declared = self.trail.now.document, self._gone(load), self._state.declared
        if not gone:
            return None
        kept = [each for each in now.versions if each not in gone]
        if now.champion in gone:
            champion = declared.champion
            kept = [champion, *(each for each in kept if each.version != champion.version)]
        why = f"{NOT_LOADABLE}: {', '.join(each.version for each in gone)}"
        change = self._change(RoutingDocument(tuple(kept), now.salt), ENDPOINT, why, self._name(ENDPOINT))
        reasons = (f"version '{each.version}': {self.versions.why_absent(each)}" for each in gone)
        return replace(change, error="; ".join(reasons))

    def _is_declared_anew(self, declared: RoutingDocument) -> bool:
        """Whether this is a deployment with another document, and not a restart.

        A restart has the deployment and the document of the start before. A function that names a model and
        no document declares a champion alone. Where that is the champion by now, what is tried beside it goes
        on.
        """
        before, deployment = self.trail.started, self._state.settings.deployment
        if before is None and not deployment:  # Function and trail are of an earlier version.
            before = Start(0, "", self.trail.deployed)
        if before is not None and before[1:] == (deployment, declared):
            return False
        last, now = self.trail.declared, self.trail.now.document
        if self._state.settings.routing is None:
            return declared.champion.version not in (last.champion.version, now.champion.version)
        return declared != last

    def _load_all(self, document: RoutingDocument) -> None:
        request = ChangeRequest(document, DEPLOYMENT, DEPLOYMENT)
        models, error = loaded(self.versions, request, [document.champion])  # The function has loaded it.
        if error:
            raise InputError("routing", f"must name versions that can be loaded: {error}", document.to_dict())
        self.versions.put(*models)

    def _with_thresholds(self, routing: Routing) -> Routing:
        models = [self.versions.get(each.version) for each in routing.document.versions]
        return replace(
            routing,
            thresholds={model.version: model.schema.threshold for model in models if model is not None},
        )

    def answer(self) -> dict[str, Any]:
        """Answer of ``GET /routing``."""
        now, pending = self.trail.now, self._loader.loading
        devices = dict(zip([each.version for each in now.document.canaries], now.devices, strict=False))
        asked = pending.request if pending is not None else None
        return {
            "revision": self.trail.revision,
            "salt": now.document.salt,
            **(
                {}
                if now.further is None
                else {"horizons": {each.horizon: each.version for each in now.further}}
            ),
            "versions": [
                {
                    **each.to_dict(),
                    "threshold": self.trail.threshold(each.version),
                    **({"devices": devices.get(each.version)} if each.role == CANARY else {}),
                }
                for each in now.document.versions
            ],
            "pending": None
            if pending is None or asked is None
            else {"id": pending.id, "who": asked.who, "why": asked.why, "to": _brief(asked.document)},
            "changes": [_told(placed.change) for placed in self.trail.changes],
        }


def _told(change: RoutingChange) -> dict[str, Any]:
    """A change as people read it."""
    return {
        "id": change.id,
        "time": iso_time(change.time),
        "who": change.who,
        "why": change.why,
        "outcome": change.outcome,
        "error": change.error,
        "declared": change.declared,
        "from": _brief(change.before),
        "to": _brief(change.routing.document),
    }


def _brief(document: RoutingDocument) -> list[dict[str, Any]]:
    return [
        {
            "version": each.version,
            "role": each.role,
            **({"share": each.share} if each.role != CHAMPION and each.share else {}),
            **({"until": each.until} if each.until else {}),
        }
        for each in document.versions
    ]
