from __future__ import annotations

import pytest

from feature_sets.checks import InputError
from feature_sets.telemetry.errors import SchemaError
from feature_sets.telemetry.readers import read_telemetry
from feature_sets.telemetry.schema import TelemetrySchema
from feature_sets.telemetry.split_rule import SplitRule

CONTENT = {
    "name": "lab",
    "entity": ["site", "box"],
    "time": "at",
    "metrics": {"load": None},
    "label": "bad",
    "static": ["model"],
}
TEXTS = [
    "time",
    "device_time",
    "first_rows:400",
    "column:part",
    "devices",
    "devices:oslo/1,oslo/2",
    "group:site",
    "group:site=oslo,rome",
]


@pytest.mark.parametrize("text", TEXTS)
def test_a_rule_is_the_same_as_text_and_as_mapping(text):
    rule = SplitRule.parse(text)
    assert str(rule) == text
    assert SplitRule.from_content(rule.to_dict()) == rule == SplitRule.from_content(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "must be among time, device_time"),
        ("Time", "must be among time, device_time"),
        ("time:3", "must not be given to split by time"),
        ("device_time:a", "must not be given to split by device_time"),
        ("first_rows", "must be a whole number of at least 1"),
        ("first_rows:-4", "must be a whole number of at least 1"),
        ("first_rows:1e3", "must be a whole number of at least 1"),
        (f"first_rows:{'9' * 5000}", "must be a whole number of at least 1"),
        ("group", "must be a column name"),
        ("group:a b", "must be a column name"),
        ("column:train", ""),
    ],
)
def test_a_text_that_is_no_rule_is_refused_with_what_was_given(text, said):
    if not said:
        assert SplitRule.parse(text).column == "train"
        return
    with pytest.raises(InputError, match=said) as refused:
        SplitRule.parse(text, "workflow parameter 'split'")
    assert (refused.value.where, refused.value.got) == ("workflow parameter 'split'", text)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"column": "site"}, "split.column': must not be given to split by time"),
        ({"by": "time", "rows": 5}, "split.rows': must not be given to split by time"),
        ({"by": "first_rows", "rows": 1.5}, "split.rows': must be a whole number"),
        ({"by": "column", "train": ["a"], "test": ["a"]}, "split.test': must have no value that split.train"),
        ({"by": "devices", "test": [None]}, "split.test': must be a list of names"),
        ({"by": "group", "column": "site", "sides": 2}, "split': must be among by, column"),
        ({"by": "column", "column": "at"}, "split': must name a column of the labels"),
        (["time"], "split': must be a mapping"),
    ],
)
def test_a_schema_says_which_field_of_its_split_is_wrong(content, said):
    with pytest.raises(SchemaError, match=said):
        TelemetrySchema.from_dict({**CONTENT, "split": content})


def test_a_schema_that_says_nothing_of_it_is_as_it_was():
    schema = TelemetrySchema.from_dict(CONTENT)
    assert "split" not in schema.to_dict()
    assert TelemetrySchema.from_dict({**CONTENT, "split": "time"}) == schema


def test_the_column_of_a_group_is_kept_beside_the_devices():
    schema = TelemetrySchema.from_dict({**CONTENT, "split": {"by": "group", "column": "cable"}})
    assert schema.attributes == ("model", "cable") and schema.static == ("model",)
    assert TelemetrySchema.from_dict(schema.to_dict()) == schema
    of_key = TelemetrySchema.from_dict({**CONTENT, "split": "group:site"})
    assert of_key.attributes == ("model",)


def test_bare_numbers_of_yaml_are_the_text_of_the_file():
    rule = SplitRule.from_content({"by": "column", "column": "fold", "train": [1, 2], "test": 3})
    assert (rule.train, rule.test) == (("1", "2"), ("3",))


def test_labels_that_are_made_of_incidents_have_no_column():
    labels = {"form": "incidents"}
    with pytest.raises(SchemaError, match="split': must name a column of the labels"):
        TelemetrySchema.from_dict({**CONTENT, "labels": labels, "split": "column:part"})


def test_the_reader_keeps_the_column_that_says_the_part(tmp_path):
    (tmp_path / "metrics.csv").write_text("site,box,at,load\noslo,1,2024-01-01T00:00:00Z,1\n")
    (tmp_path / "static.csv").write_text("site,box,model,cable\noslo,1,m,c7\n")
    (tmp_path / "labels.csv").write_text("site,box,at,bad,part\noslo,1,2024-01-01T00:00:00Z,1,007\n")
    by_column = TelemetrySchema.from_dict({**CONTENT, "split": "column:part"})
    assert read_telemetry(tmp_path, by_column)[0].labels["part"].tolist() == ["007"]
    by_group = TelemetrySchema.from_dict({**CONTENT, "split": "group:cable"})
    found = read_telemetry(tmp_path, by_group)[0]
    assert found.static["cable"].tolist() == ["c7"] and "part" not in found.labels
