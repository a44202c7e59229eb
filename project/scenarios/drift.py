"""The scenario of a drift: planted, found, learned and served, while requests flow, without hands."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import average_precision_score, f1_score

from feature_sets.model_package.columns import PREDICTION, PROBABILITY, VERSION
from feature_sets.telemetry.schema import TelemetrySchema
from project.labeled_files import read_pairs
from project.retraining import state as words
from project.retraining.state import Decision, LoopState
from project.retraining.told_drift import size_of
from project.scenarios.drift_traffic import TrafficReport
from project.scenarios.injected_faults import NONE, Trouble

ARGUMENTS: dict[str, Any] = {"combinations": 5, "train_rows": 5000, "stream_seconds": 5}
"""Arguments of the first run beside telemetry and schema; the loop repeats them."""

POLICY = "least_rows=20000"
"""The loop's, unless another is set: half of what the first model has learned from."""

AS_GOOD = 0.9
"""Share of the performance before the change that must be reached after it."""

_ENOUGH_PAIRS = 10_000
_MOST_FAILURES = 100
_PATIENCE_REQUESTS = 120_000
"""After so many without news nothing more is waited for: twenty minutes at a hundred a second."""


@dataclass
class Timeline:
    """What happened when, in seconds since the requests began.

    :param lines: seconds, event time of the newest reading by then, what happened.
    :param tell: told each line.
    """

    tell: Callable[[str], None]
    lines: list[dict[str, Any]] = field(default_factory=list)

    def add(self, report: TrafficReport, what: str, clock: Callable[[], float] = time.monotonic) -> None:
        """Something happens now."""
        seconds = clock() - report.started if report.started else 0.0
        self.lines.append({"seconds": round(seconds, 1), "event_time": report.newest, "what": what})
        self.tell(f"{seconds:7.1f} s  {report.newest[:19].replace('T', ' '):19}  {what}")


@dataclass(frozen=True)
class Realized:
    """How good the predictions turned out to be, when their labels had come.

    :param pairs: predictions with a label.
    :param average_precision: of the probabilities.
    :param f1: of the predictions.
    """

    pairs: int
    average_precision: float
    f1: float


def realized(rows: pd.DataFrame, schema: TelemetrySchema) -> Realized:
    """Performance on labeled pairs."""
    labels = rows[schema.target].to_numpy(np.int64)
    if not labels.any():
        return Realized(len(rows), 0.0, 0.0)
    return Realized(
        len(rows),
        float(average_precision_score(labels, rows[PROBABILITY])),
        float(f1_score(labels, rows[PREDICTION].to_numpy(np.int64))),
    )


def labeled_rows(folder: Path, schema: TelemetrySchema) -> pd.DataFrame:
    """Labeled pairs of the endpoint."""
    columns = [schema.time, VERSION, PREDICTION, PROBABILITY, schema.target]
    parts = [read_pairs(path, columns).to_pandas() for path in sorted(folder.glob("*.parquet"))]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)


@dataclass
class Patience:
    """How long nothing new may happen: by requests, of which a slow machine sends fewer in a second.

    :param seconds: in which there is no further request at all.
    """

    seconds: float
    _lines: int = -1
    _since: int = 0
    _sent: int = -1
    _moved: float = 0.0

    def lasts(self, now: float, sent: int, lines: int) -> bool:
        """Whether there is some left.

        :param now: monotonic clock, seconds.
        :param sent: requests so far.
        :param lines: of the timeline so far.
        """
        if lines != self._lines:
            self._lines, self._since, self._moved = lines, sent, now
        if sent != self._sent:
            self._sent, self._moved = sent, now
        return sent - self._since < _PATIENCE_REQUESTS and now - self._moved < self.seconds

    def __str__(self) -> str:
        return f"{self._sent - self._since:,} requests since"


