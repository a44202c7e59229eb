"""A month in fast motion, cut to six days: ``netops run --scenario month`` is the whole of it.

Every run of the tests has single days by file and live, and what is served after them, in
``tests/project/test_file_day_between.py`` and the audit's tests.
"""

import pytest

pytestmark = pytest.mark.figures

SIX_DAYS = """
import json, os
from project.session import open_session
from project.settings import Settings

session = open_session(Settings.from_environment())
# mlrun takes the address of its API when it is imported.
from rich.console import Console
from project.scenarios.month_traffic import Month
from project.cli.month import run_month

os.environ["NETOPS_CLOCK"] = "arrival"
month = Month(days=6, devices=6, joins=4, retires=4, changes=5, drifts=4)
result = run_month(
    Settings.from_environment(), session, "six-days", month, Console(stderr=True), frozenset({6}),
    training_window="3d",
)
print(json.dumps(result))
"""


@pytest.fixture(scope="module")
def lived(bare):
    """What became of the days."""
    return bare.python(SIX_DAYS)


def test_files_and_live_traffic_leave_what_one_ingestion_leaves(lived):
    assert lived["differing_rows"] == {"devices": 0, "device_metrics": 0, "device_labels": 0}
    assert lived["rows"]["device_metrics"] > 6 * 5 * 280


def test_every_answer_is_what_its_model_says_of_the_history(lived):
    # Of two live days. Labels that were there before their reading make pairs as well.
    assert lived["differing_pairs"]["pairs"] >= lived["labels"]["joined"] > 2 * 5 * 280
    assert lived["differing_pairs"]["differing"] == 0
    assert lived["differing_answers"]["answers"] > 2 * 5 * 280
    assert lived["differing_answers"]["differing"] == 0
    assert {"accepted", "late", "too_late", "duplicate"} == set(lived["statuses"])
    assert lived["labels"]["joined"] > 0.9 * sum(lived["labels"].values())


def test_a_nightly_model_takes_over_after_behavior_changed(lived):
    first, *later = lived["nights"]
    assert (first["day"], first["promotion"]) == (3, "promoted")
    assert [night["promotion"] for night in later].count("promoted") >= 1, later
    assert later[-1]["version"] != first["version"]
