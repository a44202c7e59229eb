"""The routing of a running endpoint: what is in force, what is loaded, what is asked for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mlrun.utils import logger

from feature_sets.checks import InputError
from graphs.change_loader import ChangeLoader, Loading, loaded
from graphs.loaded_versions import LoadedVersions
from graphs.onnx_model import OnnxModel
from graphs.protocol.errors import ApiError
from graphs.protocol.times import iso_time
from graphs.routing.change import APPLIED, DEPLOYMENT, ENDPOINT, REFUSED, ChangeRequest, RoutingChange
from graphs.routing.document import CANARY, CHAMPION, RoutingDocument
from graphs.routing.routing import Routing
from graphs.state.entry_id import EntryId
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
        self.is_saved = self.trail.is_kept

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
        loading = self._loader.start(request)
        return {"change": loading.id, "state": "loading"}

    def _loaded(self, loading: Loading) -> None:
        """Called in another thread: the change waits for the next request, before which it is journaled."""
        self.trail.waiting = lambda: self._checked(loading)

    def _checked(self, loading: Loading) -> RoutingChange:
        """The change that a loading led to."""
        request = loading.request
        self.versions.put(*loading.models)
        change = self._change(request.document, request.who, request.why, loading.id, loading.error)
        change = replace(change, declared=request.declared)
        self.trail.waiting = lambda: change  # It is the same if the journal takes it later only.
        return change

    def _change(
        self, document: RoutingDocument, who: str, why: str, name: str, error: str = ""
    ) -> RoutingChange:
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
            routing=Routing.of(document, known, thresholds),
        )

    def apply(self, place: EntryId, change: RoutingChange, replayed: bool) -> bool:
        """Have a change of the journal in force from its place on, if it was applied; whether it is new."""
        if not self.trail.note(place, change):
            return False
        self.is_saved = False
        if self._loader.loading is not None and self._loader.loading.id == change.id:
            self._loader.end()
        if not change.is_applied:
            logger.error(f"routing change {change.id} by {change.who} is refused: {change.error}")
        elif not replayed:
            logger.info(f"routing change {change.id} by {change.who}: {change.why}")
        if not replayed:
            self.forget_unused()
            self.save()
        return True

    def forget_unused(self) -> None:
        """Forget versions that are not in force."""
        self.versions.keep([each.version for each in self.trail.now.document.versions])

    def save(self) -> None:
        """Keep the trail beside the journal; a failure is logged: the journal has it too."""
        if self.is_saved:
            return
        try:
            self._state.journal.save(ROUTING, self.trail.content())
            self.is_saved = True
        except ApiError as error:
            logger.error(f"the routing could not be saved beside the journal: {error}")

    def start_change(self) -> RoutingChange | None:
        """What a start changes: a deployment with another document, or versions that are no longer there.

        :raises InputError: if a version of a document that is declared anew cannot be loaded.
        """
        declared, trail = self._state.declared, self.trail
        if not trail.changes and not trail.is_kept:  # The first start.
            self._load_all(declared)
            trail.base = self._with_thresholds(trail.base)
            return None
        if self._is_declared_anew(declared):
            self._load_all(declared)
            why = f"deployed with champion {declared.champion.version}"
            return self._change(declared, DEPLOYMENT, why, f"{DEPLOYMENT}-{trail.revision}")
        now = trail.now.document
        gone = [each for each in now.versions if not self.versions.is_there(each)]
        if not gone:
            return None
        kept = [each for each in now.versions if each not in gone]
        if now.champion in gone:
            champion = declared.champion
            kept = [champion, *(each for each in kept if each.version != champion.version)]
        why = f"no longer loadable: {', '.join(each.version for each in gone)}"
        return self._change(
            RoutingDocument(tuple(kept), now.salt), ENDPOINT, why, f"{ENDPOINT}-{trail.revision}"
        )

    def _is_declared_anew(self, declared: RoutingDocument) -> bool:
        """Whether this is a deployment with another document, and not a restart.

        A function that names a model and no document declares a champion alone. Where that is the champion by
        now, what is tried beside it goes on.
        """
        last, now = self.trail.declared, self.trail.now.document
        if self._state.settings.routing is None:
            return declared.champion.version not in (last.champion.version, now.champion.version)
        return declared != last

    def _load_all(self, document: RoutingDocument) -> None:
        models, error = loaded(self.versions, ChangeRequest(document, DEPLOYMENT, DEPLOYMENT))
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
        "from": _brief(change.before),
        "to": _brief(change.routing.document),
    }


def _brief(document: RoutingDocument) -> list[dict[str, Any]]:
    return [
        {
            "version": each.version,
            "role": each.role,
            **({"share": each.share} if each.role != CHAMPION and each.share else {}),
        }
        for each in document.versions
    ]
