"""Which devices the wrong labels of a change are of: where to look first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from feature_sets.checks import InputError, check_integer

NAMED = 5
"""Devices that an alert names, at most."""


FEW_EPISODES = 5
"""Of fewer episodes an alert tells how many they are, and its errors are as sure as so many."""


@dataclass(frozen=True)
class DeviceErrors:
    """One device among the labels since a change.

    :param device: its key.
    :param wrong: labels of it that were predicted wrong.
    :param labels: all of them.
    """

    device: str
    wrong: int
    labels: int


@dataclass(frozen=True)
class WrongDevices:
    """The labels since a change by device, as far as they are remembered.

    :param devices: how many have labels.
    :param labels: how many labels that is.
    :param wrong: how many of those were predicted wrong.
    :param with_wrong: devices with any of those.
    :param standing_out: devices that are wrong more often than chance explains, see ``NewestDevices``.
    :param wrong_of_those: wrong labels of those devices.
    :param named: at most ``NAMED``, those that stand out first, the most wrong labels first.
    :param of_one: whether the rise is of the first of those alone, and the rest of the fleet is calm. Then a
        device has failed, rather than the model.
    :param episodes: of wrong labels, simultaneous ones of several devices as one, see ``fleet_episodes``;
        None where nobody knows.
    :raises InputError: naming the field that breaks its rule.
    """

    devices: int
    labels: int
    wrong: int
    with_wrong: int
    standing_out: int
    wrong_of_those: int
    named: tuple[DeviceErrors, ...] = ()
    of_one: bool = False
    episodes: int | None = None

    def __post_init__(self) -> None:
        check_integer("wrong devices: labels", self.labels, at_least=0)
        most = {"devices": "labels", "wrong": "labels", "with_wrong": "devices"}
        most |= {"standing_out": "with_wrong", "wrong_of_those": "wrong"}
        for name, of in most.items():
            limit = getattr(self, of)
            check_integer(f"wrong devices: {name}", getattr(self, name), at_least=0, at_most=limit)
        if self.episodes is not None:
            check_integer("wrong devices: episodes", self.episodes, at_least=0, at_most=self.wrong)
        if len(self.named) > NAMED:
            raise InputError("wrong devices: named", f"must be at most {NAMED}", len(self.named))
        for each in self.named:
            if not isinstance(each.device, str):
                raise InputError("wrong devices: named.device", "must be text", each.device)
            check_integer("wrong devices: named.labels", each.labels, at_least=1, at_most=self.labels)
            check_integer("wrong devices: named.wrong", each.wrong, at_least=1, at_most=each.labels)
        if not isinstance(self.of_one, bool) or (self.of_one and not self.named):
            raise InputError(
                "wrong devices: of_one", "must be true or false, and true of a named one", self.of_one
            )

    @property
    def is_few(self) -> bool:
        """Whether the wrong labels are known to be few episodes, or none."""
        return self.episodes is not None and self.episodes < FEW_EPISODES

    @property
    def is_one_failure(self) -> bool:
        """Whether they are few episodes of one device: that has failed, and tells nothing of the fleet."""
        return self.is_few and (self.of_one or self.with_wrong == 1)

    def to_dict(self) -> dict[str, Any]:
        """Plain content for JSON."""
        found = {**vars(self), "named": [{**vars(each)} for each in self.named]}
        if self.episodes is None:
            del found["episodes"]
        return found

    @classmethod
    def from_dict(cls, field: str, saved: Any) -> WrongDevices:
        """Inverse of ``to_dict``; further keys, as a later version may tell, are ignored.

        An earlier one did not tell ``of_one``, nor ``episodes``.

        :raises InputError: naming the field, the rule and what was given.
        """
        if isinstance(saved, Mapping):
            saved = {"of_one": False, "episodes": None, **saved}
        known = _mapping(field, saved, cls)
        if not isinstance(known["named"], list | tuple):
            raise InputError(f"{field}.named", "must be a list", known["named"])
        named = tuple(
            DeviceErrors(**_mapping(f"{field}.named", each, DeviceErrors)) for each in known["named"]
        )
        return cls(**{**known, "named": named})


def _mapping(field: str, got: Any, of: type[WrongDevices] | type[DeviceErrors]) -> Mapping[str, Any]:
    names = [each.name for each in fields(of)]
    if not isinstance(got, Mapping) or not set(names) <= set(got):
        raise InputError(field, f"must be a mapping with the keys {sorted(names)}", got)
    return {name: got[name] for name in names}


def is_of_one_device(event: Mapping[str, Any]) -> bool:
    """Whether a drift event is of one device, the rest of whose fleet is calm.

    :param event: see ``DriftEvent.to_dict``; one of before it told so is not.
    """
    return bool((event.get("devices") or {}).get("of_one"))


def devices_in_words(told: Mapping[str, Any] | None) -> str:
    """Where wrong labels are, for people; empty where nobody knows.

    >>> named = [{"device": d, "wrong": n, "labels": 39} for d, n in (("AP-01", 12), ("AP-02", 9))]
    >>> devices_in_words({"devices": 15, "labels": 600, "wrong": 22, "with_wrong": 3, "standing_out": 2,
    ...     "wrong_of_those": 21, "named": named})
    '3 of 15 devices have all 22 wrong labels; 2 stand out with 21: AP-01 12 of 39 (31%), AP-02 9 of 39 (23%)'

    :param told: see ``WrongDevices.to_dict``; of an event from before it told so, None or nothing.
    """
    if not told or not told["wrong"]:
        return ""
    named = ", ".join(
        f"{each['device']} {each['wrong']:,} of {each['labels']:,} ({each['wrong'] / each['labels']:.0%})"
        for each in told["named"]
    )
    out, some, devices = (told[name] for name in ("standing_out", "with_wrong", "devices"))
    wrong = told["wrong"]
    labels = f"all {wrong:,} wrong labels" if wrong > 1 else "the one wrong label"
    have = f"{some:,} of {devices:,} devices {'has' if some == 1 else 'have'} {labels}"
    episodes = told.get("episodes")
    if wrong > 1 and episodes is not None and episodes < FEW_EPISODES:
        have = f"{have}, in {episodes} episode{'s' * (episodes > 1)} of simultaneous errors"
    if told.get("of_one"):
        have = f"of 1 device, the others are as before: {have}"
    if not out:
        return f"{have}, and none stands out: {named}"
    more = f" and {out - len(told['named']):,} more" if out > len(told["named"]) else ""
    if out == some:
        return f"{have}: {named}{more}"
    return f"{have}; {out:,} stand{'s' * (out == 1)} out with {told['wrong_of_those']:,}: {named}{more}"
