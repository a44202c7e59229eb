"""GLR: found where it was planted, quiet where runs explain it, and which way."""

import copy
import math

import numpy as np
import pytest

from drift.detectors.likelihood_ratio import LikelihoodRatio
from tests.drift.error_streams import in_runs, taking_turns


def found(detector, stream):
    at = []
    for i, x in enumerate(stream):
        detector.update(x)
        if detector.drift_detected:
            at.append((i, detector.direction))
    return at


def independent(seed, *stretches):
    random = np.random.default_rng(seed)
    return np.concatenate([random.random(n) < rate for n, rate in stretches]).astype(int).tolist()


@pytest.mark.parametrize(
    ("before", "after", "within"),
    [
        (0.01, 0.05, 500),
        (0.05, 0.15, 400),
        (0.1, 0.2, 600),
        (0.3, 0.45, 600),
        (0.0, 0.2, 260),
        (0.1, 1.0, 220),
    ],
)
def test_a_rise_is_found_soon_and_once(before, after, within):
    drifts = found(LikelihoodRatio(), independent(1, (6000, before), (3000, after)))
    assert [direction for _, direction in drifts] == ["rise"]
    assert 6000 <= drifts[0][0] < 6000 + within


def test_a_burst_that_is_over_is_a_warning_and_a_rise_that_goes_on_is_a_drift():
    before, worse = independent(1, (6000, 0.02)), independent(2, (50, 0.22))
    burst = [*before, *worse, *independent(3, (3000, 0.02))]
    assert found(LikelihoodRatio(), burst) == []
    (soon, _), *_ = found(LikelihoodRatio(persistence=0), burst)
    detector = LikelihoodRatio()
    for x in burst[: soon + 1]:
        detector.update(x)
    assert detector.warning_detected and not detector.drift_detected
    rise = [*before, *independent(2, (1000, 0.22))]
    at_once, late = (found(LikelihoodRatio(persistence=held), rise)[0] for held in (0, 200))
    assert (late[0] - at_once[0], late[1]) == (195, "rise")


def test_the_length_of_a_change_reaches_back_to_the_first_test_beyond_the_level():
    detector = LikelihoodRatio()
    stream = [*independent(1, (6000, 0.02)), *independent(2, (1000, 0.5))]
    for x in stream:
        detector.update(x)
        if detector.drift_detected:
            break
    assert 245 <= detector.change_length < 400
    assert abs(detector.n_seen - detector.change_length - 6000) < 100


def test_one_saved_before_there_was_a_persistence_goes_on_without_one():
    detector = LikelihoodRatio(persistence=0)
    stream = [*independent(1, (6000, 0.02)), *independent(2, (1000, 0.5))]
    expected = found(LikelihoodRatio(persistence=0), stream)
    found(detector, stream[:5000])
    saved = detector.to_dict()
    del saved["parameters"]["persistence"], saved["state"]["beyond"], saved["state"]["first_length"]
    drifts = found(LikelihoodRatio.from_dict(saved), stream[5000:])
    assert [at + 5000 for at, _ in drifts] == [at for at, _ in expected]


def test_a_slow_rise_is_found():
    rates = np.interp(np.arange(12_000), [6000, 9000], [0.05, 0.2])
    stream = (np.random.default_rng(2).random(12_000) < rates).astype(int).tolist()
    at, direction = found(LikelihoodRatio(), stream)[0]
    assert (6000 < at < 8500, direction) == (True, "rise")


@pytest.mark.parametrize(("labels", "within"), [(20_000, 12_000), (40_000, 18_000)])
def test_a_climb_over_tens_of_thousands_of_labels_is_found_against_the_base(labels, within):
    """From 0.02 to 0.06: the labels right before are nearly as bad, so without the base one in eight was."""
    for seed in range(4):
        random = np.random.default_rng([seed, 41])
        detector = LikelihoodRatio(min_instances=8000)
        found(detector, (random.random(8000) < 0.02).astype(int).tolist())
        climb = (random.random(labels) < np.linspace(0.02, 0.06, labels)).astype(int).tolist()
        drifts = [at for at, direction in found(detector, climb) if direction == "rise"]
        assert drifts and drifts[0] < within


def test_one_saved_before_the_beginning_of_the_episode_counted_goes_on():
    detector = LikelihoodRatio()
    found(detector, independent(1, (9000, 0.02)))
    saved = detector.to_dict()
    for name in ("beginning", "beginning_errors"):
        del saved["state"][name]
    restored = LikelihoodRatio.from_dict(saved)
    assert restored.n_seen == 9000
    assert found(restored, independent(2, (1000, 0.2)))[0][1] == "rise"


def test_devices_that_take_turns_are_known_from_the_first_test_on():
    base = taking_turns(5_050, 0.1, 20, np.random.default_rng(0)).tolist()
    detector = LikelihoodRatio(min_instances=len(base))
    for x in [*base, 0, 0, 0, 0, 0]:
        detector.update(x)
    assert detector.to_dict()["state"]["lag_factor"] > 2


