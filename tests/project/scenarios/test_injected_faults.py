"""What goes wrong in a scenario is done once, and what must hold then is checked."""

from dataclasses import replace

import pytest

from project.retraining import state as words
from project.retraining.state import Attempt, Case, Decision, LoopState, Trial
from project.scenarios.drift_traffic import DriftingNetwork
from project.scenarios.injected_faults import NONE, FailingTraining, Kills, WorseModel

CASE = LoopState(case=Case("e1", "v1", {}, "2024-05-01T00:00:00+00:00", "2024-05-01T00:00:00+00:00"))
RUN = replace(CASE, attempt=Attempt("k", "main", 9, "", "v1"))
AGAIN = replace(RUN, decisions=(Decision("", words.INTERRUPTED, ""),))
SHADOW = replace(
    CASE, trial=Trial("v2", "v1", "r", 9, words.SHADOW, "", "", since="2024-05-01T00:00:00+00:00")
)
PROMOTION = replace(CASE, trial=replace(SHADOW.trial, stage=words.PROMOTE))


def result(*outcomes, production="v1", served=(), promoted=""):
    return {
        "outcomes": list(outcomes),
        "first": "v1",
        "production": production,
        "served": list(served),
        "promoted": promoted,
    }


def test_a_file_of_the_telemetry_breaks_once_when_there_is_a_drift(tmp_path):
    trouble = FailingTraining(tmp_path)
    assert trouble.act(LoopState()) == ""
    assert "metrics.parquet" in trouble.act(CASE)
    assert (tmp_path / "metrics.parquet").read_bytes() == b"this is no Parquet file"
    assert trouble.act(CASE) == ""


def test_each_stage_is_killed_once_and_none_before_the_runner_is_up_again():
    up, killed = [7], []
    trouble = Kills(lambda: up[0], lambda: [50] if up[0] in (8, 9) else [], killed.append, {"training": 3})
    assert trouble.act(LoopState()) == ""
    assert "'case'" in trouble.act(CASE)
    assert trouble.act(RUN) == ""  # Not up again.
    up[0] = 8
    assert [trouble.act(RUN), trouble.act(RUN)] == ["", ""]  # It has only begun.
    assert "the runner and the training" in trouble.act(RUN)
    up[0] = 9
    assert trouble.act(RUN) == ""  # The run that was killed.
    assert "'training again'" in trouble.act(AGAIN)
    up[0] = 10
    assert "'shadow'" in trouble.act(SHADOW)
    up[0] = None
    assert trouble.act(PROMOTION) == ""
    up[0] = 11
    assert "'promotion'" in trouble.act(PROMOTION)
    assert killed == [[7], [50, 8], [9], [10], [11]]
    promoted = result(words.PROMOTED, production="v2", served=["v2"], promoted="v2")
    assert trouble.shortcomings(promoted) == []
    assert "got none of case" in Kills(lambda: 1, list, killed.append).shortcomings(promoted)[0]
    twice = result(words.PROMOTED, words.PROMOTED, production="v2", served=["v2"], promoted="v2")
    assert "once, got 2" in trouble.shortcomings(twice)[0]
    back = result(words.PROMOTED, production="v1", served=["v2"], promoted="v2")
    assert "must be in production, got v1" in trouble.shortcomings(back)[0]


@pytest.mark.parametrize(
    ("trouble", "outcomes"),
    [
        (WorseModel(), [words.BEGUN, words.REJECTED, words.CHAMPION_STAYS]),
        (FailingTraining(None), 3 * [words.BEGUN, words.FAILED] + [words.STOPPED]),
    ],
)
def test_the_champion_stays_and_the_loop_says_why(trouble, outcomes):
    assert trouble.shortcomings(result(*outcomes)) == []
    assert trouble.shortcomings(result(*outcomes[:-1]))[0].startswith("there must be")
    assert "must stay" in trouble.shortcomings(result(*outcomes, production="v2"))[0]
    assert "no other version must answer, got v2" in trouble.shortcomings(result(*outcomes, served=["v2"]))[0]
    assert trouble.shortcomings(result(*outcomes, words.PROMOTED))[-1] == "nothing must be promoted"
    assert NONE.shortcomings(result()) == [] and NONE.act(CASE) == ""


def test_labels_that_cannot_be_learned_are_the_same_in_number_and_those_of_no_reading():
    network = DriftingNetwork(devices=10, history=30, stable=30, unlearnable=True)
    made = network._before.generate(first_tick=60, ticks=30)
    shuffled = network._shuffled(made, 60)
    before, after = (each.labels[network.schema.label] for each in (made, shuffled))
    assert before.sum() == after.sum() > 0
    assert (before.to_numpy() != after.to_numpy()).any()
    assert network._shuffled(made, 60).labels.equals(shuffled.labels)
