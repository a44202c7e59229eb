"""The scenario ``chain`` through the whole workflow, with features of neighbors and without."""

import json

import pytest

pytestmark = pytest.mark.figures
"""Two trainings: some minutes."""


def test_neighbors_tell_what_a_device_does_not(installation):
    result = json.loads(installation.netops("run", "--scenario", "chain", "--json").stdout)
    assert result["with_neighbors"]["average_precision"] >= 0.9
    assert result["alone"]["average_precision"] < 0.2
