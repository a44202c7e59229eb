"""How far a replay is, and for how long it gathers labels."""

from io import StringIO

import pytest
from rich.console import Console

from project.replay.progress import replay_progress
from project.replay.replay import LABELS_EVERY, gathered_for


def test_without_a_terminal_each_tenth_is_a_line():
    written = StringIO()
    with replay_progress(Console(file=written, force_terminal=False)) as told:
        for sent in range(0, 1001, 50):
            told(sent, 1000)
    lines = written.getvalue().splitlines()
    assert lines == [f"  playing {sent:,} of 1,000 readings" for sent in range(0, 1001, 100)]


def test_on_a_terminal_it_is_a_bar_that_goes_away():
    written = StringIO()
    with replay_progress(Console(file=written, force_terminal=True, width=100)) as told:
        told(250, 1000)
    assert "playing readings" in written.getvalue() and "  playing 250 of" not in written.getvalue()


@pytest.mark.parametrize(
    ("deadline", "delay", "gathered"),
    [(3600, 60, LABELS_EVERY), (3600, 3500, 50), (3600, 3599, 0), (3600, 3600, 0), (60, 7200, 0)],
)
def test_labels_are_gathered_for_less_than_is_left_until_their_deadline(deadline, delay, gathered):
    assert gathered_for(deadline - delay) == gathered
