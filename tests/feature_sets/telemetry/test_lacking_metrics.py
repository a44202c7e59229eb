"""Devices without any value of a metric are named in one line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from feature_sets.telemetry.lacking_metrics import LackingMetrics
from feature_sets.telemetry.readers import read_telemetry
from feature_sets.telemetry.schema import TelemetrySchema

SCHEMA = TelemetrySchema.from_dict(
    {
        "name": "lab",
        "entity": ["device"],
        "time": "at",
        "metrics": {name: {} for name in ("cpu", "mem", "loss", "rtt")},
        "label": "is_error",
        "labels": {"form": "incidents"},
        "horizon": "0s",
    }
)


def test_a_report_names_the_devices_and_says_how_many_there_are(tmp_path: Path) -> None:
    begin = pd.Timestamp("2026-01-01T00:00:00Z")
    rows = [
        {"device": f"r{number}", "at": begin + pd.Timedelta(minutes=minute), "cpu": 1, "mem": 2, "loss": 0}
        | {"rtt": 5 if minute == 2 else None}
        for number in range(6)
        for minute in range(3)
    ]
    frame = pd.DataFrame(rows)
    frame.loc[frame["device"].isin(["r1", "r2", "r4", "r5"]), "cpu"] = None
    frame.loc[frame["device"] == "r1", "mem"] = None
    (tmp_path / "incidents.csv").write_text("device,start,end\nr1,2026-01-01T00:00:00Z,\n")
    frame.to_csv(tmp_path / "metrics.csv", index=False)
    _, report = read_telemetry(tmp_path, SCHEMA)
    told = "4 of 6 devices never have a value of some metric: cpu of r1, r2, r4 and 1 more; mem of r1"
    assert told in report.metrics.notes
    frame.assign(cpu=1, mem=2).to_csv(tmp_path / "metrics.csv", index=False)
    _, report = read_telemetry(tmp_path, SCHEMA)
    assert not any("never have a value" in note for note in report.metrics.notes)


def test_of_many_metrics_the_first_ones_are_named() -> None:
    found = LackingMetrics(SCHEMA.metrics, 3)
    nothing = pd.DataFrame({name: [np.nan] for name in ("cpu", "mem", "loss", "rtt")})
    found.take(np.array([1]), nothing)
    # The device 2 sends nothing at all, which is told elsewhere.
    found.take(np.array([0]), nothing.assign(cpu=1.0))
    assert found.note(["b", "a", "c"]) == (
        "2 of 2 devices never have a value of some metric: cpu of a; mem of a, b; loss of a, b; "
        "and 1 more metric"
    )