def test_an_abrupt_fall_is_told_as_one_and_a_slow_one_is_not():
    assert [way for _, way in found(LikelihoodRatio(), independent(3, (5000, 0.6), (3000, 0.01)))] == ["fall"]
    assert [way for _, way in found(LikelihoodRatio(), independent(3, (5000, 0.4), (3000, 0.1)))] == ["fall"]
    assert found(LikelihoodRatio(), independent(3, (5000, 0.2), (3000, 0.15))) == []
    rates = np.interp(np.arange(12_000), [0, 9000], [0.4, 0.02])  # It learns.
    slow = (np.random.default_rng(4).random(12_000) < rates).astype(int).tolist()
    assert found(LikelihoodRatio(), slow) == []


def test_a_burst_of_errors_is_no_drift_and_its_end_no_fall():
    """Right after it errors are fewer than in the burst, and as many as before it."""
    for seed in range(10):
        stream = independent(seed, (5000, 0.05), (80, 0.7), (2000, 0.05))
        assert [at for at, _ in found(LikelihoodRatio(), stream) if at >= 5000] == []
    longer = independent(3, (5000, 0.05), (400, 0.7))
    assert [way for _, way in found(LikelihoodRatio(), longer)] == ["rise"]


def test_a_fall_is_shown_below_zero_with_its_own_limit():
    detector = LikelihoodRatio()
    for x in independent(3, (5000, 0.6), (3000, 0.01)):
        detector.update(x)
        if detector.drift_detected:
            break
    assert detector.statistic < detector.drift_limit == -6.0
    detector.update(0)
    assert detector.drift_limit == 3.0


def test_the_statistic_is_the_signed_root_of_the_likelihood_ratio():
    """By hand, for 300 labels with 60 errors, never two together, and 50 with 25 after them."""
    stream = [1, 0, 0, 0, 0] * 60 + [1, 0] * 25
    detector = LikelihoodRatio(min_instances=0)
    for x in stream:
        detector.update(x)

    def log_likelihood(errors, n, rate):
        return errors * math.log(rate) + (n - errors) * math.log(1 - rate)

    pooled = 85.5 / 351
    ratio = (
        log_likelihood(25, 50, 0.5) + log_likelihood(60, 300, 0.2)
        - log_likelihood(25, 50, pooled) - log_likelihood(60, 300, pooled)
    )  # fmt: skip
    prior = 3 * 0.95 / (85 + 3)  # no error follows an error: only the pseudo-errors correlate
    assert detector.statistic == pytest.approx(math.sqrt(2 * ratio * (1 - prior) / (1 + prior)))


def test_nothing_is_said_before_there_is_enough_to_compare():
    detector = LikelihoodRatio(min_instances=0)
    for i, x in enumerate(independent(5, (400, 0.5))):
        detector.update(x)
        assert (detector.statistic is None) == (i + 1 < 350)


def test_one_long_episode_among_rare_ones_is_no_drift_by_itself():
    stream = in_runs(30_000, 0.02, 0.95, np.random.default_rng(6)).tolist()
    assert found(LikelihoodRatio(), stream) == []


@pytest.mark.parametrize("devices", [10, 40])
def test_devices_that_take_turns_are_not_taken_for_drift(devices):
    random = np.random.default_rng(devices)
    stream = taking_turns(60_000, 0.05, devices, random).tolist()
    assert len(found(LikelihoodRatio(min_instances=10_000), stream)) <= 2
    worse = taking_turns(5_000, 0.3, devices, random).tolist()
    detector = LikelihoodRatio(min_instances=10_000)
    found(detector, stream[:20_000])
    assert found(detector, worse)[0][1] == "rise"


def test_what_the_base_told_about_runs_outlives_a_drift_but_no_reset():
    detector = LikelihoodRatio(min_instances=10_000)
    found(detector, taking_turns(10_000, 0.1, 20, np.random.default_rng(7)).tolist())
    floors = detector.to_dict()["state"]["floors"]
    assert floors[-1] > 5
    assert found(detector, [1] * 2000)
    assert detector.to_dict()["state"]["floors"] == floors
    detector.reset()
    assert detector.to_dict()["state"]["floors"] == [1.0] * 6


def of_one_outage(seed, share):
    """65,000 labels of which 43 are wrong, a share of these within 60 labels."""
    random = np.random.default_rng(seed)
    base = np.zeros(65_000, dtype=int)
    base[random.choice(len(base), 43 - share, replace=False)] = 1
    base[30_000 + random.choice(60, share, replace=False)] = 1
    return base.tolist()


@pytest.mark.parametrize("share", [20, 40])
def test_one_outage_in_the_base_hides_no_steady_rise(share):
    for seed in range(2):
        detector = LikelihoodRatio(min_instances=65_000)
        assert found(detector, of_one_outage(seed, share)) == []
        # Another such outage is none, nor is it at a rate as before.
        assert found(copy.deepcopy(detector), of_one_outage(seed + 10, share)[25_000:40_000]) == []
        state = detector.to_dict()
        (rise,) = found(detector, independent(seed, (4_000, 0.03)))[:1]
        assert rise[0] < 2_500 and rise[1] == "rise"
        # A state of before goes on as it did.
        del state["state"]["largest"], state["state"]["steady_floors"]
        earlier = LikelihoodRatio.from_dict(state)
        assert earlier.to_dict()["state"]["steady_floors"] == state["state"]["floors"]
        assert found(earlier, independent(seed, (1_000, 0.03))) == []


