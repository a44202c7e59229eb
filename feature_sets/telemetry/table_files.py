"""Finding and loading the Parquet and CSV files of one telemetry table."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from feature_sets.telemetry.device_keys import compose_keys
from feature_sets.telemetry.errors import TelemetryError
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema

_PART_BYTES = 1 << 20
_NULL_WORDS = ["", "nan", "NaN", "NAN", "NA", "N/A", "null", "NULL", "None", "-nan", "-NaN"]


def find_files(folder: Path, name: str) -> list[Path]:
    """Files of a table: ``NAME.parquet``, ``NAME.csv``, or all such files of a sub-folder ``NAME/``.

    :raises TelemetryError: if there is none, or more than one of the three forms.
    """
    if not folder.is_dir():
        raise TelemetryError(folder.name, "must be a folder that exists", str(folder))
    single = [folder / f"{name}.parquet", folder / f"{name}.csv"]
    forms = [[path] for path in single if path.is_file()]
    inside = folder / name
    if inside.is_dir():
        parts = sorted(
            (
                path
                for path in inside.iterdir()
                if path.suffix in (".parquet", ".csv") and path.name[0] not in "._"
            ),
            key=lambda path: path.name,
        )
        if parts:
            forms.append(parts)
    if not forms:
        raise TelemetryError(
            name,
            f"must exist as {name}.parquet, {name}.csv or a sub-folder {name}/ of such files",
            sorted(path.name for path in folder.iterdir())[:20],
        )
    if len(forms) > 1:
        raise TelemetryError(
            name, "must exist in one form only", [str(form[0].relative_to(folder)) for form in forms]
        )
    return forms[0]


@dataclass(frozen=True)
class RawTable:
    """Rows of a table as they are in the files, with their composed keys.

    :param frame: the needed columns and ``device``, which is None in the rows below.
    :param missing: rows without a device.
    :param ambiguous: rows whose key would be ambiguous.
    :param broken: rows whose key has a lone surrogate or a NUL.
    """

    frame: pd.DataFrame
    missing: npt.NDArray[np.bool_]
    ambiguous: npt.NDArray[np.bool_]
    broken: npt.NDArray[np.bool_]


def load_table(
    files: list[Path], schema: TelemetrySchema, columns: Sequence[str], numbers: Collection[str] = ()
) -> RawTable:
    """Rows of all files, one after the other. Each has all entity columns, or ``device`` with the full key.

    :param columns: further columns; every file must have them.
    :param numbers: those of them in which words such as NaN or null in a CSV file mean a missing value.
    :raises TelemetryError: if a file cannot be read or lacks a column.
    """
    frames, missing, ambiguous, broken = [], [], [], []
    for path in files:
        present = _columns(path)
        keys: tuple[str, ...] = schema.entity
        if not all(column in present for column in keys):
            if DEVICE not in present:
                absent = next(column for column in keys if column not in present)
                rule = f"is required (or a column '{DEVICE}' with the full key)"
                raise TelemetryError(f"{path.name}, column '{absent}'", rule, present)
            keys = (DEVICE,)
        for column in columns:
            if column not in present:
                raise TelemetryError(f"{path.name}, column '{column}'", "is required", present)
        wanted = [*keys, *(column for column in columns if column not in keys)]
        raw = _read(path, wanted, keys, numbers)
        composed = compose_keys(raw, keys, schema.separator)
        rest = [column for column in columns if column != DEVICE]
        frames.append(pd.concat([pd.DataFrame({DEVICE: composed.keys}), raw[rest]], axis=1))
        missing.append(composed.missing)
        ambiguous.append(composed.ambiguous)
        broken.append(composed.broken)
    frame = pd.concat(frames, ignore_index=True) if len(frames) > 1 else frames[0]
    return RawTable(frame, np.concatenate(missing), np.concatenate(ambiguous), np.concatenate(broken))


def _columns(path: Path) -> list[str]:
    try:
        if path.suffix == ".parquet":
            return list(pq.read_schema(path).names)
        return [str(name) for name in pd.read_csv(path, nrows=0).columns]
    except (pa.ArrowException, OSError, ValueError) as error:
        raise TelemetryError(path.name, "must be a readable file of its kind", str(error)) from error


def _read(path: Path, columns: list[str], keys: tuple[str, ...], numbers: Collection[str]) -> pd.DataFrame:
    try:
        if path.suffix == ".parquet":
            table: pd.DataFrame = pq.ParquetFile(path).read(columns=columns).to_pandas()
            return table[columns]
        _refuse_nul(path)
        nulls = {name: _NULL_WORDS if name in numbers else [""] for name in columns}
        return pd.read_csv(
            path,
            usecols=columns,
            dtype=dict.fromkeys(keys, str),
            keep_default_na=False,
            na_values=nulls,
            low_memory=False,
        )[columns]
    except (pa.ArrowException, OSError, ValueError) as error:
        raise TelemetryError(path.name, "must be a readable file of its kind", str(error)) from error


def _refuse_nul(path: Path) -> None:
    """Refuse text with a NUL, at which pandas cuts the cell off: a reading would go to another device."""
    place = 0
    with path.open("rb") as file:
        while part := file.read(_PART_BYTES):
            found = part.find(b"\0")
            if found >= 0:
                raise TelemetryError(path.name, "must be text without NUL", f"one at byte {place + found}")
            place += len(part)
