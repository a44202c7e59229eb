"""A snapshot of a release that kept no rows for its levels, behind which the journal was cut."""

import numpy as np
import pytest

from feature_sets.telemetry.schema import DEVICE
from graphs.state.live_levels import LiveLevels
from graphs.state.snapshots.saved_state import SavedState
from project.live_history import take_live
from tests.feature_sets.ingestion.folders import forget_all, states
from tests.graphs.snapshots.conftest import taken
from tests.project.live_network import RELATIVE_ARRIVING, RELATIVE_PLAIN, Past, open_endpoint
from tests.project.test_file_day_between import assert_equals_history, live_day

SAVED = LiveLevels.saved


def saved_before(levels: LiveLevels) -> SavedState:
    found = SAVED(levels)
    return SavedState(
        {name: found.plain[name] for name in ("names", "devices")}, {"levels": found.arrays["levels"]}
    )


@pytest.mark.parametrize("schema", [RELATIVE_PLAIN, RELATIVE_ARRIVING], ids=["no arrival", "arrival"])
def test_features_go_on_as_without_the_upgrade_and_are_those_of_the_history_in_the_end(
    project, local_stack, tmp_path, monkeypatch, schema
):
    forget_all()
    generator = np.random.default_rng(31)
    Past.random(generator).folder(tmp_path / "files", schema).ingest()
    body = live_day(generator, 0, 60)
    for request in body if schema.arrival else ():
        for event in request:
            event["received"] = event["timestamp"]
    served = []
    for name in ("goes on", "is killed"):
        folder = tmp_path / name
        folder.mkdir()
        endpoint = open_endpoint(folder, project, local_stack.info.redis_url, schema)
        endpoint.most = 20
        endpoint.settings |= {"snapshot_directory": str(folder / "snapshots"), "snapshot_seconds": 3600}
        client = endpoint.start()
        with monkeypatch.context() as patched:
            patched.setattr(LiveLevels, "saved", saved_before)
            for number, request in enumerate(body[:50]):
                assert endpoint.send("/telemetry", request).status == 200
                if number in (20, 40):
                    taken(client)
            journal = client.step("journal")._journal
            assert not journal.reaches_start(), "the journal must be cut for this test to say anything"
            if name == "is killed":
                endpoint.client = None
                client = endpoint.start()
        endpoint.served.clear()
        for request in body[50:]:
            assert endpoint.send("/telemetry", request).status == 200
        served.append(dict(endpoint.served))
    goes_on, killed = served
    assert len(goes_on) == 40 and goes_on.keys() == killed.keys()
    for key, features in goes_on.items():
        assert features.keys() == killed[key].keys()
        for name, value in features.items():
            assert value == killed[key][name] or np.isnan([value, killed[key][name]]).all(), (key, name)
    take_live(endpoint.journal, schema)
    assert endpoint.send("/devices/reload", None).status == 200
    endpoint.served.clear()
    later = live_day(generator, 1, 3)
    for request in later:
        for event in request if schema.arrival else ():
            event["received"] = event["timestamp"]
        assert endpoint.send("/telemetry", request).status == 200
    take_live(endpoint.journal, schema)
    client.shut_down()
    assert len(endpoint.served) == 3 * len({event[DEVICE] for event in later[0]})
    assert_equals_history(schema, states(local_stack.info.redis_url)[0].table, endpoint.served)
    forget_all()
