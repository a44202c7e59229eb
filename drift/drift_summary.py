"""What was found on a labeled stream, in one sentence and as one record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from drift.alert import Alert


class LastDrift(NamedTuple):
    """The newest drift that is the verdict.

    :param time: event time, ISO 8601.
    :param detectors: those that found it, or found it shortly before.
    :param labels_ago: how many labels came since.
    """

    time: str
    detectors: Sequence[str]
    labels_ago: int

    def to_dict(self) -> dict[str, Any]:
        """Plain content for JSON."""
        return {"time": self.time, "detectors": list(self.detectors), "labels_ago": self.labels_ago}


def in_one_sentence(status: Mapping[str, Any], last: LastDrift | None, cleared: Alert | None = None) -> str:
    """The state of a stream for people, and the last drift, or the last alert that was cleared.

    >>> status = {"state": "in_control", "n": 900, "errors": 9, "detectors": {}}
    >>> in_one_sentence(status, None)
    'in control: no drift was found; 1.0% of 900 labels were predicted wrong'
    >>> in_one_sentence(status, LastDrift("2024-05-01T12:00:00Z", ["glr"], 250))[:72]
    'in control: the last drift was found at 2024-05-01T12:00:00Z by glr, 250'

    :param cleared: the newest alert that is over.
    :param status: with ``state``, ``n``, ``errors`` and, of each of the ``detectors``, its ``state``.
    """
    if not status["n"]:
        return "in control: no label was watched yet"
    state = str(status["state"]).replace("_", " ")
    if state == "warning":
        alarmed = [name for name, each in status["detectors"].items() if each["state"] != "in_control"]
        state = f"warning by {', '.join(alarmed)}"
    found = "no drift was found"
    if cleared is not None:
        raised = f"raised at {cleared.raised} by {cleared.source}"
        found = f"the last alert, {raised}, was cleared at {cleared.cleared}"
    if last is not None:
        names = ", ".join(last.detectors)
        found = f"the last drift was found at {last.time} by {names}, {last.labels_ago:,} labels ago"
    wrong = f"{status['errors'] / status['n']:.1%} of {status['n']:,} labels were predicted wrong"
    return f"{state}: {found}; {wrong}"
