"""A model without labels on 24 series of the Numenta Anomaly Benchmark, made and answered by the product.

Run with ``python -m tests.benchmarks.nab``; the data set ``nab`` must be in a folder ``shared/data`` above. A
device is a series. Windows, relative features, model and ONNX graph are those of a run; one rule for all
series. Prints a JSON line: the score at the model's own threshold and, as the benchmark itself chooses it, at
the best threshold. An alarm is not raised again within twelve hours.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from feature_sets.model_package.onnx_session import OnnxSession
from feature_sets.relative_features import RelativeFeatures
from feature_sets.rows.keyed_rows import KeyedRows
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from feature_sets.windows.arrival_order import windows_as_known
from feature_sets.windows.definition import WindowDefinition
from tests.benchmarks.nab_score import Series, alarms_of, standard_score
from tests.shared_data import data_set
from training.decision.threshold_rules import MAX_F1, ThresholdRule
from training.packaging.onnx_export import export_onnx
from training.unlabeled.fit import fit_unlabeled

REST = np.timedelta64(12, "h")
SCHEMA = TelemetrySchema.from_dict(
    {
        "name": "nab",
        "entity": ["series"],
        "time": "timestamp",
        "metrics": {"value": {}},
        "windows": {"lengths": ["5m", "1h", "4h", "1d"], "period": "5m", "operations": ["avg", "stddev"]},
        "derived": {"relative": {"operations": ["avg", "stddev"], "windows": ["5m", "1h", "4h", "1d"]}},
    }
)


def load(folder: Path) -> tuple[pd.DataFrame, dict[str, Series]]:
    """Readings, by series and time, and what is known of each series."""
    readings = pd.read_parquet(folder / "readings.parquet").sort_values(
        ["series", "timestamp"], kind="stable"
    )
    incidents = pd.read_parquet(folder / "incidents.parquet")
    known = {}
    for name, rows in readings.groupby("series", sort=True):
        times = rows["timestamp"].to_numpy("datetime64[ns]")
        windows = [
            (
                int(np.searchsorted(times, start.to_datetime64(), "left")),
                int(np.searchsorted(times, end.to_datetime64(), "right")) - 1,
            )
            for start, end in incidents.loc[incidents["series"] == name, ["start", "end"]].itertuples(
                index=False
            )
        ]
        known[str(name)] = Series(times, sorted(windows))
    return readings, known


def answers(
    readings: pd.DataFrame, known: dict[str, Series]
) -> tuple[dict[str, npt.NDArray[np.float64]], float]:
    """What the served model says of every row of each series, and its threshold."""
    frame = readings.rename(columns={"series": DEVICE})[[DEVICE, "timestamp", "value"]]
    rows = KeyedRows.of(frame, DEVICE, SCHEMA.time).in_event_order()
    windows = windows_as_known(rows, WindowDefinition.from_schema(SCHEMA), None)
    relative = RelativeFeatures(SCHEMA)
    columns = {name: windows[name].to_numpy() for name in relative.inputs}
    features = rows.frame[[DEVICE, SCHEMA.time]].assign(**relative.of_history(rows, None, columns))
    place = features.groupby(DEVICE).cumcount()
    beginning = features[place < features[DEVICE].map({name: one.probation for name, one in known.items()})]
    made = fit_unlabeled(beginning.assign(**{SCHEMA.target: np.int8(0)}), SCHEMA, ThresholdRule(MAX_F1))
    model = OnnxSession(
        export_onnx(made.pipeline, len(made.schema.inputs), made.schema.calibration, made.schema.threshold)
    )
    probability = pd.Series(model.probability(made.schema.matrix(features)), index=features[DEVICE])
    return {name: probability[name].to_numpy() for name in known}, made.schema.threshold


def measure(folder: Path) -> dict[str, object]:
    """Scores of the model on the series of a folder."""
    readings, known = load(folder)
    said, own = answers(readings, known)
    series = list(known.values())

    def score(threshold: float) -> float:
        return standard_score(
            series, [alarms_of(one, said[name], threshold, REST) for name, one in known.items()]
        )

    every = np.concatenate(list(said.values()))
    tried = np.unique(np.quantile(every, 1.0 - np.geomspace(2e-4, 0.2, 80)))
    best = max(tried, key=score)
    alarms = sum(len(alarms_of(one, said[name], float(best), REST)) for name, one in known.items())
    return {
        "benchmark": "nab",
        "series": len(series),
        "rows": len(every),
        "windows": sum(len(one.windows) for one in series),
        "standard_score": round(score(float(best)), 1),
        "alarms": alarms,
        "score_at_own_threshold": round(score(own), 1),
    }


if __name__ == "__main__":
    print(json.dumps(measure(data_set("nab"))))
