"""The summary's two columns: what a fact is called, and the fact, an idea a line."""

from __future__ import annotations

import re
import textwrap

WIDTH, INDENT = 110, 14
_BELOW = INDENT + 2
"""Where an idea goes on, so that the next one is seen to be another."""

_PAIRS = {"(": ")", "[": "]"}
_BREAK = re.compile(r"(?<=;) |(?<=[a-z'%)]\.) (?=[A-Z'])")


def fact(label: str, text: str) -> list[str]:
    """A fact in as many lines as it takes, ``label`` in the first column."""
    return textwrap.wrap(
        text,
        width=WIDTH,
        initial_indent=f"{label:{INDENT}}",
        subsequent_indent=" " * _BELOW,
        break_long_words=False,
        break_on_hyphens=False,
    )


def ideas(label: str, *texts: str) -> list[str]:
    """Facts of which each idea begins a line; ``label`` stands before the first.

    :param texts: sentences, and what semicolons join, see ``clauses``.
    """
    told = [clause for text in texts for clause in clauses(text)]
    return [line for place, clause in enumerate(told) for line in fact("" if place else label, clause)]


def clauses(text: str) -> list[str]:
    """The parts of a text that end with a semicolon or a sentence; what is in brackets stays together."""
    ends, depth, at = [], [0], 0
    for letter in text:
        depth.append(depth[-1] + (letter in _PAIRS) - (letter in _PAIRS.values()))
    for found in _BREAK.finditer(text):
        if depth[found.start()] == 0:
            ends.append((at, found.start()))
            at = found.end()
    return [part for begin, end in (*ends, (at, len(text))) if (part := text[begin:end].strip())]
