"""The line of a long command: written over on a terminal, once a minute elsewhere, none of a short one."""

from io import StringIO

import pytest

from project.cli.progress_line import ProgressLine


class Terminal(StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("stream", "expected"),
    [(Terminal(), ["audit: 1", "audit: 59", "audit: 61", "audit: 130"]), (StringIO(), ["audit: 61"])],
    ids=["terminal", "file"],
)
def test_a_line_is_told_now_and_then(stream, expected):
    now = [0.0]
    with ProgressLine(stream, "audit", lambda: now[0]) as line:
        for now[0] in (0.1, 1.0, 59.0, 59.1, 61.0, 61.2, *([130.0] if stream.isatty() else [])):
            line.tell(f"{now[0]:.0f}")
    said = stream.getvalue().replace("\r", "\n").split("\n")
    assert [text.strip() for text in said if text.strip()] == expected
    # On a terminal nothing stays, so that the result begins a line.
    assert stream.getvalue().endswith("\r" if stream.isatty() else "\n")
