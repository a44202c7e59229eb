"""Tables that describe a training set: class balance, histograms, missing values, correlations."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

BINS = 20
_DECADES = 3
"""Powers of ten that the middle 98 % of positive values span from which on bins are as wide on that scale."""


def class_balance(frame: pd.DataFrame, label: str) -> pd.DataFrame:
    """Rows and share of each class: columns class, rows, share."""
    counts = frame[label].value_counts().reindex([0, 1], fill_value=0)
    return pd.DataFrame(
        {"class": [0, 1], "rows": counts.to_numpy(), "share": counts.to_numpy() / max(len(frame), 1)}
    )


def feature_summary(frame: pd.DataFrame, names: Sequence[str], label: str) -> pd.DataFrame:
    """One row a feature: missing rows and share, minimum, mean, maximum, mean in each class.

    A feature without any reading has NaN in all but the first columns.
    """
    values = frame[list(names)].astype(np.float64)
    missing = values.isna().sum()
    by_class = values.groupby(frame[label]).mean()
    return pd.DataFrame(
        {
            "feature": list(names),
            "missing": missing.to_numpy(),
            "missing_share": missing.to_numpy() / max(len(frame), 1),
            "min": values.min().to_numpy(),
            "mean": values.mean().to_numpy(),
            "max": values.max().to_numpy(),
            "mean_healthy": by_class.reindex([0, 1]).loc[0].to_numpy(),
            "mean_error": by_class.reindex([0, 1]).loc[1].to_numpy(),
        }
    )


def class_histograms(frame: pd.DataFrame, names: Sequence[str], label: str, bins: int = BINS) -> pd.DataFrame:
    """Histogram of each feature in each class, over common bins.

    Bins are equally wide; of values over several powers of ten, such as bit error rates, in their logarithm.
    Else nearly all of these were in the first bin.

    :returns: columns feature, left, right, healthy, error; the last two are shares of the class's known
        readings, so that a rare class can be compared. A feature without any reading has no rows.
    """
    is_error = frame[label].to_numpy() == 1
    tables = []
    for name in names:
        values = frame[name].to_numpy(dtype=np.float64, na_value=np.nan)
        known = ~np.isnan(values)
        if not known.any():
            continue
        edges = _edges(values[known], bins)
        shares = []
        for members in (~is_error, is_error):
            counts, _ = np.histogram(values[known & members], bins=edges)
            shares.append(counts / max(int(counts.sum()), 1))
        tables.append(
            pd.DataFrame(
                {
                    "feature": name,
                    "left": edges[:-1],
                    "right": edges[1:],
                    "healthy": shares[0],
                    "error": shares[1],
                }
            )
        )
    columns = ["feature", "left", "right", "healthy", "error"]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=columns)


def _edges(values: npt.NDArray[np.float64], bins: int) -> npt.NDArray[np.float64]:
    low, high = np.quantile(values, [0.01, 0.99])
    if values.min() <= 0 or high < low * 10**_DECADES:
        return np.histogram_bin_edges(values, bins=bins)
    edges = np.geomspace(values.min(), values.max(), bins + 1)
    edges[[0, -1]] = values.min(), values.max()  # It may miss them by a rounding.
    return edges


def correlations(frame: pd.DataFrame, names: Sequence[str], label: str) -> pd.DataFrame:
    """Pearson correlation of every pair of features and the label, over rows where both are known.

    :returns: square, features and then the label; NaN where a column is constant or has no reading.
    """
    columns = [*names, label]
    return frame[columns].astype(np.float64).corr()
