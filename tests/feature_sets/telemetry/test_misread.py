"""Ordinary data that was once misread in silence: read right now, or refused with file, column and sample."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from feature_sets.device_labels import within_population
from feature_sets.labels.excluded import excluded_rows
from feature_sets.model_package import columns
from feature_sets.telemetry.errors import SchemaError, TelemetryError
from feature_sets.telemetry.events import EventParser
from feature_sets.telemetry.readers import read_telemetry
from feature_sets.telemetry.reserved_names import OF_PREDICTIONS, RESERVED
from feature_sets.telemetry.schema import TelemetrySchema

AT = "2024-01-01T00:00:00Z"
METRICS = f"device,ts,cpu\nr1,{AT},1\nr2,{AT},2\n"
LABELS = f"device,ts,bad\nr1,{AT},0\nr2,{AT},1\n"


def folder(
    path: Path, metrics: str = METRICS, labels: str = LABELS, static: str = "device\nr1\nr2\n"
) -> Path:
    for name, text in (("metrics", metrics), ("labels", labels), ("static", static)):
        (path / f"{name}.csv").write_text(text, encoding="utf-8")
    return path


def schema(**fields: Any) -> TelemetrySchema:
    content = {"name": "n", "entity": ["device"], "time": "ts", "metrics": {"cpu": {}}, "label": "bad"}
    return TelemetrySchema.from_dict({**content, **fields})


def test_epoch_nanoseconds_beside_an_empty_cell_find_their_readings(tmp_path: Path) -> None:
    nanos = 1704067200123456789 + np.arange(2000) * 10**9
    metrics = "device,ts,cpu\n" + "".join(f"r1,{time},1\n" for time in nanos) + "r1,,2\n"
    labels = "device,ts,bad\n" + "".join(f"r1,{time},0\n" for time in nanos)
    rows, report = read_telemetry(folder(tmp_path, metrics, labels), schema())
    assert rows.metrics["ts"].equals(rows.labels["ts"])
    assert report.labels.values == {}
    assert report.metrics.rejected == {"unparsable_time": 1}


@pytest.mark.parametrize("kind", [pa.int64(), pa.uint64()])
def test_keys_near_two_to_the_53_stay_apart_beside_an_empty_one(tmp_path: Path, kind: pa.DataType) -> None:
    one, other = 2**53, 2**53 + 1
    times = pa.array(pd.to_datetime([AT, AT]))
    keys = pa.array([other, None], kind)
    pq.write_table(pa.table({"device": keys, "ts": times, "cpu": [1.0, 2.0]}), tmp_path / "metrics.parquet")
    pq.write_table(pa.table({"device": keys, "ts": times, "bad": [1, 0]}), tmp_path / "labels.parquet")
    pq.write_table(pa.table({"device": pa.array([one, other], kind)}), tmp_path / "static.parquet")
    rows, report = read_telemetry(tmp_path, schema())
    assert rows.metrics["device"].tolist() == [str(other)]
    assert report.metrics.rejected == {"missing_device": 1}
    assert EventParser(schema()).telemetry({"device": other, "ts": AT, "cpu": 1}).device == str(other)


@pytest.mark.parametrize(
    ("cells", "value", "excluded"),
    [
        (("01", "1"), "01", [True, False]),
        (("01", "1"), 1, [False, True]),
        (("yes", "no"), True, [True, False]),
        (("Yes", "off"), "yes", [True, False]),
        (("True", "False"), False, [False, True]),
        (("on", "0"), 1, [True, False]),
        (("1.10", "1.1"), "1.10", [True, False]),
        (("1.10", "1.1"), 1.1, [False, True]),
        (("007", "7"), "007", [True, False]),
        (("planned", ""), "planned ", [True, False]),
    ],
)
@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_values_of_the_schema_are_compared_as_text_with_one_rule_for_truth_values(
    tmp_path: Path, kind: str, cells: tuple[str, str], value: Any, excluded: list[bool]
) -> None:
    labels = f"device,ts,bad,why\nr1,{AT},0,{cells[0]}\nr2,{AT},1,{cells[1]}\n"
    static = f"device,why\nr1,{cells[0]}\nr2,{cells[1]}\n"
    made = folder(tmp_path, labels=labels, static=static)
    if kind == "parquet":
        for name in ("labels", "static"):
            frame = pd.read_csv(made / f"{name}.csv", dtype={"why": str}, keep_default_na=False)
            frame.to_parquet(made / f"{name}.parquet")
            (made / f"{name}.csv").unlink()
    chosen = schema(exclude_labels={"why": value}, population={"why": value})
    rows, report = read_telemetry(made, chosen)
    assert excluded_rows(rows.labels, chosen).tolist() == excluded
    assert (len(within_population(chosen, rows.labels, rows.static)) == 1) is True
    assert not any("is in no row" in note for part in report.files for note in part.notes)


def test_typed_values_follow_the_same_rule(tmp_path: Path) -> None:
    made = folder(tmp_path)
    (made / "labels.csv").unlink()
    times = pd.to_datetime([AT, AT])
    for cells in (pa.array([1, 0], pa.int8()), pa.array([True, False]), pa.array([1.0, 0.0])):
        table = pa.table({"device": ["r1", "r2"], "ts": times, "bad": [0, 1], "why": cells})
        pq.write_table(table, made / "labels.parquet")
        for value in (True, 1, "yes", "1"):
            chosen = schema(exclude_labels={"why": value})
            rows, _ = read_telemetry(made, chosen)
            assert excluded_rows(rows.labels, chosen).tolist() == [True, False]


@pytest.mark.parametrize("value", [None, "", " ", ["a", "b"], {"a": 1}, float("nan")])
def test_a_value_that_no_cell_can_have_is_refused_when_the_schema_is_read(value: Any) -> None:
    for name in ("population", "exclude_labels"):
        with pytest.raises(SchemaError, match=rf"'{name}.site': must be text, a number or a truth value"):
            schema(**{name: {"site": value}})


def test_a_value_that_no_row_has_is_told_with_those_that_are_there(tmp_path: Path) -> None:
    made = folder(tmp_path, static="device,site\nr1,007\nr2,008\n")
    _, report = read_telemetry(made, schema(population={"site": 7}, exclude_labels={"bad": 2}))
    assert "population site: 7 is in no row; there are '007', '008'" in report.static.notes
    assert "exclude_labels bad: 2 is in no row; there are 0, 1" in report.labels.notes


def test_versions_stay_apart_and_a_lone_category_is_told(tmp_path: Path) -> None:
    static = "device,os\n" + "".join(f"r{number},{'1.10' if number else '1.1'}\n" for number in range(8))
    rows, report = read_telemetry(folder(tmp_path, static=static), schema(static=["os"]))
    assert rows.static["os"].tolist() == ["1.1", *["1.10"] * 7]
    assert "os: one device only has '1.1'" in report.static.notes


@pytest.mark.parametrize(
    "fields",
    [
        *({"metrics": {name: {}}} for name in sorted(RESERVED)),
        {"label": "prediction"},
        {"time": "predicted_at"},
        {"arrival": "labeled_at"},
        {"exclude_labels": {"version": 1}},
    ],
    ids=str,
)
def test_names_that_the_product_writes_are_refused_when_the_schema_is_read(fields: dict[str, Any]) -> None:
    with pytest.raises(SchemaError, match="which NetOps uses itself; use 'rename' for another name"):
        schema(**fields)


def test_every_column_that_a_model_adds_is_reserved() -> None:
    assert {name for key, name in vars(columns).items() if key.isupper()} == OF_PREDICTIONS


def test_rename_is_the_way_out_for_files_and_live_events(tmp_path: Path) -> None:
    metrics = f"device,when seen,version,if.octets\nr1,{AT},3,4\nr2,{AT},5,6\n"
    renamed = schema(
        metrics={"firmware": {}, "octets": {}},
        rename={"version": "firmware", "if.octets": "octets", "when seen": "ts"},
    )
    rows, report = read_telemetry(folder(tmp_path, metrics), renamed)
    assert rows.metrics["firmware"].tolist() == [3.0, 5.0]
    assert rows.metrics["octets"].tolist() == [4.0, 6.0]
    assert not report.metrics.notes
    parser = EventParser(renamed)
    event = parser.telemetry({"device": "r1", "when seen": AT, "version": 3, "if.octets": 4})
    assert event == parser.telemetry({"device": "r1", "ts": AT, "firmware": 3, "octets": 4})
    assert TelemetrySchema.from_dict(renamed.to_dict()) == renamed
    both = folder(tmp_path, f"device,ts,version,firmware,octets\nr1,{AT},3,4,5\n")
    with pytest.raises(
        TelemetryError, match=r"metrics\.csv, column 'firmware': must not be beside 'version'"
    ):
        read_telemetry(both, renamed)


@pytest.mark.parametrize(
    ("rename", "rule"),
    [
        ({"a": "b", "b": "c"}, "rename.a': must be a name that is not renamed itself, but 'b' is, to 'c'"),
        ({"a": 1}, "rename.a': must be the one name that the column has"),
    ],
)
def test_a_new_name_is_text_and_stays(rename: dict[str, Any], rule: str) -> None:
    with pytest.raises(SchemaError, match=rule):
        schema(rename=rename)


def test_a_word_for_no_value_leaves_the_rest_of_its_row(tmp_path: Path) -> None:
    metrics = f'device,ts,cpu,mem\nr1,{AT},NIL,3\nr2,{AT},4,-\nr3,{AT},"1,5",5\n'
    rows, report = read_telemetry(folder(tmp_path, metrics), schema(metrics={"cpu": {}, "mem": {}}))
    assert rows.metrics[["cpu", "mem"]].fillna(-1.0).to_numpy().tolist() == [[-1.0, 3.0], [4.0, -1.0]]
    assert report.metrics.rejected == {"not_a_number": 1}
    sample = "cpu '1,5' in row 3 of metrics.csv: has a decimal comma (files.decimal in the schema says which)"
    assert report.metrics.samples["not_a_number"] == sample


def test_files_are_read_or_told(tmp_path: Path) -> None:
    made = folder(tmp_path)
    (made / "metrics.csv").unlink()
    for number, name in enumerate(("0.csv", "day=2/0.csv", "day=3/more/0.csv", "2.csv.gz")):
        path = made / "metrics" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        times = [f"2024-01-0{number + 1}T00:00:00Z"] * 2
        pd.DataFrame({"device": ["r1", "r2"], "ts": times, "cpu": 1}).to_csv(path, index=False)
    (made / "metrics" / "3.txt").write_text("device,ts,cpu\n", encoding="utf-8")
    (made / "counters.parquet").write_bytes(b"")
    (made / "README.md").write_text("no data", encoding="utf-8")
    rows, report = read_telemetry(made, schema())
    assert len(rows.metrics) == 8
    told = "2 files are of no table and not read: counters.parquet, metrics/3.txt"
    assert told in report.metrics.notes


def test_the_folder_of_a_partition_gives_its_column(tmp_path: Path) -> None:
    made = folder(tmp_path, static="site,device\noslo,r1\nrome,r1\n")
    for name in ("metrics", "labels"):
        text = (made / f"{name}.csv").read_text(encoding="utf-8").splitlines()[:2]
        (made / f"{name}.csv").unlink()
        for site in ("oslo", "rome"):
            below = made / name / f"site={site}"
            below.mkdir(parents=True)
            (below / "0.csv").write_text("\n".join(text) + "\n", encoding="utf-8")
    rows, _ = read_telemetry(made, schema(entity=["site", "device"]))
    assert rows.metrics["device"].tolist() == ["oslo/r1", "rome/r1"]


def test_columns_that_nobody_uses_are_told(tmp_path: Path) -> None:
    made = folder(tmp_path, metrics=f"device,ts,cpu,memory,note\nr1,{AT},1,2,x\n")
    assert read_telemetry(made, schema())[1].metrics.notes == ["not used by the schema: memory, note"]


def test_a_device_column_that_a_live_event_must_not_have_is_told(tmp_path: Path) -> None:
    made = folder(tmp_path)
    for name in ("metrics", "labels"):
        lines = (made / f"{name}.csv").read_text(encoding="utf-8").splitlines()
        (made / f"{name}.csv").write_text(
            f"{lines[0].replace('device', 'router')},device\n{lines[1]},cisco\n"
        )
    rows, report = read_telemetry(made, schema(entity=["router"]))
    assert len(rows.metrics) == 1
    unused, live = report.metrics.notes
    assert unused == "not used by the schema: device"
    assert "with 'device' beside the entity columns is refused" in live


@pytest.mark.parametrize(
    ("metrics", "match"),
    [
        (
            f"device,ts,cpu\nr1,{AT},1,2\n",
            rf"metrics\.csv, line 2: must have 3 cells, as the header has, got '4: r1,{AT},1,2'",
        ),
        (f"device,ts,cpu,cpu\nr1,{AT},1,2\n", r"metrics\.csv: must have columns of different names.*cpu"),
        (
            "device,ts,cpu\nr1,20240101,1\n",
            r"unparsable_time: ts '20240101' in row 1 of metrics\.csv.*dashes",
        ),
        ("device,ts,cpu\nr1,2024-01-01T00:00:00,1\n", r"naive_time: .*assume_timezone: UTC"),
        (f"device,ts,cpu\nr1,{AT},high\n", r"not_a_number: cpu 'high' in row 1 of metrics\.csv"),
        (f"device,ts,cpu\nr9,{AT},1\n", r"unknown_device: device 'r9' in row 1"),
    ],
)
def test_what_is_refused_names_file_column_rule_and_a_sample(
    tmp_path: Path, metrics: str, match: str
) -> None:
    with pytest.raises(TelemetryError, match=match):
        read_telemetry(folder(tmp_path, metrics), schema())


def test_a_point_is_no_number_where_commas_are_declared(tmp_path: Path) -> None:
    form = {"files": {"separator": ";", "decimal": ","}}
    metrics = f"device;ts;cpu\nr1;{AT};1,5\nr2;{AT};2.5\n"
    made = folder(tmp_path, metrics, LABELS.replace(",", ";"))
    rows, report = read_telemetry(made, schema(**form))
    assert rows.metrics["cpu"].tolist() == [1.5]
    sample = "cpu '2.5' in row 2 of metrics.csv: has a decimal point (files.decimal in the schema says which)"
    assert report.metrics.samples["not_a_number"] == sample
    (made / "metrics.csv").unlink()
    pd.DataFrame({"device": ["r1"], "ts": [AT], "cpu": ["2.5"]}).to_parquet(made / "metrics.parquet")
    assert read_telemetry(made, schema(**form))[0].metrics["cpu"].tolist() == [2.5]


@pytest.mark.parametrize(
    ("files", "match"),
    [
        ({"separator": "x"}, "'files.separator': must be among"),
        ({"decimal": ";"}, "'files.decimal': must be among"),
        ({"decimal": ","}, "'files.decimal': must differ from the separator"),
        ({"sep": ";"}, "'files': must be among decimal, format"),
        ({"layout": "tall"}, "'files.layout': must be among wide, long"),
        ({"metric": "value"}, "'files.value': must not be the column of the metric"),
    ],
)
def test_a_form_of_files_that_there_is_not_is_refused(files: dict[str, str], match: str) -> None:
    with pytest.raises(SchemaError, match=match):
        schema(files=files)


def test_numbers_of_a_csv_file_are_the_nearest_floats_as_in_json(tmp_path: Path) -> None:
    texts = ["0.1", "123456.7890123", "2.2250738585072014e-308", "9007199254740993", "1e23"]
    lines = [f"r1,2024-01-01T00:00:0{place}Z,{text}" for place, text in enumerate(texts)]
    rows, _ = read_telemetry(folder(tmp_path, "device,ts,cpu\n" + "\n".join(lines) + "\n"), schema())
    assert rows.metrics["cpu"].tolist() == [float(text) for text in texts]


def test_a_file_of_which_no_row_is_left_is_warned_of(tmp_path):
    (tmp_path / "metrics").mkdir()
    found = folder(tmp_path)
    (tmp_path / "metrics.csv").rename(tmp_path / "metrics" / "good.csv")
    (tmp_path / "metrics" / "comma.csv").write_text(f'device,ts,cpu\nr1,{AT},"7,5"\n', encoding="utf-8")
    _, report = read_telemetry(found, schema())
    assert report.metrics.rejected == {"not_a_number": 1} and report.labels.said == []
    (warning,) = report.to_dict()["metrics"]["warnings"]
    assert warning == "all rows of metrics/comma.csv were rejected: not_a_number"
    assert f"  warning: {warning}" in report.lines()
