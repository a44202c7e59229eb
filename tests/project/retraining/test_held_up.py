"""What keeps the loop from a training is told by ``netops status``, where a person or a time ends it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from project.retraining.by_person import resumed, rolled_back
from project.retraining.policy import closed, overtaken
from project.retraining.state import LoopState
from project.retraining.status import held_up
from tests.project.retraining.test_policy import NOW, POLICY, opened, tried

LATER = NOW + timedelta(hours=1)


def test_after_a_rollback_it_says_until_when_none_begins_and_how_to_begin_one():
    # A person has promoted v2 while the drift of v1 went on, and puts v1 back.
    back = rolled_back(overtaken(opened(), "v2", NOW), "v2", "v1", "", LATER, POLICY)
    ends = "after a rollback; 'netops retrain --resume --project net' ends that wait"
    held = f"no training begins by itself before 2026-01-02T13:00:00 UTC: {ends}"
    assert held_up(back, "net", LATER) == [
        f"the drift since about 2024-05-01T11:00:00 UTC goes on, and {held}"
    ]
    assert held_up(rolled_back(LoopState(), "v2", "v1", "", LATER, POLICY), "net", LATER) == [held]
    assert held_up(resumed(back, LATER), "net", LATER) == []
    assert held_up(back, "net", LATER + timedelta(hours=24)) == []


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (LoopState(), []),
        (opened(), []),  # Nothing but labels is waited for, and 'netops retrain' counts them.
        (closed(tried(opened(), "promoted", champion="v2"), NOW, POLICY), []),
        (
            replace(opened(), hold_until="2026-01-01T12:30:00+00:00", hold_reason="cool-down"),
            [
                "the drift since about 2024-05-01T11:00:00 UTC goes on, and no training begins by itself "
                "before 2026-01-01T12:30:00 UTC: cool-down; "
                "'netops retrain --resume --project net' ends that wait"
            ],
        ),
        (
            replace(opened(), stopped="3 runs in a row failed"),
            ["it has stopped: 3 runs in a row failed; 'netops retrain --resume --project net' resumes"],
        ),
        (
            replace(opened(), candidate="v2"),
            ["version v2 waits for 'netops retrain --approve --project net' or --decline"],
        ),
        (replace(opened(), candidate="v2", candidate_outdated=True), []),
    ],
    ids=["nothing", "labels", "cool-down", "cool-down with a drift", "stopped", "approval", "outdated"],
)
def test_only_what_a_person_or_a_time_ends_is_told(state, said):
    assert held_up(state, "net", NOW) == said
