"""The table of defaults on the page on drift is that of the code and of both packages."""

import inspect
import re
from pathlib import Path

import pytest
from river import drift as river
from river.drift import binary

from drift.detectors.scikit_multiflow import drift_detection
from drift.warm_up import DetectorSettings

PAGE = Path(__file__).parents[2] / "docs" / "drift.md"


def default(called, name):
    return inspect.signature(called).parameters[name].default


def shown(row):
    """Numbers of the three columns of a row of the table."""
    (line,) = [
        line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith(f"| {row} |")
    ]
    return [[float(number) for number in re.findall(r"[0-9.]+", cell)] for cell in line.split("|")[2:5]]


def test_defaults_that_are_shown_are_those_of_the_code():
    ours, theirs = DetectorSettings(), drift_detection()
    page_hinkley = ours.detector("page_hinkley", 0)
    assert shown("`ddm`: warning, drift") == [
        [ours.ddm_warning, ours.ddm_drift],
        [default(theirs.DDM, "warning_level"), default(theirs.DDM, "out_control_level")],
        [default(binary.DDM, "warning_threshold"), default(binary.DDM, "drift_threshold")],
    ]
    eddm = theirs.EDDM()
    assert shown("`eddm`: warning, drift") == [
        [ours.eddm_warning, ours.eddm_drift],
        [eddm.FDDM_WARNING, eddm.FDDM_OUTCONTROL],
        [default(binary.EDDM, "alpha"), default(binary.EDDM, "beta")],
    ]
    for row, own, name in (
        ("`page_hinkley`: threshold", ours.page_hinkley_threshold, "threshold"),
        ("`page_hinkley`: delta", ours.page_hinkley_delta, "delta"),
        ("`page_hinkley`: share of the sum that is kept", page_hinkley.alpha, "alpha"),
    ):
        packages = [default(theirs.PageHinkley, name), default(river.PageHinkley, name)]
        assert shown(row) == [[pytest.approx(value)] for value in (own, *packages)]
