"""Feature selection by votes, on the training part only; the result is a new feature vector."""

# No postponed annotations here: MLRun reads a handler's type hints and cannot resolve them from text.

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import mlrun
import mlrun.feature_store as fstore
import numpy as np
import pandas as pd

from feature_sets.checks import InputError
from feature_sets.feature_vector import selected_features
from feature_sets.telemetry.schema import TelemetrySchema
from training.dataset.column_medians import column_medians
from training.dataset.feature_columns import feature_columns, no_inputs, useless_features
from training.dataset.horizons_fit import horizons_too_long
from training.dataset.split import Split
from training.dataset.split_arguments import SplitArguments
from training.dataset.too_little import TooLittleDataError, telling_too_little
from training.dataset.training_set import read_split
from training.job.defaults import (
    MAX_CORRELATION,
    MAX_DRIFT,
    MIN_VOTES,
    SEED,
    SELECT_K,
    SPLIT,
    TEST_DEVICES,
    TEST_FRACTION,
    TRAIN_ROWS,
    TRAINING_WINDOW,
)
from training.job.parameter_rules import checked
from training.job.run_artifacts import log_figures, log_tables
from training.search.time_folds import check_folds
from training.selection.feature_stability import unstable_features
from training.selection.feature_votes import (
    FEATURE,
    REASON,
    SELECTED,
    VOTED,
    VOTES,
    Election,
    elect_features,
)
from training.selection.selection_mark import mark_selection
from training.selection.selection_plots import scaled_scores_figure, votes_figure
from training.selection.selection_rows import WHOLE, SelectionRows, selection_rows
from training.unlabeled.selection import elect_without_labels


@dataclass(frozen=True)
class Selection:
    """What a selection found.

    :param split: the parts; only ``split.train`` was looked at.
    :param features: all features of the training set.
    :param dropped: feature -> why it is constant, missing or unstable.
    :param election: scores, votes, the features selected and the redundant ones.
    :param rows: the rows of the training part that the features were voted on by.
    """

    split: Split
    features: tuple[str, ...]
    dropped: Mapping[str, str]
    election: Election
    rows: SelectionRows

    @property
    def table(self) -> pd.DataFrame:
        """The table of the election and, at its end, the features left out before; they have no score."""
        useless = pd.DataFrame({FEATURE: list(self.dropped), REASON: list(self.dropped.values())})
        voted = self.election.table
        marks = [column for column in voted.columns if column.endswith(VOTED)]
        nothing = useless.assign(**{VOTES: 0, SELECTED: False, **dict.fromkeys(marks, False)})
        return pd.concat([voted, nothing], ignore_index=True) if len(nothing) else voted


def select_from(
    split: Split,
    schema: TelemetrySchema,
    k: int = SELECT_K,
    min_votes: float = MIN_VOTES,
    seed: int = SEED,
    max_correlation: float = MAX_CORRELATION,
    max_drift: float = MAX_DRIFT,
) -> Selection:
    """Select features of a training set by votes, looking at its training part only.

    Without labels nobody can vote, and all relative features are taken.

    Which features vary and are stable is told by the whole training part. Votes look at labels, and so does
    the choice among redundant features: where there are enough of them, only at the rows that the search is
    not evaluated on, see ``training.selection.selection_rows``.

    :param split: its training part has device, time, features, label; the test part is not looked at.
    :param schema: names the columns.
    :param k: features each scorer votes for.
    :param min_votes: votes a feature needs, as a count (1 or more) or a share of the scorers (below 1).
    :param seed: of the scorers.
    :param max_correlation: of features that are correlated above it only the best is voted on; 1 keeps all.
    :param max_drift: features that tell earlier from later healthy rows better than this are not voted on; 1
        takes all, see ``training.selection.feature_stability``.
    :raises InputError: unless a feature varies and is stable, and one gets enough votes.
    """
    names = feature_columns(split.train, schema)
    if split.unlabeled:
        election, left_out = elect_without_labels(split, schema, names)
        every = np.arange(len(split.train), dtype=np.intp)
        return Selection(split, tuple(names), left_out, election, SelectionRows(every, WHOLE, {}, ""))
    dropped = no_inputs(names, schema)
    dropped |= useless_features(split.train, [name for name in names if name not in dropped], constant=True)
    varying = [name for name in names if name not in dropped]
    if not varying:
        raise InputError("training part", "must have at least one feature that varies", dropped)
    in_order = split.shape.in_order(split.train, schema.time)
    dropped |= unstable_features(in_order, varying, schema.time, schema.target, max_drift)
    stable = [name for name in varying if name not in dropped]
    if not stable:
        rule = "must have at least one stable feature (raise max_drift or train on a longer time)"
        raise TooLittleDataError("training part", rule, dropped)
    selected_by = selection_rows(split.train, stable, schema, split.shape)
    dropped |= selected_by.useless
    kept = [name for name in stable if name not in dropped]
    rows = split.train.iloc[selected_by.positions]
    election = elect_features(
        _imputed(rows, kept),
        rows[schema.target].to_numpy(),
        kept,
        k,
        min_votes,
        seed,
        max_correlation,
    )
    return Selection(split, tuple(names), dropped, election, selected_by)


