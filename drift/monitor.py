"""Several detectors on one labeled stream: who raised a flag, how often, when last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from itertools import pairwise
from typing import Any, Literal

from drift.detectors.detector import Detector
from drift.detectors.registry import detector_from_dict
from drift.detectors.saved_form import saved_mapping
from drift.detectors.values import error_value
from drift.drift_event import DriftEvent, Level, utc_time
from drift.drift_summary import LastDrift, in_one_sentence
from drift.verdict import ANY, Verdict
from feature_sets.checks import InputError, check_integer

FORMAT = 2
"""Version of the saved form. Version 1, without verdict and improvements, is read too."""

State = Literal["in_control", "warning", "drift"]


@dataclass
class _Record:
    """What happened to one detector while monitored; ``*_at`` are values of the monitor's ``n_seen``."""

    warnings: int = 0
    drifts: int = 0
    merged: int = 0
    last_warning_time: str | None = None
    last_drift_time: str | None = None
    reported_warning_at: int | None = None
    reported_drift_at: int | None = None
    last_drift_at: int | None = None
    improvements: int = 0
    last_improvement_time: str | None = None
    reported_improvement_at: int | None = None


_MARK_EVERY, _MARKS = 25, 80
"""Event times are kept of one value in so many, and of so many of these: a GLR window, and what it lasted."""

_USUAL_CHANGE = 400
"""How many values a change is taken to cover where its detector does not tell."""

_SETTINGS = ("cool_down", "verdict", "promise")
_ADDED = ("improvements", "last_improvement_time", "reported_improvement_at")


