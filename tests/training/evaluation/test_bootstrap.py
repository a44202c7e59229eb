"""Intervals over clusters, against a version that copies rows and asks scikit-learn."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import (
    average_precision_score,
    brier_score_loss,
    precision_recall_fscore_support,
    roc_auc_score,
)

from feature_sets.checks import InputError
from training.dataset.incident_spans import IncidentSpans
from training.evaluation.bootstrap import SCORES, bootstrap
from training.evaluation.clusters import LEAST_CLUSTERS, Apart, Clusters, parse_bootstrap_by, row_clusters
from training.evaluation.ranking import Ranking
from training.evaluation.scores import Scored

START = pd.Timestamp("2024-03-01T22:30:00Z")
APART = Apart(3600, 3600)


def rows_of(devices, hours):
    times = START + pd.to_timedelta(np.repeat(np.arange(4 * hours), devices) * 15, unit="min")
    names = np.tile([f"d{number:02}" for number in range(devices)], 4 * hours)
    return pd.DataFrame({"device": names, "timestamp": times})


def sample(rows=200, clusters=8, seed=0, levels=12):
    """Labels, a score with many ties, and clusters of unequal size whose error rates differ."""
    random = np.random.default_rng(seed)
    codes = np.sort(random.integers(0, clusters, rows)).astype(np.intp)
    labels = (random.random(rows) < 0.05 + 0.08 * (codes % 4)).astype(np.int8)
    score = np.round(levels * np.clip(0.3 * labels + 0.7 * random.random(rows), 0, 1)) / levels
    return labels, score, Clusters("device", codes, clusters)


def bounds(clusters):
    """Tails that are as much wider than those of the normal distribution as Student's t is."""
    tail = stats.norm.cdf(-np.sqrt(clusters / (clusters - 1)) * stats.t.ppf(0.975, clusters - 1))
    return [tail, 1.0 - tail]


def slow_draws(labels, scored, clusters, seed, resamples, ranked=True):
    """Score -> its value in each resample, from rows that are really copied.

    :param ranked: whether the scores that need an order of the rows are wanted: they take the time.
    """
    random = np.random.default_rng(seed)
    found = []
    for _ in range(resamples):
        drawn = random.integers(0, clusters.count, clusters.count)
        rows = np.concatenate([np.flatnonzero(clusters.codes == code) for code in drawn])
        truth, predicted = labels[rows], scored.predicted[rows]
        hits, alarms, errors = (truth & predicted).sum(), predicted.sum(), truth.sum()
        both = 0 < errors < len(truth) and ranked
        found.append(
            {
                "average_precision": average_precision_score(truth, scored.score[rows]) if both else np.nan,
                "roc_auc": roc_auc_score(truth, scored.score[rows]) if both else np.nan,
                "f1": 2 * hits / (alarms + errors) if errors else np.nan,
                "precision": hits / alarms if alarms else 0.0,
                "recall": hits / errors if errors else np.nan,
                "brier": np.mean((scored.probability[rows] - truth) ** 2),
                "constant": np.mean((0.3 - truth) ** 2),
                "base_rate": truth.mean(),
            }
        )
    return pd.DataFrame(found)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("levels", [1, 4, 10_000])
def test_weighted_scores_are_those_of_scikit_learn(seed, levels):
    labels, score, clusters = sample(seed=seed, levels=levels)
    counts = np.random.default_rng(seed).integers(0, 4, clusters.count)
    weights = counts[clusters.codes]
    precision, auc = Ranking(labels, score, clusters.codes).scores(counts)
    assert precision == pytest.approx(
        average_precision_score(labels, score, sample_weight=weights), abs=1e-12
    )
    assert auc == pytest.approx(roc_auc_score(labels, score, sample_weight=weights), abs=1e-12)


