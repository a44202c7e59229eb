"""Limits that replays of the base keep: how far a detector's statistic goes when nothing has changed.

The papers' limits assume independent errors. Real errors come in runs, and with those limits a detector calls
drift on its own base. So the base is dealt out again in long blocks, which keep its runs and the order of its
devices (the moving block bootstrap: H. R. Kuensch, "The Jackknife and the Bootstrap for General Stationary
Observations", Annals of Statistics 17 (3), 1989). A detector warmed up on the base sees such streams with its
limits out of reach, and its limit becomes what the statistic never passed. A limit is only ever moved away,
never below that of the paper.

A short base knows its own error rate badly, and its blocks are shorter than its runs. Streams like it may
have another rate and longer runs. So as many streams are of chains, in which an error begins and ends with
chances that the base leaves possible: drawn from their posterior, with the prior of Jeffreys. One of ten of
those may pass the limit, which is a fifth of the promise. Of a long base they are like its blocks, and hardly
move a limit.

A base of few episodes of errors says next to nothing of either. So the warm-up goes on with the live labels,
until there are as many as hold enough episodes at the rate of the base: ``labels_to_learn``. Of a base
without any, an error is taken to have begun half a time, and to last as long as GLR takes it to.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from drift.dependent_rows import dependent_rows
from drift.detectors.ddm import DDM
from drift.detectors.dependence import PRIOR_CORRELATION, PRIOR_ERRORS
from drift.detectors.detector import Detector
from drift.detectors.eddm import EDDM
from drift.detectors.likelihood_ratio import LikelihoodRatio
from drift.detectors.page_hinkley import PageHinkley
from drift.detectors.registry import detector_from_dict
from drift.furthest import Streams, furthest
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
LEARN_ON = (DDM.name, EDDM.name, PageHinkley.name)
"""Detectors that learn on from live labels after a base of few episodes; GLR counts what labels are worth."""

_STREAMS = 20
_LENGTH = 10_000
_MAY_PASS = _STREAMS // 10
_ENOUGH_EPISODES = 20
"""Runs of errors that a base, with the live labels that are learned from, is to hold."""

_MOST_LEARNED = 10_000
"""Labels that are learned from at most, if the base has no more."""
_LEAST_CHANCE = 1e-6
"""That a run of a chain ends: it is of a million labels then, longer than any replay."""


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
    together = dependent_rows([errors], np.array([len(errors)])).rows if len(errors) else 1
    if together * LEAST_STRETCHES > len(errors) >= LEAST_LABELS:
        needed = f"it takes {together * LEAST_STRETCHES:,} labels"
        return f"none: errors of the base depend on each other over about {together:,} labels; {needed}"
    if total >= LEAST_ERRORS and with_errors >= LEAST_BLOCKS_WITH_ERRORS:
        rate = FALSE_ALARMS_PER_10_000 * max(1, len(deciding))
        return f"at most {rate:g} false alarms in 10,000 labels like the base"
    learning = [name for name in verdict.names if name in LEARN_ON]
    if learning and (labels := labels_to_learn(errors)) > len(errors):
        needed_more = f"; {', '.join(learning)} learn on until label {labels:,} and test none before"
    else:
        needed_more = ""
    found = f"{total} errors in {with_errors} of {BLOCKS} blocks"
    needed = f"{LEAST_ERRORS} errors in {LEAST_BLOCKS_WITH_ERRORS} of them"
    return f"none: the base has {found}; it takes {needed}{needed_more}"


def labels_to_learn(errors: Sequence[int] | npt.NDArray[Any]) -> int:
    """Labels, those of the base included, that DDM, EDDM and Page-Hinkley learn from before they test.

    >>> labels_to_learn([0, 0, 0, 1] * 500), labels_to_learn([0, 1, 1, 1, 1] + 495 * [0])
    (2000, 10000)

    :param errors: 1 or 0 per base row, in the order in which labels arrive.
    """
    flags = np.asarray(errors, dtype=np.int8)
    episodes = max(0.5, float((np.diff(flags, prepend=0) == 1).sum()))
    n = len(flags)
    return max(n, min(_MOST_LEARNED, round(n * _ENOUGH_EPISODES / episodes)))


def calibrated(detector: Detector, errors: Sequence[int], seed: int = 0) -> Detector:
    """The same warm detector with limits that replays of the base keep; of other kinds as it is.

    400,000 values are replayed, in less than a second. DDM, EDDM and Page-Hinkley have one limit to move. GLR
    measures runs by itself, and the detectors of other packages keep the limits that they were given.

    :param detector: warmed up on the base.
    :param errors: 1 or 0 per base row, in the order in which labels arrive.
    :param seed: of the replays.
    """
    if not isinstance(detector, DDM | EDDM | PageHinkley):
        return detector
    flags, random = np.asarray(errors, dtype=np.int8), np.random.default_rng(seed)
    length = _LENGTH + max(0, detector.min_instances - len(flags))
    reached = float(furthest(detector, _replays(flags, length, random)).max())
    chains = _chains(flags, length, random)
    if len(chains):
        reached = max(reached, float(np.sort(furthest(detector, chains))[-1 - _MAY_PASS]))
    saved = detector.to_dict()
    return detector_from_dict({**saved, "parameters": {**saved["parameters"], **_limits(detector, reached)}})


def _replays(errors: Streams, length: int, rng: np.random.Generator) -> Streams:
    """Streams of the base's blocks, which begin anywhere and run on at its end; shape (k, n)."""
    n = len(errors)
    block = max(1, n // BLOCKS)
    twice, count = np.concatenate([errors, errors]), -(-length // block)
    starts = (rng.integers(0, n, count) for _ in range(_STREAMS))
    streams = [twice[(each[:, None] + np.arange(block)).ravel()][:length] for each in starts]
    return np.array(streams, dtype=np.int8)


def _chains(errors: Streams, length: int, rng: np.random.Generator) -> Streams:
    """Streams in which errors begin and end by chance, as likely as those of the base may be; shape (k, n).

    A base of nothing but errors does not say how long none lasts: there are no streams then.
    """
    was, now = errors[:-1] == 1, errors[1:] == 1
    ends, lasts = int((was & ~now).sum()), int((was & now).sum())
    begins, stays = int((~was & now).sum()), int((~was & ~now).sum())
    if errors.all():
        return np.zeros((0, length), dtype=np.int8)
    unknown = PRIOR_ERRORS * np.array([1 - PRIOR_CORRELATION, PRIOR_CORRELATION]) if not ends else np.zeros(2)
    streams = []
    for _ in range(_STREAMS):
        end = max(_LEAST_CHANCE, float(rng.beta(ends + unknown[0] + 0.5, lasts + unknown[1] + 0.5)))
        begin = max(_LEAST_CHANCE, float(rng.beta(begins + 0.5, stays + 0.5)))
        streams.append(_chain(begin, end, length, rng))
    return np.array(streams, dtype=np.int8)


def _chain(begin: float, end: float, length: int, rng: np.random.Generator) -> Streams:
    """One stream of a two-state chain, by the chances that an error begins and ends."""
    is_error = bool(rng.random() < begin / (begin + end))
    parts: list[Streams] = []
    made, pairs = 0, 8 + int(1.2 * length / (1 / begin + 1 / end))
    while made < length:
        runs = rng.geometric([end, begin] if is_error else [begin, end], (pairs, 2)).clip(max=length)
        flags = np.tile(np.array([is_error, not is_error], dtype=np.int8), pairs)
        parts.append(np.repeat(flags, runs.ravel()))
        made += len(parts[-1])
    return np.concatenate(parts)[:length]


def _limits(detector: DDM | EDDM | PageHinkley, reached: float) -> dict[str, float]:
    """Limits beyond what was reached, never nearer than those there are."""
    reached *= 1 + 1e-9
    if isinstance(detector, DDM):
        drift = max(detector.drift_level, reached)
        return {"drift_level": drift, "warning_level": detector.warning_level * drift / detector.drift_level}
    if isinstance(detector, EDDM):
        drift = min(detector.drift_level, 1 / max(reached, 1.0))
        return {"drift_level": drift, "warning_level": detector.warning_level * drift / detector.drift_level}
    return {"threshold": max(detector.threshold, reached)}