class DriftMonitor:
    """Feeds one stream of errors to several detectors and reports what they find, each finding once.

    A warning is reported when a detector enters its warning zone, a drift when it is found. For ``cool_down``
    further values after a report, repeated findings of the same detector and level are merged into it:
    counted, not reported. A drift is never merged into a warning, but a warning is merged into a drift. A
    stream that keeps drifting is reported again after the cool-down. One thread at a time.

    Which findings are the verdict is one setting (``Verdict``). Drift that a detector finds without being the
    one to decide is reported as its warning. A fall of the error rate is reported as an improvement, never as
    drift: nothing has to be done about it.

    >>> from drift.detectors.ddm import DDM
    >>> monitor = DriftMonitor([DDM()])
    >>> found = [e for x in 100 * [0, 0, 0, 0, 1] + 40 * [1] for e in monitor.update(x, "2024-05-01T12:00Z")]
    >>> [(event.source, event.level, event.n_seen) for event in found]
    [('ddm', 'warning', 511), ('ddm', 'drift', 522)]

    :param detectors: at least one, each of another name; warmed up or new. The monitor owns them from now on.
    :param cool_down: number of values after a report in which repeated findings are merged; 0 merges none.
    :param verdict: ``any``, ``all within N`` or the name of the detector that decides, see ``Verdict``.
    :param promise: rate of false alarms that is promised, in words, see ``drift.calibration``; only told.
    :raises InputError: if there is no detector, a name occurs twice, ``cool_down`` is negative or the verdict
        is no rule for these detectors.
    """

    def __init__(
        self, detectors: Sequence[Detector], cool_down: int = 100, verdict: str = ANY, promise: str = ""
    ) -> None:
        names = [detector.name for detector in detectors]
        if not names or len(set(names)) != len(names):
            raise InputError("drift monitor: detectors", "must be at least one, each name once", names)
        self.detectors = tuple(detectors)
        self.cool_down = check_integer("drift monitor: cool_down", cool_down, at_least=0)
        self.verdict = Verdict(verdict, names)
        self.promise = promise
        self.n_seen = 0
        self.errors = 0
        self.last_event_time: str | None = None
        self._times: list[tuple[int, str]] = []
        self._records = {name: _Record() for name in names}
        if self.verdict.within is not None:
            self._records[self.verdict.source] = _Record()

    def update(self, error: int, event_time: str) -> list[DriftEvent]:
        """Feed one labeled prediction to every detector.

        Labels come late and out of order: values are taken in the order they arrive.

        :param error: 1 if the prediction differs from its label, 0 if it equals it.
        :param event_time: event time of the prediction, ISO 8601 with a zone.
        :returns: the findings to report now, in the order of the detectors; usually none.
        :raises InputError: on a bad value or time; no detector has then seen anything.
        """
        value = error_value(error, "error")
        time = utc_time(event_time)
        self.n_seen += 1
        self.errors += value
        self.last_event_time = time
        if self.n_seen % _MARK_EVERY == 1 or not self._times:
            self._times = [*self._times[1 - _MARKS :], (self.n_seen, time)]
        events = []
        for detector in self.detectors:
            in_warning_zone = detector.warning_detected
            detector.update(value)
            if detector.drift_detected:
                level: Level = "improvement" if detector.direction == "fall" else "drift"
            elif detector.warning_detected and not in_warning_zone:
                level = "warning"
            else:
                continue
            if self._note(self._records[detector.name], level, time):
                events.append(self._event(detector, level, time))
        return events + self._all_together(time)

    @property
    def flags(self) -> dict[str, dict[str, bool]]:
        """Flags after the last update: detector -> ``{"warning": bool, "drift": bool}``."""
        return {
            detector.name: {"warning": detector.warning_detected, "drift": detector.drift_detected}
            for detector in self.detectors
        }

    def status(self) -> dict[str, Any]:
        """The state of the stream, as plain JSON values.

        ``state`` of a detector is ``drift`` from a drift on until ``cool_down`` further values have passed
        without another; otherwise ``warning`` in its warning zone, else ``in_control``. The overall ``state``
        follows the verdict: ``drift`` of a detector that does not decide is a ``warning``. ``n`` counts the
        values monitored here, ``n_with_warm_up`` also those of the warm-up; ``merged`` findings are included
        in ``warnings``, ``drifts`` and ``improvements``. ``last_drift`` stays when the state is calm again;
        ``summary`` says all of that in a sentence.
        """
        detectors = {}
        for detector in self.detectors:
            record = self._records[detector.name]
            detectors[detector.name] = {
                "state": self._state(detector, record),
                "decides": self.verdict.decides(detector.name),
                "n": self.n_seen,
                "n_with_warm_up": detector.n_seen,
                "warnings": record.warnings,
                "drifts": record.drifts,
                "improvements": record.improvements,
                "merged": record.merged,
                "last_warning_time": record.last_warning_time,
                "last_drift_time": record.last_drift_time,
                "last_improvement_time": record.last_improvement_time,
                "statistic": detector.statistic,
                "warning_limit": detector.warning_limit,
                "drift_limit": detector.drift_limit,
            }
        last = self._last_drift()
        counted = {"state": self._overall(detectors), "n": self.n_seen, "errors": self.errors}
        return {
            "summary": in_one_sentence({**counted, "detectors": detectors}, last),
            "last_drift": None if last is None else last.to_dict(),
            **counted,
            "verdict": self.verdict.text,
            "promise": self.promise,
            "error_rate": self.errors / self.n_seen if self.n_seen else None,
            "last_event_time": self.last_event_time,
            "cool_down": self.cool_down,
            "detectors": detectors,
        }

    def to_dict(self) -> dict[str, Any]:
        """Full state as plain JSON values; ``from_dict`` continues exactly from here."""
        return {
            "format": FORMAT,
            "cool_down": self.cool_down,
            "verdict": self.verdict.text,
            "promise": self.promise,
            "n_seen": self.n_seen,
            "errors": self.errors,
            "last_event_time": self.last_event_time,
            "times": [list(mark) for mark in self._times],
            "detectors": [detector.to_dict() for detector in self.detectors],
            "records": {name: asdict(record) for name, record in self._records.items()},
        }

    @classmethod
    def from_dict(cls, saved: Mapping[str, Any]) -> DriftMonitor:
        """Inverse of ``to_dict``.

        :raises InputError: naming the field, the rule and what was given, if the form is not one of ours.
        """
        owner = "saved drift monitor"
        known = ("format", "n_seen", "errors", "last_event_time", "times", "detectors", "records")
        saved = saved_mapping(owner, "itself", _of_version_2(saved), (*_SETTINGS, *known))
        if saved["format"] != FORMAT:
            raise InputError(f"{owner}: format", f"must be {FORMAT}", saved["format"])
        if not isinstance(saved["detectors"], list):
            raise InputError(f"{owner}: detectors", "must be a list", saved["detectors"])
        detectors = [detector_from_dict(each) for each in saved["detectors"]]
        monitor = cls(detectors, saved["cool_down"], saved["verdict"], str(saved["promise"]))
        monitor.n_seen = check_integer(f"{owner}: n_seen", saved["n_seen"], at_least=0)
        monitor.errors = check_integer(f"{owner}: errors", saved["errors"], at_least=0)
        monitor.last_event_time = _saved_time(owner, "last_event_time", saved["last_event_time"])
        monitor._times = _saved_marks(owner, saved["times"], monitor.n_seen)
        records = saved_mapping(owner, "records", saved["records"], tuple(monitor._records))
        for name, record in records.items():
            monitor._records[name] = _saved_record(f"{owner}: records.{name}", record)
        return monitor

    def _note(self, record: _Record, level: Level, time: str) -> bool:
        """Count a finding; whether it is to be reported."""
        drift_is_fresh = self._fresh(record.reported_drift_at)
        if level == "improvement":
            record.improvements += 1
            record.last_improvement_time = time
            report = not self._fresh(record.reported_improvement_at)
            if report:
                record.reported_improvement_at = self.n_seen
        elif level == "drift":
            record.drifts += 1
            record.last_drift_time = time
            record.last_drift_at = self.n_seen
            report = not drift_is_fresh
            if report:
                record.reported_drift_at = self.n_seen
        else:
            record.warnings += 1
            record.last_warning_time = time
            report = not drift_is_fresh and not self._fresh(record.reported_warning_at)
            if report:
                record.reported_warning_at = self.n_seen
        record.merged += not report
        return report

    def _all_together(self, time: str) -> list[DriftEvent]:
        """Drift that enough detectors found within the labels of the verdict, if it is news."""
        if self.verdict.within is None:
            return []
        last = {name: record.last_drift_at for name, record in self._records.items()}
        # only a drift of this very value can complete the set
        if self.n_seen not in last.values() or not self.verdict.together(last, self.n_seen):
            return []
        source = self.verdict.source
        if not self._note(self._records[source], "drift", time):
            return []
        names = ", ".join(self.verdict.agreeing(last, self.n_seen))
        detail = f"error stream: {names} within {self.verdict.within} labels"
        onset, since = self._onset(None)
        return [DriftEvent(source, "drift", time, None, None, self.n_seen, detail, onset, since)]

    def _event(self, detector: Detector, level: Level, time: str) -> DriftEvent:
        detail = "error stream"
        onset, since = self._onset(detector.change_length) if level == "drift" else (None, None)
        if level == "drift" and not self.verdict.decides(detector.name):
            level, detail = (
                "warning",
                f"error stream: drift for this detector, the verdict is {self.verdict.text}",
            )
        return DriftEvent(
            source=detector.name,
            level=level,
            event_time=time,
            value=detector.statistic,
            limit=detector.warning_limit if detector.warning_detected else detector.drift_limit,
            n_seen=detector.n_seen,
            detail=detail,
            onset=onset,
            since_onset=since,
        )

    def _onset(self, length: int | None) -> tuple[str, int]:
        """Event time of about the first value of a change, and how many values have come since.

        :param length: newest values that the change covers; None if that is not known.
        """
        first = self.n_seen - (length or _USUAL_CHANGE)
        at, time = next((mark for mark in reversed(self._times) if mark[0] <= first), self._times[0])
        return time, self.n_seen - at

    def _overall(self, detectors: Mapping[str, Mapping[str, Any]]) -> State:
        together = self._records.get(self.verdict.source)
        deciding = {each["state"] for each in detectors.values() if each["decides"]}
        if "drift" in deciding or (together is not None and self._fresh(together.last_drift_at)):
            return "drift"
        return "warning" if {each["state"] for each in detectors.values()} - {"in_control"} else "in_control"

    def _last_drift(self) -> LastDrift | None:
        """The newest drift that is the verdict; None without one."""
        source = self.verdict.source
        found = {
            name: record
            for name, record in self._records.items()
            if record.last_drift_at is not None and (name == source or self.verdict.decides(name))
        }
        if not found:
            return None
        last = max(found, key=lambda name: found[name].last_drift_at or 0)
        at, time = found[last].last_drift_at or 0, found[last].last_drift_time or ""
        near = [name for name, one in found.items() if at - (one.last_drift_at or 0) <= self.cool_down]
        if source in near:
            latest = {name: record.last_drift_at for name, record in self._records.items()}
            every = self.verdict.needed == len(self.verdict.names)
            near = [*self.verdict.names] if every else self.verdict.agreeing(latest, at)
        return LastDrift(time, near, self.n_seen - at)

    def _fresh(self, at: int | None) -> bool:
        return at is not None and self.n_seen - at <= self.cool_down

    def _state(self, detector: Detector, record: _Record) -> State:
        if self._fresh(record.last_drift_at):
            return "drift"
        return "warning" if detector.warning_detected else "in_control"


