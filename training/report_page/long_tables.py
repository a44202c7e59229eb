"""Long tables of the report: the page shows their first rows, and says how many there are."""

from __future__ import annotations

import pandas as pd

SHOWN_ROWS = 20
"""Rows of a long table that the page shows; the data set of the same name holds all."""


def how_many_of(rows: pd.DataFrame) -> str:
    """How many rows of a table are shown, in words."""
    return f"{min(SHOWN_ROWS, len(rows)):,} of {len(rows):,}"
