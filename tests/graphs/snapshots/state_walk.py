"""Everything that the steps of a graph remember, in a form that can be compared.

It walks the objects themselves, not what they save: state that is added later and is not in the snapshot
makes a difference here. Whatever is no state must be named below, with a reason.
"""

from __future__ import annotations

import enum
import math
from collections import deque
from collections.abc import Mapping
from typing import Any

import numpy as np

from feature_sets.windows.baselines import Baselines
from feature_sets.windows.newest_values import NewestValues
from feature_sets.windows.sharded_state import ShardedState
from graphs.request_step import request_steps
from graphs.state.accepted_before import AcceptedBefore
from graphs.state.incident_book import IncidentBook
from graphs.state.known_names import KnownNames
from graphs.state.labeled_batches import LabeledBatches
from graphs.state.ledger_records import LedgerRecords
from graphs.state.serving_state import serving_state
from tests.graphs.conftest import Client

ROOMS = ("graphs.", "feature_sets.", "drift.")

NOT_STATE = {
    # What tells the world, and where things are kept; each of them is tested by itself.
    "*._metrics",
    "*._journal",
    "*._state",
    "*._context",
    "*._logger",
    "*.context",
    "*.logger",
    "*.routes",
    "*._token",
    # Found once; each is walked by itself.
    "JournalStep._steps",
    # What is read from the store anew at the start.
    "JoinedIncidents._devices",
    "DeviceActivity._devices",
    "*._history",
    "*._told",
    "MaintenanceCalendar._source",
    "MaintenanceCalendar._known",
    "LiveGroups._groups",
    "LiveGroups._source",
    # Versions of the model, which are loaded anew, and what is asked for and not in the journal yet.
    "RoutingState.versions",
    "RoutingState._loader",
    "RoutingState._returning",
    "HorizonModels._loaded",
    # Another one with each deployment, as each client of a test is.
    "RoutingTrail.started",
    "RoutingTrail.is_kept",
    "RoutingTrail.waiting",
    "ModelRouter._scoring",
    "ModelRouter._name",
    "ModelRouter._ages",
    # Walked as the join's own.
    "LabelsByRequest._ledger",
    "LabeledJoin._labels",
    "LabeledJoin._predictions",
    # Predictions past the deadline since the start of the process: a warning alone tells of them.
    "*._past",
    "*._past_before",
    # Follows from the newest prediction.
    "*._begun_until",
    # How much was not saved beside the journal so far: no answer depends on it.
    "*._unsaved",
    "KeptIncidents.is_saved",
    "RoutingState.is_saved",
    # When it was looked for devices to forget: no answer depends on that.
    "DeviceStates._looked",
    # The newest entry of this journal, and alerts of this process, for merging with what another one kept.
    "DeviceStates._place",
    "JoinedIncidents._place",
    "DriftCallbacks._known",
    # Devices by state, counted for the metrics a few seconds ago.
    "DeviceActivity._counted",
    # Their keys in order, made when they are asked for.
    "DeviceActivity._keys",
    # What a restart needs until it is over.
    "Preprocess._is_restored",
    "Preprocess._started",
    # Arrays made once for one event, and what an order of arrival in batches decides.
    "OnlineWindows._one",
    "OnlineWindows._nothing",
    "OnlineWindows._plan",
    # What was looked up before, to be quick.
    "LabelForm._meanings",
    "RoutingDocument.champion",
    "RoutingDocument.canaries",
    "RoutingDocument.shadows",
    "Intervals._reaches",
    # Heaps that may still hold what is forgotten.
    "IncidentBook._by_start",
    "IncidentBook._by_end",
}
HEAPS = {"_by_time", "_unlabeled"}


def state_of(client: Client) -> dict[str, Any]:
    """What the steps of a graph remember, by step and attribute."""
    context = client.server.context
    state = serving_state(context)
    found = {
        type(step).__name__: _attributes(step, type(step).__module__) for step in request_steps(context.root)
    }
    counts = [count for count in state.metrics.saved() if _is_in_journal(count)]
    found["counts"] = {f"{name} {labels}": value for name, labels, value in counts}
    found["arrivals"] = state.arrivals and state.arrivals.now
    return found


def _is_in_journal(count: tuple[str, Mapping[str, str], float]) -> bool:
    """Whether a replay can count it: what is refused is not in the journal, nor what was out of range."""
    name, labels, _ = count
    is_refused = labels.get("status") == "refused"
    return not is_refused and name not in ("out_of_range", "unregistered_devices", "unmatched_scopes")


def _attributes(value: Any, module: str) -> dict[str, Any]:
    names = list(getattr(value, "__dict__", {})) + list(getattr(type(value), "__slots__", ()))
    found = {}
    for name in names:
        label = f"{type(value).__name__}.{name}"
        hidden = {label, f"*.{name}"}
        if hidden & NOT_STATE and not (name == "_state" and type(value).__module__ in _OWN_STATE):
            continue
        attribute = getattr(value, name)
        if name in HEAPS:
            attribute = sorted(attribute)
        found[name] = described(attribute)
    return found


_OWN_STATE = {"feature_sets.windows.online", "graphs.state.live_groups"}


def described(value: Any) -> Any:
    """A value in a form that compares by content; NaN equals itself."""
    if value is None or isinstance(value, bool | int | str | bytes):
        return value.value if isinstance(value, enum.Enum) else value
    if isinstance(value, float):
        return "nan" if math.isnan(value) else value
    if isinstance(value, np.ndarray | np.generic):
        return str(value.dtype), value.shape, value.tobytes()
    if isinstance(value, Mapping):
        return {repr(key): described(one) for key, one in value.items()}
    if isinstance(value, set | frozenset):
        return sorted(map(repr, value))
    if isinstance(value, list | tuple | deque):
        return [described(one) for one in value]
    if isinstance(value, ShardedState):
        keys, arrays = value.content()
        return [keys, {name: described(array) for name, array in arrays.items()}]
    if isinstance(value, Baselines):
        keys, levels = value.content()
        return {key: described(level) for key, level in zip(keys, levels, strict=True)}
    if isinstance(value, NewestValues):
        keys, arrays = value.content()
        return {key: [described(array[at]) for array in arrays.values()] for at, key in enumerate(keys)}
    if isinstance(value, LedgerRecords):
        return {
            repr((device, chunk.times[row])): [
                described(chunk.prediction(row)),
                [float(column[row]) for column in (chunk.predicted_at, chunk.labeled_at, chunk.label)],
            ]
            for chunk in value.chunks
            for device, row in zip(value.names_of(chunk, chunk.kept), chunk.kept.tolist(), strict=True)
        }
    if isinstance(value, LabeledBatches):
        return described(list(value._pairs))
    if isinstance(value, KnownNames | AcceptedBefore):
        return value.content()
    if isinstance(value, IncidentBook):
        return [_attributes(value, type(value).__module__), sorted(value._known)]
    module = type(value).__module__
    if module.startswith(ROOMS):
        return [type(value).__name__, _attributes(value, module)]
    return type(value).__name__


def differences(ours: Any, theirs: Any, where: str = "") -> list[str]:
    """Where two described states differ."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return [
            text
            for key in sorted({*ours, *theirs}, key=str)
            for text in differences(ours.get(key, "(absent)"), theirs.get(key, "(absent)"), f"{where}.{key}")
        ]
    if isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        return [
            text
            for place, (one, other) in enumerate(zip(ours, theirs, strict=True))
            for text in differences(one, other, f"{where}[{place}]")
        ]
    return [] if ours == theirs else [f"{where}: {str(ours)[:200]} != {str(theirs)[:200]}"]
