"""The section on what drives the model."""

from __future__ import annotations

import pandas as pd

from training.explanation.explain import CONTRIBUTION_COLUMNS
from training.explanation.importance import COLUMNS
from training.report_page.drivers_section import drivers_section, importance_figure
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
        ("false alarm", "d1", TIME, 0.9, "heat, felt", "310, 311 (missing)", "300, 300", 3.2),
        ("false alarm", "d1", TIME, 0.9, "flow", "1", "2", -0.4),
        ("caught episode", "d2", TIME, 0.99, "flow", "0.1", "2", 5.0),
    ],
    columns=CONTRIBUTION_COLUMNS,
)


def page(importance, contributions):
    return render(Page("t", "v", {}, drivers_section(importance, contributions)))


def test_importance_is_told_by_feature_and_by_group_with_ranges():
    (section,) = drivers_section(IMPORTANCE, CONTRIBUTIONS)
    first, caught = section.tables[0], section.tables[2]
    assert first.rows[0] == ["heat", "0.100 (0.050 to 0.150)", "0.400 (0.300 to 0.500)", "heat, felt"]
    assert first.rows[2] == ["flow", "0.200 (0.100 to 0.300)", "", ""]
    assert caught.caption.startswith("Best catches")
    assert len(section.text) == 2 and "3 shuffles on up to 2,000 rows" in section.text[0]


def test_contributions_have_signs_and_name_their_row_once():
    table = drivers_section(IMPORTANCE, CONTRIBUTIONS)[0].tables[1]
    assert table.headings[-2:] == ["healthy row", "contribution"]
    assert table.rows[0][:3] == ["d1", "2024-03-01 10:00:00", "0.9"] and table.rows[0][-1] == "+3.20"
    assert table.rows[1] == ["", "", "", "flow", "1", "2", "-0.40"]


def test_a_bar_is_drawn_for_each_group_with_its_range():
    (bar,) = importance_figure(IMPORTANCE).data
    assert list(bar.y) == ["heat + 1 more", "flow"] and list(bar.x) == [0.4, 0.2]
    assert [round(value, 9) for value in bar.error_x.array] == [0.1, 0.1]
    assert "heat + 1 more" in page(IMPORTANCE, CONTRIBUTIONS)


def test_without_labels_there_are_contributions_alone_and_without_rows_no_section():
    (section,) = drivers_section(IMPORTANCE[:0], CONTRIBUTIONS)
    assert len(section.text) == 1 and not section.figures
    assert drivers_section(IMPORTANCE[:0], CONTRIBUTIONS[:0]) == ()
    assert drivers_section(None, None) == ()
