"""The state of rolling windows as bytes, and back to the last bit.

Layout: ``MAGIC``; the length of the header as 8 bytes, little-endian; the header, JSON in UTF-8, with the
version, the definition, the counts, the devices' keys and the type and shape of each array; the arrays, raw
and little-endian, one after the other; the CRC-32 of all before it as 4 bytes. Nothing in it is executed on
reading.
"""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from feature_sets.checks import InputError

MAGIC = b"netops-windows\n"
SNAPSHOT_VERSION = 3
_READ_VERSIONS = (2, 3)
"""Version 2 has the buckets without readings, too."""

Arrays = dict[str, npt.NDArray[Any]]

_TYPES = ("<i8", "<f8", "|u1")


def snapshot_field(name: str) -> str:
    """How errors name a field of a snapshot."""
    return f"snapshot, '{name}'"


def pack(header: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> bytes:
    """A snapshot with this header, plain content for JSON, and these arrays of int64, float64 and bytes."""
    parts = {
        name: np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
        for name, array in arrays.items()
    }
    described = [[name, part.dtype.str, list(part.shape)] for name, part in parts.items()]
    head = json.dumps({"version": SNAPSHOT_VERSION, **header, "arrays": described}, allow_nan=False).encode()
    body = b"".join([MAGIC, len(head).to_bytes(8, "little"), head, *(part.data for part in parts.values())])
    return body + zlib.crc32(body).to_bytes(4, "little")


def unpack(snapshot: bytes) -> tuple[dict[str, Any], Arrays]:
    """Header and arrays of a snapshot; inverse of ``pack``.

    :raises InputError: if these are not the bytes of a snapshot, whole and of this version.
    """
    if not isinstance(snapshot, bytes | bytearray | memoryview):
        raise InputError(snapshot_field("snapshot"), "must be bytes", type(snapshot).__name__)
    view = memoryview(snapshot)
    begin = len(MAGIC) + 8
    if bytes(view[: len(MAGIC)]) != MAGIC or len(view) < begin + 4:
        raise InputError(snapshot_field("snapshot"), f"must begin with {MAGIC!r}", bytes(view[: len(MAGIC)]))
    if zlib.crc32(view[:-4]) != int.from_bytes(view[-4:], "little"):
        raise InputError(
            snapshot_field("checksum"), "must fit the bytes before it", f"{len(view)} bytes that were changed"
        )
    end = begin + int.from_bytes(view[len(MAGIC) : begin], "little")
    header: dict[str, Any] = json.loads(bytes(view[begin:end]))
    if header.get("version") not in _READ_VERSIONS:
        raise InputError(snapshot_field("version"), f"must be {SNAPSHOT_VERSION}", header.get("version"))
    arrays: Arrays = {}
    for name, kind, shape in header.pop("arrays"):
        if kind not in _TYPES:
            raise InputError(snapshot_field(f"arrays.{name}"), f"must be among {', '.join(_TYPES)}", kind)
        arrays[name] = np.frombuffer(view, dtype=kind, count=math.prod(shape), offset=end).reshape(shape)
        end += arrays[name].nbytes
    return header, arrays
