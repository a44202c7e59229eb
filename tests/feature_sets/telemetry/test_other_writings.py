"""Names of devices that differ in their writing only."""

from __future__ import annotations

import numpy as np
import pytest

from feature_sets.telemetry.other_writings import OtherWritings, hint_of


@pytest.mark.parametrize("seed", range(200))
def test_the_hint_of_one_name_is_that_of_looking_at_all_known_ones(seed: int) -> None:
    random = np.random.default_rng([seed, 31])
    parts = np.array(
        ["r", "R", "1", "01", "0", "", "-", "_", ".", ".0", "core", "Core", ".net", " ", "\u00df", "SS"]
    )
    known, (given, *_) = (
        list({"".join(random.choice(parts, random.integers(1, 5))) for _ in range(count)})
        for count in (12, 1)
    )
    assert hint_of(given, known) == OtherWritings(known).hint(given)


def test_some_of_these_names_are_alike() -> None:
    assert "upper and lower case" in hint_of("R1", ["r1", "r2"])
    assert "signs" in hint_of("core-1", ["Core_1", "Core_2"])
    assert hint_of("R1", ["r1", "r1 "]) == OtherWritings(["r1", "r1 "]).hint("R1")
