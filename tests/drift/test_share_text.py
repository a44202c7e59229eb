"""No share that is not 0 is told as 0, and no other one is told in another way than ever."""

from __future__ import annotations

import numpy as np

from drift.share_text import decimal, percent


def test_small_shares_are_never_told_as_nothing() -> None:
    for share in 10 ** np.random.default_rng(0).uniform(-9, 0, 1000):
        for text, unit in ((percent(float(share)), 0.01), (decimal(float(share)), 1.0)):
            told = float(text.removesuffix("%")) * unit
            assert "e" not in text
            assert abs(told - share) <= 0.5001 * max(share / 10, 0.001 * unit if share < 0.001 else 0.001)


def test_other_shares_are_told_as_ever() -> None:
    for share in (0.0, 0.001, 0.0034, 0.05, 0.999, 1.0):
        assert (percent(share), decimal(share)) == (f"{share:.1%}", f"{share:.3f}")
