"""The drift that a model had when another took its place, for the run that put that one there."""

from __future__ import annotations

from pathlib import Path

from feature_sets.checks import InputError
from project.retraining.state_file import StateFile
from project.retraining.told_drift import found_by, where_of


def drift_of_before(folder: Path, project: str, served: str) -> str:
    """Which alert was open, in words; empty for none, and where the model that had it is served.

    The loop ends its case after the run alone, so it is there while that run tells what it has measured.

    :param folder: of the loops, under the home.
    :param served: version that is served now.
    """
    try:
        case = StateFile(folder, project).read().case
    except (InputError, OSError) as error:
        return f"whether the model before had an alert is not known: {error}"
    is_over = case is None or case.weak or (case.cleared and not case.alerts)
    if case is None or is_over or case.version == served:
        return ""
    where = where_of(case.event)
    told = f"{found_by(case.event)} UTC{where and f', {where}'}"
    return f"the alert of version {case.version[:8]} before was open: {told}; its rows were not measured"
