"""What is left of a report whose data is deleted."""

import pandas as pd
import plotly.graph_objects as go
import pytest

from training.report_page.page import Page, Section, Table, render, with_section
from training.report_page.without_plots import without_plots

TABLE = Table(pd.DataFrame({"score": [0.5]}), "How good it is")
PAGE = render(
    Page(
        "A page",
        "It is good.",
        {"rows": "7"},
        [
            Section(
                "First",
                ("Words </section> in it.",),
                (TABLE,),
                (go.Figure(), go.Figure(layout={"title": "</div>"})),
            ),
            Section("Second", ("More words.",)),
        ],
        "the footer",
        "promoted",
    )
)


def test_text_and_tables_stay_and_plots_and_scripts_go():
    page = without_plots(PAGE, "On Monday & by <rule>")
    for kept in (
        "It is good.",
        "promoted",
        "How good it is",
        "<td>0.5",
        "More words.",
        "the footer",
        "Second",
    ):
        assert kept in page
    for gone in ("<script", 'class="plot"', "plotly"):
        assert gone not in page
    assert "<b>Deleted</b> On Monday &amp; by &lt;rule&gt;</p>" in page
    assert page.count("<section") == page.count("</section>") == 2
    assert page.count("<div") == page.count("</div>")
    assert len(page) < 10_000 < len(PAGE)


def test_a_page_without_plots_stays_as_it_is_and_takes_another_section():
    page = without_plots(PAGE, "first")
    assert without_plots(page, "second") == page
    assert "Third" in with_section(page, Section("Third"))


def test_a_page_that_is_no_report_is_refused():
    with pytest.raises(ValueError, match="must be a report of ours"):
        without_plots("<html></html>", "note")
