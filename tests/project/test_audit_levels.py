"""After a silence the journal says what the level of a device was; another one that was served is found."""

import numpy as np
import pandas as pd
import pytest

from feature_sets.derived_features import DerivedFeatures
from feature_sets.telemetry.schema import DEVICE
from feature_sets.windows.definition import WindowDefinition
from graphs.state.longest_reach import longest_reach
from project.live_history import take_live
from tests.project.live_network import RELATIVE_ARRIVING, RELATIVE_PLAIN, START

AFTER = START + pd.Timedelta("2m")
"""After all that the history has had arrived: rows that came by file between live ones are another matter."""
OF_CLOCK = {"clock": "arrival", "arrival_clock_in_production": True}


class Sender:
    """Sends readings of devices, second after second."""

    def __init__(self, endpoint, generator):
        self.endpoint, self.generator, self.labels = endpoint, generator, []

    def send(self, device, *seconds):
        for at in seconds:
            event = {
                "device": device,
                "timestamp": (AFTER + pd.Timedelta(seconds=float(at))).isoformat(),
                "cpu": float(self.generator.normal(50, 10)),
                "latency": float(self.generator.gamma(2.0, 5.0)),
            }
            if self.endpoint.schema.arrival:
                event["received"] = event["timestamp"]
            self.labels.append({"device": device, "timestamp": event["timestamp"], "is_error": 0})
            assert self.endpoint.send("/telemetry", [event]).status == 200

    def tell(self):
        for each in self.labels:
            assert self.endpoint.send("/labels", [each]).status == 200


def skewed(pairs, column, when, share):
    """Change a feature of dev-1 from some time on by a share of it, as wrong levels would."""
    wrong = 0
    for path in pairs.glob("*.parquet"):
        rows = pd.read_parquet(path)
        these = (rows["timestamp"] == when) & (rows[DEVICE] == "dev-1")
        wrong += int(these.sum())
        rows.loc[these, column] *= 1 + share
        rows.to_parquet(path)
    return wrong


@pytest.mark.parametrize("course", ["nothing", "ingested before", "ingested amid", "restarted amid"])
@pytest.mark.parametrize("schema", [RELATIVE_PLAIN, RELATIVE_ARRIVING], ids=["no arrival", "arrival"])
def test_a_level_that_the_journal_does_not_have_is_a_difference(audited, schema, course):
    generator, names = np.random.default_rng(11), DerivedFeatures(schema).relative.names
    relative = (names[0], names[5], "cpu_avg_1m_same_hour", "cpu_stddev_20s_of_max", names[-1])
    endpoint, pairs, look = audited(generator, schema, ("cpu", "cpu_avg_1m", *relative), **OF_CLOCK)
    client, sender = endpoint.start(), Sender(endpoint, generator)

    def ingest():
        take_live(endpoint.journal, schema)
        assert endpoint.send("/devices/reload", {}).status == 200

    sender.send("dev-1", *range(0, 60, 5))
    back = 2 * longest_reach(WindowDefinition.from_schema(schema)) + 120
    # The others go on, and their clock is that of the endpoint; it forgets the one that is silent.
    sender.send("dev-2", *np.arange(0, back, 30))
    if course == "ingested before":
        ingest()
    begin = int(back) + 5
    sender.send("dev-1", *range(begin, begin + 100, 5))
    if course == "ingested amid":
        ingest()
    if course == "restarted amid":
        take_live(endpoint.journal, schema)
        sender.tell()
        client.shut_down()
        client = endpoint.start()
    sender.send("dev-1", *range(begin + 100, begin + 200, 5))
    # Once more, with what was ingested until now.
    later = begin + back
    sender.send("dev-2", *np.arange(back, later, 30))
    sender.send("dev-1", *range(int(later), int(later) + 60, 5))
    sender.tell()
    client.shut_down()
    take_live(endpoint.journal, schema)

    found = look()
    assert (found.mismatches, found.partly) == (0, 0), "\n".join(found.lines())
    assert found.compared == found.pairs == len(sender.labels)
    assert bool(found.after_silence) or course == "ingested before"
    assert not found.left_out
    # A fiftieth is far more than ``RELATIVE_BOUND``.
    assert skewed(pairs, relative[0], AFTER + pd.Timedelta(seconds=begin + 10), 0.02) == 1
    assert skewed(pairs, relative[-1], AFTER + pd.Timedelta(seconds=int(later) + 10), 0.02) == 1
    found = look()
    assert (found.mismatches, found.partly) == (2, 0), "\n".join(found.lines())
    assert found.by_feature == {relative[0]: 1, relative[-1]: 1}


def test_a_level_with_rows_of_files_between_live_ones_is_not_known(audited, monkeypatch):
    """The windows of those rows were others until the live ones were ingested."""
    monkeypatch.setattr("tests.project.test_audit_levels.AFTER", START)
    generator, relative = np.random.default_rng(11), DerivedFeatures(RELATIVE_ARRIVING).relative.names[:1]
    endpoint, _, look = audited(generator, RELATIVE_ARRIVING, ("cpu", *relative), **OF_CLOCK)
    client, sender = endpoint.start(), Sender(endpoint, generator)
    back = 2 * longest_reach(WindowDefinition.from_schema(RELATIVE_ARRIVING)) + 120
    for device, seconds in (("dev-1", range(0, 60, 5)), ("dev-2", np.arange(0, back, 30))):
        sender.send(device, *seconds)
    sender.send("dev-1", *range(int(back) + 5, int(back) + 65, 5))
    sender.tell()
    client.shut_down()
    take_live(endpoint.journal, RELATIVE_ARRIVING)
    found = look()
    assert (found.mismatches, found.partly) == (0, 12), "\n".join(found.lines())
    assert found.left_out == {relative[0]: 12}
