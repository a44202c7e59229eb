"""The rows that a reader asks about first: the worst false alarms, missed episodes, and the best catches."""

from __future__ import annotations

import numpy as np
import pandas as pd

from feature_sets.model_package.columns import PROBABILITY
from feature_sets.telemetry.schema import DEVICE
from training.dataset.device_times import DeviceTimes, moments_of
from training.evaluation.episode_view import EpisodeView

CASE = "case"
FALSE_ALARM, MISSED, CAUGHT, ALARM = "false alarm", "missed episode", "caught episode", "alarm"
MOST = 5
"""Rows of each kind."""


def notable_rows(predictions: pd.DataFrame, time: str, view: EpisodeView, labeled: bool) -> pd.DataFrame:
    """The row of the highest probability in each of a few false alarms and episodes.

    :param predictions: of an evaluation: device, time, probability and inputs.
    :param time: name of the time column.
    :param view: episodes and alarms of the same rows.
    :param labeled: whether labels tell which alarms are false; without, all are alarms.
    :returns: some of the predictions, with ``case``: false alarms and caught episodes with the highest
        probabilities, missed episodes with the lowest ones; at most ``MOST`` of each.
    """
    ahead = pd.Timedelta(seconds=view.horizon_seconds)
    counted = view.counted
    caught = counted["caught"].astype(bool)
    alarm = FALSE_ALARM if labeled else ALARM
    # Of episodes ahead the rows before them count, without the first of the error itself.
    kinds = (
        (alarm, view.false_alarms, False),
        (MISSED, counted[~caught], True),
        (CAUGHT, counted[caught], True),
    )
    parts = []
    for case, stretches, episodes in kinds:
        before = episodes and bool(view.horizon_seconds)
        rows = predictions.iloc[_highest(predictions, time, stretches, ahead if before else None)]
        order = rows.sort_values([PROBABILITY, time, DEVICE], ascending=[case == MISSED, True, True])
        order = order.drop_duplicates([DEVICE, time])
        parts.append(order.head(MOST).assign(**{CASE: case}))
    return pd.concat(parts, ignore_index=True)


def _highest(
    predictions: pd.DataFrame, time: str, stretches: pd.DataFrame, ahead: pd.Timedelta | None
) -> list[int]:
    """Position of the row of the highest probability in each stretch, or in the time ahead of it.

    A stretch without a row has none.
    """
    names = pd.Index(sorted({*predictions[DEVICE], *stretches[DEVICE]}))
    device, moments = names.get_indexer(predictions[DEVICE]).astype(np.intp), moments_of(predictions[time])
    order = np.lexsort((moments, device))
    rows = DeviceTimes(device[order], moments[order])
    of, start = names.get_indexer(stretches[DEVICE]).astype(np.intp), moments_of(stretches["start"])
    if ahead is None:
        first, after = rows.first_at(of, start), rows.first_after(of, moments_of(stretches["end"]))
    else:
        first, after = rows.first_at(of, start - ahead.value), rows.first_at(of, start)
    probability = predictions[PROBABILITY].to_numpy()[order]
    return [
        int(order[begin + np.argmax(probability[begin:end])])
        for begin, end in zip(first, after, strict=True)
        if begin < end
    ]