def test_scores_without_a_class_are_not_numbers():
    labels, score, _ = sample()
    own = (labels == 1).astype(np.intp)  # cluster 1 holds the errors
    ranking = Ranking(labels, score, own)
    assert np.isnan(ranking.scores(np.array([3, 0]))).all()
    assert np.isnan(ranking.scores(np.array([0, 3]))).all()
    assert np.isfinite(ranking.scores(np.array([1, 1]))).all()


@pytest.mark.parametrize("seed", range(3))
def test_intervals_are_the_quantiles_of_resamples_that_copy_rows(seed):
    labels, score, clusters = sample(seed=seed)
    model = Scored(score, 0.5, score)
    rule = Scored(-score[::-1], -0.4, (score[::-1] <= 0.4).astype(float))
    found = bootstrap(labels, {"model": model, "rule": rule}, clusters, 0.3, seed, resamples=60)
    slow = {
        name: slow_draws(labels, scored, clusters, seed, 60)
        for name, scored in (("model", model), ("rule", rule))
    }
    for name, draws in slow.items():
        for score_name in SCORES:
            low, high = draws[score_name].dropna().quantile(bounds(found.with_errors))
            interval = found.scores[name][score_name]
            assert (interval.low, interval.high) == pytest.approx((low, high), abs=1e-12)
    precision = {name: draws["average_precision"] for name, draws in slow.items()}
    differences = {
        "rule": precision["model"] - precision["rule"],
        "base_rate": precision["model"] - slow["model"]["base_rate"],
    }
    for name, difference in differences.items():
        low, high = difference.dropna().quantile(bounds(found.with_errors))
        assert (found.gains[name].low, found.gains[name].high) == pytest.approx((low, high), abs=1e-12)
    skill = (1 - slow["model"]["brier"] / slow["model"]["constant"]).quantile(bounds(found.with_errors))
    interval = found.scores["model"]["brier_skill"]
    assert (interval.low, interval.high) == pytest.approx(tuple(skill), abs=1e-12)
    assert "brier_skill" not in found.scores["rule"]


def test_resamples_without_an_error_are_left_out():
    labels, score, clusters = sample()
    labels = np.where(clusters.codes >= 3, labels | (np.arange(len(labels)) % 2 == 0), 0).astype(np.int8)
    scored = Scored(score, 0.5, score)
    found = bootstrap(labels, {"model": scored}, clusters, 0.3, 5, resamples=1500)
    draws = slow_draws(labels, scored, clusters, 5, 1500, ranked=False)
    assert draws["base_rate"].isin([0.0, 1.0]).sum() > 0
    assert found.with_errors == 5
    for name in ("f1", "recall"):
        low = draws[name].dropna().quantile(bounds(5)[0])
        assert found.scores["model"][name].low == pytest.approx(low)
    assert str(found) == "95 % by resampling 8 devices, 5 of them with errors"


def test_intervals_of_few_clusters_reach_further_out():
    # Student's t of 4 degrees of freedom: 2.776; the normal distribution at -2.776 * sqrt(5 / 4): 0.00095.
    assert bounds(5)[0] == pytest.approx(0.00095, abs=1e-5)
    assert bounds(10_000)[0] == pytest.approx(0.025, abs=1e-4)


def test_one_device_with_errors_stands_for_no_other():
    labels, score, clusters = sample(clusters=20)
    labels = np.where(clusters.codes == 3, 1, 0).astype(np.int8)
    found = bootstrap(labels, {"model": Scored(score, 0.5, score)}, clusters, 0.3, 0)
    assert not found.resamples and str(found).startswith("none: 20 devices, 1 of them with errors")


