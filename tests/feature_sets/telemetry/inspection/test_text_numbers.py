"""Columns that look like numbers, and are none: of rows, with units, with marks between thousands."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from feature_sets.telemetry.cell_numbers import number_hint
from feature_sets.telemetry.inspection.column_profile import profile_column
from feature_sets.telemetry.inspection.folder_check import FolderCheck, check_folder
from feature_sets.telemetry.inspection.table_profile import TableProfile
from feature_sets.telemetry.inspection.text_numbers import number_way, plain_number_hint
from tests.feature_sets.telemetry.inspection.test_folder_check import frames, taken, write
from tests.feature_sets.telemetry.inspection.test_label_shapes import at


def test_the_index_that_pandas_keeps_of_rows_put_together_is_no_metric(tmp_path: Path) -> None:
    tables = frames()
    write(tmp_path, tables)
    metrics = tables["metrics"]
    pd.concat([metrics[::2], metrics[1::2].set_axis(metrics[::2].index)]).to_parquet(
        tmp_path / "metrics.parquet", index=True
    )
    assert "__index_level_0__" in pq.read_schema(tmp_path / "metrics.parquet").names
    assert not [name for name in taken(tmp_path)[1].metric_names if "index" in name]


@pytest.mark.parametrize("name", ["Unnamed: 0", "", "row_id"])
def test_numbers_of_rows_are_neither_metric_nor_key_nor_feature(tmp_path: Path, name: str) -> None:
    given = {table: frame.copy() for table, frame in frames(devices=2).items()}
    for frame in given.values():
        frame.insert(0, name, np.arange(len(frame)))
    check, schema = taken(write(tmp_path, given, ".csv"))
    assert (schema.entity, schema.metric_names) == (("router",), ("load", "octets", "up"))
    assert schema.static == ("role", "serial") and schema.label == "is_error"
    found = check.to_dict()["tables"]["metrics"]["columns"][name]
    assert (found["role"], found["why"]) == ("none", "numbers of the rows, not readings")
    assert not any("contradict" in line for line in check.lines())


def test_numbers_of_rows_are_those_of_each_file(tmp_path: Path) -> None:
    given = frames()
    metrics = given.pop("metrics")
    write(tmp_path, given)
    halves = (metrics.iloc[:120], metrics.iloc[120:])
    parts = {f"{n}": half.reset_index(drop=True) for n, half in enumerate(halves)}
    write(
        tmp_path / "metrics",
        {name: part.assign(**{"Unnamed: 0": part.index}) for name, part in parts.items()},
    )
    assert "Unnamed_0" not in taken(tmp_path)[1].metric_names
    twice = {name: part.assign(**{"Unnamed: 0": part.index // 2}) for name, part in parts.items()}
    write(tmp_path / "metrics", twice)
    assert "Unnamed_0" in taken(tmp_path)[1].metric_names


def test_positives_may_have_numbers_of_rows(tmp_path: Path) -> None:
    rows = pd.DataFrame(
        {"": [0, 1, 2], "router": ["r1", "r3", "r4"], "time": at(2, 7, 8), "note": list("abc")}
    )
    _, schema = taken(write(tmp_path, {**frames(), "labels": rows}, ".csv"))
    assert schema.labels.form == "positives"


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ("{:.1f} %", "numbers with '%' behind, such as "),
        ("{:.2f}ms", "numbers with 'ms' behind, such as "),
        ("{:,.0f}", "numbers with ',' between thousands, such as "),
    ],
)
def test_numbers_that_are_text_are_told_with_the_way_out(tmp_path: Path, form: str, told: str) -> None:
    given = frames()
    given["metrics"]["octets"] = [form.format(number) for number in given["metrics"]["octets"] / 7]
    check, schema = taken(write(tmp_path, given))
    assert "octets" not in schema.metric_names
    (sentence,) = (sentence for sentence in check.proposal.decide if "'octets'" in sentence)
    assert sentence.startswith(f"'octets' has {told}")
    assert sentence.endswith("it is a metric only if they are plain numbers.")
    unit = told.partition("'")[2].partition("'")[0]
    assert (f'octets: {{unit: "{unit}"}}' in sentence) == ("behind" in told)


MISSING = ["-", "N/A", "", "--", "null"]


@pytest.mark.parametrize(
    ("cells", "hint", "way"),
    [
        (
            [*(f"{n}.5%" for n in range(30)), *MISSING],
            "numbers with '%' behind, such as '0.5%', and '-', 'N/A', '--' and 1 more for no value",
            'in metrics it may have a unit, to which these are converted, such as cpu: {unit: "%"}; '
            "else it is a metric only if they are plain numbers.",
        ),
        (
            [*(f"{n}.5 ms" for n in range(20)), "7", "timeout", "-"],
            "numbers with 'ms' behind, such as '0.5 ms', and '-' for no value, but for 'timeout' in 1 row",
            'in metrics it may have a unit, to which these are converted, such as cpu: {unit: "ms"}; '
            "else it is a metric only if they are plain numbers. "
            "What of 'timeout' means no value may be named in its no_value.",
        ),
        (
            [*(f"{n},{n}" for n in range(100, 120)), "n/a"],
            "numbers with ',' between thousands, such as '100,100', and 'n/a' for no value",
            "it is a metric only if they are plain numbers.",
        ),
        (
            [*(f"{n},5" for n in range(30)), "down", "err", "-"],
            "numbers with a decimal comma, such as '0,5', where its table has decimal points, and '-' for no "
            "value, but for 'down' and 'err' in 2 rows",
            "it is a metric only if they are plain numbers. "
            "What of 'down' and 'err' means no value may be named in its no_value.",
        ),
        ([*(f"{n}.5%" for n in range(30)), *["down"] * 10], "", ""),
        ([*(f"{n}.5%" for n in range(30)), *"abcd"], "", ""),
        ([*(f"{n}.5" for n in range(30)), *MISSING], "", ""),
    ],
)
def test_marks_for_no_value_and_a_few_words_do_not_hide_numbers(
    cells: list[str], hint: str, way: str
) -> None:
    column = pa.chunked_array([cells])
    columns = {"cpu": profile_column("cpu", column)}
    table = TableProfile(
        "metrics", ("a.csv",), len(cells), len(cells), columns, head=pa.table({"cpu": column})
    )
    assert plain_number_hint(table, "cpu") == hint
    assert not hint or number_way("cpu", hint) == way


@pytest.mark.parametrize("mark", [" ", "'", "\u00a0", "\u202f", "\u2009", "\u2019"])
def test_every_mark_between_thousands_that_a_row_is_told_of_is_told_of_a_column(
    tmp_path: Path, mark: str
) -> None:
    given = frames()
    octets = [f"{number:,.0f}".replace(",", mark) for number in given["metrics"]["octets"] / 7]
    given["metrics"]["octets"] = octets
    assert all(number_hint(text) for text in octets if mark in text)
    check = check_folder(write(tmp_path, given))
    assert any(f"numbers with {mark!r} between thousands" in said for said in check.proposal.decide)


@pytest.mark.parametrize(
    "words", [["10G", "100G"], [f"v{n}" for n in range(40)], [f"10.0.{n}.1" for n in range(40)]]
)
def test_names_are_no_numbers(tmp_path: Path, words: list[str]) -> None:
    given = frames()
    given["metrics"]["octets"] = (words * 240)[:240]
    check = check_folder(write(tmp_path, given))
    assert not any("plain numbers" in sentence for sentence in check.proposal.decide)


def test_a_column_with_another_decimal_sign_than_its_table_is_told(tmp_path: Path) -> None:
    rows = [
        f"r{box};2026-01-01T00:{minute:02}:00Z;{minute}.{box}5;{minute},{box}5"
        for minute in range(30)
        for box in (1, 2)
    ]
    (tmp_path / "metrics.csv").write_text("\n".join(["device;time;cpu;memory", *rows, ""]))
    check = check_folder(tmp_path)
    assert check.proposal.content is not None and list(check.proposal.content["metrics"]) == ["memory"]
    (told,) = (sentence for sentence in check.proposal.decide if "'cpu'" in sentence)
    assert told.startswith(
        "'cpu' has numbers with a decimal point, such as '0.15', where its table has decimal commas"
    )


@pytest.mark.parametrize("form", ["{:.2f}", "{:.2E}"])
def test_files_of_two_decimal_signs_are_told_once_with_their_names(tmp_path: Path, form: str) -> None:
    (tmp_path / "metrics").mkdir()
    for file, sign in (("a.csv", ","), ("b.csv", "."), ("c.csv", ",")):
        rows = [
            f"r{box};2026-01-0{ord(file[0]) - 96}T00:{minute:02}:00Z;"
            + ";".join(form.format(minute + box / 7 + place).replace(".", sign) for place in (0, 3))
            for minute in range(30)
            for box in (1, 2)
        ]
        (tmp_path / "metrics" / file).write_text("\n".join(["device;time;ber;osnr", *rows, ""]))
    check = check_folder(tmp_path)
    (told,) = (sentence for sentence in check.proposal.decide if "decimal" in sentence)
    assert "is in 60 of the 180 rows looked at, of metrics/b.csv; others have decimal commas" in told
    assert told.endswith("these are metrics: 'ber', 'osnr'.")
    (why,) = {choice.why for choice in check.proposal.choices if choice.column in ("ber", "osnr")}
    assert why == "text: numbers with a decimal point or comma"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("4,5E-07", "has a decimal comma"),
        ("-1,5e3", "has a decimal comma"),
        (",5", "has a decimal comma"),
        ("1,234E5", "has a decimal comma"),
        ("1,234", "has separators of thousands, which are not read, or a decimal comma"),
        ("4,E", ""),
    ],
)
def test_another_decimal_sign_is_named_in_every_way_to_write_a_number(text: str, told: str) -> None:
    assert number_hint(text) == told
    assert number_hint(text.replace(",", "."), decimal=",") == told.replace("comma", "point")


def sizes(mark: str) -> list[str]:
    """Whole numbers on both sides of a thousand, with a mark between thousands."""
    return [f"{size:,}".replace(",", mark) for size in range(200, 4200, 37)]


def proposed(tmp_path: Path, cells: list[str], beside: str) -> FolderCheck:
    """What is found of a German export with such a column beside another one."""
    times = pd.date_range("2026-01-15", periods=len(cells), freq="5min").strftime("%d.%m.%Y %H:%M")
    rows = "".join(
        f"r{i % 2};{time};{beside};{cell}\n" for i, (time, cell) in enumerate(zip(times, cells, strict=True))
    )
    (tmp_path / "metrics.csv").write_text("device;time;cpu;users\n" + rows)
    (tmp_path / "incidents.csv").write_text("device;start;end\nr1;15.01.2026 01:00;15.01.2026 01:30\n")
    return check_folder(tmp_path)


def test_points_between_thousands_beside_decimal_commas_are_no_times(tmp_path: Path) -> None:
    found = proposed(tmp_path, sizes("."), "7,5")
    assert found.tables["metrics"].columns["users"].kind == "text"
    assert any("'users' has numbers with '.' between thousands" in said for said in found.proposal.decide)


def test_points_that_may_stand_between_thousands_are_told_where_nothing_else_has_a_comma(
    tmp_path: Path,
) -> None:
    told = "'users' has three digits behind each '.', such as '1.014', and no number above 999 without"
    found = proposed(tmp_path, sizes("."), "7")
    assert any(said.startswith(told) for said in found.proposal.decide)


@pytest.mark.parametrize("form", ["{:.3f}", "{:.3g}", "{:g}", "{:.0f}"])
def test_readings_with_three_digits_behind_the_point_are_not_told(tmp_path: Path, form: str) -> None:
    cells = [form.format(1 + 7 * (i * 0.618034 % 1)) for i in range(200)]
    found = proposed(tmp_path, cells, "7")
    assert not any("three digits behind" in said for said in found.proposal.decide)


def test_all_tables_without_a_zone_are_named(tmp_path: Path) -> None:
    found = proposed(tmp_path, sizes(""), "7").proposal.decide
    assert sum(said.startswith("Times in metrics and incidents have no zone; ") for said in found) == 1
