"""Published false alarms: drifts per 10,000 labels on streams whose error rate does not change.

Measured with the default settings after a warm-up of 1,000 and of 5,000 labels, on 20 seeded streams of
5,000 labels for each number: 100,000 labels. The streams are seeded and NumPy is locked, so the counts are
exact; a detector that alarms once more or less has changed. The docstring of ``drift/warm_up.py`` shows a
tenth of them, the rates per 10,000.
"""

import numpy as np
import pytest

from drift import warm_up
from drift.warm_up import detectors_from

STREAMS, LABELS = 20, 5_000

# (warm-up, error rate): alarms of DDM, EDDM, Page-Hinkley in 100,000 labels
ALARMS = {
    (1_000, 0.01): (2, 16, 0),
    (1_000, 0.03): (3, 62, 7),
    (1_000, 0.1): (1, 60, 53),
    (1_000, 0.3): (1, 25, 148),
    (5_000, 0.01): (4, 9, 0),
    (5_000, 0.03): (0, 2, 7),
    (5_000, 0.1): (0, 0, 66),
    (5_000, 0.3): (0, 0, 144),
}


def alarms(error_rate, base):
    found = dict.fromkeys(("ddm", "eddm", "page_hinkley"), 0)
    for seed in range(STREAMS):
        random = np.random.default_rng([seed, base])
        stream = (random.random(base + LABELS) < error_rate).astype(int).tolist()
        for detector in detectors_from(stream[:base]):
            update = detector.update
            for x in stream[base:]:
                update(x)
                found[detector.name] += detector.drift_detected
    return tuple(found.values())


@pytest.mark.parametrize(("base", "error_rate"), ALARMS, ids=str)
def test_false_alarms_are_those_that_are_published(base, error_rate):
    assert alarms(error_rate, base) == ALARMS[base, error_rate]


def test_the_table_in_the_documentation_is_this_one():
    lines = (" ".join(line.split()) for line in (warm_up.__doc__ or "").splitlines())
    rows = [
        f"{warm:,} {rate:g} {' '.join(f'{count / 10:.1f}' for count in counts)}"
        for (warm, rate), counts in ALARMS.items()
    ]
    assert [line for line in lines if line in rows] == rows
