"""Where the record of a device and time lies: a hash table on plain arrays, compiled.

Slots hold the number of a row plus one, 0 where nothing is, with linear probing (Knuth, 1998, The Art of
Computer Programming 3, section 6.4, algorithm L). Nothing is ever taken out, see ``LedgerChunk``. All of it
is in this one file, as the cache of Numba notices changes of a function's own file only.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

Codes = npt.NDArray[np.int32]
Bits = npt.NDArray[np.int64]
Slots = npt.NDArray[np.int32]

_compiled = njit(nogil=True, cache=True, error_model="numpy", _nrt=False)


@_compiled
def _slot(slots: Slots, codes: Codes, bits: Bits, code: int, time: int) -> int:
    """The slot of a device and time, or the free one where it belongs."""
    mask = np.uint64(len(slots) - 1)
    mixed = np.uint64(time) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(code) * np.uint64(0xC2B2AE3D27D4EB4F)
    at = ((mixed ^ (mixed >> np.uint64(29))) * np.uint64(0x9E3779B97F4A7C15) >> np.uint64(20)) & mask
    while True:
        row = slots[at] - 1
        if row < 0 or (codes[row] == code and bits[row] == time):
            found: int = np.int64(at)  # type: ignore[assignment]
            return found
        at = (at + np.uint64(1)) & mask


@_compiled
def find(slots: Slots, codes: Codes, bits: Bits, code: int, time: int) -> int:
    """Row of a device and time; -1 if there is none.

    :param slots: a power of two of them, some of them free.
    :param codes: number of the device of each row.
    :param bits: event time of each row, the bits of its seconds.
    """
    row: int = slots[_slot(slots, codes, bits, code, time)] - 1
    return row


@_compiled
def put(
    slots: Slots, codes: Codes, bits: Bits, count: int, new_codes: Codes, new_bits: Bits, rows: Bits
) -> int:
    """Give each device and time its row: the one that it has, or the next one.

    :param count: rows that there are.
    :param rows: out, the row of each.
    :returns: rows that there are now; ``codes`` and ``bits`` of the new ones are filled.
    """
    for i in range(len(new_codes)):
        at = _slot(slots, codes, bits, new_codes[i], new_bits[i])
        if slots[at] == 0:
            codes[count], bits[count] = new_codes[i], new_bits[i]
            count += 1
            slots[at] = count
        rows[i] = slots[at] - 1
    return count


@_compiled
def put_one(slots: Slots, codes: Codes, bits: Bits, count: int, code: int, time: int) -> int:
    """The same for one: its row, which is ``count`` if it is new."""
    at = _slot(slots, codes, bits, code, time)
    if slots[at] == 0:
        codes[count], bits[count] = code, time
        slots[at] = count + 1
    row: int = slots[at] - 1
    return row


@_compiled
def fill(slots: Slots, codes: Codes, bits: Bits, count: int) -> None:
    """Give each row its slot; all are free."""
    for row in range(count):
        slots[_slot(slots, codes, bits, codes[row], bits[row])] = row + 1
