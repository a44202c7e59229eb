"""Incidents that have an end though their state says that they are open, as of a ticket that was reopened."""

from __future__ import annotations

import re
from collections.abc import Collection

import numpy as np

from feature_sets.listed import listed
from feature_sets.telemetry.alarm_log import AlarmLog
from feature_sets.telemetry.cell_text import texts_of
from feature_sets.telemetry.inspection.choices import Proposal
from feature_sets.telemetry.inspection.table_profile import TableProfile

_STATE = re.compile(r"stat(e|us)|phase|stage")
_OPEN = {"open", "opened", "new", "active", "ongoing", "unresolved", "reopen", "reopened", "re-opened"}
_MOST_WORDS = 20
_SHOWN = 4


def open_states(
    proposal: Proposal, table: TableProfile, end: str, taken: Collection[str]
) -> dict[str, list[str]]:
    """Content of ``labels.open``: column and its words of what is open, if some such rows have an end.

    :param end: column of ends; empty without one.
    :param taken: columns with another meaning.
    """
    if not end:
        return {}
    has_end = table.times(end).notna().to_numpy()
    for name, column in table.columns.items():
        if name in taken or column.kind != "text" or not _STATE.search(name.lower()):
            continue
        codes, texts = texts_of(table.head[name])
        if not 1 < len(texts) <= _MOST_WORDS:
            continue
        words = [word for word in texts if word.lower() in _OPEN or AlarmLog().acknowledges(word)]
        is_open = np.array([word in words for word in texts] + [False])[codes]
        count = int(np.count_nonzero(is_open & has_end))
        if not count or len(words) == len(texts):
            continue
        said = listed([repr(word) for word in words], _SHOWN)
        proposal.choose(table.name, name, "labels.open", f"open, whatever the end says: {said}")
        rows = "1 row has" if count == 1 else f"{count:,} rows have"
        proposal.decide.append(
            f"{rows} an end, though '{name}' says {said}: such an incident is taken as open (labels.open). "
            "Leave that out where the end is right."
        )
        return {proposal.named(name, reserved=False): words}
    return {}
