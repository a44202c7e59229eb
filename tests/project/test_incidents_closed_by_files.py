"""An incident that was opened live and that a file ends is closed at the endpoint as in the history."""

from __future__ import annotations

import pandas as pd

from feature_sets.ingestion.label_state import LabelState
from feature_sets.ingestion.telemetry_history import TelemetryHistory
from feature_sets.telemetry.incidents_that_count import incidents_that_count
from project.live_history import take_live
from tests.feature_sets.ingestion.folders import forget_all
from tests.project.live_network import START
from tests.project.test_told_incidents import INCIDENTS, at, incident, past_of, serve, write


def test_a_file_closes_what_was_opened_live_also_after_a_restart(project, local_stack, tmp_path):
    forget_all()
    url = local_stack.info.redis_url
    folder = past_of(tmp_path, INCIDENTS)
    write(folder, incident("dev-1", 0, 5))
    folder.ingest()
    endpoint = serve(tmp_path, project, url, INCIDENTS, "endpoint")
    endpoint.start()
    for name, start in (("INC1", 0), ("INC2", 10), ("INC3", 20)):
        body = {"id": name, "device": "dev-0", "start": at(start)}
        assert endpoint.send("/incidents", body).json["status"] == "opened"
    assert take_live(endpoint.journal, INCIDENTS)["incidents"] == 3

    # A test has the clock of the machine: what ends after it was sent ends after now.
    later = (pd.Timestamp.now(tz="UTC") + pd.Timedelta(hours=1)).floor("s")
    after = (later - START).total_seconds()
    ends = (after, 15, None)
    rows = [incident("dev-0", 10 * number, end) for number, end in enumerate(ends)]
    write(folder, incident("dev-1", 0, 5), *rows)
    done = folder.ingest()
    assert (done["incidents_conflicting"], done["conflicts"]) == (0, [])

    def known() -> dict[str, float | None]:
        book = endpoint.client.step("labeled_join")._book
        return {name: book.get(name).end for name in ("INC1", "INC2", "INC3")}

    # INC2 was over before its opening arrived, which says nothing of its end.
    wanted = {"INC1": later.timestamp(), "INC2": pd.Timestamp(at(15)).timestamp(), "INC3": None}
    assert known() == dict.fromkeys(wanted)
    assert endpoint.send("/devices/reload", None).json["incidents"] == 2
    assert known() == wanted
    for number in range(2):
        endpoint.start()
        assert endpoint.send("/devices/reload", None).json["incidents"] == 0
        assert known() == wanted
        whole = {"id": "INC1", "device": "dev-0", "start": at(0)}  # Whoever opens it again says no end.
        assert endpoint.send("/incidents", whole).json["status"] == "duplicate"
        assert (
            endpoint.send("/incidents", {"id": "INC1", "kind": f"power {number}"}).json["status"] == "changed"
        )
        assert known() == wanted
        take_live(endpoint.journal, INCIDENTS)
        assert endpoint.send("/devices/reload", None).json["incidents"] in (0, 1)
        assert known() == wanted
    kept = incidents_that_count(
        LabelState.of(TelemetryHistory.of(INCIDENTS).labels, INCIDENTS).incidents, INCIDENTS
    )
    found = dict(zip(kept["id"], kept["end"], strict=True))
    assert found["INC1"] == later and found["INC2"] == pd.Timestamp(at(15)) and pd.isna(found["INC3"])
    endpoint.client.shut_down()
    forget_all()


def test_a_whole_ticket_takes_back_the_end_that_the_endpoint_knew_in_the_history_too(
    project, local_stack, tmp_path
):
    forget_all()
    folder = past_of(tmp_path, INCIDENTS)
    write(folder, incident("dev-1", 0, 5), incident("dev-0", 0, 15), incident("dev-0", 20, 25))
    folder.ingest()
    endpoint = serve(tmp_path, project, local_stack.info.redis_url, INCIDENTS, "endpoint")
    endpoint.start()
    assert endpoint.send("/devices/reload", None).status == 200
    statuses = [
        endpoint.send("/incidents", {"id": name, "device": "dev-0", "start": at(start), "end": None})
        for name, start in (("INC1", 0), ("INC3", 30))
    ]
    assert [answer.json["status"] for answer in statuses] == ["changed", "opened"]
    take_live(endpoint.journal, INCIDENTS)
    # What the endpoint did not know ended says nothing of the end, although it arrives after it.
    write(
        folder,
        incident("dev-1", 0, 5),
        incident("dev-0", 0, 15),
        incident("dev-0", 20, 25),
        incident("dev-0", 30, 35),
    )
    folder.ingest()
    kept = incidents_that_count(
        LabelState.of(TelemetryHistory.of(INCIDENTS).labels, INCIDENTS).incidents, INCIDENTS
    )
    found = dict(zip(kept["id"], kept["end"], strict=True))
    assert pd.isna(found["INC1"])
    assert found["INC2"] == pd.Timestamp(at(25)) and found["INC3"] == pd.Timestamp(at(35))
    endpoint.client.shut_down()
    forget_all()
