"""That a person has changed the champion while a run went on, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drift.drift_event import utc_time


def champion_text(changed: Mapping[str, Any]) -> str:
    """Who, when, from which version to which, and whether that is watched.

    :param changed: see ``ChampionChange``; ``watched``: whether detectors are attached now.
    """
    why = f" ({changed['why']})" if changed["why"] else ""
    minute = utc_time(changed["time"])[:16].replace("T", " ")
    watch = "detectors watch the other version anew"
    return (
        f"{changed['who']} has changed the champion during this run, at {minute} UTC: from version "
        f"{changed['before'][:8]} to {changed['after'][:8]}{why}; drift below is as the run found it, and "
        f"{watch if changed['watched'] else 'no detectors watch the other version'}"
    )