def test_scores_that_know_nothing_are_seldom_found_to_know_something():
    """A score of each device that has nothing to do with its errors: few are above the base rate."""
    random = np.random.default_rng(0)
    found = 0
    for _ in range(200):
        device = np.repeat(np.arange(10, dtype=np.intp), 100)
        rate, level = random.uniform(0.02, 0.3, 10), random.normal(size=10)
        labels = (random.random(1000) < rate[device]).astype(np.int8)
        score = level[device] + 0.1 * random.normal(size=1000)
        clusters = Clusters("device", device, 10)
        gains = bootstrap(labels, {"model": Scored(score, 0.5, score)}, clusters, 0.1, 0, resamples=200).gains
        found += gains["base_rate"].low > 0.0
    assert found <= 12  # 5 are expected; without the wider tails it is above 12


def test_the_same_seed_gives_the_same_intervals_whatever_the_order_of_the_rows():
    labels, score, clusters = sample(levels=10_000)
    turned = Clusters("device", clusters.codes[::-1].copy(), clusters.count)
    first = bootstrap(labels, {"model": Scored(score, 0.5, score)}, clusters, 0.3, 7)
    again = bootstrap(labels[::-1], {"model": Scored(score[::-1], 0.5, score[::-1])}, turned, 0.3, 7)
    other = bootstrap(labels, {"model": Scored(score, 0.5, score)}, clusters, 0.3, 8)
    assert first.scores["model"]["f1"] == again.scores["model"]["f1"]
    assert first.gains["base_rate"].low == pytest.approx(again.gains["base_rate"].low, abs=1e-12)
    assert first.scores["model"]["f1"] != other.scores["model"]["f1"]
    assert first.resamples == 500


def test_an_equal_scorer_has_no_gain():
    labels, score, clusters = sample()
    scored = Scored(score, 0.5, score)
    found = bootstrap(labels, {"model": scored, "same": scored}, clusters, 0.3, 0)
    assert (found.gains["same"].low, found.gains["same"].high) == (0.0, 0.0)


def test_a_constant_has_the_base_rate_as_its_average_precision_in_every_resample():
    labels, score, clusters = sample()
    constant = Scored(np.zeros(len(labels)), 0.5, np.zeros(len(labels)))
    found = bootstrap(labels, {"model": Scored(score, 0.5, score), "constant": constant}, clusters, 0.3, 0)
    assert found.scores["constant"]["average_precision"].low == pytest.approx(
        found.scores["base_rate"]["base_rate"].low
    )
    assert found.gains["constant"].high == pytest.approx(found.gains["base_rate"].high)
    assert found.scores["constant"]["roc_auc"].low == found.scores["constant"]["roc_auc"].high == 0.5


def test_rows_of_a_device_that_are_alike_widen_the_interval():
    labels, score, clusters = sample(rows=2000, clusters=20)
    each = Clusters("row", np.arange(2000, dtype=np.intp), 2000)
    by_device, by_row = (
        bootstrap(labels, {"model": Scored(score, 0.5, score)}, unit, 0.3, 0).scores["base_rate"]["base_rate"]
        for unit in (clusters, each)
    )
    assert by_device.high - by_device.low > 1.5 * (by_row.high - by_row.low)


def test_too_few_clusters_give_no_interval_and_say_so():
    labels, score, _ = sample()
    few = Clusters("device", np.arange(len(labels), dtype=np.intp) % 4, 4)
    found = bootstrap(labels, {"model": Scored(score, 0.5, score)}, few, 0.3, 0)
    assert (found.resamples, found.scores, found.gains) == (0, {}, {})
    assert str(found) == "none: 4 devices, 4 of them with errors; at least 5 with errors are needed"
    enough = Clusters("device", np.arange(len(labels), dtype=np.intp) % LEAST_CLUSTERS, LEAST_CLUSTERS)
    assert bootstrap(labels, {"model": Scored(score, 0.5, score)}, enough, 0.3, 0).resamples == 500


