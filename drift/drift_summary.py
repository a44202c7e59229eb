"""What was found on a labeled stream, in one sentence and as one record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from drift.alert import Alert
from drift.newest_labels import NewestLabels
from drift.share_text import percent

_RARE = 0.01
"""Share of errors among labels below which the share of wrong predictions hides whether any is caught."""


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


def in_one_sentence(
    status: Mapping[str, Any],
    last: LastDrift | None,
    cleared: Alert | None = None,
    newest: NewestLabels | None = None,
) -> str:
    """The state of a stream for people, and the last drift, or the last alert that was cleared.

    >>> status = {"state": "in_control", "n": 900, "errors": 9, "detectors": {}}
    >>> in_one_sentence(status, None)
    'in control: no drift was found; 1.0% of 900 labels were predicted wrong'
    >>> in_one_sentence(status, LastDrift("2024-05-01T12:00:00Z", ["glr"], 250))[:72]
    'in control: the last drift was found at 2024-05-01T12:00:00Z by glr, 250'
    >>> now = NewestLabels(450, 9, "2024-05-01T12:00:00Z", 0.005)
    >>> in_one_sentence(status, None, newest=now)[32:]
    '2.0% of the newest 450 labels were predicted wrong (0.5% before; of all 900 labels 1.0%)'

    :param cleared: the newest alert that is over.
    :param newest: labels, where there are others before them; the share of all says little of now.
    :param status: with ``state``, ``n``, ``errors`` and, of each of the ``detectors``, its ``state``, whether
        it ``decides``, and its ``drifts`` and ``warnings``.
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
    rate, n = percent(status["errors"] / status["n"]), f"{status['n']:,} labels"
    wrong = f"{rate} of {n} were predicted wrong"
    if newest is not None and newest.labels < status["n"] - 1:  # The time of the first one begins them all.
        before = "" if newest.before is None else f"{percent(newest.before)} before; "
        now = f"{percent(newest.rate)} of the newest {newest.labels:,} labels were predicted wrong"
        wrong = f"{now} ({before}of all {n} {rate})"
    return f"{state}: " + "; ".join(filter(None, (found, _beside(status["detectors"]), wrong)))


def _beside(detectors: Mapping[str, Mapping[str, Any]]) -> str:
    """What detectors have found that do not decide; empty without any, or where none decides alone."""
    if not any(each["decides"] for each in detectors.values()):
        return ""
    told = []
    for name, each in detectors.items():
        counts = [
            f"{each[noun]:,} {noun if each[noun] > 1 else noun[:-1]}"
            for noun in ("drifts", "warnings")
            if each[noun]
        ]
        if counts and not each["decides"]:
            told.append(f"{name} found {' and '.join(counts)}")
    if not told:
        return ""
    those = "it does not decide" if len(told) == 1 else "they do not decide"
    return f"beside it, {', '.join(told)} ({those}, see detectors)"


def rare_errors(performance: Mapping[str, Any] | None) -> str:
    """How many of the newest errors were predicted, where errors are rare; empty elsewhere, or if not known.

    A model that predicts no error any more is then wrong in hardly more labels than before.

    >>> scores = {"rows": 5000, "errors": 20.0, "recall": 0.25}
    >>> rare_errors({"realized": scores, "reference": {"recall": 0.9}})
    'of the 20 errors among the newest 5,000 labels 5 were predicted (25%, 90% where it was evaluated)'

    :param performance: ``realized`` and ``reference`` scores, see ``PerformanceWatch.status``.
    """
    newest = (performance or {}).get("realized") or {}
    recall, rows = newest.get("recall"), newest.get("rows")
    if recall is None or not rows or newest["errors"] >= _RARE * rows:
        return ""
    errors, before = round(newest["errors"]), (performance or {}).get("reference", {}).get("recall")
    beside = "" if before is None else f", {before:.0%} where it was evaluated"
    return (
        f"of the {errors:,} errors among the newest {rows:,} labels {round(recall * errors):,} were "
        f"predicted ({recall:.0%}{beside})"
    )
