"""Compiles the window kernels ahead of their first use; ``python -m feature_sets.windows.warm_up``.

The machine code is kept, see ``feature_sets.windows.kernel``, so this takes seconds once and a moment later.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pandas as pd

from feature_sets.windows import kernel
from feature_sets.windows.baselines import Baselines
from feature_sets.windows.definition import WindowDefinition
from feature_sets.windows.newest_values import Asked, NewestValues, Relation
from feature_sets.windows.online import OnlineWindows


def warm_up() -> Path:
    """Compile, or load, everything that an engine calls; one compilation serves all definitions.

    :returns: the folder in which the machine code is kept.
    """
    definition = WindowDefinition("device", "at", ("load",), ("median",), ("20s",), "10s")
    now = [0.0]
    windows = OnlineWindows(definition, clock=lambda: now[0])
    windows.update(pd.DataFrame({"device": ["a"], "at": [0.0], "load": [1.0]}))
    # Two events of one device in a list are put in order first, as those of lists that arrive together.
    windows.update(pd.DataFrame({"device": ["a", "a"], "at": [1.0, 2.0], "load": [1.0, 1.0]}))
    now[0] = 100.0
    windows.evict(20.0)
    row = np.zeros(1, dtype=np.int64)
    Baselines(1, 2, 1, 1).compare(["a"], row, np.ones((1, 3)), row)
    asked = Asked(np.ones(1, np.bool_), np.ones(1, np.int64), np.zeros((1, 2), np.int64), np.arange(2))
    NewestValues(asked, [Relation({}, {})]).compare(["a"], row, np.zeros((1, 2), np.int64), np.ones((1, 1)))
    return Path(kernel.take.stats.cache_path)


if __name__ == "__main__":
    started = time.perf_counter()
    folder = warm_up()
    print(f"window kernels ready after {time.perf_counter() - started:.1f} s, kept in {folder}")
