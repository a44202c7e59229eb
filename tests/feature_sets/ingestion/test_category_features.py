"""Static values of any kind as features: names that every store takes, each value its own."""

from __future__ import annotations

import re
from pathlib import Path

import mlrun.feature_store as fstore
import pandas as pd
import pytest

from feature_sets.checks import InputError
from feature_sets.devices import devices
from feature_sets.ingestion.telemetry_ingest import ingest_telemetry
from feature_sets.telemetry.readers import read_telemetry
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema

VALUES = [
    "v1.10",
    "v1.1",
    "A/B",
    '19" rack',
    "two\nlines",
    "edge-200",
    "edge_200",
    "edge 200",
    "edge__200",
    "Zürich",
    "''; --",
    "x" * 300,
    "007",
    "7",
]

SCHEMA = TelemetrySchema.from_dict(
    {
        "name": "values",
        "entity": ["device"],
        "time": "at",
        "metrics": {"cpu": {}},
        "label": "bad",
        "static": ["kind"],
    }
)


def write(folder: Path) -> Path:
    keys = pd.DataFrame(
        {"device": [f"d{place}" for place in range(len(VALUES))], "at": "2024-01-01T00:00:00Z"}
    )
    keys.assign(cpu=1.0).to_csv(folder / "metrics.csv", index=False)
    keys.assign(bad=0).to_csv(folder / "labels.csv", index=False)
    keys[["device"]].assign(kind=VALUES).to_csv(folder / "static.csv", index=False)
    return folder


@pytest.mark.parametrize("engine", ["vectorized", "storey"])
def test_each_value_is_a_feature_of_a_plain_name_that_says_what_it_is_of(
    tmp_path: Path, project: str, engine: str
) -> None:
    rows, report = read_telemetry(write(tmp_path), SCHEMA)
    assert report.static.rows_accepted == len(VALUES)
    ingest_telemetry(rows, SCHEMA, engine)
    stored = fstore.get_feature_set("devices")
    described = {
        feature.name: feature.description for feature in stored.spec.features if feature.name != DEVICE
    }
    assert sorted(described.values()) == sorted(f"kind = {value}" for value in VALUES)
    assert all(re.fullmatch(r"kind_[A-Za-z0-9_]+", name) and len(name) < 60 for name in described)
    frame = stored.to_dataframe()
    assert (frame[list(described)].sum(axis=1) == 1).all()
    assert (frame[list(described)].sum(axis=0) == 1).all()
    where = {description: name for name, description in described.items()}
    for place, value in enumerate(VALUES):
        assert frame.loc[f"d{place}", where[f"kind = {value}"]] == 1


def test_a_value_that_would_make_another_feature_is_refused() -> None:
    static = pd.DataFrame({DEVICE: ["a"], "cpu": ["avg-1m"]})
    schema = TelemetrySchema.from_dict(
        {**SCHEMA.to_dict(), "metrics": {"cpu_avg": {}, "load": {}}, "static": ["cpu"]}
    )
    devices(schema, static)
    clash = TelemetrySchema.from_dict({**SCHEMA.to_dict(), "metrics": {"kind_cpu": {}}})
    with pytest.raises(InputError, match=r"static column 'kind': must not make the feature kind_cpu_avg_1m"):
        devices(clash, pd.DataFrame({DEVICE: ["a"], "kind": ["cpu-avg-1m"]}))
