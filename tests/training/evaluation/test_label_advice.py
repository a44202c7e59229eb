"""Which labels would help most."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from training.evaluation.label_advice import COLUMNS, MOST, label_advice
from training.report_page.labels_section import labels_sections

START = pd.Timestamp("2024-03-01T00:00:00Z")


def rows(*given):
    """Device, minute, probability and label."""
    table = pd.DataFrame(given, columns=["device", "minute", "probability", "label"])
    return table.assign(time=START + pd.to_timedelta(table.pop("minute"), unit="m"))


def advice(unlabeled, tested, apart=120):
    return label_advice(unlabeled.drop(columns="label"), tested, "time", "label", 0.4, apart)


TESTED = rows(("a", 0, 0.3, 0), ("a", 1, 0.9, 1), ("b", 0, 0.2, 0), ("b", 1, 0.6, 0), ("c", 0, 0.1, 0))
UNLABELED = rows(
    *(
        ("a", 5, 0.5, 0),
        ("a", 6, 0.7, 0),
        ("a", 7, 0.1, 0),
        ("a", 9, 0.4, 0),
        ("d", 9, 0.95, 0),
        ("b", 9, 0.1, 0),
    ),
)


def test_alarms_without_a_label_come_first_by_probability_each_run_once():
    found = advice(UNLABELED, TESTED)
    assert list(found.columns) == COLUMNS
    alarms = found[found["kind"] == "unlabeled alarm"]
    told = alarms[["device", "start", "end", "rows", "probability"]].itertuples(index=False, name=None)
    assert list(told) == [
        ("d", START + pd.Timedelta(minutes=9), START + pd.Timedelta(minutes=9), 1, 0.95),
        ("a", START + pd.Timedelta(minutes=5), START + pd.Timedelta(minutes=6), 2, 0.7),
        ("a", START + pd.Timedelta(minutes=9), START + pd.Timedelta(minutes=9), 1, 0.4),
    ]
    together = advice(UNLABELED, TESTED, apart=180)
    assert list(together.loc[together["kind"] == "unlabeled alarm", "rows"]) == [1, 3]


def test_devices_are_ranked_by_the_mistakes_that_the_model_expects():
    found = advice(UNLABELED, TESTED).groupby("kind")
    unlabeled = found.get_group("unlabeled readings")
    assert list(unlabeled["device"]) == ["a", "b", "d"]
    assert list(unlabeled["expected_wrong"]) == pytest.approx([0.5 + 0.3 + 0.1 + 0.6, 0.1, 0.05])
    without = found.get_group("device without errors")
    assert list(without["device"]) == ["b", "c"]
    assert list(without["expected_wrong"]) == pytest.approx([0.2 + 0.4, 0.1])


def test_only_so_many_are_told_and_nothing_is_a_table_too():
    many = rows(*((f"d{number}", 0, 0.01 * (number % 30), 0) for number in range(60)))
    assert (advice(UNLABELED[:0], many)["kind"] == "device without errors").sum() == MOST
    assert list(advice(UNLABELED[:0], TESTED[:0]).columns) == COLUMNS
    assert advice(UNLABELED[:0], TESTED[:2]).empty


def test_the_page_shows_each_kind_and_says_if_all_have_labels():
    (section,) = labels_sections(advice(UNLABELED, TESTED))
    assert [table.caption.split(",")[0] for table in section.tables] == [
        "Readings without a label that are called an error",
        "Devices by their newest readings without a label",
        "Devices without an error among the test rows",
    ]
    assert len(section.text) == 1
    (labeled,) = labels_sections(advice(UNLABELED[:0], TESTED))
    assert labeled.text[1].startswith("Every reading has a label of its device within the longest window")
    assert labels_sections(None) == labels_sections(advice(UNLABELED[:0], TESTED[:0])) == ()
    assert np.isfinite(advice(UNLABELED, TESTED)["expected_wrong"]).all()
