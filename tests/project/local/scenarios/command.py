"""The ``mlrun`` command line in this process, where mlrun is imported already."""

from __future__ import annotations

from click.testing import CliRunner
from mlrun.__main__ import main


def output(*arguments: str) -> str:
    """Output of a command that must succeed."""
    done = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output
