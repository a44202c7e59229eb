"""Cells of a column that are among words of the schema, in capitals or not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from feature_sets.listed import listed
from feature_sets.rows.keyed_rows import Bools

_SHOWN = 5


def among(texts: pd.Index[Any], words: Sequence[str]) -> Bools:
    """Whether each text is among some words, and at the end that no text is not, shape (n + 1,).

    With the codes of ``pandas.factorize`` as an index, of which -1 is no text, it is of the cells.
    """
    known = {word.lower() for word in words}
    return np.array([text.lower() in known for text in texts] + [False])


def absent_words(column: str, texts: pd.Index[Any], words: Sequence[str], setting: str) -> str:
    """That no row has some of the words that a setting names; empty if all are there, or there are no texts.

    >>> absent_words("state", pd.Index(["open", "closed"]), ["Open", "reopened"], "labels.open")
    "no row has 'reopened' in 'state', which labels.open names; there are 'open', 'closed'"
    """
    there = {text.lower() for text in texts}
    absent = [repr(word) for word in words if word.lower() not in there]
    if not absent or not there:
        return ""
    return (
        f"no row has {listed(absent, _SHOWN)} in '{column}', which {setting} names; there are "
        f"{listed([repr(text) for text in texts], _SHOWN)}"
    )
