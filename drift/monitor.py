"""Several detectors on one labeled stream: who raised a flag, how often, when last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from drift.alert import USUAL, Alert, Hysteresis
from drift.alerting import Alerting
from drift.change_size import NOTHING, Counts
from drift.detector_record import FORMAT, DetectorRecord, of_this_version, saved_record, saved_time
from drift.detectors.detector import Detector
from drift.detectors.registry import detector_from_dict
from drift.detectors.saved_form import saved_mapping
from drift.detectors.values import error_value
from drift.drift_event import DriftEvent, Level, utc_time
from drift.drift_summary import LastDrift, in_one_sentence
from drift.verdict import ANY, Verdict
from feature_sets.checks import InputError, check_integer

State = Literal["in_control", "warning", "drift"]


_FIELDS = (
    *("format", "cool_down", "verdict", "promise", "n_seen", "errors", "last_event_time", "group"),
    *("alerting", "detectors", "records"),
)


class DriftMonitor:
    """Feeds one stream of errors to several detectors and reports what they find, each finding once.

    A warning is reported when a detector enters its warning zone, a drift when it is found. For ``cool_down``
    further values after a report, repeated findings of the same detector and level are merged into it:
    counted, not reported. A drift is never merged into a warning, but a warning is merged into a drift.

    Drift that is the verdict raises an alert. As long as that is open, further drift is merged into it,
    unless it is worse. It is also told as worse when the error rate of the newest labels says so, whatever
    detectors find. When the error rate has stayed low again, the alert is reported as cleared
    (``Hysteresis``). One thread at a time.

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
    :param hysteresis: when an alert is over; without batches there are no alerts.
    :param base: counts of the base, with which the size of a first change is compared.
    :param group: of the devices whose labels these are; empty for all.
    :raises InputError: if there is no detector, a name occurs twice, ``cool_down`` is negative or the verdict
        is no rule for these detectors.
    """

    def __init__(
        self,
        detectors: Sequence[Detector],
        cool_down: int = 100,
        verdict: str = ANY,
        promise: str = "",
        hysteresis: Hysteresis = USUAL,
        base: Counts = NOTHING,
        group: str = "",
    ) -> None:
        names = [detector.name for detector in detectors]
        if not names or len(set(names)) != len(names):
            raise InputError("drift monitor: detectors", "must be at least one, each name once", names)
        self.detectors = tuple(detectors)
        self.cool_down = check_integer("drift monitor: cool_down", cool_down, at_least=0)
        self.verdict = Verdict(verdict, names)
        self.promise = promise
        self.group = group
        self.last_event_time: str | None = None
        self._alerting = Alerting(hysteresis, base, group)
        self._records = {name: DetectorRecord() for name in names}
        if self.verdict.within is not None:
            self._records[self.verdict.source] = DetectorRecord()

    @property
    def n_seen(self) -> int:
        """Values monitored so far."""
        return self._alerting.now.n

    @property
    def errors(self) -> int:
        """How many of them were errors."""
        return self._alerting.now.errors

    @property
    def open_alert(self) -> Alert | None:
        """The alert that was told and is not cleared yet."""
        return self._alerting.open

    def update(self, error: int, event_time: str, device: str = "") -> list[DriftEvent]:
        """Feed one labeled prediction to every detector.

        Labels come late and out of order: values are taken in the order they arrive.

        :param error: 1 if the prediction differs from its label, 0 if it equals it.
        :param event_time: event time of the prediction, ISO 8601 with a zone.
        :param device: key of its device, so that an alert says where; empty of a stream that does not tell.
        :returns: the findings to report now, in the order of the detectors; usually none.
        :raises InputError: on a bad value or time; no detector has then seen anything.
        """
        value = error_value(error, "error")
        time = utc_time(event_time)
        self.last_event_time = time
        events = self._alerting.add(value, time, device)
        for detector in self.detectors:
            in_warning_zone = detector.warning_detected
            detector.update(value)
            if detector.drift_detected and detector.direction == "rise":
                length, inflation = detector.change_length, detector.variance_inflation
                if self._alerting.is_usual(length, inflation):
                    detector.withdraw()
            if detector.drift_detected:
                level: Level = "improvement" if detector.direction == "fall" else "drift"
            elif detector.warning_detected and not in_warning_zone:
                level = "warning"
            else:
                continue
            if self._note(self._records[detector.name], level, time):
                events += self._events(detector, level, time)
        if self.verdict.within is not None:
            events += self._all_together(time)
        if self._alerting.is_due:
            events += self._alerting.worse(time, self._inflation)
        return events

    def close_alert(self, why: str) -> list[DriftEvent]:
        """End the alert that is open, as its model is watched no longer; what is to be reported of that."""
        return self._alerting.close(self.last_event_time or "", why)

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
        without another; otherwise ``warning`` in its warning zone, else ``in_control``. The overall
        ``state`` follows the verdict: it is ``drift`` as long as there is an ``alert``, and ``drift`` of a
        detector that does not decide is a ``warning``. ``n`` counts the values monitored here,
        ``n_with_warm_up`` also those of the warm-up; ``merged`` findings are included in ``warnings``,
        ``drifts`` and ``improvements``. ``last_drift`` stays until its alert is cleared, then that is in
        ``cleared_alert``; ``summary`` says all of that in a sentence. ``newest`` is of now, where an alert
        tells of its own moment, and ``errors`` of all labels.
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
        last, alert, cleared = self._last_drift(), self._alerting.open, self._alerting.last_cleared
        newest = self._alerting.newest
        counted = {"state": self._overall(detectors), "n": self.n_seen, "errors": self.errors}
        return {
            "summary": in_one_sentence({**counted, "detectors": detectors}, last, cleared, newest),
            "last_drift": None if last is None else last.to_dict(),
            "alert": alert and alert.to_dict(),
            "cleared_alert": cleared and cleared.to_dict(),
            "newest": newest and newest.to_dict(),
            **counted,
            "verdict": self.verdict.text,
            "promise": self.promise,
            "error_rate": self.errors / self.n_seen if self.n_seen else None,
            "last_event_time": self.last_event_time,
            "cool_down": self.cool_down,
            "hysteresis": {**vars(self._alerting.hysteresis)},
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
            "group": self.group,
            "alerting": self._alerting.to_dict(),
            "detectors": [detector.to_dict() for detector in self.detectors],
            "records": {name: {**vars(record)} for name, record in self._records.items()},
        }

    @classmethod
    def from_dict(cls, saved: Mapping[str, Any]) -> DriftMonitor:
        """Inverse of ``to_dict``.

        :raises InputError: naming the field, the rule and what was given, if the form is not one of ours.
        """
        owner = "saved drift monitor"
        saved = saved_mapping(owner, "itself", of_this_version(saved), _FIELDS)
        if saved["format"] != FORMAT:
            raise InputError(f"{owner}: format", f"must be {FORMAT}", saved["format"])
        if not isinstance(saved["detectors"], list):
            raise InputError(f"{owner}: detectors", "must be a list", saved["detectors"])
        detectors = [detector_from_dict(each) for each in saved["detectors"]]
        promise, group = str(saved["promise"]), str(saved["group"])
        monitor = cls(detectors, saved["cool_down"], saved["verdict"], promise, group=group)
        n_seen = check_integer(f"{owner}: n_seen", saved["n_seen"], at_least=0)
        errors = check_integer(f"{owner}: errors", saved["errors"], at_least=0, at_most=n_seen)
        monitor.last_event_time = saved_time(owner, "last_event_time", saved["last_event_time"])
        monitor._alerting = Alerting.from_dict(owner, saved["alerting"], n_seen, errors, group)
        records = saved_mapping(owner, "records", saved["records"], tuple(monitor._records))
        for name, record in records.items():
            monitor._records[name] = saved_record(f"{owner}: records.{name}", record)
        return monitor

    @property
    def _inflation(self) -> float:
        """See ``Change``: the most that a detector knows."""
        return max(detector.variance_inflation for detector in self.detectors)

    def _note(self, record: DetectorRecord, level: Level, time: str) -> bool:
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
        last = {name: record.last_drift_at for name, record in self._records.items()}
        # only a drift of this very value can complete the set
        if self.n_seen not in last.values() or not self.verdict.together(last, self.n_seen):
            return []
        source = self.verdict.source
        if not self._note(self._records[source], "drift", time):
            return []
        names = ", ".join(self.verdict.agreeing(last, self.n_seen))
        detail = f"error stream: {names} within {self.verdict.within} labels"
        event = DriftEvent(source, "drift", time, None, None, self._alerting.n_seen, detail)
        return self._told(event, None, self._inflation)

    def _events(self, detector: Detector, level: Level, time: str) -> list[DriftEvent]:
        """What a detector has found, as it is to be reported."""
        detail = "error stream"
        if level == "drift" and not self.verdict.decides(detector.name):
            level = "warning"
            detail = f"error stream: drift for this detector, the verdict is {self.verdict.text}"
        event = DriftEvent(
            source=detector.name,
            level=level,
            event_time=time,
            value=detector.statistic,
            limit=detector.warning_limit if detector.warning_detected else detector.drift_limit,
            n_seen=detector.n_seen,
            detail=detail,
        )
        return self._told(event, detector.change_length, detector.variance_inflation)

    def _told(self, event: DriftEvent, length: int | None, inflation: float) -> list[DriftEvent]:
        """The event with the size of its change; none if it is of the alert that was told already."""
        told = self._alerting.tell(event, length, inflation)
        if not told:
            # Counted by itself where its cool-down reported it.
            self._records[event.source].merged += 1
        return told

    def _overall(self, detectors: Mapping[str, Mapping[str, Any]]) -> State:
        together = self._records.get(self.verdict.source)
        deciding = {each["state"] for each in detectors.values() if each["decides"]}
        if self._alerting.open or "drift" in deciding:
            return "drift"
        if together is not None and self._fresh(together.last_drift_at):
            return "drift"
        return "warning" if {each["state"] for each in detectors.values()} - {"in_control"} else "in_control"

    def _last_drift(self) -> LastDrift | None:
        """The newest drift that is the verdict; None without one, or when its alert is cleared."""
        alerting = self._alerting
        # A saved form of before there were alerts has neither one that is open nor one that is over.
        if alerting.hysteresis.batches and alerting.open is None and alerting.last_cleared is not None:
            return None
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

    def _state(self, detector: Detector, record: DetectorRecord) -> State:
        if self._fresh(record.last_drift_at):
            return "drift"
        return "warning" if detector.warning_detected else "in_control"