def _imputed(rows: pd.DataFrame, names: Sequence[str]) -> np.ndarray[Any, np.dtype[np.float64]]:
    values = rows[list(names)].to_numpy(dtype=np.float64, na_value=np.nan)
    return np.where(np.isnan(values), column_medians(values), values)


def save_selected_vector(uri: str, schema: TelemetrySchema, selection: Selection) -> str:
    """Save the vector of the selected features; an earlier one is replaced.

    :param uri: vector the features were selected from; the new one is saved in the same project.
    :param selection: its features, in model order, and the split that it saw the training part of.
    :returns: address of the new vector.
    """
    source = fstore.get_feature_vector(uri).metadata
    vector = selected_features(schema, selection.election.selected, source.name)
    vector.metadata.project = source.project
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
    training_window: str = TRAINING_WINDOW,
    split: str = SPLIT,
) -> None:
    """MLRun job: select features by votes on the training part and save them as a new feature vector.

    Features are voted on by the first half of the training part, which no fold of the search is evaluated on;
    by all of it, with a warning, where that half has too few rows of a class or there are few episodes.

    Results: ``feature_vector`` (address of the new vector), ``n_features_in``, ``n_features_selected``,
    ``selected``, ``dropped`` (feature -> why it is useless), ``redundant`` (feature -> the better one that
    says the same), ``votes_needed``, ``selection_part`` (``first half`` or ``whole training part``),
    ``selection_rows`` (how many), the split, ``train_rows_available``. Data set: ``feature_scores``, see
    ``Selection.table``. Plots: ``feature_votes_plot``, ``feature_scores_plot``.

    :param context: of the run.
    :param feature_vector: address of the vector to select from.
    :param schema: telemetry schema, as content or path; empty for the simulated network's.
    :param select_k: features each scorer votes for.
    :param min_votes: votes a feature needs, as a count (1 or more) or a share of the scorers (below 1).
    :param test_fraction: later share of the rows that is not looked at; the same in all steps.
    :param seed: of sampling and scorers.
    :param train_rows: of more rows in the training part, all errors and a sample of the others are used.
    :param test_devices: share of the rows, of whole devices or groups, that is not looked at; see ``split``.
    :param max_correlation: of features that are correlated above it (absolute Pearson r on those rows,
        missing values replaced by the median) only the best is voted on; in (0, 1], 1 keeps all.
    :param max_drift: features that tell earlier from later healthy rows better than this (|2 AUC - 1| of the
        two halves of the training part) are left out; in (0, 1], 1 takes all.
    :param training_window: how far back the labeled rows reach, such as ``14d``, or ``since`` and a time;
        empty takes all.
    :param split: which rows are learned from and which are evaluated on, see ``SplitRule.parse``; empty for
        the rule of the schema. The same in all steps.
    """
    telemetry = TelemetrySchema.load(schema)
    arguments = SplitArguments(test_fraction, test_devices, train_rows, seed, training_window, split)
    select_k = checked("select_k", select_k)
    max_correlation = checked("max_correlation", max_correlation)
    max_drift = checked("max_drift", max_drift)
    checked("min_votes", min_votes)  # refused now, and not after the rows were read
    for rule in horizons_too_long(feature_vector, telemetry).values():
        context.logger.warning(f"no model of this horizon will be trained: {rule}")
    parts = read_split(context, feature_vector, telemetry, arguments, check=check_folds)
    with telling_too_little(context):
        selection = select_from(
            parts, telemetry, select_k, min_votes, arguments.seed, max_correlation, max_drift
        )
    _log_left_out(context, selection)
    uri = save_selected_vector(feature_vector, telemetry, selection)
    election, table = selection.election, selection.table
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
            "redundant": dict(election.redundant),
            "votes_needed": election.needed_votes,
            "selection_part": selection.rows.part,
            "selection_rows": len(selection.rows.positions),
            **selection.split.describe(),
        }
    )


def _log_left_out(context: mlrun.MLClientCtx, selection: Selection) -> None:
    """Say which features are left out, and what a reader of the votes should know."""
    for name, reason in selection.dropped.items():
        context.logger.warning(f"feature '{name}' is left out: {reason}")
    if selection.rows.reason:
        context.logger.warning(
            f"features are voted on by the whole training part: {selection.rows.reason}; out-of-fold "
            "scores, calibration and threshold of a model with these features may be too good"
        )
    for name, reason in selection.election.redundant.items():
        context.logger.info(f"feature '{name}' is left out: {reason}")
