"""Incidents of which a file says another end than what was sent live, which counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from feature_sets.telemetry.cell_text import shown
from feature_sets.telemetry.incident_rows import CANCELLED, END, ID, SOURCE
from feature_sets.telemetry.incidents_that_count import LIVE, closed_by_files, in_order
from feature_sets.telemetry.schema import TelemetrySchema

SAMPLES = 5
_FILE = "_file"
_SAYS = (END, CANCELLED)


@dataclass(frozen=True)
class Contradicted:
    """Incidents of files that count otherwise, as they were sent live.

    :param count: of them.
    :param samples: some, as those of ``Appended.conflicts``.
    """

    count: int = 0
    samples: tuple[dict[str, Any], ...] = ()

    def lines(self) -> list[str]:
        """What is worth knowing, for people."""
        if not self.count:
            return []
        return [
            f"incidents: {self.count:,} of files end otherwise than was sent live, which counts:",
            *(
                f"  {sample['key']} of {sample['time']}: {sample['column']} is {shown(sample['kept'])}, "
                f"given {shown(sample['given'])}"
                for sample in self.samples
            ),
        ]


def contradicted(now: pd.DataFrame, before: pd.DataFrame, schema: TelemetrySchema) -> Contradicted:
    """Those that are such by what was told now, and were not before.

    A file without an end contradicts none: an incident is closed after it was exported. Nor does one with an
    end of after it was sent without.

    :param now: incidents of all sources, see ``incident_types``.
    """
    found = _contradictions(now)
    if not len(found):
        return Contradicted()
    known = set(_contents(_contradictions(before)))
    found = found[np.array([content not in known for content in _contents(found)], dtype=np.bool_)]
    samples = tuple(_sample(row, schema) for row in found.head(SAMPLES).to_dict("records"))
    return Contradicted(len(found), samples)


def _contradictions(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of incidents that count as they were sent live, beside what the newest row of a file says."""
    ordered = in_order(closed_by_files(rows[rows[ID].notna()]))
    last = ordered.drop_duplicates(ID, keep="last")
    live = last[last[SOURCE] == LIVE]
    files = ordered[ordered[SOURCE] != LIVE].drop_duplicates(ID, keep="last")
    both = live.merge(files, on=ID, suffixes=("", _FILE))
    end = both[f"{END}{_FILE}"]
    counts = ~both[CANCELLED].astype(bool)
    is_none = both[f"{CANCELLED}{_FILE}"].astype(bool) & counts
    ends = end.notna() & counts & (both[END].isna() | (both[END] != end))
    return both[is_none | ends].sort_values(ID, kind="stable", ignore_index=True)


def _contents(found: pd.DataFrame) -> list[tuple[object, ...]]:
    columns = [ID, *(f"{name}{end}" for name in _SAYS for end in ("", _FILE))]
    return list(found[columns].astype(str).itertuples(index=False, name=None))


def _sample(row: dict[Any, Any], schema: TelemetrySchema) -> dict[str, Any]:
    of = CANCELLED if row[f"{CANCELLED}{_FILE}"] and not row[CANCELLED] else END
    return {
        "key": row[ID],
        "time": row["start"].isoformat(),
        "column": schema.labels.cancelled if of == CANCELLED else schema.labels.end,
        "kept": _said(row[of]),
        "given": _said(row[f"{of}{_FILE}"]),
    }


def _said(value: Any) -> object:
    if isinstance(value, pd.Timestamp):
        return value.isoformat()
    return None if value is pd.NaT else bool(value)
