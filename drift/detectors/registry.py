"""Which detectors there are, by name. A new detector is added here and gets the whole contract test."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drift.detectors.adwin import ADWIN
from drift.detectors.ddm import DDM
from drift.detectors.detector import Detector
from drift.detectors.eddm import EDDM
from drift.detectors.hddm import HDDMA, HDDMW
from drift.detectors.kswin import KSWIN
from drift.detectors.likelihood_ratio import LikelihoodRatio
from drift.detectors.multiflow_detectors import MultiflowDDM, MultiflowEDDM, MultiflowPageHinkley
from drift.detectors.page_hinkley import PageHinkley
from feature_sets.checks import check_choice, check_mapping

_OURS = (LikelihoodRatio, DDM, EDDM, PageHinkley)
_MULTIFLOW = (MultiflowDDM, MultiflowEDDM, MultiflowPageHinkley)
_RIVER = (ADWIN, HDDMA, HDDMW, KSWIN)

DETECTORS: Mapping[str, type[Detector]] = {cls.name: cls for cls in (*_OURS, *_MULTIFLOW, *_RIVER)}
"""Name -> class, in the order they are reported; a prefix names the package that a detector is from."""


def detector_from_dict(saved: Mapping[str, Any]) -> Detector:
    """Continue a detector of any registered kind from what its ``to_dict`` gave.

    :raises InputError: naming the field, the rule and what was given.
    """
    saved = check_mapping("saved detector", saved)
    name = check_choice("saved detector: detector", saved.get("detector"), DETECTORS)
    return DETECTORS[name].from_dict(saved)
