"""Drift magnitude: distances by hand, one verdict, and how often it is wrong."""

import json
import math
import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drift.distances.kullback_leibler import kullback_leibler
from drift.magnitude import drift_magnitude, rows_needed
from tests.drift.network_rows import measured, network


def test_distances_are_those_of_the_histograms():
    base = pd.DataFrame({"x": [0.0, 10.0, 0.0, 10.0, 0.0] * 20})
    batch = pd.DataFrame({"x": [0.0] * 20 + [10.0] * 70 + [math.nan] * 10})
    shift = drift_magnitude(base, batch, ["x"]).feature_max
    p, q = [0.6, 0.4, 0.0], [0.2, 0.7, 0.1]
    assert shift.total_variation == pytest.approx(0.4)
    assert shift.hellinger == pytest.approx(math.sqrt(1 - sum(math.sqrt(a * b) for a, b in zip(p, q))))  # noqa: B905
    assert shift.kullback_leibler == pytest.approx(kullback_leibler(p, q))


def test_each_column_and_the_joint_distribution_are_measured():
    found = measured(network(0), network(1, 500))
    assert [(each.kind, each.name) for each in found.shifts] == [
        ("feature", "latency"),
        ("feature", "load"),
        ("feature", "loss"),
        ("prediction", "prediction"),
        ("label", "label"),
        ("joint", "latency x load x loss"),
    ]
    assert (found.n_base, found.n_batch) == (1000, 500)
    assert found.feature_mean == pytest.approx(np.mean([each.total_variation for each in found.features]))
    assert found.feature_max in found.features


def test_two_samples_of_one_network_are_not_drift():
    found = measured(network(0), network(1, 300))
    assert found.drifted is False
    assert found.reason.startswith("none of 6 columns moved; furthest: ")
    assert found.event("2024-05-01T00:00:00Z") is None
    assert not any(each.drifted for each in found.shifts)


def test_the_same_rows_are_at_distance_zero():
    for shift in measured(network(0), network(0)).shifts:
        assert (shift.total_variation, shift.hellinger, shift.kullback_leibler) == (0.0, 0.0, 0.0)


def test_what_chance_explains_does_not_count_towards_the_least_distance():
    base, batch = network(0), network(1, 300, shift=1.0)
    latency = measured(base, batch).features[0]
    assert latency.expected_by_chance > 0.01
    for least, drifted in ((latency.excess - 0.001, True), (latency.excess + 0.001, False)):
        again = measured(base, batch, min_distance=least).features[0]
        assert (again.total_variation > least, again.drifted) == (True, drifted)


def test_a_feature_that_moved_is_drift_and_named():
    found = measured(network(0), network(1, 300, shift=1.0))
    assert found.drifted is True
    assert found.reason.startswith("2 of 6 columns moved: ")
    assert "feature latency" in found.reason
    assert {each.name for each in found.shifts if each.drifted} == {"latency", "latency x load x loss"}
    assert found.feature_max.name == "latency"


def test_prediction_shift_and_class_shift_are_told_apart():
    said = measured(network(0), network(1, 500, alert_rate=0.4))
    assert (said.prediction_shift.moved_by_itself, said.class_shift.drifted) == (True, False)
    was = measured(network(0), network(1, 500, error_rate=0.4))
    assert (was.prediction_shift.moved_by_itself, was.class_shift.drifted) == (False, True)
    assert said.errors_rose and was.errors_rose
    assert was.class_shift.total_variation == pytest.approx(0.3, abs=0.06)


def test_a_new_class_is_a_class_shift():
    batch = network(1, 500).assign(label=lambda rows: np.where(rows.index < 200, 2, rows.label))
    assert measured(network(0), batch).class_shift.drifted


def test_the_joint_distribution_sees_features_that_come_apart():
    random = np.random.default_rng(0)
    x, other = random.normal(size=2000), random.normal(size=1000)
    base = pd.DataFrame({"a": x, "b": x})
    batch = pd.DataFrame({"a": other, "b": random.permutation(other)})
    found = drift_magnitude(base, batch, ["a", "b"])
    assert [each.drifted for each in found.features] == [False, False]
    assert found.joint.drifted
    assert found.drifted


