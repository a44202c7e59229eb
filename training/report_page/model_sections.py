"""The sections of the report on how the model came about: selection, candidates, inputs as served."""

from __future__ import annotations

import pandas as pd

from feature_sets.model_package.schema import ModelSchema
from training.report_page.long_tables import SHOWN_ROWS, how_many_of
from training.report_page.page import Section, Table
from training.selection.selection_plots import votes_figure


def selection_section(scores: pd.DataFrame, votes_needed: int) -> Section:
    """Which features were chosen, and why the others were not.

    :param scores: data set ``feature_scores`` of the selection.
    :param votes_needed: of a feature.
    """
    selected = scores[scores["selected"]]
    left = scores[~scores["selected"]]
    columns = ["feature", "votes", "reason"]
    return Section(
        "Selection",
        (
            f"{len(selected)} of {len(scores)} features were selected, on the training part alone.",
            "A feature is left out if it is constant or missing, unstable (it tells earlier from later "
            "healthy rows), redundant (a better one says the same), or has too few votes.",
        ),
        (Table(left[columns].head(SHOWN_ROWS), f"Left out, {how_many_of(left)}"),),
        (votes_figure(scores, votes_needed),),
    )


def candidates_section(results: pd.DataFrame, model: ModelSchema) -> Section:
    """The search: what was tried on how many rows, and what it scored."""
    order = results.sort_values(["rung", "average_precision"], ascending=False, ignore_index=True)
    columns = ["family", "parameters", "rows", "average_precision", "f1", "seconds"]
    marked = tuple(int(place) for place in order.index[order["best"]] if place < SHOWN_ROWS)
    sizes = [f"{rows:,.0f}" for rows in sorted(order["rows"].unique())]
    halving = (
        f". To save time all were fitted on {sizes[0]} rows, then only the better ones on "
        f"{', then '.join(sizes[1:])} (successive halving): compare scores of the same number of rows"
        if len(sizes) > 1
        else ""
    )
    return Section(
        "Candidates",
        (
            f"{len(order):,} combinations were compared by cross-validation on the folds shown{halving}.",
            f"The winner, {model.algorithm.replace('_', ' ')}, was fitted again on all training rows; its "
            f"probabilities are calibrated ({model.calibration.method}) on rows it was not fitted on.",
        ),
        (
            Table(
                order[columns].head(SHOWN_ROWS),
                f"Combinations, the best {how_many_of(order)}; the winner stands out",
                marked,
            ),
        ),
    )


def model_section(model: ModelSchema) -> Section:
    """What is served: inputs in order, with units and what replaces a missing value."""
    inputs = pd.DataFrame(
        {
            "input": [column.name for column in model.inputs],
            "unit": [column.unit for column in model.inputs],
            "if missing": [column.imputation for column in model.inputs],
        }
    )
    files = ", ".join(f"{name} {digest}" for name, digest in model.sha256.items())
    return Section(
        "Model", (f"SHA-256: {files}",), (Table(inputs, "Inputs in the order the model takes them"),)
    )
