"""How long to wait before something that died is started once more."""

from __future__ import annotations

_FIRST_PAUSE, _LONGEST_PAUSE = 2.0, 120.0


def pause_after(attempts: int) -> float:
    """Seconds between the last start and the next: none before the first, then 2, doubled up to 120."""
    # A float has no room for more doublings than that.
    return min(_FIRST_PAUSE * 2.0 ** min(attempts - 1, 10), _LONGEST_PAUSE) if attempts else 0.0
