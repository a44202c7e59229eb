"""Versions that could not be loaded are tried again, until they can be or nobody wants them any more."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from mlrun.utils import logger

from graphs.loaded_versions import LoadedVersions
from graphs.onnx_model import OnnxModel
from graphs.routing.document import RoutedVersion

FIRST_PAUSE, LONGEST_PAUSE = 5.0, 300.0
"""Seconds before the first attempt, and between two at most; each pause is twice the one before."""


class ReturningVersions:
    """Loads them beside the requests, in a thread that lives as long as any is wanted.

    :param versions: loads them.
    :param wanted: gives the versions that should be in force and are not.
    :param on_loaded: called in that thread with the models that can be loaded again.
    """

    def __init__(
        self,
        versions: LoadedVersions,
        wanted: Callable[[], Sequence[RoutedVersion]],
        on_loaded: Callable[[Sequence[OnnxModel]], None],
    ) -> None:
        self._versions, self._wanted, self._on_loaded = versions, wanted, on_loaded
        self._thread: threading.Thread | None = None
        self._end = threading.Event()

    def watch(self) -> None:
        """Begin to try, unless that is done already or nothing is wanted."""
        is_watching = self._thread is not None and self._thread.is_alive()
        if is_watching or self._end.is_set() or not self._wanted():
            return
        self._thread = threading.Thread(target=self._run, name="returning-versions", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Try no more."""
        self._end.set()

    def _run(self) -> None:
        loaded: dict[RoutedVersion, OnnxModel] = {}
        pause = FIRST_PAUSE
        while not self._end.wait(pause):
            wanted = self._wanted()
            if not wanted:
                return
            for routed in wanted:
                if routed not in loaded:
                    try:
                        loaded[routed] = self._versions.load(routed)
                    except Exception as error:  # Those of onnxruntime, or of a store.
                        logger.warning(f"version {routed.version} is not back yet: {error}")
            back = [loaded[routed] for routed in wanted if routed in loaded]
            if back:
                self._on_loaded(back)
            pause = min(2 * pause, LONGEST_PAUSE)
