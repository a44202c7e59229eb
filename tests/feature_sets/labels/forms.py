"""Random incidents on random readings, and the same in each form in which a user may have them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from feature_sets.telemetry.incident_rows import CANCELLED, END, ID, START, at, incident_types, said
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema

BEGIN = pd.Timestamp("2024-01-01T23:50:00Z")
CONTENT = {
    "name": "tiny",
    "entity": ["site", "box"],
    "time": "timestamp",
    "metrics": {"cpu": {}, "latency": {}},
    "label": "is_error",
    "static": ["model"],
    "windows": {"lengths": ["20s", "1m"], "period": "10s", "operations": ["avg"]},
}
DEVICES = [f"{site}/{box}" for site in ("osl", "bgo") for box in ("a", "b", "c")]


def schema(**labels) -> TelemetrySchema:
    content = {
        **CONTENT,
        **{name: labels.pop(name) for name in ("horizon", "exclude_labels") if name in labels},
    }
    return TelemetrySchema.from_dict({**content, **({"labels": labels} if labels else {})})


def readings(generator: np.random.Generator, rows: int = 200) -> pd.DataFrame:
    """Device, time and metrics, each pair once, not in order."""
    frame = pd.DataFrame(
        {
            DEVICE: generator.choice(DEVICES[:5], rows),
            "timestamp": BEGIN + pd.to_timedelta(generator.integers(0, 1200, rows) * 1_000_000, unit="us"),
            "cpu": generator.normal(50, 10, rows),
            "latency": 1.0,
        }
    )
    return frame.drop_duplicates([DEVICE, "timestamp"], ignore_index=True)


def incidents(generator: np.random.Generator, count: int = 8) -> pd.DataFrame:
    """Device, start, end (NaT while open) and kind; some overlap, some are of no reading."""
    starts = BEGIN + pd.to_timedelta(generator.integers(-300, 1300, count), unit="s")
    ends = starts + pd.to_timedelta(generator.integers(0, 400, count), unit="s")
    return pd.DataFrame(
        {
            DEVICE: generator.choice(DEVICES, count),
            "start": starts,
            "end": pd.Series(ends).mask(pd.Series(generator.random(count) < 0.2)),
            "kind": generator.choice(["link", "test"], count),
        }
    )


def inside(rows: pd.DataFrame, given: pd.DataFrame, tolerance: float = 0.0) -> np.ndarray:
    """Whether each row lies in an incident: the slow and obvious way."""
    early = pd.Timedelta(seconds=tolerance)
    return np.array(
        [
            any(
                one.device == row.device
                and one.start - early <= row.timestamp
                and (pd.isna(one.end) or row.timestamp < one.end)
                for one in given.itertuples()
            )
            for row in rows.itertuples()
        ],
        dtype=bool,
    )


def incident_frame(given: pd.DataFrame, of: TelemetrySchema, source: str = "incidents.csv") -> pd.DataFrame:
    """Incidents with the columns that the reader gives them."""
    filled = {
        at(DEVICE): given[DEVICE],
        START: given["start"],
        END: given["end"],
        said("kind"): given["kind"],
    }
    columns = {}
    for name, kind in incident_types(of).items():
        default = {"source": source, "row": np.arange(len(given)), CANCELLED: False}.get(name)
        column = filled.get(name, given.get(name, default))
        columns[name] = pd.Series(column, index=given.index, dtype="object").astype(kind)
    frame = pd.DataFrame(columns)
    return frame.assign(**{ID: frame[ID].where(frame[ID].notna(), None)})
