"""The page of a report: what a cell shows, and that it stands alone."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

from training.report_page.page import Page, Section, Table, render, shown, with_gate


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (None, ""),
        (float("nan"), ""),
        (pd.NaT, ""),
        (True, "yes"),
        (np.False_, "no"),
        (1234567, "1,234,567"),
        (np.int64(1234), "1,234"),
        (2.0, "2"),
        (0.123456, "0.1235"),
        (float("inf"), "inf"),
        (pd.Timestamp("2024-03-01T10:00:00.5Z"), "2024-03-01 10:00:00"),
        ("a/b", "a/b"),
    ],
)
def test_cells_are_shown_for_people(cell, text):
    assert shown(cell) == text


def page(**changes):
    parts = {
        "title": "a network",
        "verdict": "Good. Use it.",
        "facts": {"F1": "0.9"},
        "sections": (Section("Test run", ("text",), (Table(pd.DataFrame({"first_alarm": [1]}), "Alarms"),)),),
    }
    return render(Page(**{**parts, **changes}))


def test_text_from_outside_is_escaped():
    table = Table(pd.DataFrame({"device": ["<script>alert(1)</script>"]}), "<b>")
    html = page(title="<i>", verdict="a < b", sections=(Section("One", (), (table,)),))
    assert "<script>alert(1)" not in html and "&lt;script&gt;alert(1)" in html
    assert "<h1>&lt;i&gt;</h1>" in html and "a &lt; b" in html and "<caption>&lt;b&gt;</caption>" in html


def test_headings_are_words_but_what_is_a_sentence_stays():
    table = Table(pd.DataFrame(columns=["first_alarm", "loss_avg_1m >= 2"]), "")
    assert table.headings == ["first alarm", "loss_avg_1m >= 2"]
    assert "<th>first alarm</th>" in page()


def test_the_gate_says_its_reason_above_everything_else():
    html = page(gate="not promoted: not better")
    assert html.index('<p class="gate"><b>Gate</b> not promoted: not better</p>') < html.index("<main>")
    assert "Gate" not in page()


def test_the_gate_tells_what_became_of_the_model():
    html = with_gate(page(gate="to be promoted: a < b"), "promoted: a < b")
    assert html == page(gate="promoted: a < b")
    for other in (page(), "<html>"):
        with pytest.raises(ValueError, match="must be a report of ours with a gate"):
            with_gate(other, "promoted")


def test_marked_rows_stand_out():
    table = Table(pd.DataFrame({"a": [1, 2]}), "", marked=(1,))
    html = page(sections=(Section("One", (), (table,)),))
    assert html.count('<tr class="marked">') == 1
    assert html.index("<td>1</td>") < html.index('<tr class="marked">') < html.index("<td>2</td>")


def test_equal_reports_have_equal_bytes():
    section = Section("Plots", figures=(go.Figure(go.Bar(y=[1, 2])), go.Figure(go.Bar(y=[3]))))
    first, second = page(sections=(section,)), page(sections=(section,))
    assert first == second
    assert 'id="plots-0"' in first and 'id="plots-1"' in first
    assert section.figures[0].layout.margin.l is None  # what was given is not changed


def test_sections_are_linked_from_the_top():
    html = page()
    assert 'href="#test-run"' in html and '<section id="test-run">' in html
