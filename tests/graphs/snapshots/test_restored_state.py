"""A snapshot and the journal after it give the state of a process that never ended, to the last bit."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
import pytest

from graphs.state.snapshots.files import snapshot_files
from tests.graphs.snapshots.conftest import DEVICES, FORMS, Network, conversation, taken
from tests.graphs.snapshots.state_walk import differences, state_of

Networks = Callable[..., Network]


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("form", FORMS)
def test_snapshot_and_tail_equal_the_uninterrupted_run_at_random_cuts(
    network: Networks, form: str, seed: int
) -> None:
    where = network(form)
    generator = random.Random(seed)
    requests = conversation(form, seed)
    live = where.start()
    cuts = sorted(generator.sample(range(20, len(requests)), 3))
    for number, (method, path, body) in enumerate(requests):
        live.send(method, path, body)
        if number in cuts[:2]:
            taken(live)
        if number == cuts[2]:
            break
    expected = state_of(live)
    devices, newest = live.step("preprocess")._groups._state.content()
    assert set(devices) == set(DEVICES) and np.isfinite(newest["values"]).any()
    ledger = live.get("/labeled").json
    assert ledger["joined"] > 3 and ledger["remembered"] > 10
    restored = where.start()
    assert len(snapshot_files(where.snapshots)) == 2
    assert differences(state_of(restored), expected) == []
    assert restored.get("/labeled").json | {"batches_written": 0} == ledger | {"batches_written": 0}
    replayed = where.start(snapshot_directory=None)
    assert differences(state_of(replayed), expected) == []
    for method, path, body in requests[cuts[2] + 1 :]:
        assert restored.send(method, path, body).status == 200
    assert differences(state_of(where.start()), state_of(restored)) == []


def test_state_that_is_not_in_the_snapshot_is_found(network: Networks) -> None:
    where = network()
    live = where.start()
    step = live.step("preprocess")
    step._windows.heard_of = {"a/1": 3}
    live.step("labeled_join")._ledger._later = [1.5]
    found = differences(state_of(where.start()), state_of(live))
    assert [text.split(":")[0] for text in found] == [
        ".LabeledJoin._ledger[1]._later",
        ".Preprocess._windows[1].heard_of",
    ]
