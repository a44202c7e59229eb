"""Progress on a terminal and elsewhere."""

from __future__ import annotations

import io
import sys

from training.search.progress import Progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def work(said):
    with Progress(said.append) as progress:
        progress.plan(2)
        progress.say("rung 1")
        progress.advance()
        progress.advance()


def test_a_log_gets_lines_and_no_bar(monkeypatch):
    errors, said = io.StringIO(), []
    monkeypatch.setattr(sys, "stderr", errors)
    work(said)
    assert said == ["rung 1"] and errors.getvalue() == ""


def test_a_terminal_gets_a_bar_and_no_lines(monkeypatch):
    terminal, said = Terminal(), []
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    work(said)
    assert said == [] and "rung 1" in terminal.getvalue() and "2/2" in terminal.getvalue()
