"""What the loop from drift to a new model of a project waits for, as it is told beside other projects."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from feature_sets.checks import InputError
from project.retraining.state_file import StateFile
from project.retraining.status import held_up


class ToldLoop(NamedTuple):
    """What is told of a loop.

    :param none_usable: that it has found no model of use, neither the one in production nor a new one; empty
        unless it has.
    :param lines: what it waits for where that is a person or a time, or why nobody knows.
    :param onset: since when the model is wrong more often, if it answers that; event time, ISO 8601 UTC.
    """

    none_usable: str
    lines: list[str]
    onset: str = ""


def told_loop(folder: Path, project: str, now: datetime) -> ToldLoop:
    """Read the state of a loop. One of a newer release, or a damaged one, is told: others are told, too.

    :param folder: of the loops, under the home.
    :param now: wall clock, with a zone.
    """
    try:
        state = StateFile(folder, project).read()
    except (InputError, OSError) as error:
        return ToldLoop("", [f"not known, and drift starts no training: {error}"])
    return ToldLoop(state.none_usable, held_up(state, project, now), state.onset)
