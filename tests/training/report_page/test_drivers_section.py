"""The section on what drives the model."""

from __future__ import annotations

import pandas as pd

from training.explanation.explain import CONTRIBUTION_COLUMNS
from training.explanation.importance import COLUMNS
from training.report_page.drivers_section import drivers_sections, importance_figure
from training.report_page.page import Page, render

TIME = pd.Timestamp("2024-03-01T10:00:00Z")
IMPORTANCE = pd.DataFrame(
    [
        ("heat, felt", "heat", 0.1, 0.05, 0.15, 0.4, 0.3, 0.5),
        ("heat, felt", "felt", 0.0, -0.01, 0.01, 0.4, 0.3, 0.5),
        ("flow", "flow", 0.2, 0.1, 0.3, 0.2, 0.1, 0.3),
    ],
    columns=COLUMNS,
)
CONTRIBUTIONS = pd.DataFrame(
    [
        ("false alarm", "d1", TIME, 0.9, "heat, felt", "heat 310 (300), felt missing (300)", 3.2),
        ("false alarm", "d1", TIME, 0.9, "flow", "flow 1 (2)", -0.4),
        ("caught episode", "d2", TIME, 0.99, "flow", "flow 0.1 (2)", 5.0),
    ],
    columns=CONTRIBUTION_COLUMNS,
)


def page(importance, contributions):
    return render(Page("t", "v", {}, drivers_sections(importance, contributions)))


def test_importance_is_told_by_feature_and_by_group_with_ranges():
    (table,) = drivers_sections(IMPORTANCE, CONTRIBUTIONS)[0].tables
    together = "2 features together"
    assert table.rows[0] == ["heat", "0.100 (0.050 to 0.150)", together, "0.400 (0.300 to 0.500)"]
    assert table.rows[1] == ["felt", "0.000 (-0.010 to 0.010)", "as above", ""]
    assert table.rows[2] == ["flow", "0.200 (0.100 to 0.300)", "", ""]


def test_contributions_have_signs_and_name_their_row_once():
    section = drivers_sections(IMPORTANCE, CONTRIBUTIONS)[1]
    table, caught = section.tables
    assert caught.caption.startswith("Best catches")
    values = "heat 310 (300), felt missing (300)"
    assert table.rows[0] == ["d1", "2024-03-01 10:00:00", "0.9", "+3.20", values]
    assert table.rows[1] == ["", "", "", "-0.40", "flow 1 (2)"]


def test_a_bar_is_drawn_for_each_group_with_its_range():
    (bar,) = importance_figure(IMPORTANCE).data
    assert list(bar.y) == ["heat + 1 more", "flow"] and list(bar.x) == [0.4, 0.2]
    assert [round(value, 9) for value in bar.error_x.array] == [0.1, 0.1]
    assert "heat + 1 more" in page(IMPORTANCE, CONTRIBUTIONS)


def test_without_labels_there_are_contributions_alone_and_without_rows_no_section():
    (section,) = drivers_sections(IMPORTANCE[:0], CONTRIBUTIONS)
    assert section.title == "Explained rows" and not section.figures
    assert drivers_sections(IMPORTANCE[:0], CONTRIBUTIONS[:0]) == ()
    assert drivers_sections(None, None) == ()
