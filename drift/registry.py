"""Which detectors there are, by name. A new detector is added here and gets the whole contract test."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drift.ddm import DDM
from drift.detector import Detector, check_parameter
from drift.eddm import EDDM
from drift.page_hinkley import PageHinkley

DETECTORS: Mapping[str, type[Detector]] = {cls.name: cls for cls in (DDM, EDDM, PageHinkley)}
"""Name -> class, in the order they are reported."""


def detector_from_dict(saved: Mapping[str, Any]) -> Detector:
    """Continue a detector of any registered kind from what its ``to_dict`` gave.

    :raises ValueError: naming the field, the rule and what came.
    """
    check_parameter("saved detector", "itself", saved, "a mapping", isinstance(saved, Mapping))
    name = saved.get("detector")
    check_parameter(
        "saved detector",
        "detector",
        name,
        f"among {', '.join(DETECTORS)}",
        isinstance(name, str) and name in DETECTORS,
    )
    return DETECTORS[str(name)].from_dict(saved)
