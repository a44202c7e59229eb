"""The telemetry schema: what it derives, and what it refuses with which words."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from feature_sets.telemetry.each_horizon import ahead_targets, by_horizon
from feature_sets.telemetry.errors import SchemaError
from feature_sets.telemetry.schema import DEFAULT_SCHEMA_PATH, TelemetrySchema
from feature_sets.telemetry.schema_content import file_content
from feature_sets.telemetry.window_settings import OPERATIONS

SMALL: dict[str, Any] = {
    "name": "lab",
    "entity": ["device"],
    "time": "at",
    "metrics": {"load": {"unit": "%", "range": [0, 100]}, "heat": None},
    "label": "broken",
}


def changed(**fields: Any) -> dict[str, Any]:
    return {**copy.deepcopy(SMALL), **fields}


def test_window_features_go_by_metric_then_operation_then_window() -> None:
    schema = TelemetrySchema.from_dict(
        changed(windows={"lengths": ["1m", "5m"], "period": "10s", "operations": ["avg", "max"]})
    )
    assert schema.window_features[:5] == (
        "load_avg_1m",
        "load_avg_5m",
        "load_max_1m",
        "load_max_5m",
        "heat_avg_1m",
    )
    assert schema.longest_window_seconds == 300


def test_the_default_schema_is_the_simulated_network() -> None:
    schema = TelemetrySchema.load("")
    assert schema == TelemetrySchema.from_yaml(DEFAULT_SCHEMA_PATH)
    assert schema.entity == ("company", "data_center", "device")
    assert len(schema.window_features) == 4 * 4 * 2


def test_a_schema_survives_its_own_yaml(tmp_path: Path) -> None:
    schema = TelemetrySchema.from_dict(
        changed(
            static=["role"],
            population={"in_service": True},
            exclude_labels={"near_event": 1},
            assume_timezone="UTC",
            arrival="received",
            separator=":",
        )
    )
    path = tmp_path / "schema.yaml"
    path.write_text(yaml.safe_dump(schema.to_dict(), sort_keys=False), encoding="utf-8")
    assert TelemetrySchema.from_yaml(path) == schema
    assert TelemetrySchema.load(schema.to_dict()) == schema


def test_a_schema_without_a_label_has_incidents_that_nobody_has_told_yet() -> None:
    schema = TelemetrySchema.from_dict({k: v for k, v in SMALL.items() if k != "label"})
    assert (schema.label, schema.target, schema.labels.form) == ("is_error", "is_error", "incidents")
    assert TelemetrySchema.from_dict(schema.to_dict()) == schema
    # With a label, labels are rows as ever.
    assert TelemetrySchema.from_dict(changed()).labels.form == "rows"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ([], "'schema': must be a mapping"),
        (changed(colour="red"), "must be among .*got 'colour'"),
        ({k: v for k, v in SMALL.items() if k != "time"}, "'time': is required"),
        (changed(name="Lab 1"), "lower-case letters, digits and dashes"),
        (changed(name=3), "'name': must be text, got 3"),
        (changed(entity=[]), "'entity': must name at least one column"),
        (changed(entity="device"), "'entity': must be a list of names"),
        (changed(entity=["a", "a"]), "must not repeat a column"),
        (changed(entity=["load"]), "must not be the time, the arrival, the label or a metric, got 'load'"),
        (changed(metrics={}), "must name at least one metric"),
        (changed(metrics={"load": {"range": [5, 5]}}), "low < high, got"),
        (changed(metrics={"load": {"range": [0]}}), r"must be \[low, high\]"),
        (changed(metrics={"load": {"range": [0, "x"]}}), "must hold numbers or null"),
        (
            changed(metrics={"load": {"colour": "red"}}),
            "must be among bits, kind, max_rate, no_value, optional, range, scale, unit, values",
        ),
        (changed(metrics={"t_load": None}), "which MLRun reserves"),
        (changed(metrics={"load": {"optional": "yes"}}), r"metrics\.load\.optional.: must be true or false"),
        (changed(metrics={"my load": None}), "letters, digits and underscores"),
        (changed(label="load"), "must have different names, got 'load'"),
        (changed(static=["device"]), "must have different names, got 'device'"),
        (changed(static=["load_avg_1m"]), "name of a generated feature"),
        (changed(assume_timezone="Oslo"), "must be UTC, the name of a zone"),
        (changed(assume_timezone="../etc/passwd"), "must be UTC, the name of a zone"),
        (changed(arrival="a b"), "arrival"),
        (changed(arrival="device"), "must not be the time, the arrival"),
        (changed(arrival="at"), "must have different names"),
        (changed(windows={"lengths": []}), "must name at least one window"),
        (changed(windows={"lengths": ["1m", "1m"]}), "must not repeat a window"),
        (changed(windows={"lengths": ["15s"], "period": "10s"}), "multiple of the period 10s, got '15s'"),
        (changed(windows={"period": "0s"}), "must be positive"),
        (changed(windows={"operations": ["mode"]}), "must be among count, .*got 'mode'"),
        (changed(windows={"operations": []}), "each once"),
        (changed(windows={"future_tolerance": 60}), "future_tolerance"),
    ],
)
def test_each_broken_rule_names_the_field_and_what_came(content: Any, words: str) -> None:
    with pytest.raises(SchemaError, match=words):
        TelemetrySchema.from_dict(content)


def test_a_file_that_cannot_be_read_is_a_schema_error(tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match="must be a readable YAML file"):
        TelemetrySchema.from_yaml(tmp_path / "none.yaml")
    broken = tmp_path / "broken.yaml"
    broken.write_text("name: [", encoding="utf-8")
    with pytest.raises(SchemaError, match="must be valid YAML"):
        TelemetrySchema.from_yaml(broken)


def test_a_file_is_read_anew_and_what_was_read_is_not_shared(tmp_path: Path) -> None:
    file = tmp_path / "schema.yaml"
    file.write_text("metrics: {cpu: null}", encoding="utf-8")
    first = file_content(file)
    first["metrics"]["cpu"] = "changed"
    assert file_content(file) == {"metrics": {"cpu": None}}
    file.write_text("metrics: {mem: null}", encoding="utf-8")
    assert file_content(file) == {"metrics": {"mem": None}}


def test_every_operation_of_storey_can_be_asked_for() -> None:
    schema = TelemetrySchema.from_dict(changed(windows={"operations": list(OPERATIONS)}))
    assert len(schema.window_features) == 2 * len(OPERATIONS) * 2


def test_several_horizons_are_one_list_and_one_of_a_list_is_that_one() -> None:
    several = TelemetrySchema.from_dict(changed(horizon=["0s", "10m", "1h"]))
    assert (several.horizon, several.further_horizons) == ("0s", ("10m", "1h"))
    assert several.to_dict()["horizon"] == ["0s", "10m", "1h"]
    assert TelemetrySchema.from_dict(several.to_dict()) == several
    one = TelemetrySchema.from_dict(changed(horizon="10m"))
    assert TelemetrySchema.from_dict(changed(horizon=["10m"])) == one
    assert one.to_dict()["horizon"] == "10m"
    assert by_horizon(several)["10m"] == one and by_horizon(one) == {"10m": one}
    assert ahead_targets(several) == ("broken_within_10m", "broken_within_1h")
    embargoes = [each.embargo_seconds for each in by_horizon(several).values()]
    assert [embargo - embargoes[0] for embargo in embargoes] == [0, 600, 3600]


@pytest.mark.parametrize(
    ("horizon", "words"),
    [
        ([], "must be one, or a list of 1 to 6"),
        ([f"{minutes}m" for minutes in range(7)], "must be one, or a list of 1 to 6"),
        (["10m", "600s"], "must be in ascending order, each length once"),
        (["1h", "10m"], "must be in ascending order, each length once"),
        (["0s", "10"], "must be a whole number with a unit"),
        (["0s", 10], "must be a whole number with a unit"),
        ({"10m": 1}, "must be a whole number with a unit"),
        (["0s", None], "must be a whole number with a unit"),
    ],
    ids=str,
)
def test_horizons_that_say_nothing_clear_are_refused(horizon: Any, words: str) -> None:
    with pytest.raises(SchemaError, match=f"schema field 'horizon': {words}"):
        TelemetrySchema.from_dict(changed(horizon=horizon))
