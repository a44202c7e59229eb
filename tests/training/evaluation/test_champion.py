"""The model in production beside a new one."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from feature_sets.checks import InputError
from tests.training.network import make_frame, make_schema
from training.dataset.time_split import split_by_time
from training.evaluation import champion as module


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
