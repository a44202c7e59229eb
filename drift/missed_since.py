"""The CUSUM of missed incidents: how high it is, since when, and by incidents of which devices."""

from __future__ import annotations

from typing import Any

from drift.detectors.saved_form import saved_mapping
from drift.incident_outcomes import Outcome
from drift.missed_limit import MissedLimit
from drift.wrong_devices import NAMED, DeviceErrors, WrongDevices
from feature_sets.checks import InputError, check_integer, check_number

MOST_DEVICES = 1000
"""Devices whose incidents are remembered by device; an outage of more is counted as a whole."""

_OTHERS_SHARE = 0.5
"""Of the limit, what the incidents of others must come to, or an alert is of one device."""

_LEAST_MISSED = 2
"""Missed incidents of a device of its own, or an alert is not of it."""

_FIELDS = ("statistic", "incidents", "caught", "onset", "zero", "devices")


class MissedSince:
    """The incidents since the statistic was 0.

    That is where a CUSUM sees the change: at the first incident after it was 0 for the last time (E. S. Page,
    "Continuous Inspection Schemes", Biometrika 41, 1954).
    """

    def __init__(self) -> None:
        self._begin(None)

    def _begin(self, zero: float | None) -> None:
        self.statistic = 0.0
        self.incidents = self.caught = 0
        self.onset: float | None = None
        """When the first of them began, epoch seconds, and not before the newest at which it was 0."""
        self._zero = zero
        # device -> incidents, missed ones, and of these two those that were of this device alone
        self._devices: dict[str, list[int]] = {}

    def take(self, outcome: Outcome, limit: MissedLimit) -> bool:
        """Take the next incident; whether the statistic is above the limit now."""
        self.statistic += limit.caught if outcome.caught else limit.missed
        if self.statistic <= 0:
            zero = outcome.start if self._zero is None else max(self._zero, outcome.start)
            self._begin(zero)
            return False
        if self.onset is None:
            # One that began long ago may be decided later than others that were caught meanwhile.
            self.onset = outcome.start if self._zero is None else max(self._zero, outcome.start)
        self.incidents += 1
        self.caught += outcome.caught
        alone = int(outcome.devices == 1)
        for keys, missed in ((outcome.missed, 1), (outcome.predicted, 0)):
            for device in keys:
                if device and (device in self._devices or len(self._devices) < MOST_DEVICES):
                    known = self._devices.setdefault(device, [0, 0, 0, 0])
                    for place, count in enumerate((1, missed, alone, alone * missed)):
                        known[place] += count
        return self.statistic > limit.limit

    def of_one(self, limit: MissedLimit) -> str:
        """The device without whose own incidents half the limit would not be reached; empty without one.

        It is missed twice at least: two devices that were missed once each are no single one, whichever
        comes first.
        """
        of_own = {
            device: missed * limit.missed + (incidents - missed) * limit.caught
            for device, (_, _, incidents, missed) in self._devices.items()
        }
        one = max(sorted(of_own), key=of_own.__getitem__, default="")
        if not one or self._devices[one][3] < _LEAST_MISSED:
            return ""
        return one if self.statistic - of_own[one] <= _OTHERS_SHARE * limit.limit else ""

    def where(self, one: str = "") -> WrongDevices | None:
        """On which devices they were; None of a stream that does not tell.

        :param one: the device that they are of, if they are of one.
        """
        if not self._devices:
            return None
        counts = self._devices
        by_missed = sorted(counts, key=lambda key: (key != one, -counts[key][1], counts[key][0], key))
        missed = [device for device in by_missed if counts[device][1]]
        return WrongDevices(
            devices=len(counts),
            labels=sum(each[0] for each in counts.values()),
            wrong=sum(each[1] for each in counts.values()),
            with_wrong=len(missed),
            standing_out=int(bool(one)),
            wrong_of_those=counts[one][1] if one else 0,
            named=tuple(DeviceErrors(key, counts[key][1], counts[key][0]) for key in missed[:NAMED]),
            of_one=bool(one),
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; ``from_dict`` continues exactly from here."""
        return {
            "statistic": self.statistic,
            "incidents": self.incidents,
            "caught": self.caught,
            "onset": self.onset,
            "zero": self._zero,
            "devices": {device: list(counts) for device, counts in self._devices.items()},
        }

    @classmethod
    def from_dict(cls, owner: str, saved: Any) -> MissedSince:
        """Inverse of ``to_dict``.

        :raises InputError: naming the field, the rule and what was given.
        """
        saved, since = saved_mapping(owner, "itself", saved, _FIELDS), cls()
        since.statistic = check_number(f"{owner}: statistic", saved["statistic"], at_least=0)
        since.incidents = check_integer(f"{owner}: incidents", saved["incidents"], at_least=0)
        most = since.incidents
        since.caught = check_integer(f"{owner}: caught", saved["caught"], at_least=0, at_most=most)
        since.onset = _time(f"{owner}: onset", saved["onset"])
        since._zero = _time(f"{owner}: zero", saved["zero"])
        if (since.onset is None) != (not most):
            raise InputError(f"{owner}: onset", "must be of the first incident, if there is one", since.onset)
        if not isinstance(saved["devices"], dict) or len(saved["devices"]) > MOST_DEVICES:
            raise InputError(
                f"{owner}: devices", f"must be counts of at most {MOST_DEVICES}", saved["devices"]
            )
        for device, counts in saved["devices"].items():
            since._devices[device] = _counts(f"{owner}: devices: {device}", counts)
        return since


def seen_devices(known: tuple[str, ...], device: str, most: int) -> tuple[str, ...]:
    """The first devices of a stream, at most so many: they tell whether it is of a fleet."""
    return known if not device or len(known) >= most or device in known else (*known, device)


def _time(owner: str, saved: Any) -> float | None:
    return None if saved is None else check_number(owner, saved)


def _counts(owner: str, saved: Any) -> list[int]:
    rule = "must be incidents, missed ones, and the same of this device alone"
    if not isinstance(saved, list) or len(saved) != 4:
        raise InputError(owner, rule, saved)
    incidents, missed, alone, missed_alone = (check_integer(owner, value, at_least=0) for value in saved)
    if not (missed_alone <= alone <= incidents >= missed >= missed_alone):
        raise InputError(owner, rule, saved)
    return [incidents, missed, alone, missed_alone]
