"""What a model would have alarmed in a stretch of the past, and how right it was by what was known then."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from feature_sets.labels.excluded import excluded_rows
from feature_sets.model_package.columns import PREDICTION
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from project.replay.instance import Played
from project.replay.recording import Recording
from training.evaluation.episode_view import EpisodeView, lag_column
from training.evaluation.episodes import ALARM, episode_view


@dataclass(frozen=True)
class Stretch:
    """The stretch of time that was played: [start, end).

    :param label_delay_seconds: how long after its event, and after the horizon, a label became known.
    """

    start: pd.Timestamp
    end: pd.Timestamp
    label_delay_seconds: float


def outcome(
    played: Played, recording: Recording, schema: TelemetrySchema, stretch: Stretch
) -> dict[str, Any]:
    """Facts of a replay, the same each time: nothing that became known at or after its end is used.

    A reading is judged if its label could be known by the end, its device has labels, it is of the
    population, and its label is not excluded. Episodes and false alarms are those of judged readings.

    :returns: a JSON-able document.
    """
    rows = _rows(played, schema)
    population = recording.of_population(schema)
    judged = _judged(rows, population, schema, stretch)
    alarms = rows[rows[ALARM]]
    view = _view(judged, population, schema, stretch.start)
    return {
        "readings": len(played.readings),
        "statuses": dict(sorted(Counter(each[2] for each in played.readings).items())),
        "rejected": dict(sorted(played.rejected.items())),
        "predicted": len(rows),
        "alarms": len(alarms),
        "devices_with_alarms": int(alarms[DEVICE].nunique()),
        "labels": {
            "known": int(played.labels.total()),
            "joined": played.joined,
            "statuses": dict(sorted(played.labels.items())),
            "rejected": int(played.rejected_labels.total()),
        },
        "judged": len(judged),
        **_scores(rows, population.labels, schema),
        **(view.describe() if view is not None else {}),
        "devices": _by_device(rows, view, lag_column(schema.horizon_seconds)),
    }


def _rows(played: Played, schema: TelemetrySchema) -> pd.DataFrame:
    """Readings that got a prediction: device, time, prediction, alarm."""
    frame = pd.DataFrame(
        [(device, time, made) for device, time, _, made, _ in played.readings if made is not None],
        columns=[DEVICE, schema.time, PREDICTION],
    )
    times = pd.to_datetime(frame[schema.time], format="ISO8601", utc=True).dt.as_unit("ns")
    columns: dict[str, Any] = {schema.time: times, ALARM: frame[PREDICTION] == 1}
    return frame.assign(**columns)


def _judged(
    rows: pd.DataFrame, recording: Recording, schema: TelemetrySchema, stretch: Stretch
) -> pd.DataFrame:
    history, key = recording.label_history, [DEVICE, schema.time]
    delay = pd.Timedelta(seconds=stretch.label_delay_seconds + schema.horizon_seconds)
    kept = (rows[schema.time] + delay < stretch.end) & rows[DEVICE].isin(history[DEVICE])
    excluded = history[excluded_rows(history, schema)]
    if len(excluded):
        kept &= ~_keys(rows, schema).isin(_keys(excluded, schema))
    return rows.loc[kept, [*key, ALARM]]


def _keys(rows: pd.DataFrame, schema: TelemetrySchema) -> pd.MultiIndex:
    return pd.MultiIndex.from_arrays([rows[DEVICE], rows[schema.time].dt.as_unit("us")])


def _view(
    judged: pd.DataFrame, recording: Recording, schema: TelemetrySchema, start: pd.Timestamp
) -> EpisodeView | None:
    """Episodes and false alarms; None if no reading can be judged."""
    if judged.empty:
        return None
    labels = recording.label_history
    label = labels[schema.label].to_numpy(dtype=np.float64, na_value=np.nan)
    known = labels[[DEVICE, schema.time]].assign(
        **{
            schema.time: labels[schema.time].dt.as_unit("ns"),
            schema.label: np.where(excluded_rows(labels, schema), np.nan, label),
        }
    )
    return episode_view(judged, known, schema, start, recording.spans)


def _scores(rows: pd.DataFrame, labels: pd.DataFrame, schema: TelemetrySchema) -> dict[str, Any]:
    """Precision and recall on the readings whose labels were known by the end; None where undefined."""
    known = labels[labels[schema.target].notna() & ~excluded_rows(labels, schema)]
    truth = pd.Series(known[schema.target].to_numpy(dtype=np.float64), index=_keys(known, schema))
    found = truth.reindex(_keys(rows, schema)).to_numpy()
    labeled = ~np.isnan(found)
    error, alarm = found[labeled] == 1, rows[ALARM].to_numpy(dtype=bool)[labeled]
    hits = int((error & alarm).sum())
    return {
        "labeled": int(labeled.sum()),
        "true_positives": hits,
        "false_positives": int((~error & alarm).sum()),
        "false_negatives": int((error & ~alarm).sum()),
        "true_negatives": int((~error & ~alarm).sum()),
        "precision": hits / int(alarm.sum()) if alarm.any() else None,
        "recall": hits / int(error.sum()) if error.any() else None,
    }


def _by_device(rows: pd.DataFrame, view: EpisodeView | None, lag: str) -> list[dict[str, Any]]:
    """Each device that got a prediction, in order of its key."""
    readings, alarms = rows.groupby(DEVICE).size(), rows.groupby(DEVICE)[ALARM].sum()
    counted = view.counted if view is not None else pd.DataFrame(columns=[DEVICE, "caught", lag])
    false = view.false_alarms[DEVICE].value_counts() if view is not None else pd.Series(dtype=int)
    days = view.devices.set_index(DEVICE)["days"] if view is not None else pd.Series(dtype=float)
    table = []
    for device in sorted(readings.index):
        own = counted[counted[DEVICE] == device]
        caught = own[own["caught"].astype(bool)]
        observed, wrong = float(days.get(device, 0.0)), int(false.get(device, 0))
        table.append(
            {
                DEVICE: device,
                "readings": int(readings[device]),
                "alarms": int(alarms[device]),
                "episodes": len(own),
                "caught": len(caught),
                "missed": len(own) - len(caught),
                f"median_{lag}": float(caught[lag].median()) if len(caught) else None,
                "false_alarms": wrong,
                "days": observed,
                "false_alarms_per_device_day": wrong / observed if observed else None,
            }
        )
    return table
