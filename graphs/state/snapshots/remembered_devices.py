"""What a ledger remembers of devices, as columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from graphs.protocol.label_status import LabelStatus
from graphs.state.remembered import Made, RememberedDevice, Told
from graphs.state.snapshots.predictions import restored_predictions, saved_predictions
from graphs.state.snapshots.saved_state import SavedState, named, numbered

_NONE = -1
_USES = [None, *LabelStatus]


def saved_devices(devices: Mapping[str, RememberedDevice], inputs: Sequence[str]) -> SavedState:
    """Predictions and labels of devices.

    :param inputs: names of the features of a prediction.
    """
    made = [
        (device, at, one) for device, known in enumerate(devices.values()) for at, one in known.made.items()
    ]
    told = [
        (device, at, one) for device, known in enumerate(devices.values()) for at, one in known.told.items()
    ]
    waiting = [(device, at) for device, known in enumerate(devices.values()) for at in known.waiting]
    found = SavedState.of_parts({"made": saved_predictions([one.made for _, _, one in made], inputs)})
    found.plain["devices"] = list(devices)
    found.arrays.update(
        made_at=_whole([(device, at) for device, at, _ in made], 2),
        made_times=_numbers([(one.time, one.predicted_at) for _, _, one in made], 2),
        made_label=_whole([(_label(one.label), one.excluded, one.left_out) for _, _, one in made], 3),
        told_at=_whole([(device, at) for device, at, _ in told], 2),
        told_times=_numbers([(one.labeled_at,) for _, _, one in told], 1),
        told_label=_whole(
            [(_label(one.label), _USES.index(one.used), one.observed) for _, _, one in told], 3
        ),
        waiting=_whole(waiting, 2),
    )
    return found


def restored_devices(state: SavedState, inputs: Sequence[str]) -> dict[str, RememberedDevice]:
    """Inverse of ``saved_devices``.

    :param inputs: names of the features of the model that is served now.
    """
    arrays = state.arrays
    found = [RememberedDevice() for _ in state.plain["devices"]]
    predictions = restored_predictions(state.part("made"), inputs)
    for (device, at), (time, predicted_at), made, (label, excluded, left_out) in zip(
        arrays["made_at"].tolist(),
        arrays["made_times"].tolist(),
        predictions,
        arrays["made_label"].tolist(),
        strict=True,
    ):
        found[device].made[at] = Made(time, made, predicted_at, _given(label), bool(excluded), bool(left_out))
    for (device, at), (labeled_at,), (label, used, observed) in zip(
        arrays["told_at"].tolist(),
        arrays["told_times"].tolist(),
        arrays["told_label"].tolist(),
        strict=True,
    ):
        found[device].told[at] = Told(_given(label), labeled_at, _USES[used], bool(observed))
    for device, at in arrays["waiting"].tolist():
        found[device].waiting.append(at)
    for known in found:
        known.times = sorted(known.made)
    return dict(zip(state.plain["devices"], found, strict=True))


def saved_moments(moments: Sequence[tuple[int, str]]) -> SavedState:
    """Times of devices, in microseconds."""
    names, codes = numbered([device for _, device in moments])
    micros = np.array([at for at, _ in moments], dtype=np.int64)
    return SavedState({"devices": names}, {"micros": micros, "device": codes})


def restored_moments(state: SavedState) -> list[tuple[int, str]]:
    """Inverse of ``saved_moments``."""
    devices = named(state.plain["devices"], state.arrays["device"])
    return list(zip(state.arrays["micros"].tolist(), devices, strict=True))


def _label(label: int | None) -> int:
    return _NONE if label is None else label


def _given(label: int) -> int | None:
    return None if label == _NONE else label


def _whole(rows: list[Any], columns: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    return np.array(rows, dtype=np.int64).reshape(-1, columns)


def _numbers(rows: list[Any], columns: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.array(rows, dtype=np.float64).reshape(-1, columns)
