"""Keys whose parts have the usual separator in them: what is proposed, and what is told of a rejected row."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import yaml

from feature_sets.rows.entity_keys import free_separator
from feature_sets.telemetry.errors import TelemetryError
from feature_sets.telemetry.inspection.folder_check import check_folder
from feature_sets.telemetry.readers import read_telemetry
from feature_sets.telemetry.schema import TelemetrySchema


def interfaces(folder: Path, name: str = "ethernet-1/{}", column: str = "interface_name") -> Path:
    """Three devices with two interfaces each, whose names repeat from device to device."""
    rows = [
        {
            column: name.format(port),
            "source": f"leaf{device}:57400",
            "time": f"2026-03-01T00:{minute:02}:00Z",
            "load": minute % 7 + 0.5,
        }
        for minute in range(30)
        for device in range(3)
        for port in range(2)
    ]
    pd.DataFrame(rows).to_csv(folder / "metrics.csv", index=False)
    start, end = "2026-03-01T00:05:00Z", "2026-03-01T00:09:00Z"
    pd.DataFrame([{"source": "leaf1:57400", "start": start, "end": end}]).to_csv(
        folder / "incidents.csv", index=False
    )
    return folder


@pytest.mark.parametrize("column", ["interface_name", "ifName", "port"])
def test_the_device_is_the_outer_level_and_the_separator_is_in_no_key(tmp_path: Path, column: str) -> None:
    check = check_folder(interfaces(tmp_path, column=column))
    text = check.schema_text()
    assert text is not None
    schema = TelemetrySchema.from_dict(yaml.safe_load(text))
    assert (schema.entity, schema.separator) == (("source", column), "|")
    assert any(f"'{column}' ('ethernet-1/0') have '/'" in sentence for sentence in check.proposal.decide)
    rows, report = read_telemetry(tmp_path, schema)
    assert not report.metrics.rejected
    assert "leaf1:57400|ethernet-1/0" in set(rows.metrics["device"])


def test_nothing_is_said_of_the_separator_where_the_usual_one_will_do(tmp_path: Path) -> None:
    check = check_folder(interfaces(tmp_path, "eth{}"))
    assert "separator" not in check.proposal.fields
    assert not any("separator" in sentence for sentence in check.proposal.decide)


def test_values_with_every_separator_are_told(tmp_path: Path) -> None:
    check = check_folder(interfaces(tmp_path, "/|:::;@~#||{}"))
    assert "separator" not in check.proposal.fields
    assert any("a separator is needed that no value has" in sentence for sentence in check.proposal.decide)
    assert free_separator(["a/b", "c|d"]) == ":"


def test_a_rejected_key_names_the_remedy(tmp_path: Path) -> None:
    schema = TelemetrySchema.from_dict(
        {
            "name": "lab",
            "entity": ["interface_name", "source"],
            "time": "time",
            "metrics": {"load": {}},
            "label": "is_error",
            "labels": {"form": "incidents", "scope": ["source"]},
        }
    )
    with pytest.raises(TelemetryError, match=r"separator_in_key.*such as separator: '\|'"):
        read_telemetry(interfaces(tmp_path), schema)
