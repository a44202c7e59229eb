"""The group of a device is its key, a part of it, or the value of a static column."""

import dataclasses

import pytest

from feature_sets.telemetry.schema import TelemetrySchema
from graphs.state.device_group import check_group_column, device_group

SCHEMA = dataclasses.replace(TelemetrySchema.load(), static=("site", "site_type"))


@pytest.mark.parametrize(
    ("column", "group"),
    [
        ("device", "acme/dc1/a"),
        ("company", "acme"),
        ("data_center", "dc1"),
        ("site", "x"),
        ("site_type", "y"),
    ],
)
def test_it_is_the_key_a_part_of_it_or_a_value(column, group):
    features = {"site_type_y": 1, "site_w": 0, "site_x": 1}
    assert check_group_column(column, SCHEMA, "groups") == column
    assert device_group(column, SCHEMA, "acme/dc1/a", features) == group


def test_of_what_is_not_registered_it_is_not_known():
    assert device_group("site", SCHEMA, "acme/dc1/a", {}) == ""
    assert device_group("data_center", SCHEMA, "acme", {}) == ""


def test_another_column_is_refused():
    with pytest.raises(ValueError, match="groups: must be among device, company, data_center"):
        check_group_column("colour", SCHEMA, "groups")
