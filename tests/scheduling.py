"""Which tests share a worker, and which start first, when pytest runs on several (``make test``).

A file is one unit of work, because its fixtures are built once a worker. The tests of ``tests/integration``
that share the installation, which takes most of a minute to build, are one unit together; the files of it
with a home of their own are not. Marking tests with ``xdist_group`` is not enough: with pytest 9.2 the marks
never reach the scheduler of xdist 3.8.
"""

from __future__ import annotations

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

INSTALLATION = "the installation"
FOLDER = "tests/integration/"
OWN_HOME = tuple(f"{FOLDER}test_{name}.py" for name in ("month", "pruned_project", "rehearsal", "compile"))
"""Files whose tests use the fixture ``bare``, the longest first."""
LONGEST_FIRST = (
    INSTALLATION,
    *OWN_HOME,
    "tests/workflow/",
    "tests/examples/",
    "tests/project/",
    "tests/training/",
)
"""Starts of the names of long units, the longest first. A long unit that starts late leaves workers idle."""


def unit_of(nodeid: str) -> str:
    """The unit of a test: its file, or all tests of the installation."""
    file = nodeid.split("::", 1)[0]
    return INSTALLATION if file.startswith(FOLDER) and file not in OWN_HOME else file


def start_rank(nodeid: str) -> int:
    """Place of a test in the order of starts; tests of one rank keep the order they were found in."""
    unit = unit_of(nodeid)
    for rank, start in enumerate(LONGEST_FIRST):
        if unit.startswith(start):
            return rank
    return len(LONGEST_FIRST)


class UnitScheduling(LoadScopeScheduling):
    """Hands units to workers in the order of their tests, which the workers sort by ``start_rank``.

    :param config: of pytest.
    :param log: of xdist.
    """

    def __init__(self, config: pytest.Config, log: Producer | None = None) -> None:
        super().__init__(config, log)
        # Else xdist puts units of many tests first; long ones have few.
        config.option.loadscopereorder = False

    def _split_scope(self, nodeid: str) -> str:
        return unit_of(nodeid)
