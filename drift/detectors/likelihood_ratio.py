"""GLR: drift when the newest labels are wrong more often than those before, beyond what chance explains.

A generalized likelihood ratio test between two windows: the newest w labels, for several w, and up to 5,000
labels before them. T. L. Lai, "Sequential Changepoint Detection in Quality Control and Dynamical Systems",
Journal of the Royal Statistical Society B 57 (4), 1995, pages 613-658 (window-limited GLR); D. Kifer, S.
Ben-David, J. Gehrke, "Detecting Change in Data Streams", VLDB, 2004 (two windows).

With k_1 errors in w labels and k_0 in the m before them, and log-likelihoods L of a binomial rate, the signed
root of the ratio is g = sqrt(2 (L(k_1) + L(k_0) - L(k_0 + k_1)) / f). For independent labels f = 1 and g is
about standard normal; errors that come in runs carry less information, and f is their variance inflation
(``dependence.py``). A window counts only if it is worth 20 independent labels, and what is before it 50. At
least half of it comes after the labels that are only learned from: a rise within these is not to be told. A
rise must also rest on errors worth five independent ones: two or three episodes in one window are no news
where errors are rare, and of so few g is far from normal.

- A rise of the error rate is drift if the tests of 200 labels in a row were beyond ``drift_level``, in
  whatever window, or of 150 in one of 400 labels or more. Of 200 labels or more, both halves must be part of
  the rise: a burst of fewer than 100 labels is none, for soon it fills no half of any window. It counts
  against all that is before it, or, if it is 1.2 times beyond, against the newest 1,000 of that: a rise may
  follow a fall that was not told. Windows of 800 labels or more are few independent looks, so their g counts
  for a ninth more.
- One outage of many devices at once makes the blocks of a base vary as if all errors came so; rare errors
  would have to become a hundred times as many. So windows of 400 labels or more are compared again without
  the event that varies most, where the base has 32 blocks so long, and without the two of their eight parts
  that have most errors: another outage is no rise.
- A fall is told as one if it is abrupt: at most 100 labels beyond ``fall_level`` against the 500 before them,
  and against all before them.
- A slower fall, over 400 labels or more, is told if the tests of 150 labels in a row were beyond
  ``fall_level`` in both comparisons, and it is eight times as steep as what was before it, of which a
  standard error is chance. That must be 2,000 labels. After 4,000 it is also told if it is five standard
  errors below their trend, see ``trend.py``. A model that learns gets better slowly, on and on, and the end
  of a burst of errors is below the burst alone; nothing has to be done about either.

The levels, the 200 labels and the lengths were chosen on streams of learners that are never reset; the
promised rate of false alarms is measured on others, see ``docs/drift_benchmark.md``.
"""

from __future__ import annotations

import base64
import itertools
import math
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np

from drift.detectors.dependence import LEAST_EPISODES, BlockSums, lag_inflation
from drift.detectors.detector import Detector
from drift.detectors.trend import below_trend
from drift.detectors.two_rates import correlated_inflation, root_of_ratio
from feature_sets.checks import InputError, check_integer, check_number

WINDOWS = (50, 100, 200, 400, 800, 1600)
"""Lengths of the newest window, in labels."""

REFERENCE = 5_000
"""Labels before it that it is compared with, at most."""

LEAST_REFERENCE = 300
HISTORY = REFERENCE + WINDOWS[-1] + 1
"""Labels that are kept: both windows at their longest, and the label before them."""

_STEP = 5
_LAG_EVERY = 300
_ABRUPT, _NEAR = 100, 500
_RECENT = 1_000
"""Labels before a window that it is compared with, too, where a fall may hide among the earlier ones."""
_RECENT_LEVEL = 1.2
"""Of the drift level that it takes then: what chance does to so few labels is less well known."""
_LONG, _LONG_SHARE = 800, 0.9
"""Windows so long may rise less: by this share of the drift level."""
_WIDE, _WIDE_SHARE = 400, 0.75
"""Windows so long must be beyond the level for this share of the persistence."""
_SLOW, _SLOW_REFERENCE, _STEEPER = 400, 2_000, 8.0
"""Of a slow fall: shortest window, labels before it, steepness by what was before."""
_TREND_REFERENCE, _TREND_LEVEL = 4_000, 5.0
"""Of a slow fall below a trend: labels that have one, and standard errors."""
_SINCE_BASE = (1_600, 3_200)
_LEAST_BEGINNING = 2_000
"""Windows that are compared with the beginning of the episode, too, and how many labels of it it takes."""
_HALVED = 200
_LEAST_SHARE = 0.4
"""Of the rise over a window, what each half of it must show."""
_PARTS, _PARTS_OF_EVENT = 8, 2
"""Parts of a window from ``_WIDE`` on, and of how many one event may be."""
_LEAST_EFFECTIVE = (50.0, 20.0)


