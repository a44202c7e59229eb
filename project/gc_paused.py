"""Imports without Python's search for garbage.

Modules stay as long as the process. Python looks for circles of dead objects whenever some hundreds are new:
while ``import mlrun`` runs it looks again and again, and finds next to nothing. That was a fifth of the
processor time of a start.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def gc_paused() -> Iterator[None]:
    """Objects made inside are taken for ones that stay, and no later search looks at them either.

    For imports at the start of a process. What the process had before counts as lasting, too.
    """
    searches = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if searches:
            gc.enable()
