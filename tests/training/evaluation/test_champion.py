"""The model in production beside a new one."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from feature_sets.checks import InputError
from feature_sets.telemetry.schema import DEVICE
from tests.training.network import make_frame, make_schema
from training.dataset.time_split import split_by_time
from training.evaluation import champion as module
from training.evaluation.comparison import Comparison


def test_what_an_operator_would_have_seen_is_of_the_same_rows_for_both():
    """A device whose rows the champion has learned from begins where it has not."""
    schema = make_schema()
    at = pd.date_range("2024-01-01", periods=400, freq="10s", tz="UTC")
    # Two episodes of each device, apart by more than the longest gap.
    label = np.zeros(400, dtype=int)
    label[50:60] = label[300:310] = 1
    history = pd.concat(
        [pd.DataFrame({DEVICE: name, schema.time: at, schema.label: label}) for name in ("a", "b")],
        ignore_index=True,
    )
    rows = history[(history[DEVICE] == "b") & (history.groupby(DEVICE).cumcount() >= 200)]
    rows = rows.reset_index(drop=True)
    good = rows[schema.label].to_numpy() == 1
    noisy = good.copy()
    noisy[[10, 190]] = True
    starts = module._starts(rows, history, schema.time)
    assert starts["b"] == at[200] and starts["a"] > at[-1]
    found = module.with_caught(
        Comparison("v1"), rows, (good, np.zeros(len(rows), dtype=bool) | noisy), history, schema, starts
    )
    assert (found.caught.episodes, found.caught.caught, found.caught.per_device_day) == (1, 1, 0.0)
    assert (found.champion_caught.episodes, found.champion_caught.caught) == (1, 1)
    assert found.champion_caught.per_device_day == pytest.approx(2 * 86_400 / 1990)
    silent = module.with_caught(Comparison("v1"), rows, (good, ~good & False), history, schema, starts)
    assert (silent.champion_caught.caught, silent.champion_caught.per_device_day) == (0, 0.0)


@pytest.mark.parametrize(("changes", "other"), [({"split": "device_time"}, False), ({"name": "else"}, True)])
def test_another_split_is_no_other_telemetry(monkeypatch, changes, other):
    def absent(*_):
        raise InputError("features", "must hold its inputs heat", "none of that name")

    monkeypatch.setattr(module, "_with_inputs", absent)
    schema = make_schema()
    split = split_by_time(make_frame(), schema)
    known = SimpleNamespace(
        telemetry=schema,
        version="v1",
        training_end=split.train_until.isoformat(),
        trained_devices={},
        unlabeled=False,
    )
    found = module.compare(SimpleNamespace(schema=known), split, None, "uri", make_schema(**changes), 0)
    assert "must hold its inputs heat" in found.comparison.obstacle
    assert found.comparison.other_schema is other
