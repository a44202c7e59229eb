"""The snapshot of a graph: all its steps at one place of the journal."""

from __future__ import annotations

import contextlib
import zipfile
from collections.abc import Sequence
from typing import Any, NamedTuple

from feature_sets.checks import InputError
from feature_sets.telemetry.schema import TelemetrySchema
from graphs.request_step import RequestStep, steps_of
from graphs.state.entry_id import BEFORE_ALL, EntryId
from graphs.state.serving_state import serving_state
from graphs.state.snapshots.files import (
    SnapshotFile,
    clear_unfinished,
    cut_at,
    read_snapshot,
    snapshot_files,
)
from graphs.state.snapshots.saved_state import SavedState
from graphs.state.snapshots.taker import SnapshotTaker

_GRAPH = "graph"
_WRITTEN, _FAILED, _DAMAGED = "written", "failed", "damaged"


class Restored(NamedTuple):
    """Where a replay begins.

    :param place: the last entry that the snapshot has; ``BEFORE_ALL`` without one.
    :param begin: entries after it are read from the journal.
    :param behind: steps that the snapshot has nothing for: they are given what is at or before ``place``.
    :param lost: whether the journal's store lost its content.
    """

    place: EntryId
    begin: EntryId
    behind: Sequence[RequestStep] = ()
    lost: bool = False


def snapshot_taker(context: Any) -> SnapshotTaker | None:
    """What takes the snapshots of a graph; None unless it has a journal and a folder for them.

    :param context: MLRun's graph context, whose root is the graph.
    """
    state = serving_state(context)
    directory = state.snapshot_directory
    if directory is None:
        return None
    steps = steps_of(context)

    counts: list[tuple[str, dict[str, str], float]] = []

    def before(lost: bool) -> None:
        if lost:
            state.metrics.store_losses.inc()
            context.logger.error("the journal's store lost its content; the state is kept in a snapshot now")
        for step in steps:
            step.before_snapshot(lost)
        counts[:] = state.metrics.saved()  # It takes locks, which a forked process may find taken.

    def outcome(error: str) -> None:
        state.metrics.snapshots.labels(_FAILED if error else _WRITTEN).inc()
        if error:
            state.metrics.write_failed("snapshots")
            context.logger.error(f"a snapshot could not be written, so the journal keeps more: {error}")
        try:
            state.journal.bounds.floor = cut_at(directory)
        except OSError as problem:  # The one before is lower, so nothing is dropped too early.
            context.logger.error(f"the folder of the snapshots cannot be listed: {problem}")

    def newest() -> dict[tuple[str, ...], float]:
        for file in snapshot_files(directory):
            with contextlib.suppress(FileNotFoundError):  # Another one has taken its place meanwhile.
                return {(): file.path.stat().st_mtime}
        return {}

    state.metrics.snapshot_time.read = newest
    clear_unfinished(directory)
    settings = state.settings
    return SnapshotTaker(
        directory,
        lambda: graph_state(context, counts),
        before,
        settings.snapshot_events,
        settings.snapshot_seconds,
        outcome,
    )


def graph_state(context: Any, counts: Sequence[tuple[str, dict[str, str], float]] = ()) -> SavedState:
    """Everything that a replay of the journal would build, in plain form.

    :param counts: of the metrics.
    """
    state = serving_state(context)
    parts = {_step_name(step): step.saved() for step in steps_of(context)}
    now = state.arrivals.now if state.arrivals is not None else None
    parts[_GRAPH] = SavedState({"of": _kind(state.schema), "now": now, "counts": list(counts)})
    return SavedState.of_parts(parts)


def _kind(schema: TelemetrySchema) -> dict[str, Any]:
    """What of a schema must be the same for a state to be of it."""
    return {
        "form": schema.labels.form,
        "label": schema.target,
        "horizon": schema.horizon_seconds,
        "readings": list(schema.reading_columns),
    }


def restore_snapshot(context: Any) -> Restored:
    """Have the steps go on from the newest snapshot that is whole.

    :raises InputError: if no snapshot of several is whole, unless the journal reaches back to the start.
    """
    state = serving_state(context)
    steps = steps_of(context)
    nothing = Restored(BEFORE_ALL, BEFORE_ALL)
    directory = state.snapshot_directory
    if directory is None:
        return nothing
    state.journal.bounds.floor = cut_at(directory)
    files = snapshot_files(directory)
    found, is_foreign = _newest_usable(context, files)
    if found is None:
        if files and not is_foreign and not state.journal.reaches_start(files[-1].place):
            rule = (
                "must hold one that is whole, as the journal no longer reaches back to its start; without "
                "these files the state begins with what the journal still has"
            )
            raise InputError(f"snapshots in {directory}", rule, ", ".join(file.path.name for file in files))
        return nothing
    place, saved = found
    own = saved.plain[_GRAPH]
    known = state.journal.go_on(place, saved.part("journal"))
    if not known:
        state.metrics.store_losses.inc()
        context.logger.warn("the journal's store lost its content: snapshot and archive count instead")
    state.metrics.restore(own["counts"])
    if state.arrivals is not None and own["now"] is not None:
        state.arrivals.now = own["now"]
    behind = [step for step in steps if not step.restore(saved.part(_step_name(step)), not known)]
    return Restored(place, BEFORE_ALL if behind else place, behind, not known)


def _newest_usable(
    context: Any, files: Sequence[SnapshotFile]
) -> tuple[tuple[EntryId, SavedState] | None, bool]:
    """The newest snapshot that is whole and of this schema, and whether there were only ones of another.

    Damaged ones before it are put aside: they must not take the place of one that is whole.
    """
    ours, is_foreign = _kind(serving_state(context).schema), False
    damaged: list[SnapshotFile] = []
    for file in files:
        try:
            saved = read_snapshot(file)
            of = saved.plain[_GRAPH]["of"]
        except (InputError, OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            serving_state(context).metrics.snapshots.labels(_DAMAGED).inc()
            context.logger.warn(f"a snapshot is left out: {error}")
            damaged.append(file)
            continue
        if of == ours:
            for aside in damaged:
                with contextlib.suppress(OSError):
                    aside.path.rename(aside.path.with_suffix(".damaged"))
            return (file.place, saved), is_foreign
        is_foreign = True
        context.logger.warn(f"a snapshot is left out, as it is of another schema: {of}")
    return None, is_foreign and not damaged


def _step_name(step: RequestStep) -> str:
    name: str = step.name  # type: ignore[attr-defined]
    return name
