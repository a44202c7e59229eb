"""The section on the data: what became of the rows that were read is there, short."""

from __future__ import annotations

import pandas as pd

from feature_sets.telemetry.ingest_report import IngestReport
from training.report_page.data_section import quality_table
from training.report_page.page import Page, Section, render


def test_what_was_left_out_is_on_the_page_with_a_sample() -> None:
    report = IngestReport()
    report.metrics.rows_read = 1200
    report.metrics.reject("from_future", 7)
    report.metrics.samples["from_future"] = "at '2036-01-01' in row 4 of metrics.csv"
    report.metrics.notes.append("1 file is of no table and not read: <b>.csv")
    table = quality_table(report.lines())
    assert table.rows == [
        ["metrics", "1,200 rows read, 7 rejected, 1,193 accepted"],
        ["metrics", "rejected from_future: 7, such as at '2036-01-01' in row 4 of metrics.csv"],
        ["metrics", "note: 1 file is of no table and not read: <b>.csv"],
        ["labels", "0 rows read, 0 rejected, 0 accepted"],
        ["static", "0 rows read, 0 rejected, 0 accepted"],
    ]
    html = render(Page("t", "v", {}, (Section("Data", (), (table,)),)))
    assert "rejected from_future: 7" in html and "&lt;b&gt;.csv" in html


def test_a_long_report_ends_with_where_the_rest_is() -> None:
    table = quality_table(["metrics: 1 rows read", *("  note: x" for _ in range(60))])
    assert len(table.rows) == 41
    assert table.rows[-1] == ["", "21 more lines in the artifact ingest_report"]
    assert isinstance(table.frame, pd.DataFrame)
