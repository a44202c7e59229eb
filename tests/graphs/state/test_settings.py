"""Settings of the serving graph: what is refused, and that they travel as JSON."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from feature_sets.checks import InputError
from graphs.state.settings import ServingSettings


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("model_path", ""),
        ("model_name", ""),
        ("label_deadline_seconds", 0),
        ("label_deadline_seconds", math.inf),
        ("ledger_max_size", 0),
        ("journal_max_events", 0),
        ("snapshot_events", 0),
        ("snapshot_seconds", 0),
        ("batch_rows", 0),
        ("batch_rows", 1.5),
        ("batch_seconds", 0.0),
        ("batch_seconds", math.nan),
        ("max_events", -1),
        ("max_body_bytes", True),
        ("callback_url", "runner:8080"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused_by_name(name: str, bad: Any) -> None:
    with pytest.raises(InputError, match=f"argument '{name}': must "):
        ServingSettings(**{"model_path": "m", name: bad})


def test_settings_survive_json() -> None:
    settings = ServingSettings(
        "store://models/p/m",
        devices={"a/1": {"model_x": 1.0}},
        batch_rows=16,
        callback_url="https://runner/runs",
        callback_body={"workflow": "main"},
    )
    assert ServingSettings(**json.loads(json.dumps(settings.to_dict()))) == settings


def test_a_whole_float_counts_as_a_count() -> None:
    settings: Any = {"model_path": "m", "batch_rows": 16.0}
    assert type(ServingSettings(**settings).batch_rows) is int
