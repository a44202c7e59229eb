"""Which inputs are looked at together."""

from __future__ import annotations

import numpy as np

from feature_sets.model_package.model_input import ModelInput
from training.explanation.input_groups import input_columns, input_groups

INPUTS = (
    ModelInput("model_a", "", 0.0, category="model = a"),
    ModelInput("heat", "K", 300.0),
    ModelInput("felt", "K", 300.0),
    ModelInput("model_b_b", "", 0.0, category="model = b = b"),
    ModelInput("flow", "", 2.0),
    ModelInput("constant", "", 1.0),
)
NONE = np.zeros(len(INPUTS), dtype=bool)


def rows():
    random = np.random.default_rng(0)
    heat, flow = random.normal(300, 5, 200), random.normal(2, 1, 200)
    kind = np.arange(200) % 3
    columns = [kind == 0, heat, -heat + random.normal(0, 1, 200), kind == 1, flow, np.ones(200)]
    return np.column_stack(columns).astype(np.float32)


def test_one_hot_inputs_are_one_column_and_what_moves_together_one_group():
    columns = input_columns(INPUTS)
    assert [column.name for column in columns] == ["model", "heat", "felt", "flow", "constant"]
    assert (columns[0].places, columns[0].values) == ((0, 3), ("a", "b = b"))
    groups = input_groups(columns, rows())
    assert [group.name for group in groups] == ["heat, felt", "flow", "constant", "model"]
    assert groups[0].places == (1, 2) and groups[3].places == (0, 3)
    assert sorted(place for group in groups for place in group.places) == list(range(len(INPUTS)))


def test_one_number_and_one_row_need_no_correlation():
    columns = input_columns(INPUTS)
    assert [group.name for group in input_groups(columns[:2], rows())] == ["heat", "model"]
    assert len(input_groups(columns, rows()[:1])) == 5


def test_a_column_says_what_a_row_has_in_it():
    model, heat = input_columns(INPUTS)[:2]
    row = np.array([0, 301.25, 0, 1, 0, 0], dtype=np.float32)
    assert model.shown(row, NONE) == "b = b"
    assert model.shown(np.zeros(6, dtype=np.float32)) == "other"
    assert heat.shown(row, NONE) == heat.shown(row) == "301.2"
    assert heat.shown(row, ~NONE) == "missing"
