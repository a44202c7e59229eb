"""CSV files as people have them: UTF-16, lines before the header, lines that do not fit, empty files."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from feature_sets.checks import InputError
from feature_sets.telemetry.arrow_files import read_file
from feature_sets.telemetry.inspection.folder_check import check_folder
from feature_sets.telemetry.readers import KnownTelemetry, TelemetryError, read_telemetry
from feature_sets.telemetry.schema import TelemetrySchema
from feature_sets.telemetry.text_files import Header, header_of, is_blank, refuse_nul, refuse_other_lengths
from tests.feature_sets.telemetry.telemetry_folder import SCHEMA, good, write

Change = Callable[[str], bytes]


def spoiled(folder: Path, change: Change, suffix: str = ".csv") -> Path:
    """The good folder in CSV, its text changed in all files."""
    folder.mkdir(exist_ok=True)
    write(folder, good(), "csv")
    for path in list(folder.iterdir()):
        content = change(path.read_text(encoding="utf-8"))
        path.unlink()
        path.with_suffix(suffix).write_bytes(gzip.compress(content) if suffix.endswith("gz") else content)
    return folder


def plain(text: str) -> bytes:
    return text.encode()


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz"])
@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.encode("utf-16"),
        lambda text: b"\xfe\xff" + text.encode("utf-16-be"),
        lambda text: f"# a comment of an export, of 2026\n\n# and one, more\n{text}".encode(),
        lambda text: f"\ufeff# a comment\n{text}".encode(),
        lambda text: f"# a comment\n{text}".encode("utf-16"),
    ],
    ids=["utf-16", "big-endian", "comments", "mark", "both"],
)
def test_text_in_utf_16_and_lines_before_the_header_are_read(
    tmp_path: Path, change: Change, suffix: str
) -> None:
    expected, _ = read_telemetry(spoiled(tmp_path / "plain", plain), SCHEMA)
    folder = spoiled(tmp_path / "other", change, suffix)
    found, report = read_telemetry(folder, SCHEMA)
    assert report.metrics.rejected == {}
    for name in ("metrics", "labels", "static"):
        pd.testing.assert_frame_equal(getattr(found, name), getattr(expected, name))
    assert check_folder(folder).tables["metrics"].looked_at == 4


def test_json_may_be_in_utf_16(tmp_path: Path) -> None:
    write(tmp_path, good())
    (tmp_path / "metrics.parquet").unlink()
    rows = good()["metrics"].assign(box=["a", "é", "a", "é"]).to_json(orient="records", lines=True)
    (tmp_path / "metrics.json").write_text(rows, encoding="utf-16")
    good()["static"].assign(box=["a", "é"]).to_parquet(tmp_path / "static.parquet")
    good()["labels"].assign(box=["a", "é", "a", "é"]).to_parquet(tmp_path / "labels.parquet")
    found, report = read_telemetry(tmp_path, SCHEMA)
    assert report.metrics.rejected == {}
    assert found.metrics["device"].tolist() == ["osl/a", "osl/é", "osl/a", "osl/é"]


def test_a_header_may_begin_with_a_number_sign(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    for text, header in (
        ("#a;b\n1;2\n", Header(0, "#a;b")),
        ("# words\n#a;b\n1;2\n", Header(1, "#a;b")),
        ("# words\na\n", Header(1, "a")),
        ('#time,device,note\n1,r1,"a, b"\n', Header(0, "#time,device,note")),
        ("#host;load\nr1;1,5\n", Header(0, "#host;load")),
        ("# host: r1, interface: eth0\ntime,load\n1,2\n", Header(1, "time,load")),
        ("a,b\n#1,2\n", Header(0, "a,b")),
        ("# words\n", Header(0, "# words")),
        ("", Header(0, "")),
    ):
        path.write_text(text, encoding="utf-8")
        assert header_of(path) == header


def test_text_in_another_encoding_is_refused_in_a_sentence(tmp_path: Path) -> None:
    folder = spoiled(tmp_path, lambda text: text.encode("utf-16-le"))
    rule = (
        r"csv: must be text without NUL, in UTF-8, or in UTF-16 with a byte order mark, got 'one at byte 1'"
    )
    with pytest.raises(TelemetryError, match=rule):
        check_folder(folder)
    with pytest.raises(TelemetryError, match=rule):
        read_telemetry(folder, SCHEMA)
    spoiled(tmp_path, lambda text: text.encode("utf-16")[:-1])
    with pytest.raises(TelemetryError, match=r"\.csv: must be a readable file of its kind"):
        read_telemetry(folder, SCHEMA)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize(
    ("line", "got"), [("osl,b,x,1,5,9,9", "7: osl,b,x,1,5,9,9"), ("osl,b", "2: osl,b")], ids=["more", "fewer"]
)
def test_the_first_line_of_another_length_is_named(
    tmp_path: Path, line: str, got: str, encoding: str
) -> None:
    def change(text: str) -> bytes:
        header, first, *rest = text.splitlines()
        quoted = first.replace("osl", '"o\ns"')
        return "\n".join(["# words", "", header, quoted, "", line, *rest, "too,short"]).encode(encoding)

    folder = spoiled(tmp_path, change)
    for name in ("labels", "static"):
        good()[name].to_csv(folder / f"{name}.csv", index=False)
    expected = rf"metrics\.csv, line 7: must have 5 cells, as the header has, got '{got}'"
    with pytest.raises(TelemetryError, match=expected):
        read_telemetry(folder, SCHEMA)
    with pytest.raises(TelemetryError, match=expected):
        check_folder(folder)


@pytest.mark.parametrize("content", ["", "\n \n", "# an export without rows\n"])
def test_an_empty_file_of_a_day_is_no_rows_and_told(tmp_path: Path, content: str) -> None:
    write(tmp_path, good())
    (tmp_path / "metrics").mkdir()
    (tmp_path / "metrics.parquet").rename(tmp_path / "metrics" / "1.parquet")
    (tmp_path / "metrics" / "2.csv").write_text(content, encoding="utf-8")
    (tmp_path / "metrics" / "3.csv.gz").write_bytes(gzip.compress(content.encode()))
    (tmp_path / "metrics" / "4.json").write_text("[]", encoding="utf-8")
    found, report = read_telemetry(tmp_path, SCHEMA)
    assert len(found.metrics) == 4
    note = "3 files are empty, which is no rows: metrics/2.csv, metrics/3.csv.gz, metrics/4.json"
    assert note in report.metrics.notes
    assert list(report.metrics.marks) == ["metrics/1.parquet"]
    # What is written to it later is new.
    rows = good()["metrics"].assign(at="2024-05-02T12:00:00Z")[:2]
    rows.to_csv(tmp_path / "metrics" / "2.csv", index=False)
    known = KnownTelemetry({table.name: table.marks for table in report.files}, found.static["device"])
    assert len(read_telemetry(tmp_path, SCHEMA, known)[0].metrics) == 2


def test_a_table_with_nothing_in_it_is_refused(tmp_path: Path) -> None:
    write(tmp_path, good())
    (tmp_path / "metrics.parquet").unlink()
    (tmp_path / "metrics.csv").write_text("\n", encoding="utf-8")
    with pytest.raises(
        TelemetryError, match=r"metrics: must have a file that is not empty, got \['metrics.csv"
    ):
        read_telemetry(tmp_path, SCHEMA)
    check = check_folder(tmp_path)
    assert check.proposal.missing[0].startswith("There are no readings")
    assert "1 file is empty, which is no rows: metrics.csv" in check.lines()
    (tmp_path / "metrics.csv").rename(tmp_path / "readings.csv")
    check = check_folder(tmp_path)
    assert check.proposal.missing[0].startswith("There are no readings")
    assert not any("is taken for the metrics" in sentence for sentence in check.proposal.decide)


def test_what_cannot_be_unpacked_is_not_empty(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(b"no gzip")
    assert not is_blank(path)


def test_a_metric_that_a_file_does_not_have_is_refused_with_a_way_out(tmp_path: Path) -> None:
    write(tmp_path, good())
    (tmp_path / "metrics").mkdir()
    (tmp_path / "metrics.parquet").rename(tmp_path / "metrics" / "1.parquet")
    rows = good()["metrics"].assign(at="2024-05-02T12:00:00Z")[:2]
    rows.drop(columns="heat").to_csv(tmp_path / "metrics" / "2.csv", index=False)
    rule = r"metrics/2\.csv, column 'heat': is required \(unless the metric is optional\)"
    with pytest.raises(TelemetryError, match=rule):
        read_telemetry(tmp_path, SCHEMA)
    content = SCHEMA.to_dict()
    content["metrics"]["heat"]["optional"] = True
    without, told = read_telemetry(tmp_path, TelemetrySchema.from_dict(content))
    rows.assign(heat=None).to_csv(tmp_path / "metrics" / "2.csv", index=False)
    found, report = read_telemetry(tmp_path, SCHEMA)
    assert len(found.metrics) == 6
    assert report.metrics.values["missing_values"] == {"heat": 2} == told.metrics.values["missing_values"]
    pd.testing.assert_frame_equal(without.metrics, found.metrics)
    assert "column 'heat' is optional: 1 of 2 files have it" in told.metrics.notes


@pytest.mark.parametrize(
    ("begin", "told"), [(b"PK\x03\x04", "a ZIP file"), (b"\x1f\x8b\x08\x00", "a file of gzip")]
)
def test_a_packed_file_that_is_called_csv_is_named(tmp_path: Path, begin: bytes, told: str) -> None:
    path = tmp_path / "metrics.csv"
    path.write_bytes(begin + b"\0 and more")
    with pytest.raises(InputError, match=f"must be text, not a packed file: .*, got '{told}'"):
        refuse_nul(path)
    with pytest.raises(TelemetryError, match="must be"):
        read_file(path, "metrics.csv", ["a"])


def test_a_line_for_excel_is_no_header(tmp_path: Path) -> None:
    for first in ("sep=;", '"sep=;"', "\ufeffSEP=;"):
        (tmp_path / "a.csv").write_text(f"{first}\na;b\n1;2\n", encoding="utf-8")
        assert header_of(tmp_path / "a.csv") == (1, "a;b")
    (tmp_path / "a.csv").write_text("sep=;", encoding="utf-8")
    assert header_of(tmp_path / "a.csv") == (0, "sep=;")


def test_a_title_before_the_header_is_told_with_the_way(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("Report of January\na,b\n1,2\n", encoding="utf-8")
    with pytest.raises(InputError, match="lines before the header are to begin with #"):
        refuse_other_lengths(tmp_path / "a.csv", ",")
