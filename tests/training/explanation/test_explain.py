"""What is told of the rows that are explained."""

from __future__ import annotations

import numpy as np

from training.explanation.explain import Normal
from training.explanation.input_groups import InputColumn, InputGroup

MODEL = InputColumn("model", (0, 1), ("a", "b"))
NUMBERS = tuple(InputColumn(f"m{at}", (at,)) for at in range(2, 8))
NORMAL = Normal(
    np.array([1, 0, 1, 1, 1, 1, 1, 1], dtype=np.float32), np.array([0.5, 0.5, 1, 1, 1, 1, 1, 0.0])
)
NONE = np.zeros(8, dtype=bool)


def test_the_most_unusual_features_of_a_group_are_named():
    row = np.array([0, 1, 1, 3, 1, 2, 9, 1], dtype=np.float32)
    told = NORMAL.beside(InputGroup(NUMBERS), row, NONE)
    assert told == "m6 9 (1), m3 3 (1), m5 2 (1), m2 1 (1), and 2 more"
    row[7] = 1.001  # where healthy rows do not differ
    assert NORMAL.beside(InputGroup(NUMBERS), row, NONE).startswith("m7 1.001 (1), m6")
    assert NORMAL.beside(InputGroup((MODEL,)), row, NONE) == "model b (a)"


def test_what_was_missing_is_said():
    missing = NONE.copy()
    missing[2] = True
    assert NORMAL.beside(InputGroup(NUMBERS[:1]), NORMAL.row, missing) == "m2 missing (1)"
