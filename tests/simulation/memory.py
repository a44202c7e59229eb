"""Memory in pages of two megabytes: Python looks at so many small things that the usual ones cost time."""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path

_HUGE = 2 << 20
_ADVISE_HUGE, _COLLAPSE = 14, 25
"""``MADV_HUGEPAGE`` and ``MADV_COLLAPSE`` of Linux 6.1; Python's own ``mmap`` knows the first alone."""


def join_pages() -> int:
    """Copy what this process has in memory into huge pages.

    A forked process shares nothing with its parent then, so what it writes to needs no copy of a small page.
    What the system does not give stays as it is. The content is the same in any case: it is about time.

    :returns: how many bytes are in huge pages now; 0 on another system.
    """
    if not sys.platform.startswith("linux"):
        return 0
    advise = ctypes.CDLL(None).madvise
    advise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    joined = 0
    for line in Path("/proc/self/maps").read_text().splitlines():
        place, rights, _, _, file, *name = line.split()
        if file != "0" or not rights.startswith("rw") or name not in ([], ["[heap]"]):
            continue
        begin, end = (int(one, 16) for one in place.split("-"))
        begin, end = -(-begin // _HUGE) * _HUGE, end // _HUGE * _HUGE
        if begin < end and not advise(begin, end - begin, _ADVISE_HUGE):
            joined += 0 if advise(begin, end - begin, _COLLAPSE) else end - begin
    return joined