def test_of_few_blocks_no_event_is_left_out():
    detector = LikelihoodRatio(min_instances=12_000)
    found(detector, of_one_outage(0, 40)[25_000:37_000])
    state = detector.to_dict()["state"]
    assert state["steady_floors"][3] > 0.9 * state["floors"][3]  # 30 blocks
    assert state["steady_floors"][2] < 0.1 * state["floors"][2]  # 60 blocks


@pytest.mark.parametrize(
    ("field", "bad"),
    [
        ("bits", ""),
        ("bits", "!!!!"),
        ("blocks", [[1, 2, 3]] * 6),
        ("blocks", [[1, 2, 3, -1]] * 6),
        ("floors", [0.5] * 6),
        ("floors", [1.0]),
        ("largest", [[1]] * 6),
        ("steady_floors", [0.5] * 6),
    ],
)
def test_a_saved_state_that_it_could_not_have_is_refused(field, bad):
    detector = LikelihoodRatio()
    found(detector, independent(8, (900, 0.1)))
    saved = detector.to_dict()
    saved["state"][field] = bad
    with pytest.raises(ValueError, match=rf"glr: state\.{field}: must be"):
        LikelihoodRatio.from_dict(saved)


def test_levels_are_checked():
    with pytest.raises(ValueError, match="glr: persistence: must be a whole number of at least 0, got -1"):
        LikelihoodRatio(persistence=-1)
    with pytest.raises(ValueError, match=r"glr: drift_level: must be a number of at least 2\.5, got 2"):
        LikelihoodRatio(drift_level=2)
    with pytest.raises(ValueError, match="glr: fall_level: must be a number above 0"):
        LikelihoodRatio(fall_level=0)


def gradual(seed, points, rates):
    n = points[-1]
    return (
        (np.random.default_rng(seed).random(n) < np.interp(np.arange(n), points, rates)).astype(int).tolist()
    )


def test_a_fall_within_a_thousand_labels_after_a_steady_rate_is_told():
    for seed in range(3):
        stream = gradual(seed, [0, 6000, 7000, 10_000], [0.18, 0.18, 0.03, 0.03])
        (at, way), *more = found(LikelihoodRatio(), stream)
        assert (6000 < at < 8500, way, more) == (True, "fall", [])


def test_a_fall_after_a_steady_rate_is_told_however_high_that_was():
    """A model that is not taught any more, and a concept that comes back."""
    for seed in range(3):
        stream = gradual(seed, [0, 6000, 8000, 11_000], [0.85, 0.85, 0.5, 0.5])
        (at, way), *more = found(LikelihoodRatio(), stream)
        assert (6000 < at < 8500, way, more) == (True, "fall", [])
        stream = gradual(seed, [0, 6000, 9000, 12_000], [0.92, 0.9, 0.6, 0.55])
        (at, way), *more = found(LikelihoodRatio(), stream)
        assert (6000 < at < 9000, way, more) == (True, "fall", [])


def test_who_learns_on_and_on_is_no_fall():
    for seed in range(3):
        assert found(LikelihoodRatio(), gradual(seed, [0, 12_000], [0.95, 0.3])) == []


def test_a_small_rise_that_lasts_is_found_by_long_windows():
    for seed in range(3):
        drifts = found(LikelihoodRatio(), independent(seed, (8000, 0.1), (2500, 0.135)))
        assert [(at > 8000, way) for at, way in drifts] == [(True, "rise")]


def test_a_rise_after_a_slow_fall_is_found_against_the_newest_labels():
    for seed in range(3):
        stream = gradual(seed, [0, 6000, 7000, 7001, 8500], [0.3, 0.06, 0.06, 0.15, 0.15])
        assert [(7000 < at < 8000, way) for at, way in found(LikelihoodRatio(), stream)] == [(True, "rise")]


def test_one_saved_before_slow_falls_goes_on():
    stream = gradual(1, [0, 6000, 7000, 10_000], [0.18, 0.18, 0.03, 0.03])
    detector = LikelihoodRatio()
    found(detector, stream[:6000])
    saved = detector.to_dict()
    assert [saved["state"].pop(name) for name in ("fallen", "wide")] == [0, 0]
    expected = found(detector, stream[6000:])
    assert found(LikelihoodRatio.from_dict(saved), stream[6000:]) == expected
    assert len(expected) == 1


def test_a_fall_by_a_quarter_is_told_after_steady_errors_and_not_where_it_goes_on_as_before():
    told = 0
    for seed in range(8):
        steady = found(LikelihoodRatio(), independent(seed, (8000, 0.42), (2500, 0.31)))
        told += [(at > 8000, way) for at, way in steady] == [(True, "fall")]
        assert found(LikelihoodRatio(), gradual(seed, [0, 30_000], [0.4, 0.1])) == []
    assert told >= 6
