"""Static columns that are no inputs of models: they are checked, kept, and no history depends on them."""

from __future__ import annotations

from typing import Any

import pytest

from feature_sets.telemetry.schema import SchemaError, TelemetrySchema

CONTENT: dict[str, Any] = {
    "name": "site",
    "entity": ["device"],
    "time": "time",
    "metrics": {"cpu": {}},
    "static": ["site", "role"],
}


def test_a_schema_keeps_them_and_a_history_does_not_depend_on_them() -> None:
    plain, found = (TelemetrySchema.from_dict({**CONTENT, **more}) for more in ({}, {"no_inputs": ["site"]}))
    assert found.no_inputs == ("site",)
    assert TelemetrySchema.from_dict(found.to_dict()) == found
    assert "no_inputs" not in plain.to_dict()
    assert found.history_content() == plain.history_content()


@pytest.mark.parametrize("given", [["cpu"], ["site", "site"]])
def test_they_are_static_columns_each_once(given: list[str]) -> None:
    with pytest.raises(SchemaError, match=r"no_inputs.*must be columns of static, each once"):
        TelemetrySchema.from_dict({**CONTENT, "no_inputs": given})
