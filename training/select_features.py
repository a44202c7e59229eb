"""Feature selection by votes, on the training part only; the result is a new feature vector."""

# No postponed annotations here: MLRun reads a handler's type hints and cannot resolve them from text.

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import mlrun
import mlrun.feature_store as fstore
import numpy as np
import pandas as pd

from feature_sets.feature_vector import selected_features
from feature_sets.telemetry.schema import TelemetrySchema
from training.dataset.feature_columns import feature_columns, useless_features
from training.dataset.time_split import TimeSplit, TrainingSetError
from training.dataset.training_set import read_split
from training.job.arguments import fraction, whole_number
from training.job.defaults import (
    MAX_CORRELATION,
    MAX_DRIFT,
    MIN_VOTES,
    SEED,
    SELECT_K,
    TEST_DEVICES,
    TEST_FRACTION,
    TRAIN_ROWS,
)
from training.job.run_artifacts import log_figures, log_tables
from training.selection.feature_stability import unsteady_features
from training.selection.feature_votes import (
    FEATURE,
    REASON,
    SELECTED,
    VOTED,
    VOTES,
    Election,
    elect_features,
    votes_needed,
)
from training.selection.selection_mark import mark_selection
from training.selection.selection_plots import scaled_scores_figure, votes_figure
from training.selection.selection_rows import VotingRows, voting_rows


@dataclass(frozen=True)
class Selection:
    """What a selection found.

    :param split: the parts; only ``split.train`` was looked at.
    :param features: features that came in.
    :param dropped: feature -> why it cannot teach a model anything.
    :param election: scores, votes, the features selected and those that say the same as a better one.
    :param voting: the rows of the training part that were voted on.
    """

    split: TimeSplit
    features: tuple[str, ...]
    dropped: Mapping[str, str]
    election: Election
    voting: VotingRows

    @property
    def table(self) -> pd.DataFrame:
        """The table of the election and, at its end, the features that cannot teach; they have no score."""
        useless = pd.DataFrame({FEATURE: list(self.dropped), REASON: list(self.dropped.values())})
        voted = self.election.table
        marks = [column for column in voted.columns if column.endswith(VOTED)]
        nothing = useless.assign(**{VOTES: 0, SELECTED: False, **dict.fromkeys(marks, False)})
        return pd.concat([voted, nothing], ignore_index=True) if len(nothing) else voted


def select_from(
    split: TimeSplit,
    schema: TelemetrySchema,
    k: int = SELECT_K,
    min_votes: float = MIN_VOTES,
    seed: int = SEED,
    max_correlation: float = MAX_CORRELATION,
    max_drift: float = MAX_DRIFT,
) -> Selection:
    """Select features of a training set by votes, looking at its training part only.

    Which features vary and are steady is told by the whole training part. Votes, and which of several alike
    stands for them, look at labels, and so at the rows only that the search does not judge on, where those
    are enough, see ``training.selection.selection_rows``.

    :param split: its training part has device, time, features, label; the test part is not looked at.
    :param schema: names the columns.
    :param k: features each selector votes for.
    :param min_votes: votes a feature needs, as a count (1 or more) or a share of the selectors (below 1).
    :param seed: of the selectors.
    :param max_correlation: of features that are correlated above it only the best is voted on; 1 keeps all.
    :param max_drift: features that tell earlier from later healthy rows better than this are not voted on; 1
        takes all, see ``training.selection.feature_stability``.
    :raises TrainingSetError: if every feature is missing, constant or unsteady.
    :raises ArgumentError: if no feature gets enough votes.
    """
    names = feature_columns(split.train, schema)
    dropped = useless_features(split.train, names, constant=True)
    varying = [name for name in names if name not in dropped]
    if not varying:
        raise TrainingSetError(
            f"at least one feature must vary in the training part, got none of {len(names)}"
        )
    dropped |= unsteady_features(split.train, varying, schema.time, schema.target, max_drift)
    steady = [name for name in varying if name not in dropped]
    if not steady:
        raise TrainingSetError(
            f"at least one feature must be steady over the training part, got none of {len(varying)}; raise "
            "max_drift or train on a longer time"
        )
    voting = voting_rows(split.train, steady, schema)
    dropped |= voting.mute
    kept = [name for name in steady if name not in dropped]
    rows = split.train.iloc[voting.positions]
    election = elect_features(
        _imputed(rows, kept),
        rows[schema.target].to_numpy(),
        kept,
        k,
        min_votes,
        seed,
        max_correlation,
    )
    return Selection(split=split, features=tuple(names), dropped=dropped, election=election, voting=voting)


def _imputed(rows: pd.DataFrame, names: Sequence[str]) -> np.ndarray[Any, np.dtype[np.float64]]:
    values = rows[list(names)].to_numpy(dtype=np.float64, na_value=np.nan)
    return np.where(np.isnan(values), np.nanmedian(values, axis=0), values)


