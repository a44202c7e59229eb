"""Readings that files tell reach a running endpoint with its reload, as a restart would bring them."""

import numpy as np
import pandas as pd

from feature_sets.feature_vector import all_features
from feature_sets.telemetry.schema import DEVICE
from tests.feature_sets.ingestion.folders import forget_all
from tests.project.live_network import INPUTS, PLAIN, START, Past, open_endpoint


def test_a_reload_brings_what_a_restart_would(project, local_stack, tmp_path):
    """A run that fails after its ingestion has told the endpoint all the same, with no restart."""
    forget_all()
    generator = np.random.default_rng(7)
    folder = Past.random(generator).folder(tmp_path / "files", PLAIN)
    folder.ingest()
    all_features(PLAIN).save()

    def endpoint(name):
        (tmp_path / name).mkdir()
        made = open_endpoint(tmp_path / name, project, local_stack.info.redis_url, PLAIN, INPUTS)
        made.start()
        return made

    def send(each, seconds):
        moment = START + pd.Timedelta(seconds=seconds)
        reading = {"device": "dev-1", "timestamp": moment.isoformat(), "cpu": 50.0 + seconds, "latency": 5.0}
        assert each.send("/telemetry", [reading]).status == 200
        return each.served["dev-1", moment.timestamp()]

    reloaded, restarted, untold = (endpoint(name) for name in ("reloaded", "restarted", "untold"))
    for each in (reloaded, restarted, untold):
        for seconds in range(0, 20, 5):
            send(each, seconds)
    # What the device could not send, and brought in a file.
    later = pd.DataFrame(
        {
            DEVICE: "dev-1",
            "timestamp": [START + pd.Timedelta(seconds=at) for at in (2, 7, 12)],
            "cpu": [500.0, 600.0, 700.0],
            "latency": 80.0,
        }
    )
    folder.add("metrics", "later", later)
    assert folder.ingest()["rows_new"] == 3
    assert reloaded.send("/devices/reload", {}).status == 200
    restarted.client.shut_down()
    restarted.start()
    told = send(reloaded, 20)
    assert told == send(restarted, 20)
    assert told != send(untold, 20), "the readings of the file are in the windows"
    for each in (reloaded, restarted, untold):
        each.client.shut_down()
