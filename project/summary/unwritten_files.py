"""Files that a running endpoint alone cannot write, as with a quota used up or a read-only folder."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

_GOES_ON_SECONDS = 600
"""So long after a failure it counts as lasting: each kind is tried again sooner, if there is traffic."""
_TOLD = {"pairs": "labeled pairs", "archive": "the archive of events", "snapshots": "snapshots"}
_FAILED = re.compile(r'^netops_write_failure_timestamp_seconds\{what="(\w+)"\} (\S+)$', re.MULTILINE)


def unwritten_files(metrics: str, folder: Path, now: datetime) -> list[str]:
    """That an endpoint could not write some in the last ten minutes, in a sentence; none if it could.

    :param metrics: of the endpoint, see ``metrics_of``.
    :param folder: where it writes them.
    :param now: with a zone.
    """
    failed = {what: float(seconds) for what, seconds in _FAILED.findall(metrics)}
    lasting = {what: time for what, time in failed.items() if now.timestamp() - time <= _GOES_ON_SECONDS}
    if not lasting:
        return []
    *first, last = [words for what, words in _TOLD.items() if what in lasting]
    named = f"{', '.join(first)} and {last}" if first else last
    newest = datetime.fromtimestamp(max(lasting.values()), UTC).strftime("%Y-%m-%d %H:%M:%S")
    return [
        f"serving could not write {named}, at {newest} UTC for the last time, and tries again; free space in "
        f"{folder}, or make it writable for the endpoint"
    ]
