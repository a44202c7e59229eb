"""Caught incidents are told beside the alarms on healthy rows that this takes."""

from __future__ import annotations

import pytest

from drift.alarm_share import LEAST_HEALTHY, MOST_FALSE_ALARMS, AlarmShare, caught_beside_alarms
from drift.performance_watch import WINDOW, PerformanceWatch

CAUGHT = "in control: of the newest 20 incidents 16 were caught (80%)"


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (AlarmShare(LEAST_HEALTHY - 1, LEAST_HEALTHY - 1), CAUGHT),
        (AlarmShare(LEAST_HEALTHY, 3), f"{CAUGHT}; it alarms on 1.0% of the newest 300 healthy rows"),
        (AlarmShare(1000, 200), f"{CAUGHT}; it alarms on 20.0% of the newest 1,000 healthy rows"),
        (
            AlarmShare(4990, 2140),
            "SAYS NOTHING OF THE MODEL: it alarms on 42.9% of the newest 4,990 healthy rows, and one that "
            f"always alarms would catch every incident; {CAUGHT}",
        ),
    ],
)
def test_catching_is_no_merit_of_a_model_that_alarms_on_many_healthy_rows(found, told):
    assert caught_beside_alarms(CAUGHT, found) == told
    assert (found.share is None) == (told == CAUGHT)
    assert told.startswith("SAYS NOTHING") == ((found.share or 0.0) > MOST_FALSE_ALARMS)


def test_healthy_rows_of_the_newest_labels_are_counted_and_kept():
    watch = PerformanceWatch()
    assert watch.alarm_share == AlarmShare(0, 0) and watch.alarm_share.share is None
    for number in range(WINDOW):
        watch.add_pair(0.9, 1, int(number % 2))
    assert watch.alarm_share == AlarmShare(WINDOW // 2, WINDOW // 2)
    for number in range(1000):
        watch.add_pair(0.5, int(number % 4 == 0), 0)
    assert watch.alarm_share == AlarmShare(3000, 2250)
    again = PerformanceWatch()
    again.note_all(*watch.noted())
    assert again.alarm_share.to_dict() == {"healthy": 3000, "alarms": 2250, "share": 0.75}
