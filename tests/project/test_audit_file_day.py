"""A day that came by file between live ones: live readings may have gone on before it was there."""

import numpy as np
import pandas as pd
import pytest

from feature_sets.telemetry.schema import DEVICE
from project.live_history import take_live
from tests.project.live_network import ARRIVING, PLAIN, START, TICK
from tests.project.test_file_day_between import DAY, file_day, live_day

OF_CLOCK = {"clock": "arrival", "arrival_clock_in_production": True}
"""Else seconds pass here between two days, and no device is forgotten."""
NAMES = ("cpu_avg_1m", "latency_avg_1m", "latency_stddev_20s")


@pytest.mark.parametrize(
    ("schema", "before"), [(PLAIN, 5), (ARRIVING, 30)], ids=["amid, no arrival", "after, arrival"]
)
def test_answers_of_before_the_file_are_those_of_the_live_readings_alone(audited, schema, before):
    """What was served is right: windows of then could not have what nobody had ingested."""
    generator = np.random.default_rng(31)
    endpoint, pairs, look = audited(generator, schema, ("cpu", *NAMES), **OF_CLOCK)
    client, sent = endpoint.start(), []

    def send(bodies):
        for body in bodies:
            if schema.arrival:
                body = [{**event, schema.arrival: event["timestamp"]} for event in body]
            assert endpoint.send("/telemetry", body).status == 200
            sent.extend(body)

    send(live_day(generator, 0))
    take_live(endpoint.journal, schema)
    following, rows = live_day(generator, 2), file_day(generator, 1)
    send(following[:before])
    rows["timestamp"] += pd.Timedelta(seconds=10 * TICK)  # Up to the live reading after it.
    if schema.arrival:  # As a collector wrote them down, which nobody was told of then.
        rows[schema.arrival] = rows["timestamp"]
    audited.folder.add("metrics", "then", rows)
    audited.folder.ingest()
    assert endpoint.send("/devices/reload", {}).status == 200
    send(following[before:])
    for event in sent:
        label = {"device": event["device"], "timestamp": event["timestamp"], "is_error": 0}
        assert endpoint.send("/labels", [label]).status == 200
    client.shut_down()
    take_live(endpoint.journal, schema)

    found = look()
    assert (found.mismatches, found.partly) == (0, 0), "\n".join(found.lines())
    assert found.compared == found.pairs == len(sent)
    # The windows of ten readings of each device reach into the day.
    assert found.beside_files == 4 * min(before, 10)
    assert any("came by file" in line for line in found.lines())
    # Another value is a difference, whether the file was there or not.
    when = [START + pd.Timedelta(seconds=TICK * (2 * DAY + tick)) for tick in (1, 7)]
    for path in pairs.glob("*.parquet"):
        answers = pd.read_parquet(path)
        wrong = answers["timestamp"].isin(when) & (answers[DEVICE] == "dev-1")
        answers.loc[wrong, NAMES[0]] = np.nextafter(answers.loc[wrong, NAMES[0]], np.inf)
        answers.to_parquet(path)
    found = look()
    assert (found.mismatches, found.by_feature) == (2, {NAMES[0]: 2}), "\n".join(found.lines())
