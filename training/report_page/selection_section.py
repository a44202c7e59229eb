"""The section of the report on the selection of features."""

from __future__ import annotations

import pandas as pd

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
