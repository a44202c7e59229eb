"""Rows of a feature set of one's own: two probes in turn, with a column of every type."""

from __future__ import annotations

import numpy as np
import pandas as pd


def probe_rows(times: pd.DatetimeIndex) -> pd.DataFrame:
    """Six rows at these times."""
    return pd.DataFrame(
        {
            "probe": ["b", "a", "b", "a", "b", "a"],
            "at": times,
            "loss": [0.5, 1.0, np.nan, 3.0, 4.0, 5.0],
            "note": ["x", None, "y", "12", "z", "w"],
            "hops": np.arange(6),
            "up": [True, False] * 3,
        }
    )
