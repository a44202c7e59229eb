"""The section of the report on the search."""

from __future__ import annotations

import pandas as pd

from feature_sets.model_package.schema import ModelSchema
from training.report_page.long_tables import SHOWN_ROWS, how_many_of
from training.report_page.page import Section, Table


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
