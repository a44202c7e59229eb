"""Many histories, in several processes; a failing one prints its seed, and replays from it."""

from __future__ import annotations

import argparse
import gc
import json
import multiprocessing
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

from tests.simulation.history import KINDS, History
from tests.simulation.patches import simulated
from tests.simulation.plants import PLANTS, planted

MEMORY = Path("/dev/shm")
_CHUNK = 100
"""Histories of a process. To begin one takes a tenth of a second, and each leaves some 3 MB of garbage."""


class Found(NamedTuple):
    """What became of one history.

    :param error: empty if it is equal to the oracle.
    :param told: what happened in it.
    """

    seed: int
    error: str
    told: list[str]


def run_history(seed: int, steps: int = 200) -> Found:
    """Run a history of a seed."""
    folder = tempfile.mkdtemp(dir=MEMORY if MEMORY.is_dir() else None)
    history = History(seed, Path(folder), steps)
    try:
        history.run()
    except Exception as error:
        return Found(seed, f"{type(error).__name__}: {error}", history.told)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return Found(seed, "", history.told)


def _many(seeds: range, steps: int, plant: str) -> list[Found]:
    """Failing histories among some; with a planted bug only until the first."""
    found = []
    with simulated(), planted(plant):
        for number, seed in enumerate(seeds):
            if number and number % _CHUNK == 0:
                gc.collect()
            one = run_history(seed, steps)
            if one.error:
                found.append(one)
                if plant:
                    break
    return found


def _in_turn(seeds: range, steps: int, plant: str) -> list[Found]:
    """The same in this process, which goes on."""
    gc.collect()
    gc.freeze()
    gc.disable()  # To look for circles among what stays takes a good part of the time.
    try:
        return _many(seeds, steps, plant)
    finally:
        gc.enable()
        gc.unfreeze()


def _in_process(seeds: range, steps: int, plant: str) -> list[Found]:
    """The same in a process that ends then: its garbage goes with it, and is never looked for."""
    gc.disable()
    return _many(seeds, steps, plant)


def _warm_up() -> None:
    """Load what every history needs, such as compiled kernels: else each process would do it again."""
    with simulated():
        for seed in range(KINDS):
            run_history(seed, steps=10)


def run(first: int, count: int, steps: int = 200, processes: int = 1, plant: str = "") -> list[Found]:
    """Histories of so many seeds from the first on; gives those that fail, in order of their seeds."""
    if processes == 1:
        return _in_turn(range(first, first + count), steps, plant)
    turns = -(-count // (_CHUNK * processes))
    size = -(-count // (turns * processes))  # No process is left over at the end.
    chunks = [range(at, min(at + size, first + count)) for at in range(first, first + count, size)]
    _warm_up()
    gc.collect()
    gc.freeze()  # The processes have it, and look for no garbage in it.
    with multiprocessing.get_context("fork").Pool(processes, maxtasksperchild=1) as pool:
        results = [pool.apply_async(_in_process, (chunk, steps, plant)) for chunk in chunks]
        found: list[Found] = []
        for result in results:
            found += result.get()
            if plant and found:
                break
    return sorted(found)


def main() -> None:
    """Run histories and print what became of them; the exit code is 1 if one failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--histories", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0, help="of the first history; the others follow it")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--processes", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--plant", default="", choices=("", *PLANTS), help="a bug that is to be found")
    asked = parser.parse_args()
    begin = time.perf_counter()
    found = run(asked.seed, asked.histories, asked.steps, min(asked.processes, asked.histories), asked.plant)
    for one in found:
        if asked.histories == 1:
            print("\n".join(one.told))
        print(f"seed {one.seed}: {one.error}")
        plant = f" --plant {asked.plant}" if asked.plant else ""
        again = f"python -m tests.simulation --histories 1 --seed {one.seed} --steps {asked.steps}{plant}"
        print(f"  what happened in it: {again}")
    told: dict[str, Any] = {
        "histories": asked.histories,
        "steps": asked.steps,
        "failed": len(found),
        "seconds": round(time.perf_counter() - begin, 1),
    }
    if asked.plant:
        told |= {"plant": asked.plant, "found_after": found[0].seed - asked.seed + 1 if found else None}
    print(json.dumps(told))
    raise SystemExit(int(bool(found)))