@pytest.mark.parametrize(
    ("devices", "by", "unit", "count"),
    [
        (10, "auto", "episode", 3),  # ten devices, but three things that happened
        (9, "auto", "episode", 3),
        (1, "auto", "episode", 3),
        (4, "device", "device", 4),
        (4, "day", "episode", 3),  # three episodes in two days of four devices
        (1, "day", "device-day", 2),
    ],
)
def test_the_unit_is_what_happened_independently(devices, by, unit, count):
    rows = rows_of(devices, 12)
    hour = rows["timestamp"].dt.hour
    rows["broken"] = hour.isin([23, 2, 5]).astype(int)
    clusters = row_clusters(rows, "timestamp", "broken", by, APART)
    assert (clusters.unit, clusters.count) == (unit, count)
    if unit == "episode":
        # Each with the time until the next; episodes of several devices at the same time are one.
        parts = [sorted(set(hour[clusters.codes == number])) for number in range(3)]
        assert parts == [[0, 1, 22, 23], [2, 3, 4], [5, 6, 7, 8, 9, 10]]
        assert clusters.of_devices == 3 * devices


def test_the_hours_of_one_incident_are_one_thing():
    rows = rows_of(1, 40)
    rows["broken"] = (rows.index < len(rows) * 0.9).astype(int)
    clusters = row_clusters(rows, "timestamp", "broken", "auto", APART)
    labels = rows["broken"].to_numpy().astype(np.int8)
    scored = Scored(np.linspace(1.0, 0.0, len(rows)), 0.5, np.linspace(1.0, 0.0, len(rows)))
    found = bootstrap(labels, {"model": scored}, clusters, 0.5, 0)
    assert str(found) == (
        "none: 1 error episode in the test rows, begun there or before; at least 5 are needed"
    )


def test_it_is_told_that_simultaneous_episodes_are_one():
    rows = rows_of(4, 48)
    rows["broken"] = (rows["timestamp"].dt.hour % 8 == 0).astype(int)
    clusters = row_clusters(rows, "timestamp", "broken", "auto", APART)
    labels = rows["broken"].to_numpy().astype(np.int8)
    score = np.linspace(1.0, 0.0, len(rows))
    found = bootstrap(labels, {"model": Scored(score, 0.5, score)}, clusters, 0.5, 0)
    assert str(found) == (
        "95 % by resampling 6 error episodes in the test rows, begun there or before (the 24 of the devices, "
        "simultaneous ones as one)"
    )


@pytest.mark.parametrize("failing", range(LEAST_CLUSTERS + 2))
def test_whole_groups_give_an_interval_from_five_with_errors_on(failing):
    """However many groups, devices and episodes there are, and however many rows are errors."""
    rows = rows_of(12, 24)
    groups = {device: f"site-{int(device[1:]) % 8}" for device in rows["device"].unique()}
    sites = rows["device"].map(groups)
    rows["broken"] = (sites < f"site-{failing}") & (rows["timestamp"].dt.hour % 4 == 0)
    rows["broken"] = rows["broken"].astype(int)
    clusters = row_clusters(rows, "timestamp", "broken", "auto", APART, groups)
    assert (clusters.unit, clusters.count) == ("group", 8)
    labels = rows["broken"].to_numpy().astype(np.int8)
    score = np.linspace(1.0, 0.0, len(rows))
    found = bootstrap(labels, {"model": Scored(score, 0.5, score)}, clusters, 0.5, 0)
    said = f"8 groups, {failing} of them with errors"
    if failing < LEAST_CLUSTERS:
        assert str(found) == f"none: {said}; at least 5 with errors are needed"
        assert (found.resamples, found.scores, found.gains) == (0, {}, {})
    else:
        assert str(found) == f"95 % by resampling {said}" and found.resamples == 500


@pytest.mark.parametrize(("failing", "unit"), [(5, "episode"), (9, "episode"), (10, "device")])
def test_what_counts_are_devices_with_errors(failing, unit):
    rows = rows_of(20, 24)
    number, hour = rows["device"].str[1:].astype(int), rows["timestamp"].dt.hour
    rows["broken"] = ((hour == 2 * number) & (number < failing)).astype(int)
    assert row_clusters(rows, "timestamp", "broken", "auto", APART).unit == unit


