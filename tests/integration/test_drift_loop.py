"""The loop on a real installation, with a smaller network than that of ``netops run --scenario drift``."""

import json

import pytest

pytestmark = pytest.mark.figures
"""Minutes of live traffic, like the scenario itself."""

DRIFT = """
import json, os
from project.session import open_session
from project.settings import Settings

os.environ |= {"NETOPS_CLOCK": "arrival", "NETOPS_RETRAIN_POLICY": "least_rows=8000"}
session = open_session(Settings.from_environment())
# mlrun takes the address of its API when it is imported.
from rich.console import Console
from project.cli.drift_scenario import run_drift
from project.scenarios.drift_traffic import DriftingNetwork

network = DriftingNetwork(devices=20, history=1200, stable=150)
result = run_drift(Settings.from_environment(), session, "drifting", network, Console(stderr=True), 600)
print(json.dumps(result, default=str))
"""


@pytest.fixture(scope="module")
def drifted(installation):
    """What became of a drift that nobody did anything about."""
    return installation.python(DRIFT)


def test_a_planted_drift_is_found_learned_and_served_without_hands(drifted):
    assert drifted["promoted"] not in ("", drifted["first"]), drifted["timeline"]
    outcomes = [line["what"].split(":")[0] for line in drifted["timeline"]]
    assert outcomes.index("opened") < outcomes.index("begun") < outcomes.index("promoted")


def test_no_request_failed_while_the_models_were_swapped(drifted):
    assert drifted["traffic"]["failures"] == []
    assert drifted["traffic"]["requests"] > 1000


def test_the_new_model_is_as_good_as_the_one_before_the_change(drifted):
    before, low, after = (drifted[part]["average_precision"] for part in ("before", "drifted", "after"))
    assert low < 0.5 * before
    assert after >= 0.9 * before


def test_the_history_tells_it_with_evidence_and_a_rollback_undoes_it(installation, drifted):
    told = json.loads(installation.netops("history", "--project", "drifting", "--json").stdout)
    assert [each["outcome"] for each in told][:1] == ["promoted"]
    (opened,) = [each for each in told if each["outcome"] == "opened"]
    assert opened["cause"]["source"] == "glr" and opened["cause"]["value"] > opened["cause"]["limit"]
    promoted = [each for each in told if each["outcome"] == "promoted"][-1]
    assert (promoted["before"], promoted["after"]) == (drifted["first"], drifted["promoted"])
    back = json.loads(installation.netops("rollback", "--project", "drifting", "--json").stdout)
    assert (back["before"], back["after"]) == (drifted["promoted"], drifted["first"])
    assert installation.endpoint(project="drifting")["version"] == drifted["first"]
    # A promotion of the running endpoint, and its end: the release above was none.
    at_once = ("promote", drifted["promoted"][:8], "--project", "drifting", "--json")
    swapped = json.loads(installation.netops(*at_once).stdout)
    assert (swapped["before"], swapped["after"]) == (drifted["first"], drifted["promoted"])
    undone = json.loads(installation.netops("rollback", "--project", "drifting", "--json").stdout)
    assert (undone["before"], undone["after"]) == (drifted["promoted"], drifted["first"])
    state = json.loads(installation.netops("retrain", "--project", "drifting", "--json").stdout)
    assert state["hold_reason"] == "after a rollback"
