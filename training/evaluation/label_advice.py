"""Which labels would help most: what a person should look at first.

Of readings without a label those that the model calls an error come first: each is a new error episode, or a
false alarm to learn from. Elsewhere a label is worth most where the decision is least sure: by calibrated
probabilities p, so many rows are decided wrongly as the sum of p below the threshold and of 1 - p above it
(uncertainty sampling: D. Lewis and W. Gale 1994, "A sequential algorithm for training text classifiers",
SIGIR).
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from feature_sets.model_package.columns import PROBABILITY
from feature_sets.telemetry.schema import DEVICE

ALARM, UNLABELED, NO_ERRORS = "unlabeled alarm", "unlabeled readings", "device without errors"
COLUMNS = ["kind", DEVICE, "start", "end", "rows", PROBABILITY, "expected_wrong"]
MOST = 20
"""Of each kind."""


def label_advice(
    unlabeled: pd.DataFrame, tested: pd.DataFrame, time: str, label: str, threshold: float, apart_seconds: int
) -> pd.DataFrame:
    """Stretches and devices that labels are wanted of, the most useful first.

    :param unlabeled: device, time and probability of the newest readings without a label.
    :param tested: device, time, probability and label of the test rows.
    :param time: name of the time column.
    :param label: name of the label column.
    :param threshold: of the model.
    :param apart_seconds: alarms of a device further apart are two stretches.
    :returns: ``COLUMNS``. A row is a run of readings without a label that are called an error, by its highest
        probability; or all readings without a label of a device, or the test rows of a device of which no
        error is known, by ``expected_wrong``: how many of them are decided wrongly, as the model itself
        expects. ``probability`` is the highest of them.
    """
    unlabeled = _with_expected(unlabeled, threshold)
    tested = _with_expected(tested, threshold)
    alarms = unlabeled[(unlabeled[PROBABILITY] >= threshold).to_numpy()].sort_values([DEVICE, time])
    steps = alarms.groupby(DEVICE, sort=False, observed=True)[time].diff()
    run = (steps.isna() | (steps > pd.Timedelta(seconds=apart_seconds))).cumsum().rename("run")
    healthy = tested[~tested.groupby(DEVICE)[label].transform("max").to_numpy(dtype=bool)]
    parts = [
        _told(ALARM, alarms, [DEVICE, run], time, PROBABILITY),
        _told(UNLABELED, unlabeled, [DEVICE], time, "expected_wrong"),
        _told(NO_ERRORS, healthy, [DEVICE], time, "expected_wrong"),
    ]
    return pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)


def _with_expected(rows: pd.DataFrame, threshold: float) -> pd.DataFrame:
    """The rows with the chance that the decision on each is wrong."""
    probability = rows[PROBABILITY].to_numpy(dtype=np.float64)
    return rows.assign(expected_wrong=np.where(probability >= threshold, 1.0 - probability, probability))


def _told(kind: str, rows: pd.DataFrame, by: list[str | pd.Series], time: str, rank: str) -> pd.DataFrame:
    """A row for each part, those of the highest rank first."""
    groups = rows.groupby(by, sort=True, observed=True)
    found = groups.agg(
        start=(time, "min"),
        end=(time, "max"),
        rows=(time, "size"),
        **{PROBABILITY: (PROBABILITY, "max"), "expected_wrong": ("expected_wrong", "sum")},
    )
    table = found.reset_index(level=0).assign(kind=kind)[COLUMNS]
    return table.sort_values(rank, ascending=False, kind="stable", ignore_index=True).head(MOST)
