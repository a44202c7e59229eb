"""What a run tells of drift: first what a person may have to act on, then what is beside it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from project.summary.alerts import alert_texts
from project.summary.columns import fact, ideas

_NO_PROMISE = "none: "
"""What a promise begins with that is none, see ``drift.calibration``."""


def drift_lines(facts: Mapping[str, Any]) -> list[str]:
    """Alerts, then the verdict of the detectors that decide, then how far the rows have moved, then the rest.

    :param facts: see ``collect_facts``.
    """
    drift, watched = facts["drift"], facts.get("drift_this_run")
    moved = _moved_lines(facts)
    if drift is None:
        return moved
    since = "in this run" if watched else "since it was attached"
    decide, beside = drift_texts(watched or drift, since)
    lines = [line for text in alert_texts(drift) for line in ideas("alert", text)]
    for place, text in enumerate(decide):
        lines += fact("" if place else "drift", text)
    detectors = ((watched or {}).get("detectors") or {}).values()
    decided = any(state["drifts"] and state.get("decides", True) for state in detectors)
    if decided or (watched or {}).get("state") == "drift":
        lines += fact("next", f"'netops run --project {facts['project']}' trains on the newest telemetry")
    lines += moved
    promise = drift.get("promise") or ""
    told = f"false alarms of the verdict: {promise}" if ";" in promise else ""
    if promise.startswith(_NO_PROMISE):  # "False alarms: none" would say that there are none.
        told = f"false alarms of the verdict: no rate can be told: {promise.removeprefix(_NO_PROMISE)}"
    for place, text in enumerate(beside):
        lines += fact("" if place else "beside it", text)
    lines += ideas("" if beside else "beside it", told)
    return lines


def _moved_lines(facts: Mapping[str, Any]) -> list[str]:
    """How far the rows had moved, and of which model if that is not in production any more."""
    found, changed = facts["magnitude"] or {}, facts.get("champion_changed")
    text, version = str(found.get("verdict", "")), found.get("base_version")
    if text and changed is not None and version not in (None, changed["after"]):
        text += f"; measured for version {version[:8]}, which is not in production any more"
    return ideas("magnitude", text)


def drift_texts(
    drift: Mapping[str, Any], since: str = "since it was attached"
) -> tuple[list[str], list[str]]:
    """What the detectors of the labeled stream say; those that say the same are named together.

    :param drift: answer of the endpoint's ``/drift``.
    :param since: what its counts cover.
    :returns: of those whose verdict decides, and of those that are looked at beside them.
    """
    states = drift.get("detectors") or {}
    decide = {name for name, state in states.items() if state.get("decides", True)}
    said: dict[tuple[bool, str], list[str]] = defaultdict(list)
    for name, state in sorted(states.items()):
        said[name in decide, _detector_text(state, since)].append(name)
    found: tuple[list[str], list[str]] = ([], [])
    for (decides, text), names in said.items():
        which = ", ".join(names)
        which += ", which decides" if decides and len(decide) < len(states) else ""
        found[not decides].append(f"{which}: {text}")
    return found if states else (["no detector attached"], [])


def _detector_text(state: Mapping[str, Any], since: str) -> str:
    """What it says now, then what it said before."""
    found = []
    for noun in ("drift", "warning", "improvement"):
        if count := state.get(f"{noun}s", 0):
            newest = state.get(f"last_{noun}_time")
            when = f" (newest {newest[:16].replace('T', ' ')})" if newest else ""
            found.append(f"{count:,} {noun}{'s' * (count > 1)}{when}")
    if not found:
        return "no drift, no warning" if state.get("n", 1) else "no label was watched yet"
    now = {"drift": "drift now", "warning": "no drift, but a warning now"}.get(state["state"], "no drift now")
    return f"{now}; {' and '.join(found)} {since}"
