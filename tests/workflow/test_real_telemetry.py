"""Telemetry of a real router through the whole pipeline, with nothing but a schema file.

The figures beside the bounds are those of the recording's own baseline table, of a random forest on its best
set of features: is_peer_onset average precision 0.970 and F1 0.932 with ratios alone, 0.551 and 0.516 with
levels.
"""

from pathlib import Path

import pytest

from project.settings import SOURCE_ROOT

RECORDING = SOURCE_ROOT.parent / "shared" / "data" / "cisco-leaf7"
SCHEMAS = SOURCE_ROOT / "tests" / "schemas"

pytestmark = pytest.mark.skipif(
    not RECORDING.is_dir(), reason="the recording of the real router is not on this machine"
)


def run(workflow, schema: Path, project: str):
    return workflow(project, schema, RECORDING, test_fraction=0.4)


def test_the_onset_of_a_peers_failure_is_seen_in_a_devices_own_traffic(workflow):
    summary = run(workflow, SCHEMAS / "cisco_leaf7_onset.yaml", "onset")
    test, selected = summary["test"], summary["selected"]
    assert test["average_precision"] > 0.9 and test["f1"] > 0.85
    assert test["average_precision"] > 2 * test["single_feature_average_precision"]
    assert test["predictable"]
    assert any("_to_" in name for name in selected["selected"])
    assert "tells earlier from later" in selected["dropped"]["out_rate_mbps_avg_15m"]


@pytest.mark.figures
def test_errors_of_its_own_are_reported_as_not_predictable_ahead(workflow):
    test = run(workflow, SCHEMAS / "cisco_leaf7_ahead.yaml", "ahead")["test"]
    assert test["episodes"] > 0 and test["base_rate"] < 0.05
    assert not test["predictable"]
    # The hours of its few incidents are no independent things, and too few for a verdict.
    assert test["intervals"].startswith("none: ") and "is predictable is open" in test["verdict"]
