"""That the store of a journal lost its content: it came back empty, or older."""

from __future__ import annotations

import re
from datetime import UTC, datetime

_LOSSES = re.compile(r"^netops_journal_losses_total (\S+)$", re.MULTILINE)
_START = re.compile(r"^netops_start_timestamp_seconds (\S+)$", re.MULTILINE)


def lost_store(metrics: str) -> list[str]:
    """That it did since the endpoint began to serve, in a sentence; none if it did not.

    :param metrics: of the endpoint, see ``metrics_of``.
    """
    losses, start = _LOSSES.search(metrics), _START.search(metrics)
    if losses is None or start is None or not float(losses[1]):
        return []
    since = datetime.fromtimestamp(float(start[1]), UTC).strftime("%Y-%m-%d %H:%M:%S")
    return [
        f"lost its content, {float(losses[1]):.0f}× since the endpoint began to serve at {since} UTC: it "
        "came back empty, or older than what the endpoint or its snapshot had; if that was at the "
        "start of the endpoint, events after its last snapshot that are not in the archive are gone: "
        "send those of the last minutes before it again, as what is known counts once"
    ]
