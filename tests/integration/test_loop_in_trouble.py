"""What is in the way of the loop, live: a worse model, a training that fails, and kills in each stage."""

import json

import pytest

pytestmark = pytest.mark.figures
"""Minutes of live traffic each."""


@pytest.mark.parametrize("scenario", ["worse-model", "failing-training", "kills"])
def test_the_loop_holds(installation, scenario):
    """The command fails if the champion goes where it must stay, or something is promoted twice."""
    found = json.loads(installation.netops("run", "--scenario", scenario, "--json", timeout=1200).stdout)
    assert found["shortcomings"] == [], found["timeline"]
    assert found["traffic"]["requests"] > 1000
