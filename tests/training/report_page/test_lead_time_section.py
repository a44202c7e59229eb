"""The section on several horizons: a table, a curve, and none where there is one horizon."""

from __future__ import annotations

import pandas as pd
import pytest

from training.evaluation.lead_times import NOT_TRAINED, LeadTime, figures_of, lead_time_table
from training.report_page.lead_time_section import lead_time_sections

SCORES = pd.DataFrame(
    {
        "scorer": ["model", "majority_class"],
        "average_precision": [0.9, 0.2],
        "average_precision_low": [0.8, None],
        "average_precision_high": [0.95, None],
        "f1": [0.8, 0.0],
    }
)


def episodes(lag, *seconds):
    caught = [second is not None for second in seconds]
    return pd.DataFrame({"counted": [True] * len(seconds), "caught": caught, lag: seconds}, dtype="object")


def test_a_lead_is_before_the_error_and_a_delay_is_below_zero():
    ahead = figures_of("10m", SCORES, episodes("lead_seconds", 100.0, 300.0, None))
    assert (ahead["episodes"], ahead["episodes_caught"], ahead["median_lead_seconds"]) == (3, 2, 200)
    assert (ahead["average_precision"], ahead["base_rate"]) == (0.9, 0.2)
    assert "recall" not in ahead
    now = figures_of("0s", SCORES, episodes("delay_seconds", 20.0))
    assert now["median_lead_seconds"] == -20
    assert "median_lead_seconds" not in figures_of("10m", SCORES, episodes("lead_seconds", None))


def test_the_section_has_a_row_and_a_point_for_each_horizon():
    figures = figures_of("10m", SCORES, episodes("lead_seconds", 100.0, None))
    table = lead_time_table(
        [
            LeadTime("0s", "promoted", "first", "v1", figures),
            LeadTime("10m", "not promoted", "worse", "v2", figures),
            LeadTime("1h", NOT_TRAINED, "too few errors"),
        ]
    )
    (section,) = lead_time_sections(table)
    (shown,) = section.tables
    assert [row[0] for row in shown.rows] == ["0s", "10m", "1h"]
    assert shown.marked == (2,)
    precision, caught = section.figures[0].data
    assert list(precision.x) == ["0s", "10m", "1h"]
    assert list(precision.y)[:2] == [0.9, 0.9] and pd.isna(precision.y[2])
    assert list(precision.error_y.array)[:2] == pytest.approx([0.05, 0.05])
    assert list(caught.y)[:2] == [0.5, 0.5] and pd.isna(caught.y[2])


def test_a_report_of_one_horizon_has_no_such_section():
    assert lead_time_sections(None) == ()
    assert lead_time_sections(lead_time_table([LeadTime("10m", "promoted", "first", "v1", {})])) == ()