def test_the_joint_distribution_of_many_features_is_compared_only_on_request():
    base = pd.DataFrame(np.random.default_rng(0).normal(size=(500, 5)), columns=list("abcde"))
    assert drift_magnitude(base, base, list("abcde")).joint is None
    assert drift_magnitude(base, base, list("abcde"), joint=["b", "d"]).joint.name == "b x d"
    assert drift_magnitude(base, base, list("abc"), joint=[]).joint is None
    assert drift_magnitude(base, base, ["a"]).joint is None


def test_a_joint_distance_is_large_by_chance_and_says_so():
    joint = measured(network(0, 400), network(1, 200)).joint
    assert joint.total_variation > 0.1
    assert joint.expected_by_chance == pytest.approx(joint.total_variation, abs=0.05)
    assert not joint.drifted


def test_joint_bins_of_many_features_do_not_overflow():
    base = pd.DataFrame(np.random.default_rng(0).normal(size=(200, 40)))
    base.columns = base.columns.astype(str)
    assert (
        drift_magnitude(base, base, list(base.columns), joint=list(base.columns)).joint.total_variation == 0
    )


@pytest.mark.parametrize(
    ("n_base", "n_batch", "reason"),
    [
        (1000, 99, "not enough data: batch has 99 rows, needs at least 100"),
        (1000, 0, "not enough data: batch has 0 rows, needs at least 100"),
        (8, 1000, "not enough data: base has 8 rows, needs at least 100"),
        (0, 0, "not enough data: base has 0 rows, needs at least 100"),
    ],
)
def test_too_few_rows_give_no_verdict_and_no_distance(n_base, n_batch, reason):
    found = measured(network(0, n_base), network(1, n_batch, shift=9))
    assert found.drifted is None
    assert found.reason == reason
    assert found.shifts == ()
    assert found.event("2024-05-01T00:00:00Z") is None
    assert (found.feature_mean, found.feature_max, found.joint) == (None, None, None)
    json.dumps(found.to_dict(), allow_nan=False)


def test_exactly_the_least_rows_give_a_verdict():
    assert measured(network(0, 100), network(1, 100)).drifted is False
    assert measured(network(0, 30), network(1, 30, shift=3), min_rows=30).drifted is True


def test_a_difference_that_is_real_but_small_is_not_drift():
    base, batch = network(0, 10_000), network(1, 10_000, shift=0.1)
    small = measured(base, batch)
    assert small.features[0].p_value <= 0.01
    assert small.drifted is False
    assert measured(base, batch, min_distance=0.01).drifted is True


def test_the_verdict_follows_from_the_columns():
    for shift in (0.0, 0.2, 0.4, 0.8):
        found = measured(network(0), network(1, 300, shift=shift))
        assert found.drifted == any(each.drifted for each in found.shifts)
        for each in found.shifts:
            assert each.by_distance == (each.p_value <= 0.01 and each.excess >= 0.1)
            assert each.drifted == (each.by_distance or any(share.moved for share in each.shares))


def test_the_event_names_the_column_that_moved_furthest():
    found = measured(network(0), network(1, 300, shift=2.0))
    event = found.event("2024-05-01T02:00:00+02:00")
    worst = max(found.shifts, key=lambda each: each.excess)
    assert (event.source, event.level, event.event_time) == (
        "total_variation", "drift", "2024-05-01T00:00:00+00:00"
    )  # fmt: skip
    assert (event.value, event.limit, event.n_seen) == (worst.total_variation, worst.limit, 300)
    assert event.detail == f"{worst.kind} {worst.name}"


def test_the_result_is_plain_json():
    content = json.loads(json.dumps(measured(network(0), network(1, shift=1)).to_dict(), allow_nan=False))
    assert content["drifted"] is True
    assert content["feature_max_name"] == "latency"
    assert len(content["shifts"]) == 6


