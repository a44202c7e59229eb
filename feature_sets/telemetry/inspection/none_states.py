"""Words of a column of incidents that mean that there was none, such as a ticket that was cancelled."""

from __future__ import annotations

import re

import numpy as np

from feature_sets.listed import listed
from feature_sets.rows.keyed_rows import Bools
from feature_sets.telemetry.cell_text import texts_of
from feature_sets.telemetry.inspection.choices import Proposal
from feature_sets.telemetry.inspection.table_profile import TableProfile

_OUTCOME = re.compile(r"stat(e|us)|phase|stage|resol|outcome|result|dispos|verdict|clos|conclu|valid|reason")
"""Columns that say what came of an incident; in others, a cause or a type may be called so."""
_TYPE = re.compile(r"kind|type|categ|class|cause")
"""Further ones that have a word for each incident; a text comes with new words all the time."""
_CANCELLED = (
    r"cancel(l?ed|l?ation)?( .*)?|withdrawn( .*)?|retracted|revoked|void(ed)?"
    r"|false ?(positive|alarm|alert|report)s?|benign( true)? positive"
    r"|not (an? )?(incident|fault|error|problem|issue)"
    r"|(no|without) (fault|trouble|problem|error|defect|issue)s?( was)? (found|identified)|nff|ntf"
    r"|(opened|raised|created|reported|entered) (in error|by mistake)"
)
_UNCERTAIN = (
    r"(reject|declin|dismiss|delet)ed|invalid( .*)?|duplicated?( .*)?|spurious"
    r"|tests?( (ticket|alarm|alert|only))?"
)
"""Words that may also be what went wrong."""
_NONE = re.compile(_CANCELLED)
_NONE_OF_OUTCOME = re.compile(rf"{_CANCELLED}|{_UNCERTAIN}")
_PARTS = re.compile(r" [-\u2013\u2014]+ |[/:;,()|>\[\]]")
_MOST_WORDS = 20
_SHOWN = 5


def none_states(proposal: Proposal, table: TableProfile) -> dict[str, list[str]]:
    """Content of ``labels.only``: columns and their words but for those that mean that there was none.

    Of a column that has empty cells, which ``only`` cannot name, or new words all the time, it is asked.
    """
    found: dict[str, list[str]] = {}
    asked: list[tuple[Bools, str]] = []
    settled, left_out = proposal.settled(table.name), np.zeros(table.head.num_rows, dtype=np.bool_)
    for name, column in table.columns.items():
        if name in settled or column.kind != "text":
            continue
        codes, words = texts_of(table.head[name])
        is_outcome = _OUTCOME.search(name.lower()) is not None
        none = [means_none(word, is_outcome) for word in words]
        if not 1 < len(words) <= _MOST_WORDS or not any(none) or all(none):
            continue
        rows = np.array([*none, False], dtype=np.bool_)[codes]
        said = listed([repr(word) for word, is_none in zip(words, none, strict=True) if is_none], _SHOWN)
        told = f"of {table.looked_at:,} rows say {said} in '{name}', as of what was no incident"
        if column.missing or not (is_outcome or _TYPE.search(name.lower())):
            cells = "1 cell is" if column.missing == 1 else f"{column.missing:,} cells are"
            empty = f", and {cells} empty" if column.missing else ""
            asked.append((rows, f"{told}, and count as errors. labels.only names the words that do{empty}."))
            continue
        left_out |= rows
        found[proposal.named(name, reserved=False)] = [
            word for word, is_none in zip(words, none, strict=True) if not is_none
        ]
        if name not in {choice.column for choice in proposal.choices if choice.table == table.name}:
            proposal.choose(table.name, name, "labels.only", f"says of some that there was none: {said}")
        proposal.decide.append(
            f"{int(rows.sum()):,} {told}: labels.only leaves them out, as it names the other words alone. A "
            "word that comes later must be named there, too. Leave labels.only out if all are errors."
        )
    for rows, sentence in asked:
        if (rows & ~left_out).any():
            proposal.decide.append(f"{int(rows.sum()):,} {sentence}")
    return found


def means_none(word: str, is_outcome: bool = True) -> bool:
    """Whether a word says that there was no incident.

    >>> [means_none(word) for word in ("Closed - Cancelled", "No_Fault_Found", "Test", "Resolved")]
    [True, True, True, False]
    >>> [means_none(word, is_outcome=False) for word in ("FalsePositive", "Invalid route")]
    [True, False]

    :param is_outcome: of a column that says what came of an incident, in which also part of a word says so.
    """
    plain = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", word)
    parts = _PARTS.split(plain) if is_outcome else [plain]
    said = (" ".join(re.sub(r"[-_.!]+", " ", part).lower().split()) for part in parts)
    pattern = _NONE_OF_OUTCOME if is_outcome else _NONE
    return any(pattern.fullmatch(each) is not None for each in said)
