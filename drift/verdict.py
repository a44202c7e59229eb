"""Whose finding counts: how the findings of several detectors on one stream become one verdict."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from feature_sets.checks import InputError

_ALL_WITHIN = re.compile(r"^all within (\d+)$")

ANY = "any"
ALL = "all"
"""Name under which drift that all detectors found together is reported."""


class Verdict:
    """A rule in words: ``any``, ``all within N`` (labels), or the name of the one detector that decides.

    >>> Verdict("all within 500", ["ddm", "eddm"]).together({"ddm": 100, "eddm": 700}, now=700)
    False
    >>> Verdict("all within 500", ["ddm", "eddm"]).together({"ddm": 300, "eddm": 700}, now=700)
    True

    :param text: the rule.
    :param names: of the detectors.
    :raises InputError: unless the rule is one of these.
    """

    def __init__(self, text: str, names: Sequence[str]) -> None:
        found = _ALL_WITHIN.match(text) if isinstance(text, str) else None
        if found is None and text != ANY and text not in names:
            choices = ", ".join([ANY, "all within N", *names])
            raise InputError("drift monitor: verdict", f"must be among {choices}", text)
        self.text = text
        self.names = tuple(names)
        self.within = int(found.group(1)) if found else None

    def decides(self, name: str) -> bool:
        """Whether drift that this detector finds is the verdict, whatever the others say."""
        return self.text in (ANY, name)

    def together(self, last_drifts: Mapping[str, int | None], now: int) -> bool:
        """Whether all detectors have found drift within the last labels; False for any other rule.

        :param last_drifts: detector -> number of the label at which it last found drift.
        :param now: number of the newest label.
        """
        if self.within is None:
            return False
        found = [last_drifts.get(name) for name in self.names]
        return all(at is not None and now - at <= self.within for at in found)