def test_frames_are_unchanged_and_the_answer_repeats():
    base, batch = network(0), network(1, 300)
    before = base.copy(), batch.copy()
    assert measured(base, batch) == measured(base, batch)
    pd.testing.assert_frame_equal(base, before[0])
    pd.testing.assert_frame_equal(batch, before[1])


def test_the_index_of_the_frames_does_not_matter():
    base, batch = network(0), network(1, 300)
    labeled = batch.set_index(pd.date_range("2024-05-01", periods=300, freq="s", tz="UTC"))
    assert measured(base.set_index(base.index[::-1]), labeled) == measured(base, batch)


def test_missing_readings_that_become_frequent_are_drift():
    batch = network(1, 300)
    batch.loc[batch.index < 100, "load"] = math.nan
    found = measured(network(0), batch)
    assert found.features[1].drifted


def test_constant_text_and_empty_columns_are_measured():
    base = pd.DataFrame({"constant": 1.0, "country": ["DE", "FR"] * 100, "nothing": math.nan})
    found = drift_magnitude(base, base.assign(constant=2.0), list(base.columns))
    assert [each.total_variation for each in found.features] == [1.0, 0.0, 0.0]
    assert [each.drifted for each in found.features] == [True, False, False]
    moved = drift_magnitude(base, base.assign(country="IT"), list(base.columns))
    assert [each.total_variation for each in moved.features] == [0.0, 1.0, 0.0]


def test_probabilities_as_predictions_are_binned():
    random = np.random.default_rng(0)
    base = pd.DataFrame({"p": random.random(500)})
    found = drift_magnitude(base, pd.DataFrame({"p": random.random(500) ** 3}), [], "p")
    assert found.prediction_shift.drifted
    assert found.prediction_shift.total_variation < 0.6


def test_with_many_rows_a_selection_is_compared():
    found = measured(network(0, 5000), network(1, 3000, shift=1), max_rows=1000)
    assert (found.n_base, found.n_batch) == (1000, 1000)
    assert found.drifted
    in_blocks = measured(network(0, 5000), network(1, 3000), max_rows=1000, block_rows=30)
    assert in_blocks.n_base in range(960, 991)
    assert in_blocks.n_batch in range(960, 991)


@given(n=st.integers(100, 300), m=st.integers(100, 300), seed=st.integers(0, 10**6))
@settings(max_examples=15, deadline=None, derandomize=True, database=None)
def test_every_number_is_in_its_range(n, m, seed):
    for each in measured(network(seed, n), network(seed + 1, m, shift=seed % 3)).shifts:
        assert 0 <= each.total_variation <= 1
        assert 0 <= each.hellinger <= 1
        assert each.kullback_leibler >= 0
        assert 0 < each.p_value <= 1
        assert 0 <= each.expected_by_chance <= each.limit <= 1


def test_false_alarm_rate_without_drift_is_near_alpha_whatever_the_number_of_columns():
    """Published rate: with alpha = 5 % and no least distance, 5 % of comparisons; here 200 seeded ones."""
    random = np.random.default_rng(2024)
    alarms = 0
    for seed in range(200):
        base = pd.DataFrame(random.gamma(2, 1, size=(400, 12)))
        batch = pd.DataFrame(random.gamma(2, 1, size=(120, 12)))
        names = [f"f{i}" for i in range(12)]
        base.columns = batch.columns = names
        alarms += bool(
            drift_magnitude(base, batch, names, joint=["f0", "f1"], alpha=0.05, min_distance=0.0,
                            permutations=59, seed=seed).drifted
        )  # fmt: skip
    # 10 expected; a binomial count of 200 at 5 % is above 20 once in 1,700 runs
    assert 2 <= alarms <= 20


def test_no_false_alarm_with_the_default_limits():
    """Published rate: at most 1 % by alpha, in practice none, as chance rarely adds 0.1 to its own mean."""
    assert sum(bool(measured(network(2 * s, 500), network(2 * s + 1, 150)).drifted) for s in range(60)) == 0


