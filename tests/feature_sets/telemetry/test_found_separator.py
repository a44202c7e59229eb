"""CSV files with a separator that no schema says: each is read by its own, or refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from feature_sets.telemetry.errors import TelemetryError
from feature_sets.telemetry.found_separator import form_of_file
from feature_sets.telemetry.readers import read_telemetry
from feature_sets.telemetry.schema import TelemetrySchema

CONTENT: dict[str, Any] = {
    "name": "mobile",
    "entity": ["site"],
    "time": "ts",
    "metrics": {"prb": {}},
    "label": "bad",
    "maintenance": {},
    "rename": {"Ne Name": "site", "DL,prb": "prb"},
}
AT = "2024-01-01T00:00:00Z"


def schema(**fields: Any) -> TelemetrySchema:
    return TelemetrySchema.from_dict({**CONTENT, **fields})


def written(folder: Path, header: str, row: str, separator: str) -> Path:
    (folder / "metrics").mkdir()
    (folder / "metrics" / "a.csv").write_text(f"site,ts,prb\ns0,{AT},0.5\n")
    (folder / "metrics" / "b.csv").write_text(f"{header}\n{row}\n".replace("!", separator))
    (folder / "labels.csv").write_text(f"site!ts!bad\ns0!{AT}!1\n".replace("!", separator))
    (folder / "maintenance.csv").write_text(f"Ne Name!start!end\ns0!{AT}!\n".replace("!", separator))
    return folder


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize(
    "header", ["site!ts!prb", "\ufeffNe Name!ts!prb", '"Ne Name"!"ts"!"prb"', "# kpis\nsite!ts!prb"]
)
def test_the_separator_of_each_file_is_found_by_its_header(
    tmp_path: Path, header: str, separator: str
) -> None:
    found, _ = read_telemetry(written(tmp_path, header, f"s1!{AT}!2.5", separator), schema())
    assert found.metrics[["device", "prb"]].to_numpy().tolist() == [["s0", 0.5], ["s1", 2.5]]
    assert found.labels["bad"].tolist() == [1] and len(found.maintenance) == 1


def test_columns_of_the_schema_decide_and_not_the_number_of_marks(tmp_path: Path) -> None:
    folder = written(tmp_path, "site;ts;DL,prb;a,b,c,d", f"s1;{AT};2.5;", ";")
    found, _ = read_telemetry(folder, schema())
    assert found.metrics["prb"].tolist() == [0.5, 2.5]


def test_a_header_without_a_column_of_the_schema_is_refused(tmp_path: Path) -> None:
    folder = written(tmp_path, "one;two;three", "1;2;3", ";")
    with pytest.raises(TelemetryError, match=r"metrics/b\.csv: must have ',' between its cells.* have ';'"):
        read_telemetry(folder, schema())


def test_a_separator_that_the_schema_says_is_not_looked_for(tmp_path: Path) -> None:
    folder = written(tmp_path, "site!ts!prb", f"s1!{AT}!2.5", "|")
    with pytest.raises(TelemetryError, match=r"labels\.csv: must have ';' between its cells"):
        read_telemetry(folder, schema(files={"separator": {"labels": ";"}}))


def test_where_nothing_decides_it_is_a_comma(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    for header in ("", "site", "site,x;ts", "a;b"):
        path.write_text(header)
        assert form_of_file(path, path.name, schema()) == schema().files


def test_a_decimal_comma_in_a_file_of_another_separator_is_named(tmp_path: Path) -> None:
    _, report = read_telemetry(written(tmp_path, "site!ts!prb", f"s1!{AT}!2,5", ";"), schema())
    assert report.metrics.rejected == {"not_a_number": 1}
    assert report.metrics.samples["not_a_number"] == (
        "prb '2,5' in row 1 of metrics/b.csv: has a decimal comma (files.decimal in the schema says which)"
    )
