"""How much memory it takes to add readings to a history: gzip CSV in long layout, as of ``long_files``.

``nice -n 19 python -m tests.benchmarks.append_memory [ROWS]`` ingests so many rows, 10 million by default,
and then as many more. It prints one JSON line with the seconds of both, and the largest memory that the
process had resident during each. Linux only: the second is measured from zero by ``/proc/self/clear_refs``.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from feature_sets.ingestion.ingest import ingest
from tests.benchmarks.local_project import JobContext, local_project
from tests.benchmarks.long_files import PER_FILE, write_files

ROWS = 10_000_000


def peak_mb() -> int:
    """Largest resident memory since it was last set back."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) // 1000


def measure(rows: int, home: Path) -> dict[str, Any]:
    """Seconds and memory of the first ingestion, and of one that adds as many rows."""
    folder, later = home / "telemetry", home / "later"
    write_files(folder, 2 * rows, min(rows, PER_FILE))
    files = sorted((folder / "metrics").iterdir())
    later.mkdir()
    for path in files[len(files) // 2 :]:
        shutil.move(path, later / path.name)
    found: dict[str, Any] = {"benchmark": "append_memory", "rows": rows}
    with local_project():
        for what in ("first", "added"):
            Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
            context, began = JobContext(), time.perf_counter()
            ingest(context, telemetry=str(folder), schema=str(home / "schema.yaml"))
            found |= {
                f"{what}_s": round(time.perf_counter() - began, 1),
                f"{what}_peak_mb": peak_mb(),
                f"{what}_readings": int(context.results["rows_new"]),
            }
            for path in later.iterdir():
                shutil.move(path, folder / "metrics" / path.name)
    return found


def main(arguments: list[str]) -> None:
    """Print a JSON line for each number of rows."""
    for rows in [int(given) for given in arguments] or [ROWS]:
        with tempfile.TemporaryDirectory() as home:
            print(json.dumps(measure(rows, Path(home))), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
