"""Points of both classes, and their plots."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from training.exploration.class_samples import (
    MAX_POINTS,
    scatter_points,
    strongest_pairs,
    thin_by_class,
    violin_values,
)
from training.exploration.plots import scatter_figure, violin_figure
from training.exploration.tables import correlations


@pytest.mark.parametrize(
    ("errors", "healthy", "kept"),
    [
        (30, 10_000, (30, 1970)),
        (10_000, 3, (1997, 3)),
        (5_000, 5_000, (1000, 1000)),
        (1_200, 700, (1200, 700)),
    ],
)
def test_the_rare_class_is_not_thinned_away(errors, healthy, kept):
    labels = np.random.default_rng(0).permutation(np.repeat([1, 0], [errors, healthy])).astype(np.int8)
    chosen = thin_by_class(labels)
    assert (labels[chosen].sum(), (labels[chosen] == 0).sum()) == kept
    assert (np.diff(chosen) > 0).all()


def test_the_same_seed_chooses_the_same_rows():
    labels = (np.arange(9000) % 7 == 0).astype(np.int8)
    assert (thin_by_class(labels, seed=4) == thin_by_class(labels, seed=4)).all()
    assert (thin_by_class(labels, seed=4) != thin_by_class(labels, seed=5)).any()


def test_one_class_alone_fills_all_points():
    assert len(thin_by_class(np.zeros(9000, dtype=np.int8))) == MAX_POINTS


def matrix_of(**strengths):
    names = [*strengths, "y"]
    matrix = pd.DataFrame(0.0, index=names, columns=names)
    for name, strength in strengths.items():
        matrix.loc[name, "y"] = matrix.loc["y", name] = strength
    np.fill_diagonal(matrix.to_numpy(), 1.0)
    return matrix


def relate(matrix, one, other, correlation):
    matrix.loc[one, other] = matrix.loc[other, one] = correlation
    return matrix


def test_pairs_are_strong_and_say_different_things():
    matrix = relate(matrix_of(weak=0.1, strong=-0.9, copy=0.85, good=0.5), "strong", "copy", -0.99)
    assert strongest_pairs(matrix, "y") == [
        ("strong", "good"),
        ("copy", "good"),
        ("strong", "weak"),
        ("copy", "weak"),
    ]
    assert strongest_pairs(matrix, "y", pairs=1) == [("strong", "good")]
    assert strongest_pairs(matrix, "y", max_correlation=1.0)[0] == ("strong", "copy")


def test_features_of_unknown_correlation_are_in_no_pair():
    matrix = relate(matrix_of(a=0.5, b=np.nan, c=0.4), "a", "c", np.nan)
    assert strongest_pairs(matrix, "y") == []


def test_points_are_rows_that_have_both_features(frame):
    pairs = strongest_pairs(correlations(frame, ["heat", "flow", "noise"], "is_error"), "is_error")
    assert set(pairs[0]) == {"heat", "flow"}
    points = scatter_points(frame, pairs, "is_error")
    first = points[(points["x_feature"] == pairs[0][0]) & (points["y_feature"] == pairs[0][1])]
    both = frame[[*pairs[0], "is_error"]].dropna()
    assert first[["x", "y", "class"]].to_numpy().tolist() == both.to_numpy().tolist()
    assert len(both) < len(frame)


def test_many_rows_give_few_points_and_all_errors(frame):
    rows = pd.concat([frame] * 10, ignore_index=True)
    rows.loc[500:, "is_error"] = 0
    errors = int(rows["is_error"].sum())
    for table, feature in (
        (scatter_points(rows, [("heat", "noise")], "is_error"), "x_feature"),
        (violin_values(rows, ["heat", "noise"], "is_error"), "feature"),
    ):
        of_heat = table[table[feature] == "heat"]
        assert len(of_heat) == MAX_POINTS < len(rows)
        assert of_heat["class"].sum() == errors > 0


def test_a_panel_of_a_pair_has_both_classes_and_errors_on_top(frame):
    figure = scatter_figure(scatter_points(frame, [("heat", "flow"), ("noise", "flow")], "is_error"))
    assert [trace.name for trace in figure.data] == ["healthy", "error"] * 2
    assert [trace.showlegend for trace in figure.data] == [True, True, False, False]
    known = frame.dropna(subset=["flow"])
    assert len(figure.data[0].x) == (known["is_error"] == 0).sum()
    assert len(figure.data[3].x) == known["is_error"].sum()
    assert (figure.layout.xaxis2.title.text, figure.layout.yaxis2.title.text) == ("noise", "flow")


def test_a_violin_has_a_side_for_each_class(frame):
    figure = violin_figure(violin_values(frame.assign(dead=np.nan), ["heat", "dead", "flow"], "is_error"))
    assert [trace.side for trace in figure.data] == ["negative", "positive"] * 2
    assert len(figure.data[3].y) == frame.dropna(subset=["flow"])["is_error"].sum()


def test_without_pairs_and_features_the_plots_are_empty_and_say_so(frame):
    figure = scatter_figure(scatter_points(frame, [], "is_error"))
    assert len(figure.data) == 0 and figure.layout.title.text.endswith("no such pair")
    assert len(violin_figure(violin_values(frame, [], "is_error")).data) == 0
