"""A counter that a spreadsheet has rounded makes wrong rates, so its cells are refused and it is said why."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from feature_sets.telemetry.cell_numbers import digits_lost, whole_of_text, wholes_of
from feature_sets.telemetry.events import EventError, EventParser
from feature_sets.telemetry.readers import read_telemetry
from feature_sets.telemetry.schema import TelemetrySchema

SCHEMA = {
    "name": "lab",
    "entity": ["router"],
    "time": "at",
    "metrics": {"octets": {"kind": "counter"}, "load": {}},
    "label": "is_error",
}


def folder(path: Path, cells: list[str], separator: str = ",") -> Path:
    times = pd.date_range("2026-03-01T00:00:00Z", periods=len(cells), freq="1min")
    rows = pd.DataFrame({"router": "r1", "at": times, "octets": cells, "load": 1})
    rows.to_csv(path / "metrics.csv", index=False, sep=separator)
    rows[["router", "at"]].assign(is_error=0).to_csv(path / "labels.csv", index=False, sep=separator)
    return path


@pytest.mark.parametrize("decimal", [".", ","])
def test_rounded_cells_are_left_out_with_the_file_the_column_and_the_reason(
    tmp_path: Path, decimal: str
) -> None:
    cells = [f"1{decimal}23E+15"] * 30 + ["99999999999", "100000000001"]
    files = {"separator": ";", "decimal": decimal}
    rows, report = read_telemetry(
        folder(tmp_path, cells, ";"), TelemetrySchema.from_dict({**SCHEMA, "files": files})
    )
    assert report.metrics.rejected == {"not_a_counter": 30}
    assert len(rows.metrics) == 2
    (said,) = report.metrics.mostly_refused.values()
    assert (
        f"octets '1{decimal}23E+15' in row 1 of metrics.csv: was rounded, 13 of its digits are lost" in said
    )


def test_round_numbers_among_others_with_an_exponent_are_taken() -> None:
    # As programs write that leave out nothing but zeros at the end: one in ten has less digits than it needs.
    exact = pa.array(["1.23456789e+08", "1.2345679e+08", "1.2345678e+08", "1.23456788e+08", "1.23456787e+08"])
    assert not wholes_of(exact[:1]).refused.any()
    assert wholes_of(pa.concat_arrays([exact, exact[3:]])).refused.sum() == 0
    assert wholes_of(pa.array(["1.235E+08", "1.234E+08", "17", None])).refused.tolist() == [
        True,
        True,
        False,
        False,
    ]


@pytest.mark.parametrize("text", ["1.23E+15", "1e6", "1.5E+09", "+1.2345E8", "1.23456E+11", "1.e+7"])
def test_a_single_text_is_refused_live_as_in_files(text: str) -> None:
    assert digits_lost(text)
    assert whole_of_text(text) is None
    event = {"router": "r1", "at": "2026-03-01T00:00:00Z", "octets": text, "load": 1}
    with pytest.raises(
        EventError, match=r"octets: must be a whole number .*; it was rounded, .* lost, as a spread"
    ):
        EventParser(TelemetrySchema.from_dict(SCHEMA)).telemetry(event)
    assert wholes_of(pa.array([text])).refused.tolist() == [True]


@pytest.mark.parametrize(
    "text", ["1e3", "1.234567E+06", "1.230000E+06", "1230000", "1230000.0", "9.9e+04", "0e9"]
)
def test_a_text_with_all_of_its_digits_is_taken(text: str) -> None:
    assert not digits_lost(text)
    assert whole_of_text(text) == float(text)
    assert wholes_of(pa.array([text])).values.tolist() == [int(float(text))]


def test_a_gauge_may_be_rounded(tmp_path: Path) -> None:
    content = {**SCHEMA, "metrics": {"octets": {}, "load": {}}}
    rows, _ = read_telemetry(folder(tmp_path, ["1.23E+15"] * 3), TelemetrySchema.from_dict(content))
    assert rows.metrics["octets"].tolist() == [1.23e15] * 3