def _of_version_2(saved: Any) -> Any:
    """A saved form of version 1 with what version 2 added, or of an earlier version 2; else as it is."""
    if isinstance(saved, Mapping):
        saved = {"times": [], **saved}
    if not isinstance(saved, Mapping) or saved.get("format") != 1 or "verdict" in saved:
        return saved
    records = saved.get("records")
    if isinstance(records, Mapping):
        added = {name: getattr(_Record, name) for name in _ADDED}
        records = {k: {**added, **v} if isinstance(v, Mapping) else v for k, v in records.items()}
    return {**saved, "format": FORMAT, "verdict": ANY, "promise": "", "records": records}


def _saved_time(owner: str, name: str, value: Any) -> str | None:
    return None if value is None else utc_time(value, f"{owner}: {name}")


def _saved_marks(owner: str, saved: Any, n_seen: int) -> list[tuple[int, str]]:
    """Numbers and event times of earlier values, in order."""
    rule = "must be a list of [number, time], the numbers rising"
    if not isinstance(saved, list) or not all(isinstance(mark, list) and len(mark) == 2 for mark in saved):
        raise InputError(f"{owner}: times", rule, saved)
    marks = [
        (check_integer(f"{owner}: times", at, at_least=1, at_most=n_seen), utc_time(time))
        for at, time in saved
    ]
    if any(later <= earlier for (earlier, _), (later, _) in pairwise(marks)):
        raise InputError(f"{owner}: times", rule, saved)
    return marks[-_MARKS:]


def _saved_record(owner: str, saved: Any) -> _Record:
    names = tuple(field.name for field in fields(_Record))
    record = dict(saved_mapping(owner, "itself", saved, names))
    for name, value in record.items():
        if name.endswith("_time"):
            _saved_time(owner, name, value)
        elif value is not None or not name.endswith("_at"):
            record[name] = check_integer(f"{owner}: {name}", value, at_least=0)
    return _Record(**record)
