from __future__ import annotations

import pandas as pd
import pytest

from feature_sets.checks import InputError
from feature_sets.ingestion.device_timeline import DeviceTimeline
from feature_sets.telemetry.schema import DEVICE
from tests.training.network import make_schema
from training.dataset import device_groups as module
from training.dataset.device_groups import device_groups

URI = "store://feature-vectors/lab/device_features"
KEYS = ["oslo/1", "oslo/2", "rome/1"]


@pytest.fixture
def attributes(monkeypatch):
    """Each cable joins two devices; one device moved, one has none."""
    rows = pd.DataFrame(
        [("oslo/1", "c1"), ("oslo/2", "c2"), ("oslo/2", "c3"), ("rome/1", None), ("rome/2", "c3")],
        columns=[DEVICE, "cable"],
    )
    asked = []
    monkeypatch.setattr(module.fstore, "get_feature_set", asked.append)
    monkeypatch.setattr(DeviceTimeline, "of", lambda _: DeviceTimeline(rows, rows, rows))
    return asked


def test_a_device_is_a_group_of_its_own_or_belongs_to_a_part_of_its_key():
    schema = make_schema()
    assert device_groups(URI, schema, DEVICE, KEYS) == {key: key for key in KEYS}
    assert device_groups(URI, schema, "site", KEYS) == {"oslo/1": "oslo", "oslo/2": "oslo", "rome/1": "rome"}
    assert device_groups(URI, schema, "unit", KEYS) == {"oslo/1": "1", "oslo/2": "2", "rome/1": "1"}


def test_an_attribute_groups_devices_over_all_time(attributes):
    schema = make_schema(split={"by": "group", "column": "cable"})
    found = device_groups(URI, schema, "cable", [*KEYS, "rome/2"])
    assert found == {"oslo/1": "c1", "oslo/2": "c2", "rome/2": "c2"}
    assert attributes == ["store://feature-sets/lab/devices"]


def test_a_group_that_is_named_keeps_its_name_when_a_device_moves_to_another(attributes):
    schema = make_schema(split={"by": "group", "column": "cable", "test": ["c3"]})
    found = device_groups(URI, schema, "cable", [*KEYS, "rome/2"], schema.split.test)
    assert found == {"oslo/1": "c1", "oslo/2": "c3", "rome/2": "c3"}


def test_an_attribute_that_the_history_lacks_is_refused_with_those_it_has(attributes):
    schema = make_schema(population={"cable": "c1"}, split={"by": "group", "column": "rack"})
    with pytest.raises(InputError, match=r"groups: must be by .* of the history \(cable\), got 'rack'"):
        device_groups(URI, schema, "rack", KEYS)
