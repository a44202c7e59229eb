"""The scores of each device: a good one overall may hide devices on which a model is of no use."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.metrics import average_precision_score

from feature_sets.model_package.columns import PROBABILITY
from feature_sets.telemetry.schema import DEVICE
from training.evaluation.episode_view import EpisodeView


def device_scores(
    devices: pd.Series, labels: pd.Series, probability: pd.Series, predicted: pd.Series, view: EpisodeView
) -> pd.DataFrame:
    """Scores, episodes and false alarms of each device.

    The first four arguments are aligned by position: row i of each is of the same test row, in any order, and
    their indexes are not looked at.

    :param devices: of each test row, shape (n,).
    :param labels: 0 or 1, shape (n,).
    :param probability: of an error, shape (n,).
    :param predicted: 0 or 1, shape (n,).
    :param view: episodes and alarms of the same rows.
    :returns: device, rows, positives, alarms (rows), precision, recall, average_precision (missing where
        there is no alarm, no error, only one class), days, episodes (that count), episodes_caught,
        false_alarms (runs), false_alarms_per_day (missing without days); sorted by device.
    """
    table = pd.DataFrame(
        {
            DEVICE: devices.to_numpy(),
            "positives": labels.to_numpy(np.int64),
            "alarms": predicted.to_numpy(np.int64),
            "hits": (labels.to_numpy() == 1) & (predicted.to_numpy() == 1),
            PROBABILITY: probability.to_numpy(),
        }
    )
    groups = table.groupby(DEVICE, sort=True)
    found = groups[["positives", "alarms", "hits"]].sum()
    found.insert(0, "rows", groups.size())
    found["precision"] = found["hits"] / found["alarms"].where(found["alarms"] > 0)
    found["recall"] = found["hits"] / found["positives"].where(found["positives"] > 0)
    found["average_precision"] = pd.Series(
        {
            device: float(average_precision_score(rows["positives"], rows[PROBABILITY]))
            for device, rows in groups
            if 0 < rows["positives"].sum() < len(rows)
        },
        dtype=np.float64,
    )
    found["days"] = view.devices.set_index(DEVICE)["days"]
    counted = view.counted
    for name, rows in (
        ("episodes", counted),
        ("episodes_caught", counted[counted["caught"]]),
        ("false_alarms", view.false_alarms),
    ):
        found[name] = rows[DEVICE].value_counts().reindex(found.index, fill_value=0).astype(np.int64)
    found["false_alarms_per_day"] = found["false_alarms"] / found["days"].where(found["days"] > 0)
    return found.drop(columns="hits").rename_axis(DEVICE).reset_index()
