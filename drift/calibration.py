"""Limits that replays of the base keep: how far a detector's statistic goes when nothing has changed.

The papers' limits assume independent errors. Real errors come in runs, and with those limits a detector calls
drift on its own base. So the base is dealt out again in long blocks, which keep its runs and the order of its
devices (the moving block bootstrap: H. R. Kuensch, "The Jackknife and the Bootstrap for General Stationary
Observations", Annals of Statistics 17 (3), 1989). A detector warmed up on the base sees such streams with its
limits out of reach, and its limit becomes what the statistic never passed. A limit is only ever moved away,
never below that of the paper.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from drift.dependent_rows import dependent_rows
from drift.detectors.ddm import DDM
from drift.detectors.detector import Detector
from drift.detectors.eddm import EDDM
from drift.detectors.likelihood_ratio import LikelihoodRatio
from drift.detectors.page_hinkley import PageHinkley
from drift.detectors.registry import detector_from_dict
from drift.verdict import Verdict

FALSE_ALARMS_PER_10_000 = 0.5
"""The promise: so many false alarms of a detector in 10,000 labels, at most, of streams like the base."""

BLOCKS = 20
"""Blocks that the base is cut into: long enough for its runs, enough of them to be dealt out."""

LEAST_LABELS = 1_000
"""A base of fewer says nothing of how long errors depend on each other."""

LEAST_STRETCHES = 10
"""So many times longer than errors depend on each other a base must be."""

LEAST_ERRORS = 30
LEAST_BLOCKS_WITH_ERRORS = 10

_KEPT = (LikelihoodRatio.name, DDM.name, EDDM.name, PageHinkley.name)
_STREAMS = 20
_LENGTH = 10_000
_OUT_OF_REACH = 1e9


def promise(errors: Sequence[int] | npt.NDArray[Any], verdict: Verdict) -> str:
    """Say what a base of these error flags can promise of a verdict, in words.

    A base must be longer than its errors depend on each other, else replays of it are no streams like it.
    Where any of several detectors may decide, their false alarms add up. Where all must agree, one that keeps
    its rate is enough.

    >>> promise([0, 0, 0, 1] * 500, Verdict("glr", ["glr", "ddm"]))
    'at most 0.5 false alarms in 10,000 labels like the base'
    >>> promise([0, 0, 0, 1] * 500, Verdict("any", ["glr", "ddm"]))
    'at most 1 false alarms in 10,000 labels like the base'
    >>> promise([0, 1] * 20, Verdict("glr", ["glr"]))
    'none: the base has 20 errors in 20 of 20 blocks; it takes 30 errors in 10 of them'

    :param errors: 1 or 0 per base row, in the order in which labels arrive.
    :param verdict: of detectors that are calibrated by ``calibrated``.
    """
    deciding = [name for name in verdict.names if verdict.decides(name)]
    others = [name for name in deciding or verdict.names if name not in _KEPT]
    if others and (deciding or len(others) == len(verdict.names)):
        return f"none: limits that no base has moved ({', '.join(others)})"
    blocks = np.array_split(np.asarray(errors), BLOCKS)
    total, with_errors = int(np.sum(errors)), sum(bool(block.any()) for block in blocks)
    together = dependent_rows([errors], np.array([len(errors)])) if len(errors) else 1
    if together * LEAST_STRETCHES > len(errors) >= LEAST_LABELS:
        needed = f"it takes {together * LEAST_STRETCHES:,} labels"
        return f"none: errors of the base depend on each other over about {together:,} labels; {needed}"
    if total >= LEAST_ERRORS and with_errors >= LEAST_BLOCKS_WITH_ERRORS:
        rate = FALSE_ALARMS_PER_10_000 * max(1, len(deciding))
        return f"at most {rate:g} false alarms in 10,000 labels like the base"
    found = f"{total} errors in {with_errors} of {BLOCKS} blocks"
    needed = f"{LEAST_ERRORS} errors in {LEAST_BLOCKS_WITH_ERRORS} of them"
    return f"none: the base has {found}; it takes {needed}"


def calibrated(detector: Detector, errors: Sequence[int], seed: int = 0) -> Detector:
    """The same warm detector with limits that replays of the base keep; of other kinds as it is.

    200,000 values are replayed, in a second or so. DDM, EDDM and Page-Hinkley have one limit to move. GLR
    measures runs by itself, and the detectors of other packages keep the limits that they were given.

    :param detector: warmed up on the base.
    :param errors: 1 or 0 per base row, in the order in which labels arrive.
    :param seed: of the replays.
    """
    if not isinstance(detector, DDM | EDDM | PageHinkley):
        return detector
    saved = detector.to_dict()
    out_of_reach = {**saved, "parameters": {**saved["parameters"], **_limits(detector, None)}}
    start = json.dumps(out_of_reach)
    streams = _replays(np.asarray(errors), np.random.default_rng(seed))
    limit = max(_furthest(detector_from_dict(json.loads(start)), each) for each in streams)
    moved = {**saved, "parameters": {**saved["parameters"], **_limits(detector, limit)}}
    return detector_from_dict(moved)


def _replays(errors: npt.NDArray[Any], rng: np.random.Generator) -> list[list[int]]:
    """Streams of the base's blocks, which begin anywhere and run on at its end."""
    n = len(errors)
    block = max(1, n // BLOCKS)
    twice = np.concatenate([errors, errors])
    streams = []
    for _ in range(_STREAMS):
        starts = rng.integers(0, n, -(-_LENGTH // block))
        streams.append(np.concatenate([twice[at : at + block] for at in starts])[:_LENGTH].tolist())
    return streams


def _furthest(detector: Detector, stream: Sequence[int]) -> float:
    """How far the statistic went towards its limit; a share that falls towards it counts by its inverse."""
    falls = isinstance(detector, EDDM)
    furthest = 0.0
    for x in stream:
        detector.update(x)
        statistic = detector.statistic
        if statistic:
            furthest = max(furthest, 1 / statistic if falls else statistic)
    return furthest


def _limits(detector: DDM | EDDM | PageHinkley, furthest: float | None) -> dict[str, float]:
    """Limits beyond what was reached, never nearer than those there are; None: out of reach."""
    reached = _OUT_OF_REACH if furthest is None else furthest * (1 + 1e-9)
    if isinstance(detector, DDM):
        drift = max(detector.drift_level, reached)
        return {"drift_level": drift, "warning_level": detector.warning_level * drift / detector.drift_level}
    if isinstance(detector, EDDM):
        drift = min(detector.drift_level, 1 / max(reached, 1.0))
        return {"drift_level": drift, "warning_level": detector.warning_level * drift / detector.drift_level}
    return {"threshold": max(detector.threshold, reached)}
