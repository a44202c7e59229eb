"""Loads the versions of a new routing beside the requests: digest, schema, golden rows."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

from feature_sets.checks import InputError
from graphs.loaded_versions import LoadedVersions
from graphs.onnx_model import OnnxModel
from graphs.protocol.errors import ApiError
from graphs.routing.change import ChangeRequest
from graphs.routing.document import RoutedVersion

_PATIENCE_SECONDS = 300.0
"""A load that takes longer no longer keeps others from theirs; its result is not used."""


@dataclass
class Loading:
    """A change that was asked for.

    :param request: what was asked.
    :param in_force: versions of then.
    :param id: by which the trail knows it.
    :param started: monotonic clock, seconds.
    :param models: loaded so far.
    :param error: why it is refused; empty while nothing speaks against it.
    :param is_done: whether nothing more is to be loaded.
    :param seconds: how long that took.
    """

    request: ChangeRequest
    in_force: Collection[RoutedVersion]
    id: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    started: float = field(default_factory=time.monotonic)
    models: list[OnnxModel] = field(default_factory=list)
    error: str = ""
    is_done: bool = False
    seconds: float = 0.0


class ChangeLoader:
    """One change at a time.

    :param versions: loads them.
    :param on_done: called in the thread of the loading, when it is done.
    """

    def __init__(self, versions: LoadedVersions, on_done: Callable[[Loading], None]) -> None:
        self._versions = versions
        self._on_done = on_done
        self.loading: Loading | None = None

    def start(self, request: ChangeRequest, in_force: Collection[RoutedVersion]) -> Loading:
        """Begin to load what a change needs.

        :param in_force: versions of now. What the change leaves as it is, is not opened again: a package that
            is away keeps nobody from ending a canary beside it.
        :raises ApiError: 409 while another one is being loaded.
        """
        before = self.loading
        if before is not None and time.monotonic() - before.started < _PATIENCE_SECONDS:
            raise ApiError(409, "routing", "must wait until another change is applied or refused", before.id)
        self.loading = loading = Loading(request, in_force)
        threading.Thread(target=self._load, args=(loading,), name="routing-change", daemon=True).start()
        return loading

    def end(self) -> None:
        """The change was journaled."""
        self.loading = None

    def _load(self, loading: Loading) -> None:
        models, loading.error = loaded(self._versions, loading.request, loading.in_force)
        loading.models.extend(models)
        loading.is_done, loading.seconds = True, time.monotonic() - loading.started
        if self.loading is loading:
            self._on_done(loading)


def loaded(
    versions: LoadedVersions, request: ChangeRequest, checked: Collection[RoutedVersion]
) -> tuple[Sequence[OnnxModel], str]:
    """Models of all versions of a document; or none, and why.

    :param checked: versions whose packages were opened before, as they are in the document.
    """
    models: list[OnnxModel] = []
    for routed in request.document.versions:
        try:
            models.append(versions.load(routed, is_checked=routed in checked))
        except InputError as error:
            return [], str(error)
        except Exception as error:  # Whatever a store or a damaged graph raises: the champion stays.
            return [], f"version '{routed.version}' must be loadable, got {type(error).__name__}: {error}"
    return models, ""
