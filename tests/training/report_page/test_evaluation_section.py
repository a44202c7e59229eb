"""The section on the evaluation: scores of groups."""

from __future__ import annotations

import numpy as np
import pandas as pd

from training.evaluation.group_scores import COLUMNS
from training.report_page.evaluation_section import _on_intervals, _on_weights, group_rows

KNOWN = {"devices": 2, "rows": 100, "positives": 9, "base_rate": 0.09, "false_alarm_share": 0.01}
SCORES = {"average_precision": 0.9, "f1": 0.8, "precision": 0.7, "recall": 0.6}
RANGES = {f"{score}_{bound}": 0.5 for score in SCORES for bound in ("low", "high")}


def test_groups_have_intervals_or_are_said_to_have_too_few_episodes():
    table = pd.DataFrame(
        [
            {"group": "a", **KNOWN, **SCORES, **RANGES, "intervals": "95 % by resampling 9 episodes"},
            {"group": "b", **KNOWN, **SCORES, "intervals": "none: 2 episodes, 2 of them with errors"},
            {"group": "c", **KNOWN, "intervals": "none: errors and healthy rows are needed"},
        ],
        columns=COLUMNS,
    )
    only_errors = table.assign(false_alarm_share=np.nan)
    assert set(group_rows(only_errors)["false alarms"]) == {""}
    shown = group_rows(table).set_index("group")
    assert shown.loc["a", "average precision"] == "0.900 (0.500 to 0.500)"
    assert shown.loc["b", ["average precision", "F1", "recall"]].tolist() == ["too few episodes", "", ""]
    assert shown.loc["c", "average precision"] == "" and (shown["false alarms"] == "1.00%").all()
    assert shown.loc["a", "precision"] == "0.700"


def test_a_table_of_a_run_of_before_has_scores_alone():
    table = pd.DataFrame([{"group": "a", **KNOWN, **SCORES}])
    assert group_rows(table)["F1"].tolist() == ["0.800"]
    assert np.isclose(group_rows(table)["base_rate"], 0.09).all()


def test_intervals_of_groups_are_told_apart_from_those_of_all_rows():
    none = pd.DataFrame([{"group": "a", **KNOWN, **SCORES}])
    some = pd.DataFrame([{"group": "a", **KNOWN, **SCORES, **RANGES}, {"group": "b", **KNOWN}])
    told = "Intervals, in brackets: none: 4 devices."
    assert _on_intervals("none: 4 devices", [None, none]) == told
    assert _on_intervals("none: 4 devices", [none, some]) == (
        f"{told} That is said of all rows; those of a group rest on its own devices or error episodes."
    )


def test_counts_of_a_sample_are_said_to_be_its_own():
    assert _on_weights(pd.DataFrame([{"group": "a", **KNOWN}])) == ""
    sampled = pd.DataFrame([{"group": "a", **KNOWN}, {"group": "b", **KNOWN, "base_rate": 0.01}])
    assert _on_weights(sampled) == (
        "; rows and positives are those of the sample, rates and scores weigh it as all rows"
    )
