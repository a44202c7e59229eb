"""What the ingest report tells of values that are as they may be, and yet do not fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from feature_sets.listed import listed
from feature_sets.telemetry.cell_text import rows_saying
from feature_sets.telemetry.ingest_report import FileReport

_SHOWN = 5
_DEVICES_PER_CATEGORY = 3
"""From here on a category of a single device is rather a slip than one of many."""


def note_absent_values(
    frame: pd.DataFrame, values: Mapping[str, Any], field: str, report: FileReport
) -> None:
    """Note each value of the schema that no row has.

    :param values: column -> value.
    :param field: of the schema that names them.
    """
    for column, value in values.items():
        if len(frame) and not rows_saying(frame[column], value).any():
            found = [repr(text) for text in frame[column].dropna().unique()[:_SHOWN].tolist()]
            report.notes.append(
                f"{field} {column}: {value!r} is in no row; there are {', '.join(found) or 'no values'}"
            )


def note_lone_categories(frame: pd.DataFrame, columns: Sequence[str], report: FileReport) -> None:
    """Note categories of a single device, where the others have several."""
    for column in columns:
        if column not in frame:
            continue
        counts = frame[column].value_counts()
        alone = [repr(text) for text in counts.index[counts == 1].tolist()]
        if alone and counts.sum() >= _DEVICES_PER_CATEGORY * len(counts):
            report.notes.append(f"{column}: one device only has {listed(alone, _SHOWN)}")
