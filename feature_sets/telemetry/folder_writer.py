"""Writer for a folder of telemetry, as the readers take it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from feature_sets.rows.entity_keys import key_parts
from feature_sets.telemetry.frames import Telemetry
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema


def write_folder(path: str | Path, telemetry: Telemetry, schema: TelemetrySchema | None = None) -> None:
    """Write ``metrics.parquet``, ``labels.parquet`` and ``static.parquet``; the key is split into its levels.

    :param path: folder; made when absent.
    :param schema: schema whose entity columns the key is made of; without it the simulated network's.
    """
    schema = schema or TelemetrySchema.load()
    folder = Path(path)
    folder.mkdir(parents=True, exist_ok=True)
    static = telemetry.static if telemetry.attributes is None else telemetry.attributes
    tables = {"metrics": telemetry.metrics, "labels": telemetry.labels, "static": static}
    for name, frame in tables.items():
        codes, keys = pd.factorize(frame[DEVICE])
        levels = [key_parts(str(key), len(schema.entity), schema.separator) for key in keys]
        parts = {
            column: np.array([level[i] for level in levels], dtype=object)[codes]
            for i, column in enumerate(schema.entity)
        }
        out = pd.concat([pd.DataFrame(parts), frame.drop(columns=DEVICE).reset_index(drop=True)], axis=1)
        out.to_parquet(folder / f"{name}.parquet", index=False)
