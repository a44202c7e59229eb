"""How far DDM, EDDM and Page-Hinkley would go on many streams at once, had they no limits.

Each statistic follows from running sums, so all streams are gone through together: some hundred times as fast
as value by value. ``tests/drift/test_furthest.py`` has them beside the detectors themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from drift.detectors.ddm import DDM
from drift.detectors.eddm import EDDM
from drift.detectors.page_hinkley import PageHinkley

Floats = npt.NDArray[np.float64]
Streams = npt.NDArray[np.int8]


def furthest(detector: DDM | EDDM | PageHinkley, streams: Streams) -> Floats:
    """How far the statistic goes towards its limit in each stream, shape (k,); 0 if nothing is tested.

    A share that falls towards its limit, as that of EDDM does, counts by its inverse.

    :param detector: where each of the streams begins; it is not changed.
    :param streams: error flags, shape (k, n).
    """
    saved = detector.to_dict()
    state, least = saved["state"], detector.min_instances
    after = detector.min_instances_after_drift
    if state["drift"]:  # The next value begins an episode.
        state = {**type(detector)().to_dict()["state"], "restarted": True}
    if state["restarted"] and after is not None:
        least = after
    if isinstance(detector, DDM):
        return _of_ddm(state, least, streams)
    if isinstance(detector, EDDM):
        return np.array([_of_eddm(state, least, stream) for stream in streams])
    return _of_page_hinkley(detector, state, least, streams)


def _of_ddm(state: Mapping[str, Any], least: int, streams: Streams) -> Floats:
    n = state["n"] + np.arange(1, streams.shape[1] + 1)
    errors = state["errors"] + np.cumsum(streams, axis=1, dtype=np.int64)
    p = errors / n
    s = np.sqrt(p * (1 - p) / n)
    tested = (n > least) & (errors > 0) & (errors < n)
    begin = (np.inf, np.nan) if state["p_min"] is None else (state["p_min"] + state["s_min"], state["s_min"])
    level = np.concatenate([np.full((len(p), 1), begin[0]), np.where(tested, p + s, np.inf)], axis=1)
    deviation = np.concatenate([np.full((len(p), 1), begin[1]), s], axis=1)
    least_level = np.minimum.accumulate(level, axis=1)
    place = np.where(level <= least_level, np.arange(level.shape[1]), 0)  # Of equal ones the last counts.
    s_min = np.take_along_axis(deviation, np.maximum.accumulate(place, axis=1), axis=1)[:, 1:]
    with np.errstate(invalid="ignore"):
        # (p + s - p_min) / s_min; p_min is the least level without its deviation.
        distance = (p + s - (least_level[:, 1:] - s_min)) / s_min
    return np.asarray(np.where(tested, distance, 0.0).max(axis=1), dtype=np.float64)


def _of_eddm(state: Mapping[str, Any], least: int, stream: npt.NDArray[np.int8]) -> float:
    places = state["n"] + 1 + np.flatnonzero(stream)
    distances = np.diff(places, prepend=state["last_error"]).astype(np.float64)
    before = state["errors"]
    errors = before + np.arange(1, len(places) + 1)
    mean = (before * state["mean"] + np.cumsum(distances)) / errors
    squares = state["squares"] + before * state["mean"] ** 2 + np.cumsum(distances**2) - errors * mean**2
    current = (mean + 2 * np.sqrt(np.maximum(squares, 0.0) / errors))[places > least]
    if not len(current):
        return 0.0
    largest = np.maximum(np.maximum.accumulate(current), state["largest"])
    return float((largest / current).max())


def _of_page_hinkley(detector: PageHinkley, state: Mapping[str, Any], least: int, streams: Streams) -> Floats:
    n = state["n"] + np.arange(1, streams.shape[1] + 1)
    mean = (state["n"] * state["mean"] + np.cumsum(streams, axis=1)) / n
    excess = np.ascontiguousarray((streams - mean - detector.delta).T)
    total = np.full(len(streams), float(state["sum"]))
    most = np.zeros(len(streams))
    for each in excess[n > least]:
        total = np.maximum(0.0, detector.alpha * total + each)
        most = np.maximum(most, total)
    return most