def save_selected_vector(uri: str, schema: TelemetrySchema, selection: Selection) -> str:
    """Save the vector of the selected features; an earlier one is replaced.

    :param uri: vector the features were selected from; the new one is saved in the same project.
    :param selection: its features, in model order, and the split that it saw the training part of.
    :returns: address of the new vector.
    """
    vector = selected_features(schema, selection.election.selected)
    vector.metadata.project = fstore.get_feature_vector(uri).metadata.project
    mark_selection(vector, selection.split)
    vector.save()
    return str(vector.uri)


def select_features(
    context: mlrun.MLClientCtx,
    feature_vector: str,
    schema: Mapping[str, Any] | str = "",
    select_k: int = SELECT_K,
    min_votes: float = MIN_VOTES,
    test_fraction: float = TEST_FRACTION,
    seed: int = SEED,
    train_rows: int = TRAIN_ROWS,
    max_correlation: float = MAX_CORRELATION,
    test_devices: float = TEST_DEVICES,
    max_drift: float = MAX_DRIFT,
) -> None:
    """MLRun job: select features by votes on the training part and save them as a new feature vector.

    The votes are on the first half of the training part, which no fold of the search is judged on; on all of
    it, with a warning, where that half has too few rows of a class.

    Results: ``feature_vector`` (address of the new vector), ``n_features_in``, ``n_features_selected``,
    ``selected``, ``dropped`` (feature -> why it cannot teach), ``correlated`` (feature -> the better one that
    says the same), ``votes_needed``, ``voted_on`` (``first half`` or ``whole training part``),
    ``voted_rows``, the split, ``train_rows_available``. Data set: ``feature_scores``, see
    ``Selection.table``. Plots: ``feature_votes_plot``, ``feature_scores_plot``.

    :param context: of the run.
    :param feature_vector: address of the vector to select from.
    :param schema: telemetry schema, as content or path; empty for the simulated network's.
    :param select_k: features each selector votes for.
    :param min_votes: votes a feature needs, as a count (1 or more) or a share of the selectors (below 1).
    :param test_fraction: later share of the rows that is not looked at; the same in training and test.
    :param seed: of sampling and selectors.
    :param train_rows: more rows than this in the training part are sampled, each class in proportion.
    :param test_devices: share of the devices that is kept for the test and not looked at; 0 for none.
    :param max_correlation: of features that are correlated above it (absolute Pearson r on the rows voted on,
        missing values replaced by the median) only the best is voted on; in (0, 1], 1 keeps all.
    :param max_drift: features that tell earlier from later healthy rows better than this (|2 AUC - 1| of the
        two halves of the training part) are left out; in (0, 1], 1 takes all.
    """
    telemetry = TelemetrySchema.load(schema)
    select_k = whole_number("select_k", select_k, at_least=1)
    train_rows = whole_number("train_rows", train_rows, at_least=100)
    seed = whole_number("seed", seed, at_least=0)
    test_fraction = fraction("test_fraction", test_fraction)
    test_devices = fraction("test_devices", test_devices, including_zero=True)
    max_correlation = fraction("max_correlation", max_correlation, including_one=True)
    max_drift = fraction("max_drift", max_drift, including_one=True)
    votes_needed(min_votes)  # refused now, and not after the rows were read
    split = read_split(
        context, feature_vector, telemetry, test_fraction, train_rows, seed, test_devices=test_devices
    )
    selection = select_from(split, telemetry, select_k, min_votes, seed, max_correlation, max_drift)
    election = selection.election
    for reason_of, reason in selection.dropped.items():
        context.logger.warning(f"feature '{reason_of}' is left out: {reason}")
    if selection.voting.reason:
        context.logger.warning(
            f"features are voted on by the whole training part: {selection.voting.reason}; out-of-fold "
            "scores, calibration and threshold of a model with these features may be too good"
        )
    for reason_of, reason in election.correlated.items():
        context.logger.info(f"feature '{reason_of}' is left out: {reason}")
    uri = save_selected_vector(feature_vector, telemetry, selection)
    table = selection.table
    log_tables(context, {"feature_scores": table})
    figures = {
        "feature_votes_plot": votes_figure(table, election.needed_votes),
        "feature_scores_plot": scaled_scores_figure(table),
    }
    log_figures(context, figures)
    context.log_results(
        {
            "feature_vector": uri,
            "n_features_in": len(selection.features),
            "n_features_selected": len(election.selected),
            "selected": list(election.selected),
            "dropped": dict(selection.dropped),
            "correlated": dict(election.correlated),
            "votes_needed": election.needed_votes,
            "voted_on": selection.voting.voted_on,
            "voted_rows": len(selection.voting.positions),
            **selection.split.describe(),
        }
    )
