"""Window definitions: where they come from and what they refuse."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from feature_sets.checks import InputError
from feature_sets.device_metrics import device_metrics
from feature_sets.telemetry.schema import TelemetrySchema
from feature_sets.windows.definition import WindowDefinition

SCHEMA = TelemetrySchema.load("")


def definition(**changes: Any) -> WindowDefinition:
    fields: dict[str, Any] = {
        "entity": "device",
        "timestamp": "at",
        "metrics": ("load", "heat"),
        "operations": ("avg", "max"),
        "windows": ("1m", "5m"),
        "period": "10s",
    }
    return WindowDefinition(**{**fields, **changes})


def test_features_have_the_names_and_the_order_of_the_schema() -> None:
    made = WindowDefinition.from_schema(SCHEMA)
    assert made.feature_names == SCHEMA.window_features
    assert made.future_tolerance == SCHEMA.windows.future_tolerance


def test_a_feature_set_of_mlrun_gives_the_same_definition_as_its_schema() -> None:
    feature_set = device_metrics(SCHEMA)
    assert WindowDefinition.from_feature_set(feature_set) == WindowDefinition.from_schema(SCHEMA)
    stored = type(feature_set).from_dict(feature_set.to_dict())
    assert WindowDefinition.from_feature_set(stored) == WindowDefinition.from_schema(SCHEMA)


def feature_set(
    *aggregations: dict[str, Any], entities: tuple[str, ...] = ("device",), key: str = "at"
) -> Any:
    step = SimpleNamespace(class_args={"aggregates": list(aggregations)})
    spec = SimpleNamespace(
        entities=[SimpleNamespace(name=name) for name in entities],
        timestamp_key=key,
        graph=SimpleNamespace(steps={"other": SimpleNamespace(class_args=None), "Aggregates": step}),
    )
    return SimpleNamespace(spec=spec)


def aggregation(column: str = "load", **changes: Any) -> dict[str, Any]:
    fields = {"name": column, "column": column, "operations": ["avg"], "windows": ["1m"], "period": "10s"}
    return {**fields, **changes}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (feature_set(), "'aggregations': must be declared with add_aggregation"),
        (feature_set(aggregation(), entities=("a", "b")), "'entity': must be one entity"),
        (feature_set(aggregation(), key=""), "must be given as timestamp_key"),
        (feature_set(aggregation(name="other")), "must be named as its column, got 'load'"),
        (feature_set(aggregation(period=None)), "must have a period"),
        (
            feature_set(aggregation(), aggregation("heat", windows=["5m"])),
            "aggregation heat.*the same windows",
        ),
        (feature_set(aggregation(), aggregation("heat", operations=["max"])), "the same operations as load"),
        (feature_set(aggregation(), aggregation("heat", period="20s")), "the same period as load"),
    ],
)
def test_a_feature_set_that_cannot_be_followed_is_refused(given: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        WindowDefinition.from_feature_set(given)


def test_buckets_follow_from_the_lengths() -> None:
    made = definition(windows=("5m", "1m"), allowed_lateness="2m")
    assert made.window_buckets == (30, 6)
    assert made.longest_buckets == 30
    assert made.lateness_buckets == 12
    assert definition().lateness_buckets == 30
    assert made.period_micros == 10_000_000
    assert made.tolerance_micros == 60_000_000


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"metrics": ()}, "'metrics': must be a tuple of one or more different names"),
        ({"metrics": ["load"]}, "'metrics': must be a tuple"),
        ({"operations": ("avg", "avg")}, "'operations': must be a tuple of one or more different"),
        ({"operations": ("mode",)}, "'operations': must be among count, .*got 'mode'"),
        ({"windows": ("15s",)}, "'windows': must be a multiple of the period 10s, got '15s'"),
        ({"windows": ("0s",)}, "'windows': must be a multiple of the period"),
        ({"windows": ("one",)}, "'windows': must be a whole number with a unit"),
        ({"period": "0s"}, "'period': must be positive"),
        ({"allowed_lateness": "15s"}, "'allowed_lateness': must be a multiple of the period"),
        ({"allowed_lateness": "10m"}, "'allowed_lateness': must not be longer than the longest window"),
        ({"future_tolerance": "soon"}, "'future_tolerance': must be a whole number with a unit"),
    ],
)
def test_each_broken_rule_names_the_field(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        definition(**changes)
