"""The section of the report on several horizons; a report of one horizon has none."""

from __future__ import annotations

import pandas as pd

from training.evaluation.lead_times import SCORES, lead_time_figure
from training.report_page.page import Section, Table

_SHOWN = (
    "horizon",
    SCORES[0],
    "base_rate",
    *SCORES[3:],
    "episodes",
    "episodes_caught",
    "median_lead_seconds",
    "promotion",
    "promotion_reason",
)


def lead_time_sections(table: pd.DataFrame | None) -> tuple[Section, ...]:
    """How well errors are predicted over the horizons; empty unless there are several.

    :param table: see ``lead_time_table``; None where nobody made one.
    """
    if table is None or len(table) < 2:
        return ()
    text = (
        f"One model for each of {len(table)} horizons, judged by the gate for itself. Rows already in error "
        "count with the horizon of errors now alone, and each horizon has its own share of errors: compare "
        "average precision with the base rate. A lead below 0 is a delay after the error began."
    )
    marked = tuple(place for place, version in enumerate(table["version"]) if not version)
    shown = Table(table[list(_SHOWN)], "Horizons; those without a model stand out", marked)
    return (Section("Lead time", (text,), (shown,), (lead_time_figure(table),)),)
