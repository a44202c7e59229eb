"""A long history in chunks: its rate, its memory, and that a kill half-way changes nothing.

``python -m tests.benchmarks.chunked_backfill`` prints one JSON line a size. Each history is backfilled into
Parquet by a process of its own; then again by one that is killed after half of the chunks and one that goes
on.
"""

from __future__ import annotations

import hashlib
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from feature_sets.windows.backfill import backfill_chunks
from feature_sets.windows.parquet_chunks import ParquetChunks
from tests.benchmarks.window_peers import definition, steady_events
from tests.conftest import SOURCE_ROOT

SIZES = (200_000, 2_000_000, 20_000_000)
CHUNK = 500_000
DEVICES = 20
KEPT = ("device", "timestamp")


def chunks(events: int, size: int) -> Iterator[pd.DataFrame]:
    """A history, made a chunk at a time."""
    for number, begin in enumerate(range(0, events, size)):
        rows = steady_events(min(size, events - begin), DEVICES, seed=number)
        yield rows.assign(timestamp=rows["timestamp"] + pd.Timedelta(seconds=begin // DEVICES * 10))


class Killed(ParquetChunks):
    """Kills its process when so many chunks are written, before their progress is."""

    def __init__(self, folder: Path, after: int) -> None:
        super().__init__(folder)
        self._left = after

    def __call__(self, rows: pd.DataFrame) -> None:
        """Write, and die when it is time."""
        super().__call__(rows)
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def work(folder: Path, events: int, size: int, killed_after: int) -> None:
    """What a process does; prints its seconds and its peak of resident memory."""
    began = time.perf_counter()
    writer = Killed(folder / "rows", killed_after)
    backfill_chunks(chunks(events, size), definition(), writer, folder / "progress", keep=KEPT)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"seconds": time.perf_counter() - began, "peak": peak}))


def _process(folder: Path, events: int, size: int, killed_after: int = 0) -> subprocess.CompletedProcess[str]:
    arguments = [str(folder), str(events), str(size), str(killed_after)]
    command = [sys.executable, "-m", "tests.benchmarks.chunked_backfill", *arguments]
    return subprocess.run(command, cwd=SOURCE_ROOT, capture_output=True, text=True, check=False)


def _digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        digest.update(path.name.encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def measure(events: int, size: int = CHUNK) -> dict[str, Any]:
    """Rate and memory of an uninterrupted backfill; whether a killed one comes to the same files."""
    size = min(size, events // 2)
    with tempfile.TemporaryDirectory() as home:
        straight, broken = Path(home) / "straight", Path(home) / "broken"
        straight.mkdir()
        done = _process(straight, events, size)
        if done.returncode:
            raise RuntimeError(f"the backfill failed: {done.stderr}")
        found = json.loads(done.stdout)
        wanted = _digest(straight / "rows")
        written = sum(path.stat().st_size for path in straight.rglob("*"))
        for path in (straight / "rows").iterdir():
            path.unlink()
        broken.mkdir()
        killed = _process(broken, events, size, killed_after=max(1, events // size // 2))
        resumed = _process(broken, events, size)
        return {
            "benchmark": "chunked_backfill",
            "events": events,
            "chunk": size,
            "devices": DEVICES,
            "events_per_s": round(events / found["seconds"]),
            "peak_resident_bytes": found["peak"],
            "bytes_written": written,
            "killed": killed.returncode == -signal.SIGKILL,
            "resumed_identical": resumed.returncode == 0 and _digest(broken / "rows") == wanted,
        }


if __name__ == "__main__":
    if len(sys.argv) > 1:
        work(Path(sys.argv[1]), *map(int, sys.argv[2:]))
    else:
        for count in SIZES:
            print(json.dumps(measure(count)), flush=True)
