"""Files of text as UTF-8; of CSV the lines before the header, and those that do not fit it."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from feature_sets.checks import InputError

SEPARATORS = (",", ";", "\t", "|")
SUFFIXES = (".csv", ".csv.gz")

_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_UTF32 = b"\xff\xfe\x00\x00"
_PACKED = {b"PK\x03\x04": "a ZIP file", b"\x1f\x8b": "a file of gzip"}
"""With what packed files begin."""
_BLOCK_BYTES = 1 << 20
_HEAD_BYTES = 1 << 16
_BLANK_BYTES = 1 << 10
_SHOWN = 100
_FOR_EXCEL = re.compile(r'"?sep=.?"?', re.I)


class Header(NamedTuple):
    """The header of a file.

    :param skip: lines before it.
    :param text: the header.
    """

    skip: int
    text: str


def is_csv(path: Path) -> bool:
    """Whether the name is that of a CSV file."""
    return path.name.endswith(SUFFIXES)


def text_source(path: Path | str) -> str | pa.NativeFile:
    """What Arrow reads a file from: by its name, or as UTF-8 if it is UTF-16 with a byte order mark.

    :raises OSError: if it cannot be read.
    """
    with pa.input_stream(str(path)) as file:
        mark: bytes = file.read(4)
    if not mark.startswith(_UTF16) or mark == _UTF32:
        return str(path)
    return pa.transcoding_input_stream(pa.input_stream(str(path)), "utf-16", "utf-8")


def open_text(path: Path | str) -> pa.NativeFile:
    """The bytes of a file, in UTF-8.

    :raises OSError: if it cannot be read.
    """
    source = text_source(path)
    return pa.input_stream(source) if isinstance(source, str) else source


def header_of(path: Path) -> Header:
    """The header of a CSV file: the first line, or that after the lines that begin with ``#``.

    A first line such as ``sep=;``, by which Excel is told the separator, is passed over.

    The last line that begins so is the header itself if it has as many cells as the line after it, and that
    is one of values.

    :raises OSError: if it cannot be read.
    """
    with open_text(path) as file:
        block: bytes = file.read(_HEAD_BYTES)
    lines = block.decode("utf-8-sig", "replace").split("\n")
    if _FOR_EXCEL.fullmatch(lines[0].strip()):
        return Header(1, lines[1].strip()) if len(lines) > 1 else Header(0, lines[0].strip())
    if not lines[0].startswith("#"):
        return Header(0, lines[0].strip())
    body = next((at for at, line in enumerate(lines) if line.strip() and not line.startswith("#")), None)
    if body is None:
        return Header(0, lines[0].strip())
    last = next(at for at in range(body - 1, -1, -1) if lines[at].strip())
    # A line with a number or a time in it is no header, so what stands before it may be one.
    alike = any(_cells(lines[last], one) == _cells(lines[body], one) > 1 for one in SEPARATORS)
    skip = last if alike and re.search(r"\d", lines[body]) else body
    return Header(skip, lines[skip].strip())


def _cells(line: str, separator: str) -> int:
    return len(next(csv.reader([line.strip()], delimiter=separator), []))


@contextmanager
def readable_cells() -> Iterator[None]:
    """Have a cell that Python's reader of CSV does not take told as what is wrong with a file.

    :raises InputError: if one is longer than it takes.
    """
    try:
        yield
    except csv.Error as error:
        most = f"{csv.field_size_limit():,} characters"
        rule = f"must have cells of at most {most}; longer ones come of a quotation mark that is missing"
        raise InputError("", rule, str(error)) from error


def is_blank(path: Path) -> bool:
    """Whether a file of text has nothing in it but blank lines, comments or an empty list.

    What cannot be read is not blank: it is told when it is read.
    """
    if path.suffix == ".parquet" or path.stat().st_size > _BLANK_BYTES:
        return False
    try:
        with open_text(path) as file:
            lines = file.read(_HEAD_BYTES).decode("utf-8-sig", "replace").split("\n")
    except (pa.ArrowException, OSError, ValueError):
        return False
    return "".join(line.strip() for line in lines if not line.startswith("#")) in ("", "[]")


def refuse_nul(path: Path) -> None:
    """Raise InputError if a file has a NUL, which is of another encoding or broken."""
    place = 0
    with open_text(path) as file:
        begin: bytes = file.read(4)
    kind = next((kind for mark, kind in _PACKED.items() if begin.startswith(mark)), "")
    if kind:
        raise InputError("", "must be text, not a packed file: unpack it, or call one of gzip .csv.gz", kind)
    with open_text(path) as file:
        while part := file.read(_BLOCK_BYTES):
            found = part.find(b"\0")
            if found >= 0:
                rule = "must be text without NUL, in UTF-8, or in UTF-16 with a byte order mark"
                raise InputError("", rule, f"one at byte {place + found}")
            place += len(part)


def refuse_other_lengths(path: Path, separator: str) -> None:
    """Raise InputError at the first line of a CSV file that has more or fewer cells than the header.

    :raises OSError: if it cannot be read.
    """
    skip = header_of(path).skip
    with open_text(path) as file, io.TextIOWrapper(file, "utf-8-sig", "replace", newline="") as text:
        for _ in range(skip):
            text.readline()
        rows = csv.reader(text, delimiter=separator)
        expected, line = 0, 1
        try:
            for row in rows:
                expected = expected or len(row)
                if row and len(row) != expected:
                    shown = separator.join(row)[:_SHOWN]
                    rule = f"must have {expected:,} cells, as the header has"
                    if expected == 1:
                        rule += " (lines before the header are to begin with #)"
                    raise InputError(f"line {skip + line:,}", rule, f"{len(row):,}: {shown}")
                line = rows.line_num + 1
        except csv.Error:  # Cells that are longer than it reads.
            return
