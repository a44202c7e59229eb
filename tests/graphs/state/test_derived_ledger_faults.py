"""Whatever fails in the ledger of derived labels: who repeats a step loses no pair, and gets none twice."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from feature_sets.telemetry.incident_events import IncidentEvent
from feature_sets.telemetry.schema import DEVICE
from graphs.protocol.records import Prediction
from graphs.state import derived_pairs
from graphs.state.derived_ledger import DerivedLedger
from graphs.state.incident_book import IncidentBook
from tests.feature_sets.labels.forms import schema

NOW = 1_700_000_000.0
DEVICES = ("osl/a", "osl/b", "osl/c")
FORM = {"form": "incidents", "healthy_after": "2m"}


class Broken(Exception):
    """What fails now and then."""


class Faults:
    """Makes functions fail by chance, as long as it is on."""

    def __init__(self, chance: random.Random) -> None:
        self._chance, self.is_on, self.count = chance, False, 0

    def of(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def called(*arguments: Any) -> Any:
            if self.is_on and self._chance.random() < 0.05:
                self.count += 1
                raise Broken
            return function(*arguments)

        return called


def made(horizon: str, faults: Faults | None, settled: list[Any]) -> DerivedLedger:
    of = schema(**FORM, horizon=horizon)
    book = IncidentBook(of, lambda device, time: {}, 10_000)
    ledger = DerivedLedger(of.labels, book, 600.0, 60.0, of.horizon_seconds)
    ledger.on_settled = settled.append
    if faults is not None:
        for name in ("covering", "is_excluded", "names", "put", "forget"):
            setattr(book, name, faults.of(getattr(book, name)))
        ledger.on_settled = faults.of(settled.append)
    return ledger


def step(chance: random.Random, second: float) -> Callable[[DerivedLedger], Any]:
    """Something that is told to a ledger."""
    device, kind = chance.choice(DEVICES), chance.random()
    time = NOW + second - chance.choice((0, 0, 0, 1, 3)) * chance.randrange(200)
    if kind < 0.5:
        said = Prediction("model", "v1", np.array([second]), chance.randrange(2), 0.5, 0)
        return lambda ledger: ledger.add_prediction(device, time, said, NOW + second)
    if kind < 0.75:
        label = chance.choice((0, 1, 1, None))
        return lambda ledger: ledger.add_label(device, time, label, NOW + second)
    end = None if chance.random() < 0.3 else time + chance.randrange(60)
    is_cancelled = chance.random() < 0.1 or None
    event = IncidentEvent(f"i{chance.randrange(8)}", {DEVICE: device}, time, end, True, is_cancelled, {})
    return lambda ledger: ledger.add_incident(event, NOW + second)


def pairs_of(told: Any) -> list[Any]:
    pairs = told if isinstance(told, list) else told.pairs if hasattr(told, "pairs") else told[1]
    return [(pair.device, pair.time, pair.label, pair.labeled_at, pair.made.prediction) for pair in pairs]


def rest_of(told: Any) -> Any:
    return told[0] if isinstance(told, tuple) else getattr(told, "status", None)


@pytest.mark.parametrize("horizon", ["0s", "60s"])
def test_a_step_that_failed_is_repeated_without_a_pair_lost_or_twice(
    horizon: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    joined = failed = 0
    for seed in range(20):
        chance, faults = random.Random(seed), Faults(random.Random(-1 - seed))
        plain, broken = ([], [])
        right, ledger = made(horizon, None, plain), made(horizon, faults, broken)
        with monkeypatch.context() as patched:
            patched.setattr(derived_pairs, "_pair", faults.of(derived_pairs._pair))
            for second in range(0, 1600, 8):
                do = step(chance, float(second))
                expected = do(right)
                faults.is_on, found = True, None
                while found is None:
                    try:
                        found = do(ledger)
                    except Broken:
                        failed += 1
                faults.is_on = False
                assert pairs_of(found) == pairs_of(expected)
                assert rest_of(found) == rest_of(expected)
                assert pairs_of(ledger.take_mature()) == pairs_of(right.take_mature())
                assert len(ledger) == len(right)
                joined += len(pairs_of(found))
        got, wanted = ledger.saved(("x",)), right.saved(("x",))
        assert got.plain == wanted.plain
        assert {key: value.tolist() for key, value in got.arrays.items()} == {
            key: value.tolist() for key, value in wanted.arrays.items()
        }
        assert [(one.device, one.time, one.label) for one in broken] == [
            (one.device, one.time, one.label) for one in plain
        ]
        assert ledger.contradicted == right.contradicted
    assert joined > 300 and failed > 300