def steady_devices(random, devices, rows):
    """Rows sorted by device; the load of a device wanders slowly, as rolling means do."""
    noise = random.normal(size=(devices, rows + 50))
    window = np.cumsum(noise, axis=1)
    return pd.DataFrame({"load": (window[:, 50:] - window[:, :-50]).ravel() / math.sqrt(50)})


def test_rows_of_overlapping_windows_are_dealt_out_in_blocks_that_the_base_tells():
    random = np.random.default_rng(5)
    pairs = [(steady_devices(random, 10, 200), steady_devices(random, 4, 200)) for _ in range(40)]

    def alarms(**how):
        return [drift_magnitude(base, batch, ["load"], min_distance=0, **how) for base, batch in pairs]

    for how in ({"block_rows": 50}, {}):
        found = alarms(**how)
        assert sum(bool(each.drifted) for each in found) <= 4
        # Of the others the batch, of 800 rows, or the base has room for fewer than ten blocks.
        decided = [each for each in found if each.drifted is not None]
        assert len(decided) > 20 and min(each.block_rows for each in decided) >= 40
        assert all(each.rows_needed >= 500 for each in found if each.drifted is None)


def slow_devices(seed, correlation, devices=20, rows=400):
    """Base and batch of one network; the load of a device is a chain around its own level."""
    random = np.random.default_rng([seed, 3])
    load = random.normal(size=(devices, rows))
    load[:, 0] /= math.sqrt(1 - correlation**2)
    for t in range(1, rows):
        load[:, t] += correlation * load[:, t - 1]
    level, cut = random.normal(0, 2, (devices, 1)), rows * 5 // 8
    names = np.repeat([f"d{number}" for number in range(devices)], rows).reshape(devices, rows)
    return [
        pd.DataFrame({"device": names[:, part].ravel(), "load": (load + level)[:, part].ravel()})
        for part in (slice(cut), slice(cut, None))
    ]


@pytest.mark.parametrize("correlation", [0.9, 0.99])
def test_a_block_that_is_given_too_short_is_made_longer(correlation):
    """With blocks of 12 rows, as given, 7 of 20 were called drift at a correlation of 0.99."""
    alarms = 0
    for seed in range(20):
        base, batch = slow_devices(seed, correlation)
        found = drift_magnitude(base, batch, ["load"], block_rows=12, entity="device")
        alarms += bool(found.drifted)
        assert found.block_rows > 25
    assert alarms <= 1


def test_independent_rows_are_dealt_out_one_by_one():
    found = measured(network(0, 3000), network(1, 3000))
    assert (found.block_rows, found.warnings) == (1, ())


def walk(random, rows):
    """Rows that depend on each other over the whole of it."""
    return np.cumsum(random.normal(size=rows))


def test_too_short_a_batch_for_rows_that_depend_on_each_other_is_not_enough_data():
    """Whatever it would say: of so few blocks it finds drift where there is none."""
    base, batch = (part.drop(columns="device") for part in slow_devices(0, 0.99, devices=40))
    for moved in (0.0, 9.0):
        short = batch.head(400) + moved
        found = drift_magnitude(base, short, ["load"])
        assert (found.drifted, found.shifts, found.event("2024-05-01T00:00:00Z")) == (None, (), None)
        assert found.rows_needed > 400
        assert re.fullmatch(
            r"not enough data: rows depend on each other over about \d+ in a row, those of feature load for "
            r"longest, and 400 rows have room for 10 blocks of 40 only; it takes "
            rf"{found.rows_needed:,} rows or more of each side, or name the entity if these are rows of one "
            "device after those of another",
            found.reason,
        )
    with pytest.raises(ValueError, match="entity: must be a column of the base, got 'device'"):
        drift_magnitude(base, batch, ["load"], entity="device")


