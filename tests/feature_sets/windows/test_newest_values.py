"""Newest values of others equal a plain version, whatever is late, repeated or missing, and however cut."""

from __future__ import annotations

import math
import statistics

import numpy as np
import pytest

from feature_sets.telemetry.links import OPEN
from feature_sets.windows import newest_kernel
from feature_sets.windows.newest_kernel import NEVER
from feature_sets.windows.newest_values import Asked, NewestValues, Relation

STATISTICS = {
    newest_kernel.MAX: max,
    newest_kernel.MIN: min,
    newest_kernel.MEAN: lambda values: math.fsum(values) / len(values),
    newest_kernel.MEDIAN: statistics.median,
}
MAX_AGE = 40
ASKED = Asked(
    is_reading=np.array([False, True]),
    max_ages=np.array([MAX_AGE, MAX_AGE // 2]),
    features=np.array(
        [
            *[(statistic, newest_kernel.PLAIN) for statistic in STATISTICS],
            *[(statistic, newest_kernel.DIFFERENCE) for statistic in STATISTICS],
            (newest_kernel.MEDIAN, newest_kernel.RATIO),
        ]
    ),
    # Of the first relation the window, of the second the reading.
    starts=np.array([0, 4, 4, 4, 9]),
)
DEVICES = ["a", "b", "c", "d", "alone"]
LINKS = {
    "a": [("b", NEVER, OPEN), ("c", 100, OPEN)],
    "b": [("a", NEVER, OPEN), ("d", NEVER, 150)],
    "c": [("a", 100, OPEN)],
    "d": [("b", NEVER, 150)],
}
GROUPS = {
    "a": [("x", NEVER, OPEN)],
    "b": [("x", NEVER, 120), ("y", 120, OPEN)],
    "c": [("x", NEVER, OPEN)],
    "d": [("y", NEVER, OPEN)],
}
MEMBERS = {
    group: [
        (device, since, until) for device, spans in GROUPS.items() for g, since, until in spans if g == group
    ]
    for group in ("x", "y")
}
RELATIONS = [
    Relation({device: [(device, NEVER, OPEN)] for device in LINKS}, LINKS),
    Relation(GROUPS, MEMBERS),
]


def stream(seed, rows=400):
    """Device, moment, event time and two values of each row; moments ascend, with ties, times do not."""
    generator = np.random.default_rng(seed)
    moments = np.sort(generator.integers(0, 300, rows))
    times = moments - generator.choice([0, 0, 0, 5, 30, 90], rows)
    values = generator.normal(size=(rows, 2))
    values[generator.random((rows, 2)) < 0.2] = np.nan
    codes = generator.integers(0, len(DEVICES), rows)
    return codes, np.column_stack([moments, times]), values


def plain(codes, at, values):
    """Row by row, from all rows that came before."""
    out = []
    for row, (code, (moment, time)) in enumerate(zip(codes, at, strict=True)):
        device = DEVICES[code]
        now = max([time, *(at[i, 1] for i in range(row) if codes[i] == code)])
        before = [i for i in range(row) if at[i, 0] < moment]
        answer = []
        for relation, value in ((0, 0), (1, 1)):
            groups, members = RELATIONS[relation]
            seen = {
                other
                for group, since, until in groups.get(device, ())
                if since <= time < until
                for other, first, end in members[group]
                if other != device and first <= time < end
            }
            fresh = []
            for other in sorted(seen):
                rows = [i for i in before if DEVICES[codes[i]] == other and np.isfinite(values[i, value])]
                if not rows:
                    continue
                if value == 1:  # A reading: the newest by its own time, of equal ones the last to come.
                    best = max(rows, key=lambda i: (at[i, 1], i))
                    told = at[best, 1]
                else:  # A window: the last to come, as of the newest time by then.
                    best = rows[-1]
                    told = max(at[i, 1] for i in range(best + 1) if DEVICES[codes[i]] == other)
                if now - told <= ASKED.max_ages[relation]:
                    fresh.append(values[best, value])
            own = values[row, value]
            for statistic, comparison in ASKED.features[slice(0, 4) if relation == 0 else slice(4, 9)]:
                if not fresh:
                    answer.append(math.nan)
                    continue
                found = STATISTICS[statistic](fresh)
                if comparison == newest_kernel.DIFFERENCE:
                    found = own - found
                elif comparison == newest_kernel.RATIO:
                    found = own / found
                answer.append(found)
        out.append(answer)
    return np.array(out)


@pytest.mark.parametrize("seed", range(6))
def test_values_of_others_equal_a_plain_version(seed):
    codes, at, values = stream(seed)
    found = NewestValues(ASKED, RELATIONS).compare(DEVICES, codes, at, values)
    expected = plain(codes, at, values)
    assert np.isfinite(expected[:, 0]).mean() > 0.3 and np.isfinite(expected[:, 4]).mean() > 0.2
    assert np.isnan(expected[:, 0]).any()
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_however_rows_are_cut_and_rows_of_a_moment_are_ordered_the_bits_are_the_same():
    codes, at, values = stream(9)
    whole = NewestValues(ASKED, RELATIONS).compare(DEVICES, codes, at, values)
    cut = NewestValues(ASKED, RELATIONS)
    parts = [
        cut.compare(DEVICES, codes[part], at[part], values[part])
        for part in (slice(0, 1), slice(1, 150), slice(150, 400))
    ]
    assert np.concatenate(parts).tobytes() == whole.tobytes()
    # Devices of one moment the other way round; those of one device stay in their order.
    order = np.lexsort((-codes, at[:, 0]))
    turned = np.empty_like(whole)
    turned[order] = NewestValues(ASKED, RELATIONS).compare(DEVICES, codes[order], at[order], values[order])
    assert turned.tobytes() == whole.tobytes()


def test_nothing_that_arrives_later_changes_a_row():
    codes, at, values = stream(4)
    whole = NewestValues(ASKED, RELATIONS).compare(DEVICES, codes, at, values)
    for end in (1, 57, 200):
        cut = NewestValues(ASKED, RELATIONS).compare(DEVICES, codes[:end], at[:end], values[:end])
        assert cut.tobytes() == whole[:end].tobytes()


def test_links_may_change_under_a_state_and_devices_that_nobody_looks_at_are_given_up():
    state = NewestValues(ASKED, [Relation({}, {}), Relation({}, {})])
    at = np.array([[1, 1], [2, 2]])
    given = np.array([[5.0, 7.0], [6.0, 8.0]])
    assert np.isnan(state.compare(["a", "b"], np.array([0, 1]), at, given)).all()
    state.relate(RELATIONS)
    row = np.array([[3, 3]])
    assert state.compare(["a"], np.array([0]), row, given[:1])[0, :4].tolist() == [6.0] * 4
    state.compare(["alone"], np.array([0]), row, given[:1])
    state.forget(["a", "alone", "never seen"])
    assert "a" in state and "alone" not in state
    assert (state.moment("a"), state.moment("alone")) == (3, NEVER)
    # Its place is taken by another, which has nothing of it.
    assert np.isnan(state.compare(["new"], np.array([0]), row, given[:1])).all()
    assert state.moment("new") == 3


def test_a_ratio_to_nothing_is_missing():
    state = NewestValues(ASKED, RELATIONS)
    at = np.array([[1, 1], [2, 2]])
    found = state.compare(["c", "a"], np.array([0, 1]), at, np.array([[1.0, 0.0], [1.0, 3.0]]))
    assert found[1, 4] == 3.0 and np.isnan(found[1, 8])


def test_a_state_that_was_kept_goes_on_with_the_same_bits():
    codes, at, values = stream(7)
    whole = NewestValues(ASKED, RELATIONS).compare(DEVICES, codes, at, values)
    before, after = NewestValues(ASKED, RELATIONS), NewestValues(ASKED, RELATIONS)
    before.compare(DEVICES, codes[:200], at[:200], values[:200])
    # It had other rows, of which nothing stays.
    after.compare([*DEVICES, "gone"], np.arange(6), at[:6], values[:6])
    after.put(*before.content())
    assert after.moment("gone") == NEVER
    assert after.compare(DEVICES, codes[200:], at[200:], values[200:]).tobytes() == whole[200:].tobytes()
