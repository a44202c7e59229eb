"""Incidents of several kinds: whether all of them are errors is asked, with how many there are of each."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

import numpy as np

from feature_sets.listed import listed
from feature_sets.rows.keyed_rows import Integers
from feature_sets.telemetry.cell_text import texts_of
from feature_sets.telemetry.inspection.choices import Proposal
from feature_sets.telemetry.inspection.table_profile import TableProfile

_SEVERITY = re.compile(r"sever|prio|level|urgency|impact|critical")
_TYPE = re.compile(r"trigger|type|class|categ|kind|cause|problem|alarm|alert|event|check|service")
_NO_TYPE = re.compile(r"stat(e|us)|(^|_| )id$|(?<=[a-z])I[Dd]$|time|date|text|descr")
_MOST_WORDS = 20
_SHOWN = 4
_GRAVE = {"critical", "disaster", "emergency", "fatal", "major", "high", "error", "1", "p1", "sev1", "s1"}
"""Words that an example names, if there are some; of a severity also values such as ``1 - Critical``."""
_SIGNS = re.compile(r"[^\w .()/-]|^[^\w]")
"""What YAML may take for something else than text."""


def ask_only(proposal: Proposal, table: TableProfile, rows: Integers, taken: Sequence[str]) -> None:
    """Ask whether all incidents are errors, where a column says how grave each is, or of which type.

    :param rows: places of those that open incidents.
    :param taken: columns with another meaning, such as the state.
    """
    asked, example = [], ""
    for pattern in (_SEVERITY, _TYPE):
        for name, column in table.columns.items():
            if name in taken or column.kind not in ("text", "number") or not pattern.search(name.lower()):
                continue
            if pattern is _TYPE and (_NO_TYPE.search(name.lower()) or _NO_TYPE.search(name)):
                continue
            counts = _counts(table, name, rows)
            if not 1 < len(counts) <= _MOST_WORDS:
                continue
            told = listed([f"{count:,} {word!r}" for word, count in counts.items()], _SHOWN)
            asked.append(f"of '{name}' {told}")
            grave = [word for word in counts if _is_grave(word, pattern is _SEVERITY)] or list(counts)[-1:]
            values = ", ".join(json.dumps(word) if _SIGNS.search(word) else word for word in grave)
            example = example or f"only: {{{proposal.named(name, reserved=False)}: [{values}]}}"
            break
    if asked:
        proposal.decide.append(
            f"All incidents are errors, {'; and '.join(asked)}. If only some of these are, labels.only names "
            f"them, such as {example}."
        )


def _is_grave(word: str, severity: bool) -> bool:
    """Whether an example names it; of a type the whole word must say so."""
    said = word.lower()
    return said in _GRAVE or (severity and not _GRAVE.isdisjoint(re.findall(r"\w+", said)))


def _counts(table: TableProfile, name: str, rows: Integers) -> dict[str, int]:
    """How many of some rows have each word of a column, most first."""
    texts = texts_of(table.head[name])
    codes = texts.codes[rows]
    counts = np.bincount(codes[codes >= 0], minlength=len(texts.values))
    order = np.argsort(-counts, kind="stable").tolist()
    return {texts.values[at]: int(counts[at]) for at in order if counts[at]}