class LikelihoodRatio(Detector):
    """Window-limited generalized likelihood ratio test; takes error flags.

    :param min_instances: how many first values are never tested. They are the base: the variation of their
        block sums is remembered, also after a drift.
    :param warning_level: warn beyond this signed root.
    :param drift_level: a rise is drift beyond this signed root; at least ``warning_level``.
    :param persistence: labels in which each test must be beyond it, rounded up to a test, of which there is
        one in five labels; 0 for the first such test. Until then there is a warning. Windows of 400 labels or
        more, and slow falls, need three quarters of it.
    :param fall_level: an abrupt fall is drift, of direction fall, beyond this.
    :param min_instances_after_drift: see ``Detector``.
    """

    name = "glr"
    parameter_names = (
        "min_instances",
        "warning_level",
        "drift_level",
        "fall_level",
        "persistence",
        "min_instances_after_drift",
    )
    two_sided = True
    state_types: ClassVar = {
        "statistic": float,
        "tested": bool,
        "beyond": int,
        "fallen": int,
        "wide": int,
        "first_length": int,
        "lag_factor": float,
        "base_errors": int,
        "beginning": int,
        "beginning_errors": int,
        "blocks": list,
        "largest": list,
        "floors": list,
        "steady_floors": list,
        "bits": str,
    }

    def __init__(
        self,
        min_instances: int = LEAST_REFERENCE,
        warning_level: float = 2.5,
        drift_level: float = 3.0,
        fall_level: float = 6.0,
        persistence: int = 200,
        min_instances_after_drift: int | None = None,
    ) -> None:
        self.warning_level = check_number("glr: warning_level", warning_level, above=0)
        self.drift_level = check_number("glr: drift_level", drift_level, at_least=self.warning_level)
        self.fall_level = check_number("glr: fall_level", fall_level, above=0)
        self.persistence = check_integer("glr: persistence", persistence, at_least=0)
        super().__init__(min_instances, min_instances_after_drift)

    @property
    def statistic(self) -> float | None:
        """Signed root of the window that is nearest to its limit: above 0 for a rise; None if none counts."""
        return self._statistic if self._tested else None

    @property
    def drift_limit(self) -> float:
        """The level of a rise, or minus the level of a fall if the drift is one."""
        return -self.fall_level if self._fell else self.drift_level

    @property
    def change_length(self) -> int | None:
        """Length of the window that found the drift, or labels since the one that first did began."""
        if not self._drift or self._length is None or self._fell:
            return self._length if self._drift else None
        return max(self._length, self._first_length + (self._beyond - 1) * _STEP)

    @property
    def variance_inflation(self) -> float:
        """That of one lag, or of the base's blocks over the longest window; neighbors come on top."""
        return max(self._lag_factor, *self._floors)

    @property
    def warning_limit(self) -> float:
        """The warning level."""
        return self.warning_level

    def withdraw(self) -> bool:
        """Take back a rise; it is a warning, and found again with the next test if it goes on."""
        if self._drift and not self._fell:
            self._drift, self._warning = False, True
        return not self._drift

    def reset(self) -> None:
        """Forget everything, also what the base told about runs of errors."""
        self._base_errors = 0
        self._sums = BlockSums(WINDOWS)
        self._floors = [1.0] * len(WINDOWS)
        self._steady_floors = [1.0] * len(WINDOWS)
        super().reset()

    def _forget(self) -> None:
        self._statistic = 0.0
        self._tested = False
        self._length: int | None = None
        self._beyond = 0  # tests in a row
        self._wide = 0  # the same of wide windows
        self._fallen = 0  # the same of a slow fall
        self._first_length = 0
        self._lag_factor = 1.0
        # running counts, of errors and of errors after an error, before each of the kept labels
        self._errors = [0] * (HISTORY + 1)
        self._pairs = [0] * (HISTORY + 1)
        self._last = 0
        self._beginning = self._beginning_errors = 0

    @classmethod
    def from_dict(cls, saved: Mapping[str, Any]) -> Self:
        """Inverse of ``to_dict``; one of before there was a persistence, or were slow falls, has none.

        One of before an event of the base was left out leaves out none.

        :raises InputError: see ``Detector.from_dict``.
        """
        parameters, state = saved.get("parameters"), saved.get("state")
        if isinstance(parameters, Mapping) and isinstance(state, Mapping) and "persistence" not in parameters:
            parameters, state = {**parameters, "persistence": 0}, {"beyond": 0, "first_length": 0, **state}
            saved = {**saved, "parameters": parameters, "state": state}
        if isinstance(state, Mapping):
            saved = {
                **saved,
                "state": {
                    "fallen": 0,
                    "wide": 0,
                    "beginning": 0,
                    "beginning_errors": 0,
                    "largest": [[0] * len(largest) for largest in BlockSums(WINDOWS).largest],
                    "steady_floors": state.get("floors"),
                    **state,
                },
            }
        return super().from_dict(saved)

    def _is_possible(self) -> bool:
        return self._lag_factor >= 1 and self._base_errors <= self._n_seen

    def _learn_and_test(self, x: float) -> None:
        self._append(int(x))
        if not self._testing or self._n <= REFERENCE:
            self._beginning += 1
            self._beginning_errors += int(x)
        if not self._testing:
            if not self._restarted:
                self._learn_from_base(int(x))
            return
        if self._n % _STEP:
            return
        if self._n % _LAG_EVERY == 0 or self._n - self._least <= _STEP:
            # also at the first test, or a base of any other length would not count yet
            self._lag_factor = lag_inflation(self._kept_bits()[-REFERENCE:])
        self._test()

    def _append(self, bit: int) -> None:
        """Add a label to the running counts; ``self._n`` counts it already."""
        size = HISTORY + 1
        now, before = self._n % size, (self._n - 1) % size
        self._errors[now] = self._errors[before] + bit
        self._pairs[now] = self._pairs[before] + (bit & self._last)
        self._last = bit

    def _learn_from_base(self, bit: int) -> None:
        n = self._n
        self._base_errors += bit
        if n % WINDOWS[0]:
            return
        for i, length in enumerate(WINDOWS):
            if n % length == 0:
                first = (n - length) % (HISTORY + 1)
                self._sums.add(i, self._errors[n % (HISTORY + 1)] - self._errors[first])
        self._floors = self._sums.inflations(self._base_errors / n)
        self._steady_floors = self._sums.inflations(self._base_errors / n, but_one_event=True)

    def _test(self) -> None:
        best, self._statistic, self._tested, wide = 0.0, 0.0, False, False
        for i, w in enumerate(WINDOWS):
            m = min(REFERENCE, self._n - w)
            if m < LEAST_REFERENCE or m < w or w > 2 * (self._n - self._least):
                break
            root, m = self._nearest(i, w, m)
            if root is None:
                continue
            if root > self.drift_level and not self._lasts(w, m):
                root = self.drift_level
            share = root / self.drift_level if root >= 0 else -root / self.fall_level
            wide = wide or (w >= _WIDE and root > self.drift_level)
            if not self._tested or share > best:
                best, self._tested, self._length, self._statistic = share, True, w, root
        for w in _SINCE_BASE:
            root = self._since_beginning(w)
            wide = wide or root > self.drift_level
            if root > best * self.drift_level:
                best, self._tested, self._length, self._statistic = root / self.drift_level, True, w, root
        self._fell = best > 1 and self._statistic < 0
        self._beyond = self._beyond + 1 if best > 1 and not self._fell else 0
        self._wide = self._wide + 1 if wide and not self._fell else 0
        if self._beyond == 1:
            self._first_length = self._length or 0
        self._fallen = self._fallen + 1 if not self._beyond and self._falls_slowly() else 0
        self._fell = self._fell or self._has_lasted(self._fallen, _WIDE_SHARE)
        has_risen = self._has_lasted(self._beyond) or self._has_lasted(self._wide, _WIDE_SHARE)
        self._drift = self._fell or has_risen
        self._warning = not self._drift and self._statistic > self.warning_level

    def _has_lasted(self, tests: int, share: float = 1.0) -> bool:
        """Whether so many tests in a row are enough, of a share of the persistence."""
        return tests > 0 and tests * _STEP >= share * self.persistence

    def _nearest(self, i: int, w: int, m: int) -> tuple[float | None, int]:
        """Signed root of the newest w labels, see ``_compared``, and the labels before that it is against."""
        root = self._compared(i, w, m)
        if root is not None and root < 0:
            near = self._compared(i, w, min(m, _NEAR))
            root = min(0.0, max(root, near or 0.0))
        recent = max(_RECENT, w)
        if w >= _HALVED and m >= 2 * _RECENT and (root is None or root < self.drift_level):
            risen = self._compared(i, w, recent)
            if risen is not None and risen > _RECENT_LEVEL * self.drift_level:
                return risen, recent
        return root, m

    def _falls_slowly(self) -> bool:
        """Whether the newest labels fall, and what was before them did not; then the statistic is theirs."""
        for i, w in enumerate(WINDOWS):
            m, near = min(REFERENCE, self._n - w), max(_NEAR, w)
            if w < _SLOW or m < max(_SLOW_REFERENCE, near + _RECENT):
                continue
            now, cut, since, first = (
                self._errors[(self._n - k) % (HISTORY + 1)] for k in (0, w, w + near, w + m)
            )
            rate, lately, before = (now - cut) / w, (cut - since) / near, (since - first) / (m - near)
            chance = math.sqrt(lately * (1 - lately) * (1 / near + 1 / (m - near)))
            if rate >= lately or lately - rate <= _STEEPER * max(0.0, before - lately - chance):
                continue
            roots = [self._root_of(i, w, length) for length in (near, m)]
            root = min(found or 0.0 for found in roots)
            if root > self.fall_level:
                self._statistic, self._length, self._tested = -root, w, True
                return True
        return self._falls_below_trend()

    def _falls_below_trend(self) -> bool:
        """Whether the newest labels are below the trend of those before; then the statistic is theirs."""
        for i, w in enumerate(WINDOWS):
            m = min(REFERENCE, self._n - w)
            if w < _SLOW or m < _TREND_REFERENCE:
                continue
            now, cut, half, first = (
                self._errors[(self._n - k) % (HISTORY + 1)] for k in (0, w, w + m // 2, w + m)
            )
            runs = self._runs(now - cut, w, cut - first, m)
            factor = max(runs, self._lag_factor, self._floors[i])
            below = below_trend(now - cut, w, cut - half, half - first, m, factor)
            if below > _TREND_LEVEL and _is_enough(w, m, factor):
                # In the scale of the limit, which is that of an abrupt fall.
                self._statistic, self._length = -below * self.fall_level / _TREND_LEVEL, w
                self._tested = True
                return True
        return False

    def _since_beginning(self, w: int) -> float:
        """Root of the newest w labels against the beginning of the episode; 0 if they are no rise."""
        m, before = self._beginning, self._beginning_errors
        if m < _LEAST_BEGINNING or self._n - w < m:
            return 0.0
        near = min(REFERENCE, self._n - w, HISTORY - w)
        now, cut, first = (self._errors[(self._n - k) % (HISTORY + 1)] for k in (0, w, w + near))
        newest = now - cut
        if newest * m <= before * w or not self._halves_rise(w, before / m):
            return 0.0
        runs = self._runs(newest, w, cut - first, near)
        factor = max(runs, self._lag_factor, self._floors[-1])
        if newest < LEAST_EPISODES * factor or not _is_enough(w, m, factor):
            return self._steady_rise(-1, w, m, before, runs)
        root = root_of_ratio(newest, w, before, m, factor)
        return root if root > self.drift_level else self._steady_rise(-1, w, m, before, runs)

    def _compared(self, i: int, w: int, m: int) -> float | None:
        """Signed root of the newest w labels against the m before them, below 0 for a fall.

        :returns: None if either are worth too little, or a fall is not abrupt.
        """
        size = HISTORY + 1
        now, cut, first = self._n % size, (self._n - w) % size, (self._n - w - m) % size
        newest, before = self._errors[now] - self._errors[cut], self._errors[cut] - self._errors[first]
        falls = newest * m < before * w
        if falls and w > _ABRUPT:
            return None
        root = self._root_of(i, w, m)
        if root is None or falls:
            return None if root is None else -root
        return root / _LONG_SHARE if w >= _LONG else root

    def _root_of(self, i: int, w: int, m: int) -> float | None:
        """Root of the newest w labels against the m before them, whether they rise or fall."""
        now, cut, first = (self._errors[(self._n - k) % (HISTORY + 1)] for k in (0, w, w + m))
        newest, before = now - cut, cut - first
        runs = self._runs(newest, w, before, m)
        factor = max(runs, self._lag_factor, self._floors[i])
        is_rise = newest * m > before * w
        is_enough = _is_enough(w, m, factor) and not (is_rise and newest < LEAST_EPISODES * factor)
        root = root_of_ratio(newest, w, before, m, factor) if is_enough else None
        if is_rise and w >= _WIDE and (root is None or root < self.drift_level):
            steady = self._steady_rise(i, w, m, before, runs)
            return steady if steady > self.drift_level else root
        return root

    def _runs(self, newest: int, w: int, before: int, m: int) -> float:
        """Variance inflation by neighbors of the newest w labels and the m before them, of their errors."""
        now, cut, first = (self._pairs[(self._n - k) % (HISTORY + 1)] for k in (0, w, w + m))
        return correlated_inflation(newest, w, before, m, (now - cut, cut - first))

    def _steady_rise(self, i: int, w: int, m: int, before: int, runs: float) -> float:
        """Root of a rise that shows in all parts of the newest w labels; 0 if there is none.

        One event of the base, such as an outage in which many devices are predicted wrong at once, makes its
        blocks vary as if all errors came so. It does not count here. So that another one is no rise, the two
        parts with most errors do not either.

        :param m: other labels, with ``before`` errors.
        :param runs: variance inflation by neighbors.
        """
        places = [w - j * w // _PARTS for j in range(_PARTS + 1)]
        counts = [self._errors[(self._n - back) % (HISTORY + 1)] for back in places]
        newest = sum(sorted(after - count for count, after in itertools.pairwise(counts))[:-_PARTS_OF_EVENT])
        rest = w * (_PARTS - _PARTS_OF_EVENT) // _PARTS
        factor = max(runs, self._lag_factor, self._steady_floors[i])
        if newest * m <= before * rest or newest < LEAST_EPISODES * factor or not _is_enough(rest, m, factor):
            return 0.0
        return root_of_ratio(newest, rest, before, m, factor)

    def _lasts(self, w: int, m: int) -> bool:
        """Whether both halves of the newest w labels rise above the m before them."""
        cut, first = ((self._n - k) % (HISTORY + 1) for k in (w, w + m))
        return w < _HALVED or self._halves_rise(w, (self._errors[cut] - self._errors[first]) / m)

    def _halves_rise(self, w: int, before: float) -> bool:
        """Whether both halves of the newest w labels rise above an error rate."""
        now, half, cut = (self._errors[(self._n - k) % (HISTORY + 1)] for k in (0, w // 2, w))
        least = before + _LEAST_SHARE * ((now - cut) / w - before)
        return min(now - half, half - cut) / (w / 2) >= least

    def _kept_bits(self) -> np.ndarray[Any, np.dtype[np.uint8]]:
        """The newest labels of the episode, at most ``HISTORY``."""
        kept = min(self._n, HISTORY)
        places = np.arange(self._n - kept, self._n + 1) % (HISTORY + 1)
        return np.diff(np.array(self._errors)[places]).astype(np.uint8)

    def _state_value(self, name: str) -> Any:
        if name == "bits":
            return base64.b64encode(np.packbits(self._kept_bits()).tobytes()).decode()
        if name == "blocks":
            return [list(each) for each in self._sums.totals]
        if name == "largest":
            return [list(each) for each in self._sums.largest]
        return super()._state_value(name)

    def _restore(self, name: str, value: Any) -> None:
        if name == "bits":
            self._restore_bits(value)
        elif name in ("blocks", "largest"):
            rule = f"must be a list of {len(WINDOWS)} lists of 4 counts"
            plain = len(value) == len(WINDOWS) and all(isinstance(e, list) and len(e) == 4 for e in value)
            if not plain or not all(type(count) is int and count >= 0 for each in value for count in each):
                raise InputError(f"glr: state.{name}", rule, value)
            content = [list(each) for each in value]
            if name == "blocks":
                self._sums.totals = content
            else:
                self._sums.largest = content
        elif name in ("floors", "steady_floors"):
            plain = all(type(each) in (int, float) and 1 <= each < math.inf for each in value)
            if not plain or len(value) != len(WINDOWS):
                rule = f"must be a list of {len(WINDOWS)} numbers of at least 1"
                raise InputError(f"glr: state.{name}", rule, value)
            setattr(self, f"_{name}", [float(each) for each in value])
        else:
            super()._restore(name, value)

    def _restore_bits(self, text: str) -> None:
        kept = min(self._n, HISTORY)
        try:
            packed = np.frombuffer(base64.b64decode(text, validate=True), dtype=np.uint8)
        except ValueError:
            packed = np.zeros(0, dtype=np.uint8)
        if len(packed) != -(-kept // 8) or text != base64.b64encode(packed.tobytes()).decode():
            raise InputError("glr: state.bits", f"must be {kept} bits in base64, as n says", text)
        n, self._n = self._n, self._n - kept
        for bit in np.unpackbits(packed, count=kept).tolist():
            self._n += 1
            self._append(bit)
        self._n = n


def _is_enough(w: int, m: int, factor: float) -> bool:
    """Whether w newest labels, and m before them, are worth enough independent ones."""
    return m >= _LEAST_EFFECTIVE[0] * factor and w >= _LEAST_EFFECTIVE[1] * factor
