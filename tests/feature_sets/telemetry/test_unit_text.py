"""Numbers with a unit behind are numbers in the unit of their metric, or are refused with the reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from feature_sets.telemetry.events import EventError, EventParser
from feature_sets.telemetry.readers import read_telemetry
from feature_sets.telemetry.schema import TelemetrySchema
from feature_sets.telemetry.unit_text import number_in_unit, unit_hint


def schema(unit: str, **more: Any) -> TelemetrySchema:
    base = {"name": "lab", "entity": ["box"], "time": "at", "metrics": {"x": {"unit": unit}}, "label": "bad"}
    return TelemetrySchema.from_dict({**base, **more})


@pytest.mark.parametrize(
    ("text", "unit", "number"),
    [
        ("12.3%", "%", 12.3),
        ("12.3 %", "percent", 12.3),
        ("35 ms", "ms", 35.0),
        ("1.2 s", "ms", 1200.0),
        ("250 \u00b5s", "ms", 0.25),
        ("2 min", "s", 120.0),
        ("1.2 Mb/s", "Mbit/s", 1.2),
        ("1.2 Gbps", "Mbit/s", 1200.0),
        ("1 MB/s", "Mbit/s", 8.0),
        ("1 MiB/s", "bit/s", 8 * 1024.0**2),
        ("3 kBps", "B/s", 3000.0),
        ("1.5 GiB", "MiB", 1536.0),
        ("5 kpps", "pps", 5000.0),
        ("3 mW", "W", 0.003),
        ("-40 dBm", "dBm", -40.0),
        ("\u22124.5e-1 dB", "dB", -0.45),
        ("36.6 \u00b0C", "\u00b0C", 36.6),
        ("5 KB", "KB", 5.0),
    ],
)
def test_a_number_with_a_unit_is_in_that_of_its_metric(text: str, unit: str, number: float) -> None:
    assert number_in_unit(text, unit) == pytest.approx(number, rel=1e-15)
    body = {"device": "a", "at": "2024-05-01T12:00:00Z", "x": text}
    assert EventParser(schema(unit)).telemetry(body).metrics["x"] == number_in_unit(text, unit)


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("35 ms", ""),
        ("35 ms", "%"),
        ("5 KB/s", "B/s"),  # 1000 or 1024?
        ("5 m", "s"),  # Minutes or metres?
        ("1 Mb", "Mbit/s"),  # A volume is no rate.
        ("1 h 20 min", "s"),
        ("1.2 K", "pps"),
        ("20 \u00b0F", "\u00b0C"),
        ("1,234 ms", "ms"),
        ("1 234 ms", "ms"),
        ("ms", "ms"),
        ("0x1F", "x1F"),
        ("5E+", "E+9"),
        ("inf ms", "ms"),
        ("1.2.3 ms", "ms"),
        ("9" * 100 + " ms", "ms"),
    ],
)
def test_what_may_be_another_number_is_refused_live_and_in_files(
    tmp_path: Path, text: str, unit: str
) -> None:
    assert number_in_unit(text, unit) is None
    body = {"device": "a", "at": "2024-05-01T12:00:00Z", "x": text}
    with pytest.raises(EventError, match="x: must be a finite number or null"):
        EventParser(schema(unit)).telemetry(body)
    rows = f'box,at,x\na,2024-05-01T12:00:00Z,1\na,2024-05-01T12:01:00Z,"{text}"\n'
    (tmp_path / "metrics.csv").write_text(rows, encoding="utf-8")
    (tmp_path / "labels.csv").write_text("box,at,bad\na,2024-05-01T12:00:00Z,0\n", encoding="utf-8")
    telemetry, report = read_telemetry(tmp_path, schema(unit))
    assert telemetry.metrics["x"].tolist() == [1.0]
    assert report.metrics.rejected == {"not_a_number": 1}


def test_the_reason_says_what_to_do() -> None:
    assert unit_hint("35 ms", "") == ("has the unit 'ms', and the metric names none (unit) to convert it to")
    assert unit_hint("35 KB", "B") == "has the unit 'KB', which may be 1000 or 1024 bytes"
    assert "cannot be converted to the unit of the metric, 'ms'" in unit_hint("5 %", "ms")
    assert unit_hint("high", "ms") == unit_hint("5", "ms") == ""
    with pytest.raises(EventError, match="it has the unit '%', which cannot be converted"):
        EventParser(schema("ms")).telemetry({"device": "a", "at": "2024-05-01T12:00:00Z", "x": "5 %"})


def test_a_file_mixes_units_and_decimal_commas(tmp_path: Path) -> None:
    rows = "box;at;x\n" + "".join(
        f"a;2024-05-01T12:0{minute}:00Z;{cell}\n"
        for minute, cell in enumerate(["1,5 s", "35 ms", "7,25", "n/a", "1.5 s"])
    )
    (tmp_path / "metrics.csv").write_text(rows, encoding="utf-8")
    (tmp_path / "labels.csv").write_text("box,at,bad\na,2024-05-01T12:00:00Z,0\n", encoding="utf-8")
    files = {"separator": {"metrics": ";"}, "decimal": {"metrics": ","}}
    telemetry, report = read_telemetry(tmp_path, schema("ms", files=files))
    assert telemetry.metrics["x"].tolist()[:3] == [1500.0, 35.0, 7.25]
    assert telemetry.metrics["x"].isna().tolist() == [False, False, False, True]
    assert report.metrics.rejected == {"not_a_number": 1}


def test_in_a_long_layout_each_metric_has_its_own_unit(tmp_path: Path) -> None:
    rows = "box,at,metric,value\n" + "".join(
        f"a,2024-05-01T12:00:00Z,{name},{value}\n" for name, value in (("rtt", "1.2 s"), ("loss", "3 %"))
    )
    (tmp_path / "metrics.csv").write_text(rows, encoding="utf-8")
    (tmp_path / "labels.csv").write_text("box,at,bad\na,2024-05-01T12:00:00Z,0\n", encoding="utf-8")
    both = {"rtt": {"unit": "ms"}, "loss": {"unit": "%"}}
    telemetry, report = read_telemetry(tmp_path, schema("", metrics=both, files={"layout": "long"}))
    assert telemetry.metrics[["rtt", "loss"]].to_numpy().tolist() == [[1200.0, 3.0]]
    assert not report.metrics.rejected
