"""The incident of each reading is the one that a loop over all of them finds."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from feature_sets.labels.covered import FOREVER, DeviceIncidents, covering
from feature_sets.telemetry.incident_rows import ID, incident_types, no_incidents, said
from feature_sets.telemetry.schema import TelemetrySchema

OF = TelemetrySchema.from_dict(
    {
        "name": "site",
        "entity": ["device"],
        "time": "time",
        "metrics": {"cpu": {}},
        "label": "is_error",
        "labels": {"form": "incidents"},
        "exclude_labels": {"kind": "test"},
    }
)


@pytest.mark.parametrize("seed", range(10))
def test_of_several_the_one_that_is_left_out_counts_else_the_one_that_began_first(seed: int) -> None:
    random = np.random.default_rng([seed, 11])
    readings, count = int(random.integers(0, 60)), int(random.integers(0, 15))
    codes, micros = random.integers(0, 3, readings), random.integers(0, 30, readings)
    start = random.integers(-5, 35, count)
    end = np.where(random.random(count) < 0.2, FOREVER, start + random.integers(1, 12, count))
    # An incident of several devices occurs for each of them.
    found = DeviceIncidents(random.integers(0, 3, count), start, end, random.integers(0, count, count))
    frame = pd.DataFrame(
        {
            **{name: pd.Series([None] * count) for name in no_incidents(OF)},
            ID: [f"i{number}" for number in random.permutation(count)],
            said("kind"): random.choice(["test", "fault"], count),
        }
    )[list(incident_types(OF))]
    which = covering(codes, micros, found, frame, OF)
    for code, moment, row in zip(codes, micros, which, strict=True):
        inside = [
            (frame[said("kind")][of] != "test", begin, until, frame[ID][of], of)
            for at, begin, until, of in zip(found.codes, found.start, found.end, found.row, strict=True)
            if at == code and begin <= moment < until
        ]
        assert row == (min(inside)[-1] if inside else -1)
