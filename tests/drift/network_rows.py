"""Rows of a small network, and how far two lots of them are apart."""

import numpy as np
import pandas as pd

from drift.magnitude import drift_magnitude

FEATURES = ["latency", "load", "loss"]


def network(seed, n=1000, shift=0.0, error_rate=0.1, alert_rate=0.1):
    """Rows of a small network; ``shift`` is added to the latency, in standard deviations."""
    random = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "latency": random.normal(10 + shift, 1, n),
            "load": random.gamma(2, 20, n),
            "loss": np.where(random.random(n) < 0.9, 0.0, random.exponential(1, n)),
            "prediction": (random.random(n) < alert_rate).astype(int),
            "label": (random.random(n) < error_rate).astype(int),
        }
    )


def measured(base, batch, **arguments):
    return drift_magnitude(base, batch, FEATURES, "prediction", "label", **arguments)
