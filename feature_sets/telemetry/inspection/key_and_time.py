"""Which columns of a folder may name a device, which one its times; how often devices report."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from feature_sets.rows.event_micros import column_micros
from feature_sets.telemetry.cell_text import texts_of
from feature_sets.telemetry.inspection.column_profile import ColumnProfile
from feature_sets.telemetry.inspection.table_profile import TableProfile
from feature_sets.telemetry.time_columns import parse_times

TIME_NAMES = ("timestamp", "time", "ts", "event_time", "datetime", "date_time", "date", "at", "when")
_FAR = pd.Timedelta(days=366)
ARRIVAL_NAME = re.compile(r"receiv|arriv|ingest|collected")


@dataclass(frozen=True)
class Cadence:
    """How often devices report, in the rows that were looked at.

    :param devices: different keys.
    :param seconds: usual time between two readings of a device; None if none has two.
    :param repeated: rows that repeat a device and time.
    """

    devices: int
    seconds: float | None
    repeated: int


def key_candidates(tables: Mapping[str, TableProfile]) -> list[str]:
    """Columns that every table has and that may name a device, those with the fewest values first."""
    present = list(tables.values())
    common = [name for name in present[0].columns if all(name in table.columns for table in present)]
    found = [
        name for name in common if all(_may_be_key(table.columns[name], len(present)) for table in present)
    ]
    counted = tables.get("static") or present[0]
    return sorted(found, key=lambda name: (counted.columns[name].distinct or 0, common.index(name)))


def _may_be_key(column: ColumnProfile, tables: int) -> bool:
    if column.kind == "text":
        return True
    # Whole numbers may be measured ones, unless the static file has them, too.
    return (
        tables > 2
        and column.kind in ("number", "truth")
        and column.distinct is not None
        and (column.whole or column.kind == "truth")
    )


def fewest_keys(table: TableProfile, candidates: Sequence[str]) -> list[str]:
    """The fewest of the candidates, from the last one on, that tell all rows of a table apart; else none."""
    rows = pd.DataFrame({name: texts_of(table.head[name]).codes for name in candidates})
    for count in range(1, len(candidates) + 1):
        chosen = list(candidates[-count:])
        if not rows[chosen].duplicated().any():
            return chosen
    return []


def time_candidates(tables: Mapping[str, TableProfile]) -> list[str]:
    """Columns of times of the metrics, the likeliest first: also in the labels, then by name."""
    metrics, labels = tables["metrics"], tables.get("labels")
    times = [name for name, column in metrics.columns.items() if column.kind == "time"]

    def unlikely(name: str) -> tuple[bool, bool, int]:
        known = TIME_NAMES.index(name.lower()) if name.lower() in TIME_NAMES else len(TIME_NAMES)
        elsewhere = labels is not None and name not in labels.columns
        return elsewhere, ARRIVAL_NAME.search(name.lower()) is not None, known

    return sorted(times, key=unlikely)


def is_far_from(column: ColumnProfile, time: ColumnProfile) -> bool:
    """Whether numbers that could be times are rather numbers: as times they are years from those of the rows.

    :param time: of the event times.
    """
    if not column.times.startswith("epoch") or not column.first or not time.first:
        return False
    first, last = pd.Timestamp(column.first), pd.Timestamp(column.last)
    return first > pd.Timestamp(time.last) + _FAR or last < pd.Timestamp(time.first) - _FAR


def device_times(table: TableProfile, entity: Sequence[str], time: str) -> pd.DataFrame:
    """Number of the ``device`` and the ``time`` of each row that was looked at."""
    codes = pd.DataFrame({name: texts_of(table.head[name]).codes for name in entity})
    times = parse_times(table.head[time], zone="UTC").times
    return pd.DataFrame({"device": codes.groupby(list(entity)).ngroup(), "time": times})


def cadence_of(readings: pd.DataFrame) -> Cadence:
    """How often devices report.

    :param readings: see ``device_times``.
    """
    given = readings.dropna()
    device, micros = given["device"].to_numpy(), column_micros(given["time"])
    order = np.lexsort((micros, device))
    steps = np.diff(micros[order])
    steps = steps[device[order][1:] == device[order][:-1]]
    apart = steps[steps > 0]
    return Cadence(
        devices=len(np.unique(device)),
        seconds=float(np.median(apart)) / 1e6 if len(apart) else None,
        repeated=int(np.count_nonzero(steps == 0)),
    )
