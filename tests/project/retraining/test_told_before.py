"""A run that puts another model into production tells of the alert that the model before had."""

from dataclasses import replace

import pytest

from project.retraining.state import LoopState
from project.retraining.state_file import StateFile
from project.retraining.taken_drift import take
from project.retraining.told_before import drift_of_before
from tests.project.retraining.test_policy import NOW, opened, told


def kept(folder, state):
    file = StateFile(folder, "p")
    with file.changing():
        file.write(state)
    return folder


def test_the_open_alert_of_the_model_before_is_told_with_what_was_not_measured(tmp_path):
    assert drift_of_before(kept(tmp_path, opened()), "p", "v2") == (
        "the alert of version v1 before was open: glr found drift at 2024-05-01T12:00:00 UTC; its rows were "
        "not measured"
    )


@pytest.mark.parametrize("why", ["no case", "the same model", "cleared", "weak"])
def test_without_an_open_alert_of_another_model_nothing_is_told(tmp_path, why):
    state = opened()
    if why == "no case":
        state = LoopState()
    elif why == "cleared":
        over = told(9, level="cleared", detail="over", event_time="2024-05-02T12:00:00+00:00")
        state = take(state, over, "v1", NOW)
    elif why == "weak":
        state = replace(state, case=replace(state.case, weak=True))
    assert drift_of_before(kept(tmp_path, state), "p", "v1" if why == "the same model" else "v2") == ""


def test_a_state_that_nobody_can_read_does_not_end_the_run(tmp_path):
    (tmp_path / "p.json").write_text("{")
    assert drift_of_before(tmp_path, "p", "v2").startswith(
        "whether the model before had an alert is not known:"
    )
