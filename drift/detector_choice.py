"""Which detectors watch, whose finding counts, when an alert is over: one setting, in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from drift.alert import USUAL, Hysteresis
from drift.detectors.registry import DETECTORS
from drift.grouped_monitor import LARGEST_MOST_GROUPS, MOST_GROUPS
from drift.verdict import Verdict
from drift.warm_up import DetectorSettings
from feature_sets.checks import InputError, check_choice, check_integer

_DEFAULT = DetectorSettings()
COOL_DOWN = 100
_OPTIONS = ("cool_down", "clear_below", "clear_batches", "groups", "most_groups", "missed_incidents")


@dataclass(frozen=True)
class DetectorChoice:
    """The setting.

    >>> DetectorChoice.parse("glr, river.adwin, skmultiflow.ddm: 2 within 500; cool_down=300").verdict
    '2 within 500'
    >>> DetectorChoice.parse("river.hddm_a")  # doctest: +ELLIPSIS
    DetectorChoice(names=('river.hddm_a',), verdict=None, cool_down=100, ...)

    >>> DetectorChoice.parse("; groups=site, most_groups=5, clear_batches=3").group_column
    'site'

    :param names: of detectors, as registered.
    :param verdict: see ``Verdict``; None is ``glr`` if it is among the names, else ``any``.
    :param cool_down: values after a report in which repeated findings are merged.
    :param hysteresis: when an alert is over.
    :param group_column: by which groups of devices are watched, too; empty for none.
    :param most_groups: how many of them by themselves.
    :param missed_incidents: whether incidents that the model misses are watched, too.
    """

    names: tuple[str, ...] = _DEFAULT.names
    verdict: str | None = None
    cool_down: int = COOL_DOWN
    hysteresis: Hysteresis = USUAL
    group_column: str = ""
    most_groups: int = MOST_GROUPS
    missed_incidents: bool = True

    @classmethod
    def parse(cls, text: str, where: str = "detectors") -> DetectorChoice:
        """From words: ``NAME, NAME: VERDICT; NAME=VALUE, NAME=VALUE``; each part may be absent.

        What may be given after ``;`` are ``cool_down``, ``clear_below`` and ``clear_batches`` (see
        ``Hysteresis``), ``groups`` (a column), ``most_groups``, and ``missed_incidents`` (``on`` or ``off``).

        :raises InputError: naming the part that breaks its rule.
        """
        chosen, _, rest = text.partition(";")
        listed, _, verdict = chosen.partition(":")
        names = tuple(filter(None, (name.strip() for name in listed.split(",")))) or _DEFAULT.names
        for name in names:
            check_choice(where, name, DETECTORS)
        if len(set(names)) != len(names):
            raise InputError(where, "must have each detector once", text)
        rule = verdict.strip() or None
        if rule is not None:
            Verdict(rule, names)
        return cls(names, rule, **_options(rest, where))

    def settings(self, min_instances_after_drift: int) -> DetectorSettings:
        """The same as settings of the warm-up."""
        return DetectorSettings(self.names, self.verdict, min_instances_after_drift=min_instances_after_drift)


def _options(text: str, where: str) -> dict[str, Any]:
    """What is given after ``;``."""
    given: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, value = (piece.strip() for piece in part.partition("="))
        if name not in _OPTIONS or not value or name in given:
            raise InputError(where, f"must be {', '.join(_OPTIONS)}, each once with '=', after ';'", part)
        given[name] = value
    found: dict[str, Any] = {}
    if "cool_down" in given:
        found["cool_down"] = _count(given["cool_down"], f"{where}: cool_down", 999_999_999)
    if "groups" in given:
        found["group_column"] = given["groups"]
    if "most_groups" in given:
        most = _count(given["most_groups"], f"{where}: most_groups", LARGEST_MOST_GROUPS)
        if "groups" not in given or not most:
            raise InputError(f"{where}: most_groups", "must be at least 1, beside 'groups'", most)
        found["most_groups"] = most
    if "missed_incidents" in given:
        value = check_choice(f"{where}: missed_incidents", given["missed_incidents"], ("on", "off"))
        found["missed_incidents"] = value == "on"
    limits: dict[str, Any] = {}
    if "clear_batches" in given:
        limits["batches"] = _count(given["clear_batches"], f"{where}: clear_batches", 10_000)
    if "clear_below" in given:
        try:
            limits["below"] = float(given["clear_below"])
        except ValueError as error:
            raise InputError(f"{where}: clear_below", "must be a number", given["clear_below"]) from error
    return {**found, "hysteresis": Hysteresis(**limits)} if limits else found


def _count(text: str, where: str, at_most: int) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise InputError(where, "must be a whole number", text)
    return check_integer(where, int(text), at_least=0, at_most=at_most)