def watch(
    state: Callable[[], LoopState],
    pairs: Callable[[str], int],
    report: TrafficReport,
    drifts: pd.Timestamp,
    timeline: Timeline,
    patience_seconds: float,
    trouble: Trouble = NONE,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> str:
    """Watch the loop until it has put a model into production and enough of its predictions are labeled.

    :param state: of the loop as it is now.
    :param pairs: labeled predictions of a version.
    :param drifts: event time of the planted change.
    :param patience_seconds: see ``Patience``.
    :param trouble: what goes wrong meanwhile.
    :returns: version of the model that was promoted; empty if none was, within the patience.
    """
    told, planted, promoted = 0, False, ""
    patience = Patience(patience_seconds)
    while patience.lasts(clock(), report.sent, len(timeline.lines)):
        if not planted and report.newest and pd.Timestamp(report.newest) >= drifts:
            planted = True
            timeline.add(report, f"planted: from here on {trouble.planted}")
        now = state()
        decisions = now.decisions
        for decision in decisions[told:]:
            timeline.add(report, _told(decision))
            if decision.outcome == words.PROMOTED:
                promoted = decision.after
            elif decision.outcome in trouble.last:
                return ""
        told = len(decisions)
        done = trouble.act(now)
        if done:
            timeline.add(report, done)
        if promoted and pairs(promoted) >= _ENOUGH_PAIRS:
            timeline.add(report, f"{_ENOUGH_PAIRS:,} predictions of version {promoted[:8]} are labeled")
            return promoted
        if len(report.failures) > _MOST_FAILURES:
            timeline.add(report, f"requests fail: {report.failures[-1]}")
            return promoted
        sleep(trouble.poll_seconds)
    timeline.add(report, f"nothing more: {patience}")
    return promoted


def _told(decision: Decision) -> str:
    """A decision in a line, with how much the drift was that it is about."""
    run = f" (run {decision.run_id[:8]})" if decision.run_id else ""
    is_of_drift = decision.outcome in (words.OPENED, words.MERGED, words.NEWER, words.POSTPONED)
    size = size_of(decision.cause) if is_of_drift else ""
    return f"{decision.outcome}: {decision.reason}{run}{f'; {size}' if size else ''}"


def outcome(
    rows: pd.DataFrame, drifts: pd.Timestamp, first: str, promoted: str, schema: TelemetrySchema
) -> dict[str, Any]:
    """Performance before the change, from it to the new model, and with that.

    :param rows: see ``labeled_rows``.
    :param first: version of the model before.
    :param promoted: version of the new one, empty without one.
    """
    of_first, late = rows[VERSION] == first, rows[schema.time] >= drifts
    parts = {
        "before": rows[of_first & ~late],
        "drifted": rows[of_first & late],
        "after": rows[rows[VERSION] == promoted],
    }
    return {name: vars(realized(part, schema)) for name, part in parts.items()}


def shortcomings(result: dict[str, Any], trouble: Trouble = NONE) -> list[str]:
    """What did not hold, in words; empty if all did."""
    wrong = trouble.shortcomings(result)
    if trouble.is_learned and not result["promoted"]:
        wrong.append("a new model must be promoted, got none")
    for name in ("average_precision", "f1") if trouble.is_learned else ():
        before, after = result["before"][name], result["after"][name]
        if after < AS_GOOD * before:
            wrong.append(f"{name} must be within 10 % of {before:.3f} again, got {after:.3f}")
    alerts = result["alerts"]
    if alerts["twice"]:
        wrong.append(f"an alert, and its end, must be told once, got {', '.join(alerts['twice'])} twice")
    if trouble.is_learned and result["promoted"] and alerts["open"]:
        wrong.append(f"the promotion must clear the alert, got {', '.join(alerts['open'])} open")
    failures = result["traffic"]["failures"]
    if failures:
        wrong.append(f"no request must fail, got {len(failures)}, the first: {failures[0]}")
    return wrong


def store(result: dict[str, Any], folder: Path) -> Path:
    """Write what happened; the path of the file."""
    path = folder / "timeline.json"
    path.write_text(json.dumps(result, indent=1, default=str), encoding="utf-8")
    return path
