"""Which detectors watch, whose finding counts, and how long findings are merged: one setting, in words."""

from __future__ import annotations

from dataclasses import dataclass

from drift.detectors.registry import DETECTORS
from drift.verdict import Verdict
from drift.warm_up import DetectorSettings
from feature_sets.checks import InputError, check_choice

_DEFAULT = DetectorSettings()
COOL_DOWN = 100


@dataclass(frozen=True)
class DetectorChoice:
    """The setting.

    >>> DetectorChoice.parse("glr, river.adwin, skmultiflow.ddm: 2 within 500; cool_down=300").verdict
    '2 within 500'
    >>> DetectorChoice.parse("river.hddm_a")
    DetectorChoice(names=('river.hddm_a',), verdict=None, cool_down=100)

    :param names: of detectors, as registered.
    :param verdict: see ``Verdict``; None is ``glr`` if it is among the names, else ``any``.
    :param cool_down: values after a report in which repeated findings are merged.
    """

    names: tuple[str, ...] = _DEFAULT.names
    verdict: str | None = None
    cool_down: int = COOL_DOWN

    @classmethod
    def parse(cls, text: str, where: str = "detectors") -> DetectorChoice:
        """From words: ``NAME, NAME: VERDICT; cool_down=N``; each part may be absent.

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
        return cls(names, rule, _cool_down(rest, where))

    def settings(self, min_instances_after_drift: int) -> DetectorSettings:
        """The same as settings of the warm-up."""
        return DetectorSettings(self.names, self.verdict, min_instances_after_drift=min_instances_after_drift)


def _cool_down(text: str, where: str) -> int:
    if not text.strip():
        return COOL_DOWN
    name, _, value = (piece.strip() for piece in text.partition("="))
    if name != "cool_down" or not value.isascii() or not value.isdigit() or len(value) > 9:
        raise InputError(where, "must be 'cool_down=' and a whole number after ';'", text.strip())
    return int(value)
