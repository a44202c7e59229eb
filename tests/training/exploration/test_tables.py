"""Tables and plots of an exploration."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import precision_recall_curve

from training.evaluation.evaluation_plots import MAX_POINTS, score_figure
from training.exploration.plots import correlation_figure, histogram_figure, strongest_features
from training.exploration.tables import class_balance, class_histograms, correlations, feature_summary

NAMES = ["heat", "flow", "noise", "dead"]


@pytest.fixture
def rows(frame):
    return frame.assign(dead=np.nan)


def test_class_balance_counts_both_classes(rows):
    table = class_balance(rows, "is_error")
    assert table["rows"].tolist() == [int((rows["is_error"] == 0).sum()), int(rows["is_error"].sum())]
    assert table["share"].sum() == pytest.approx(1.0)


def test_a_class_that_does_not_occur_counts_zero(rows):
    assert class_balance(rows[rows["is_error"] == 0], "is_error")["rows"].tolist()[1] == 0


def test_the_summary_counts_missing_readings(rows):
    table = feature_summary(rows, NAMES, "is_error").set_index("feature")
    assert table.loc["flow", "missing"] == rows["flow"].isna().sum() > 0
    assert table.loc["dead", "missing_share"] == 1.0 and np.isnan(table.loc["dead", "mean"])
    assert table.loc["heat", "mean_error"] == pytest.approx(rows.loc[rows["is_error"] == 1, "heat"].mean())


def test_histograms_of_both_classes_share_their_bins_and_sum_to_one(rows):
    table = class_histograms(rows, NAMES, "is_error", bins=10)
    for name in ("heat", "flow", "noise"):
        part = table[table["feature"] == name]
        assert len(part) == 10
        assert part["healthy"].sum() == pytest.approx(1.0) and part["error"].sum() == pytest.approx(1.0)
        assert part["left"].iloc[0] == rows[name].min() and part["right"].iloc[-1] == rows[name].max()


def test_values_over_several_powers_of_ten_are_in_bins_of_their_logarithm():
    """As bit error rates: with equally wide bins all but a few of them were in the first one."""
    generator = np.random.default_rng(4)
    rates = 10 ** generator.normal(-8, 1, 5000)
    few = {"shifted": rates - 1e-7, "near": 5 + generator.normal(0, 1, 5000)}
    frame = pd.DataFrame({"ber": rates, **few, "is_error": generator.integers(0, 2, 5000)})
    table = class_histograms(frame, ["ber", *few], "is_error")
    ber = table[table["feature"] == "ber"]
    assert ber["healthy"].max() < 0.25 and ber["healthy"].sum() == pytest.approx(1.0)
    ratios = (ber["right"] / ber["left"]).to_numpy()
    assert ratios == pytest.approx(np.full(20, ratios[0]))
    for name in few:
        part = table[table["feature"] == name]
        widths = (part["right"] - part["left"]).to_numpy()
        assert widths == pytest.approx(np.full(20, widths[0])), name
    figure = histogram_figure(table, ["ber", "near"])
    assert figure.data[0].width == pytest.approx(np.full(20, figure.data[0].width[0]))
    assert set(figure.layout.xaxis.ticktext) >= {"1e-9", "1e-8", "1e-7"}
    assert figure.layout.xaxis2.ticktext is None


def test_a_feature_without_a_reading_has_no_histogram(rows):
    assert "dead" not in set(class_histograms(rows, NAMES, "is_error")["feature"])
    assert list(class_histograms(rows, ["dead"], "is_error").columns) == [
        "feature",
        "left",
        "right",
        "healthy",
        "error",
    ]


def test_correlations_are_square_and_hold_the_label(rows):
    matrix = correlations(rows, NAMES, "is_error")
    assert list(matrix.columns) == list(matrix.index) == [*NAMES, "is_error"]
    assert matrix.loc["heat", "is_error"] == pytest.approx(rows["heat"].corr(rows["is_error"]))
    assert matrix["dead"].isna().all()


def test_strongest_features_come_first_and_unknown_ones_last(rows):
    order = strongest_features(correlations(rows, NAMES, "is_error"), "is_error")
    assert set(order[:2]) == {"heat", "flow"} and order[-1] == "dead"
    assert len(strongest_features(correlations(rows, NAMES, "is_error"), "is_error", most=2)) == 2


def test_plots_hold_bins_and_not_rows(rows):
    table = class_histograms(rows, NAMES, "is_error")
    figure = histogram_figure(table, ["heat", "dead", "flow"])
    assert len(figure.data) == 4  # two classes of heat and flow
    assert all(len(trace.x) == 20 for trace in figure.data)
    assert correlation_figure(correlations(rows, NAMES, "is_error")).data[0].z.shape == (5, 5)


def test_a_plot_without_any_histogram_is_empty_and_not_an_error():
    empty = pd.DataFrame(columns=["feature", "left", "right", "healthy", "error"])
    assert len(histogram_figure(empty, []).data) == 0


def test_score_curves_are_thinned_and_keep_their_ends():
    random = np.random.default_rng(0)
    labels = (random.random(5000) < 0.2).astype(np.int8)
    score = random.random(5000) + 0.3 * labels
    cells = {"true_negatives": 1, "false_positives": 2, "false_negatives": 3, "true_positives": 4}
    figure = score_figure(labels, {"model": score, "rule": -score}, cells, 0.5)
    curve = figure.data[0]
    assert len(curve.x) <= MAX_POINTS
    assert (curve.x[0], curve.x[-1]) == (1.0, 0.0)
    assert [trace.name for trace in figure.data[:4]] == ["model", "model", "rule", "rule"]


def test_the_curve_of_rare_errors_is_drawn_where_it_bends():
    random = np.random.default_rng(3)
    labels = (np.arange(200_000) < 200).astype(np.int8)
    score = random.normal(0, 1, len(labels)) + 4 * labels
    cells = {"true_negatives": 199_700, "false_positives": 100, "false_negatives": 50, "true_positives": 150}
    figure = score_figure(labels, {"model": score}, cells, 0.5)
    curve, roc, *marks = figure.data[:4]
    precision, recall, _ = precision_recall_curve(labels, score)
    drawn = np.interp(recall[::-1], curve.x[::-1], curve.y[::-1])
    there = (recall[::-1] > 0.1) & (recall[::-1] < 0.95)
    assert len(curve.x) <= MAX_POINTS and np.abs(drawn - precision[::-1])[there].max() < 0.1
    assert np.count_nonzero(np.asarray(roc.x) < 0.05) > 50
    assert [(mark.x, mark.y) for mark in marks] == [((0.75,), (0.6,)), ((100 / 199_800,), (0.75,))]
