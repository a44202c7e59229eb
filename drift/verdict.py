"""Whose finding counts: how the findings of several detectors on one stream become one verdict."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from feature_sets.checks import InputError

_WITHIN = re.compile(r"^(all|[1-9]\d{0,3}) within (\d{1,9})$", re.ASCII)

ANY = "any"
ALL = "all"
"""Name under which drift that all detectors found together is reported."""


class Verdict:
    """A rule in words: ``any``, ``all within N`` (labels), ``K within N``, or the one detector that decides.

    >>> Verdict("all within 500", ["ddm", "eddm"]).together({"ddm": 100, "eddm": 700}, now=700)
    False
    >>> Verdict("all within 500", ["ddm", "eddm"]).together({"ddm": 300, "eddm": 700}, now=700)
    True
    >>> Verdict("1 within 500", ["ddm", "eddm"]).together({"ddm": 100, "eddm": 700}, now=700)
    True

    :param text: the rule.
    :param names: of the detectors.
    :raises InputError: unless the rule is one of these.
    """

    def __init__(self, text: str, names: Sequence[str]) -> None:
        found = _WITHIN.match(text) if isinstance(text, str) else None
        needed = len(names) if found is None or found.group(1) == ALL else int(found.group(1))
        if (found is None and text != ANY and text not in names) or needed > len(names):
            choices = ", ".join([ANY, "all within N", "K within N", *names])
            raise InputError("drift monitor: verdict", f"must be among {choices}", text)
        self.text = text
        self.names = tuple(names)
        self.needed = needed
        self.within = int(found.group(2)) if found else None
        self.source = ALL if needed == len(names) else f"{needed} of {len(names)}"

    def decides(self, name: str) -> bool:
        """Whether drift that this detector finds is the verdict, whatever the others say."""
        return self.text in (ANY, name)

    def together(self, last_drifts: Mapping[str, int | None], now: int) -> bool:
        """Whether enough detectors have found drift within the last labels; False for any other rule.

        :param last_drifts: detector -> number of the label at which it last found drift.
        :param now: number of the newest label.
        """
        return self.within is not None and len(self.agreeing(last_drifts, now)) >= self.needed

    def agreeing(self, last_drifts: Mapping[str, int | None], now: int) -> list[str]:
        """Detectors that have found drift within the last labels, see ``together``."""
        found = {name: last_drifts.get(name) for name in self.names}
        within = self.within or 0
        return [name for name, at in found.items() if at is not None and 0 <= now - at <= within]
