"""Tables of which columns write numbers in different ways are refused with the cell and the reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from feature_sets.telemetry.errors import TelemetryError
from feature_sets.telemetry.readers import read_telemetry
from feature_sets.telemetry.schema import TelemetrySchema

DECIMAL = "has a decimal"
THOUSANDS = "has separators of thousands, which are not read"


def read(folder: Path, cells: list[tuple[str, str]], decimal: str, kind: str = "gauge") -> list[list[float]]:
    lines = [f"r1;2026-03-01T00:{at:02}:00Z;{a};{b}" for at, (a, b) in enumerate(cells)]
    (folder / "metrics.csv").write_text("\n".join(["router;at;a;b", *lines]), encoding="utf-8")
    (folder / "labels.csv").write_text("router;at;is_error\nr1;2026-03-01T00:00:00Z;0\n", encoding="utf-8")
    content = {
        "name": "lab",
        "entity": ["router"],
        "time": "at",
        "metrics": {"a": {"kind": kind}, "b": {}},
        "label": "is_error",
        "files": {"separator": ";", "decimal": decimal},
    }
    rows, _ = read_telemetry(folder, TelemetrySchema.from_dict(content))
    return rows.metrics[["b"]].to_numpy().tolist()


@pytest.mark.parametrize(
    ("decimal", "cells", "why"),
    [
        (".", ("1,5", "2.5"), rf"a '1,5' in row 1 of metrics.csv: {DECIMAL} comma"),
        (",", ("1,5", "2.5"), rf"b '2.5' in row 1 of metrics.csv: {DECIMAL} point"),
        (".", ("1,234", "2.5"), rf"a '1,234' .*: {THOUSANDS}, or a decimal comma"),
        (".", ('"1,234"', "2.5"), rf"a '1,234' .*: {THOUSANDS}, or a decimal comma"),
        (",", ("1.234", "2,5"), rf"a '1.234' .*: {THOUSANDS}, or a decimal point"),
        (".", ('"1,234.5"', "2.5"), rf"a '1,234.5' .*: {THOUSANDS}"),
        (",", ("1.234,5", "2,5"), rf"a '1.234,5' .*: {THOUSANDS}"),
        (".", ("1 234", "2.5"), rf"a '1 234' .*: {THOUSANDS}"),
    ],
)
def test_a_table_with_both_signs_or_with_thousands_is_refused_with_the_cell(
    tmp_path: Path, decimal: str, cells: tuple[str, str], why: str
) -> None:
    with pytest.raises(TelemetryError, match=why):
        read(tmp_path, [cells] * 3, decimal)


@pytest.mark.parametrize(
    ("decimal", "cell"), [(".", "1.234"), (",", "1,234"), (".", '"1,234"'), (",", "1.234")]
)
def test_thousands_are_no_counter(tmp_path: Path, decimal: str, cell: str) -> None:
    with pytest.raises(TelemetryError, match=r"not_a_counter: a .*has separators of thousands"):
        read(tmp_path, [(cell, "1")] * 3, decimal, kind="counter")