def test_the_column_that_depends_on_itself_for_longest_counts_for_all():
    """What is rare does not show how long it lasts, so nothing is said of it beside what lasts for long."""
    random = np.random.default_rng(2)
    base, batch = (
        pd.DataFrame({"uptime": walk(random, 600), "load": random.normal(size=600)}) for _ in range(2)
    )
    for moved in (0.0, 1.0):
        found = drift_magnitude(base, batch.assign(load=batch["load"] + moved), ["uptime", "load"])
        assert found.drifted is None and found.rows_needed > 600 and not found.shifts
        assert "those of feature uptime for longest" in found.reason
        assert drift_magnitude(base, batch + moved, ["load"]).drifted is bool(moved)


def test_blocks_need_rows_enough_for_ten_of_them():
    found = measured(network(0), network(1, 450), block_rows=50)
    assert (found.drifted, found.reason) == (
        None,
        "not enough data: batch has 450 rows, needs at least 500 (10 blocks of 50)",
    )
    assert found.rows_needed == rows_needed(100, 50) == 500
    assert measured(network(0), network(1, 500, shift=1), block_rows=50).drifted


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"bins": 1}, "bins: must be a whole number of at least 2, got 1"),
        ({"how": "log"}, "how: must be among uniform, quantile, got 'log'"),
        ({"min_rows": 1}, "min_rows: must be a whole number of at least 2, got 1"),
        ({"block_rows": 0}, "block_rows: must be a whole number of at least 1, got 0"),
        ({"max_rows": 10}, "max_rows: must be a whole number of at least 100, got 10"),
        ({"max_rows": 400, "block_rows": 50}, "max_rows: must be a whole number of at least 500, got 400"),
        ({"permutations": 0}, "permutations: must be a whole number of at least 1, got 0"),
        ({"alpha": 0}, "alpha: must be above 0, below 1 and"),
        (
            {"alpha": 0.01, "permutations": 50},
            r"alpha: must be .* at least 1 / \(permutations \+ 1\), got 0.01",
        ),
        ({"min_distance": 1}, "min_distance: must be a number of at least 0 and below 1, got 1"),
        ({"joint": ["latency"]}, "joint: must be two or more different features, or empty, got .'latency'."),
        ({"joint": ["latency", "label"]}, "joint: must be two or more different features"),
    ],
)
def test_bad_parameters_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        measured(network(0), network(1), **arguments)


def test_bad_columns_are_refused():
    base, batch = network(0), network(1)
    with pytest.raises(ValueError, match=r"columns: must be at least one, each once, got \['load', 'load'\]"):
        drift_magnitude(base, batch, ["load", "load"])
    with pytest.raises(ValueError, match=r"columns: must be at least one, each once, got \[\]"):
        drift_magnitude(base, batch, [])
    with pytest.raises(ValueError, match="batch column 'load': must be present once, got"):
        measured(base, batch.drop(columns="load"))
    with pytest.raises(ValueError, match="base column 'speed': must be present once, got"):
        drift_magnitude(base, batch, ["speed"])
    with pytest.raises(ValueError, match="batch column 'load': must be present once"):
        measured(base, pd.concat([batch, batch[["load"]]], axis=1))
    with pytest.raises(ValueError, match="column 'latency': must hold numbers, got 'object'"):
        measured(base, batch.assign(latency="slow"))


@pytest.mark.parametrize("column", ["prediction", "label"])
def test_a_missing_prediction_or_label_is_refused(column):
    batch = network(1).astype({column: float})
    batch.loc[3, column] = math.nan
    with pytest.raises(
        ValueError,
        match=f"batch column '{column}': must be without missing values, as it is the {column}, got '1 of",
    ):
        measured(network(0), batch)


def test_whole_floats_count_as_whole_numbers():
    base = pd.DataFrame({"a": np.arange(300.0)})
    whole = drift_magnitude(
        base, base, features=["a"], block_rows=2.0, max_rows=200.0, permutations=19.0, alpha=0.1
    )
    assert whole == drift_magnitude(
        base, base, features=["a"], block_rows=2, max_rows=200, permutations=19, alpha=0.1
    )
