"""Out-of-fold rows of one configuration: what its operating point comes from."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from training.dataset.device_times import DeviceTimes, Moments, moments_of
from training.dataset.stratified_sample import ClassWeights
from training.decision.operating_point import OutOfFold
from training.exploration.error_episodes import error_episodes
from training.search.candidates import Candidate
from training.search.fold_matrices import FoldRows, fold_rows
from training.search.pipelines import Floats, build_pipeline, error_margin, fit_pipeline
from training.search.successive_halving import THREADS
from training.search.time_folds import SECOND, Flags, Folds, Positions


def out_of_fold(
    frame: pd.DataFrame,
    names: Sequence[str],
    schema: TelemetrySchema,
    folds: Folds,
    candidate: Candidate,
    weights: ClassWeights,
    seed: int,
    spans: Positions | None = None,
) -> OutOfFold:
    """Fit a configuration on each of the folds that decide, and ask it for their validation rows.

    :param frame: the training part.
    :param names: its features.
    :param schema: names the columns and gives the embargo.
    :param folds: positions in the frame.
    :param candidate: the winner of the search.
    :param weights: how many rows each row of the frame stands for.
    :param seed: of the models.
    :param spans: see ``episode_folds``.
    """

    def margins(fold: FoldRows) -> Floats:
        pipeline = build_pipeline(candidate, seed)
        fit_pipeline(pipeline, fold.rows, fold.labels)
        return error_margin(pipeline, fold.validation_rows)

    prepared = fold_rows(frame, names, schema, folds.decision)
    with threadpool_limits(limits=1, user_api="blas"), ThreadPoolExecutor(THREADS) as pool:
        found = np.concatenate(list(pool.map(margins, prepared)))
    at = np.concatenate([fold.validation for fold in folds.decision])
    labels = frame[schema.target].to_numpy()[at]
    codes = pd.factorize(frame[DEVICE])[0].astype(np.intp)
    moments = moments_of(frame[schema.time])
    far, groups = _surroundings(frame, schema, at, codes, moments, spans)
    return OutOfFold(
        margins=found,
        labels=labels,
        weights=weights.of(labels),
        far=far,
        groups=groups,
        devices=codes[at],
        moments=moments[at],
        apart=_apart(codes[at], moments[at], schema),
    )


def _apart(codes: Positions, moments: Moments, schema: TelemetrySchema) -> int:
    """How far alarms of one run may be apart: the embargo, or twice the usual step where rows are sparse."""
    order = np.lexsort((moments, codes))
    steps = np.diff(moments[order])[np.diff(codes[order]) == 0]
    usual = int(np.median(steps)) if len(steps) else 0
    return max(schema.embargo_seconds * SECOND, 2 * usual)


def _surroundings(
    frame: pd.DataFrame,
    schema: TelemetrySchema,
    at: Positions,
    codes: Positions,
    moment: Moments,
    spans: Positions | None,
) -> tuple[Flags, Positions]:
    """Whether each row is healthy and far from errors, and the number of the episode next in time."""
    wrong = frame[schema.target].to_numpy() == 1
    order = np.lexsort((moment[wrong], codes[wrong]))
    errors = DeviceTimes(codes[wrong][order], moment[wrong][order])
    embargo = schema.embargo_seconds * SECOND
    nearest = errors.first_at(codes[at], moment[at] - embargo)
    far = nearest == errors.first_after(codes[at], moment[at] + embargo)
    within = None if spans is None else spans[wrong]
    found = error_episodes(frame[wrong], schema.time, schema.target, schema.embargo_seconds, within)
    starts = np.sort(moments_of(found["start"]))
    groups = np.maximum(np.searchsorted(starts, moment[at] + embargo, side="right") - 1, 0)
    inside = np.unique(groups, return_inverse=True)[1]
    return far & ~wrong[at], inside.astype(np.intp)
