"""What a process does before its memory is shared with the child that writes a snapshot."""

from __future__ import annotations

import subprocess
import sys

from tests.conftest import SOURCE_ROOT

TAKEN = """
import gc
from pathlib import Path
from graphs.state.snapshots.saved_state import SavedState
from graphs.state.snapshots.taker import SnapshotTaker

failed = []
taker = SnapshotTaker(Path({folder!r}), SavedState, lambda lost: None, 1, 1.0, failed.append)
before = gc.get_freeze_count(), len(gc.get_objects())
taker.close((1, 0))
first = gc.get_freeze_count(), len(gc.get_objects())
more = [[] for _ in range(1000)]
taker.close((2, 0))
print(failed, *before, *first, gc.get_freeze_count(), len(gc.get_objects()) >= 1000)
"""


def counted(folder: str) -> list[str]:
    code = TAKEN.format(folder=folder)
    done = subprocess.run([sys.executable, "-c", code], cwd=SOURCE_ROOT, capture_output=True, check=True)
    said, _, counts = done.stdout.decode().strip().rpartition("] ")
    assert said + "]" == "['', '']"  # Two were written.
    return counts.split()


def test_what_is_there_by_the_first_snapshot_is_no_longer_searched_for_garbage(tmp_path):
    frozen, searched, later, still, _, goes_on = counted(str(tmp_path))
    assert frozen == "0" and int(later) >= int(searched) > 10_000 and int(still) < 1000
    assert goes_on == "True"  # What came after the first one is searched.
