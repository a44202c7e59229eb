"""The drift of a model that left production: where a rollback puts the model back, its drift goes on.

Another model answers a drift, and is no end of it for the model that had it. Whoever puts that one back,
because the new one is worse still, has its drift again, of which its new detectors know nothing yet.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from project.retraining.state import Case

_REMEMBERED = 10
"""Versions, at most; a rollback goes back to the one before."""


def kept(known: Sequence[Case], case: Case | None, champion: str, rows: int = 0) -> tuple[Case, ...]:
    """The drifts of versions that are not in production, with that of a case that ends as its model left.

    :param known: those of before, the last one last.
    :param case: None, one of a weak model, and one whose model is still there, add nothing.
    :param champion: version of the model in production now.
    :param rows: labeled rows since the change from which the new model was made; 0 if it was made otherwise.
    """
    if case is None or case.weak or case.version == champion:
        return tuple(known)
    episodes = case.episodes_begun if rows else case.episodes_tried
    left = replace(case, rows_tried=max(case.rows_tried, rows), episodes_tried=episodes)
    return (*without(known, case.version), left)[-_REMEMBERED:]


def without(known: Sequence[Case], version: str) -> tuple[Case, ...]:
    """The drifts of other versions."""
    return tuple(each for each in known if each.version != version)


def of_version(known: Sequence[Case], version: str, now: str) -> Case | None:
    """The drift of a version that is in production again; None if it had none.

    What was made of it was not better, or nobody would have put the model back: so the next training takes
    more rows, as after a rejection.

    :param now: wall clock, ISO 8601 UTC.
    """
    case = next((each for each in known if each.version == version), None)
    if case is None:
        return None
    again = replace(case, opened=now, finish="", finish_outdated=False, not_before="", interruptions=0)
    # Its alerts ended with its watch, and not because errors were fewer.
    return replace(again, alerts=(), cleared="", reopened=True, before="")
