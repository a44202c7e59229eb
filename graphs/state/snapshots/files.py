"""Snapshots as files: whole or not there, checked by their digest, the two newest kept."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import re
import time
import zipfile
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from feature_sets.checks import InputError
from graphs.state.entry_id import BEFORE_ALL, EntryId
from graphs.state.snapshots.saved_state import Array, SavedState

VERSION = 1
KEPT = 2
"""Files that are kept: the older one is for the case that the newer is damaged."""

_NAME = re.compile(r"^(\d{13,})-(\d{6,})-([0-9a-f]{64})\.npz$")
_UNFINISHED = ".unfinished"
_STALE_SECONDS = 600.0
_PLAIN = "plain"


class SnapshotFile(NamedTuple):
    """A snapshot that is complete.

    :param place: id of the last entry of the journal that is in its state.
    :param digest: SHA-256 of the file, in hexadecimal.
    """

    place: EntryId
    digest: str
    path: Path


class _Hashing:
    """A stream that hashes what is written. It cannot go back, so nothing written is changed later."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.digest = hashlib.sha256()

    def write(self, data: Any) -> int:
        self.digest.update(data)
        return self._stream.write(data)

    def flush(self) -> None:
        self._stream.flush()


def snapshot_files(directory: Path) -> list[SnapshotFile]:
    """The snapshots in a folder, the newest first."""
    return [SnapshotFile(place, digest, directory / name) for place, digest, name in _named(directory)]


def cut_at(directory: Path) -> EntryId:
    """A journal may forget what is at or before this entry: all snapshots that are kept have it."""
    named = _named(directory)
    return named[KEPT - 1][0] if len(named) >= KEPT else BEFORE_ALL


def _named(directory: Path) -> list[tuple[EntryId, str, str]]:
    """What the names of the snapshots in a folder say, the newest first: place, digest, name."""
    try:
        found = [_NAME.match(entry.name) for entry in os.scandir(directory)]
    except FileNotFoundError:
        return []
    return sorted((((int(at[1]), int(at[2])), at[3], at[0]) for at in found if at), reverse=True)


def write_snapshot(directory: Path, place: EntryId, state: SavedState) -> SnapshotFile:
    """Write a snapshot; then forget all but the newest ``KEPT``.

    The file has its name, with its digest, only when it is whole and on the disk.

    :raises OSError: if it cannot be written; nothing is left of it, and the others are as they were.
    """
    if not directory.is_dir():
        directory.mkdir(parents=True, exist_ok=True)
    unfinished = directory / f"{place[0]:013d}-{place[1]:06d}.{os.getpid()}{_UNFINISHED}"
    try:
        with unfinished.open("wb") as stream:
            hashing = _Hashing(stream)
            _write(hashing, state)
            stream.flush()
            os.fsync(stream.fileno())
        digest = hashing.digest.hexdigest()
        path = directory / f"{place[0]:013d}-{place[1]:06d}-{digest}.npz"
        unfinished.rename(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    _sync(directory)
    for old in snapshot_files(directory)[KEPT:]:
        old.path.unlink(missing_ok=True)
    return SnapshotFile(place, digest, path)


def read_snapshot(file: SnapshotFile) -> SavedState:
    """State of a snapshot.

    :raises InputError: unless its bytes fit the digest and are of this version.
    :raises OSError: if it cannot be read.
    """
    content = file.path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    if digest != file.digest:
        raise InputError(f"snapshot {file.path.name}", "must have the digest in its name", digest[:16])
    return _read(content, f"snapshot {file.path.name}")


def clear_unfinished(directory: Path) -> None:
    """Delete what a killed process left half written; a younger one may be of a process that still writes."""
    for entry in os.scandir(directory) if directory.is_dir() else ():
        if entry.name.endswith(_UNFINISHED):
            with contextlib.suppress(FileNotFoundError):  # Its process may finish it just now.
                if time.time() - entry.stat().st_mtime > _STALE_SECONDS:
                    Path(entry).unlink(missing_ok=True)


def _write(stream: Any, state: SavedState) -> None:
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as parts:
        names = list(state.arrays)
        plain = {"version": VERSION, "state": state.plain, "arrays": names}
        parts.writestr(_PLAIN, json.dumps(plain))
        for name in names:
            with parts.open(name, "w", force_zip64=True) as part:
                np.save(part, np.ascontiguousarray(state.arrays[name]), allow_pickle=False)


def _read(content: bytes, where: str) -> SavedState:
    with zipfile.ZipFile(io.BytesIO(content)) as parts:
        plain = json.loads(parts.read(_PLAIN))
        if plain.get("version") != VERSION:
            raise InputError(f"{where}, 'version'", f"must be {VERSION}", plain.get("version"))
        arrays = {name: _array(parts.read(name)) for name in plain["arrays"]}
    return SavedState(plain["state"], arrays)


def _array(content: bytes) -> Array:
    found: Array = np.load(io.BytesIO(content), allow_pickle=False)
    return found


def _sync(directory: Path) -> None:
    """Have the names in a folder on the disk, too."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
