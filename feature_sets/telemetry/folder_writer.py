"""Writer for a folder of telemetry, as the readers take it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from feature_sets.rows.entity_keys import key_parts
from feature_sets.telemetry.frames import Telemetry
from feature_sets.telemetry.links import BEGINNING, OPEN, GivenLinks
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from feature_sets.telemetry.topology import Topology


def write_folder(path: str | Path, telemetry: Telemetry, schema: TelemetrySchema | None = None) -> None:
    """Write ``metrics.parquet``, ``labels.parquet`` and ``static.parquet``, and links if there are any.

    The key is split into its levels.

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
    if telemetry.links is not None and schema.topology is not None:
        link_rows(telemetry.links, schema.topology).to_parquet(folder / "topology.parquet", index=False)


def link_rows(given: GivenLinks, topology: Topology) -> pd.DataFrame:
    """Links as a table has them."""
    rows = [(*pair, *span) for pair, spans in given.links.items() for span in spans]
    frame = pd.DataFrame(rows, columns=[*topology.ends, topology.valid_from, topology.valid_until])
    times = [topology.valid_from, topology.valid_until]
    if not given.timed:
        return frame.drop(columns=times)
    for column, unbounded in zip(times, (BEGINNING, OPEN), strict=True):
        told = frame[column].where(frame[column] != unbounded)
        frame[column] = pd.to_datetime(told, unit="us", utc=True)
    return frame