def test_an_outage_of_many_devices_is_one_thing_that_happened():
    """Six devices fail, each at its own time, and ten of one site together; then these fail apart, too."""
    rows = rows_of(20, 40)
    number, hour = rows["device"].str[1:].astype(int), (rows["timestamp"] - START) // pd.Timedelta("1h")
    site = number >= 10
    rows["broken"] = ((hour == 2 * number) & (number < 6) | (hour == 20) & site).astype(int)
    clusters = row_clusters(rows, "timestamp", "broken", "auto", APART)
    assert (clusters.unit, clusters.count, clusters.of_devices) == ("episode", 7, 16)
    rows.loc[(hour == number + 14) & site, "broken"] = 1
    assert row_clusters(rows, "timestamp", "broken", "auto", APART).unit == "device"


@pytest.mark.parametrize(("minutes", "count"), [(5, 6), (0, 1)])
def test_devices_of_a_busy_fleet_that_fail_one_after_the_other_are_many_things(minutes, count):
    """However long the embargo is, which is that of one device."""
    times = START + pd.to_timedelta(np.arange(60), unit="min")
    rows = pd.DataFrame({"device": np.repeat(list("abcdef"), 60), "timestamp": np.tile(times, 6)})
    begins = np.repeat(np.arange(6), 60) * minutes + 20
    rows["broken"] = ((np.tile(np.arange(60), 6) // 2) == begins // 2).astype(int)
    clusters = row_clusters(rows, "timestamp", "broken", "auto", Apart(3 * 3600, 120))
    assert (clusters.unit, clusters.count, clusters.of_devices) == ("episode", count, 6)


def test_gains_of_f1_are_those_at_the_threshold():
    labels, score, clusters = sample()
    high, low = Scored(score, 0.5, score), Scored(score, 2.0, score)
    found = bootstrap(labels, {"model": high, "silent": low}, clusters, 0.3, 0)
    assert found.gains["silent"].low == found.gains["silent"].high == 0.0  # the same ranking
    assert found.f1_gains["silent"].low > 0.0
    own = found.scores["model"]["f1"]
    assert (found.f1_gains["silent"].low, found.f1_gains["silent"].high) == (own.low, own.high)
    assert found.f1_gains["always"].high < own.high


def test_another_unit_is_refused():
    assert parse_bootstrap_by("day") == "day"
    with pytest.raises(InputError, match="'bootstrap_by': must be among auto, device, day, got 'week'"):
        parse_bootstrap_by("week")


def test_the_draws_agree_with_scikit_learn():
    labels, score, _ = sample()
    alone = Clusters("device", np.zeros(len(labels), dtype=np.intp), 1)
    draws = slow_draws(labels, Scored(score, 0.5, score), alone, 0, 1)
    assert draws["brier"].item() == pytest.approx(brier_score_loss(labels, score))
    expected = precision_recall_fscore_support(labels, score >= 0.5, average="binary")[:3]
    assert draws[["precision", "recall", "f1"]].iloc[0].tolist() == pytest.approx(expected)


def test_an_incident_in_whose_middle_its_device_is_silent_is_drawn_as_one():
    rows = rows_of(1, 60)
    hour = (rows["timestamp"] - START) // pd.Timedelta("1h")
    rows["broken"] = hour.isin([2, 3, 22, 23, 40]).astype(int)
    rows = rows[~hour.between(4, 21)].reset_index(drop=True)
    bounds = (np.array([(START + pd.Timedelta(hours=at)).value]) for at in (2, 24))
    ticket = IncidentSpans(np.array([rows["device"].iloc[0]], dtype=object), *bounds)
    counts = [
        row_clusters(rows, "timestamp", "broken", "auto", apart).count
        for apart in (APART, APART._replace(incidents=ticket))
    ]
    assert counts == [3, 2]
