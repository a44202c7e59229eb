"""How soon a model that catches fewer incidents is found, and how often one that does not: table in the docs.

Streams of 20 devices that report once a minute and fail for five minutes, each by itself. The model catches
0.8 of the incidents, and calls one healthy reading of a thousand an error. A base has 40 incidents. Last come
streams in which one device fails ten times as often as the others, and is never caught.

    python -m tests.benchmarks.missed_incidents
"""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

import numpy as np

from drift.incident_outcomes import IncidentOutcomes, Outcome
from drift.missed_incidents import MissedIncidents
from drift.missed_limit import Base
from drift.warm_up import DetectorSettings, warmed_monitor
from drift.wrong_devices import is_of_one_device
from tests.drift.incident_streams import text

SHARES = (0.002, 0.005, 0.02, 0.1)
DEVICES, LENGTH, STEP = 20, 5, 60
GAP, TOGETHER = 300.0, 60.0
"""Those of the simulated network."""
BASE, CALM, CHANGED = 40, 400, 60
STREAMS, OF_RATE, SEED = 20, 4, 20_261_128
CAUGHT, FALSE = 0.8, 0.001
BAD, OFTEN, OF_ONE = 7, 10, 200
"""The device that is never caught, how much more often it fails, and incidents of those streams."""

Row = tuple[str, int, int, int]


def rows(
    share: float, caught: float, random: np.random.Generator, start: int = 0, *, one_is_bad: bool = False
) -> Iterator[Row]:
    """Device, second, label and prediction of each reading, without an end.

    :param share: of readings that are errors.
    :param caught: share of incidents that the model catches.
    :param one_is_bad: whether there is the device that is never caught.
    """
    begins = share / (LENGTH * (1 - share) + share)
    left, alarm, second = [0] * DEVICES, [-1] * DEVICES, start
    while True:
        chances = random.random((1000, 2, DEVICES)).tolist()
        for starts, wrong in chances:
            for device in range(DEVICES):
                bad = one_is_bad and device == BAD
                if not left[device] and starts[device] < begins * (OFTEN if bad else 1):
                    left[device] = LENGTH
                    is_caught = random.random() < caught and not bad
                    alarm[device] = int(random.integers(LENGTH)) if is_caught else -1
                place = LENGTH - left[device]
                fails = left[device] > 0
                said = 0 <= alarm[device] <= place if fails else wrong[device] < FALSE
                left[device] -= fails
                yield f"ap-{device}", second, int(fails), int(said)
            second += STEP


def base_of(stream: Iterator[Row]) -> tuple[Base, list[int], int]:
    """What is known of a model after ``BASE`` incidents: also error flags, and when it ends."""
    outcomes, found, flags = IncidentOutcomes(GAP, TOGETHER, 0.0), list[Outcome](), list[int]()
    for device, second, label, said in stream:
        found += outcomes.add(device, float(second), is_error=bool(label), is_predicted=bool(said))
        flags.append(label ^ said)
        if len(found) >= BASE and len(flags) % DEVICES == 0:
            return Base.of([int(not one.caught) for one in found]), flags, second + STEP
    raise AssertionError


def watched(missed: MissedIncidents, stream: Iterator[Row], most: int) -> list[tuple[int, bool]]:
    """Number of the incident, as they are decided, at which each drift was told, and whether it is of one."""
    alarms: list[tuple[int, bool]] = []
    for device, second, label, said in stream:
        if not label and device != "ap-0":  # It only tells that time goes on, as those of one device do.
            continue
        events = missed.add(device, text(second), is_error=bool(label), is_predicted=bool(said))
        decided = missed.status()["incidents"] if events or second % 3600 == 0 else 0
        drifts = [event for event in events if event.level == "drift"]
        alarms += [(decided, is_of_one_device(event.to_dict())) for event in drifts]
        if decided >= most:
            return alarms
    raise AssertionError


def by_error_rate(flags: list[int], stream: Iterator[Row], most: int) -> int | None:
    """Number of the incident at which GLR finds more errors than before; None by ``most`` of them."""
    monitor = warmed_monitor(flags, [0] * len(flags), DetectorSettings(("glr",)))
    outcomes, decided = IncidentOutcomes(GAP, TOGETHER, 0.0), 0
    for device, second, label, said in stream:
        decided += len(outcomes.add(device, float(second), is_error=bool(label), is_predicted=bool(said)))
        if any(event.level == "drift" for event in monitor.update(label ^ said, text(second), device)):
            return decided
        if decided >= most:
            return None
    raise AssertionError


def main() -> None:
    """Print a row for each share of errors."""
    for share in SHARES:
        false = of_one = of_fleet = 0
        delays: dict[float, list[int]] = {0.0: [], 0.3: []}
        rates: dict[float, list[int]] = {0.0: [], 0.3: []}
        for number in range(STREAMS):
            seed = [SEED, number, round(share * 1000)]
            base, flags, end = base_of(rows(share, CAUGHT, np.random.default_rng(seed)))
            new = MissedIncidents(IncidentOutcomes(GAP, TOGETHER, 0.0), base)
            calm = rows(share, CAUGHT, np.random.default_rng([*seed, 1]), end)
            false += bool(watched(new, calm, CALM))
            new = MissedIncidents(IncidentOutcomes(GAP, TOGETHER, 0.0), base)
            bad = rows(share, CAUGHT, np.random.default_rng([*seed, 3]), end, one_is_bad=True)
            kinds = {is_of_one for _, is_of_one in watched(new, bad, OF_ONE)}
            of_one, of_fleet = of_one + (True in kinds), of_fleet + (False in kinds)
            for now, found in delays.items():
                new = MissedIncidents(IncidentOutcomes(GAP, TOGETHER, 0.0), base)
                alarms = watched(new, rows(share, now, np.random.default_rng([*seed, 2]), end), CHANGED)
                found += [at for at, _ in alarms[:1]]
                if number < OF_RATE:
                    stream = rows(share, now, np.random.default_rng([*seed, 2]), end)
                    at = by_error_rate(flags, stream, CHANGED)
                    rates[now] += [] if at is None else [at]
        told = [f"{share:.1%}", f"{false} of {STREAMS}"]
        for now in delays:
            told += [_told(delays[now], STREAMS), _told(rates[now], OF_RATE)]
        told += [f"{of_one} of {STREAMS}", f"{of_fleet} of {STREAMS}"]
        print("| " + " | ".join(told) + " |", flush=True)


def _told(found: list[int], streams: int) -> str:
    """How many were found, and after how many incidents."""
    after = f", {median(found):.0f} ({max(found)})" if found else ""
    return f"{len(found)} of {streams}{after}"


if __name__ == "__main__":
    main()
