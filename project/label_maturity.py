"""Up to which event time healthy readings are known as errors are.

Of incidents and positives, errors are told at once; healthy is what nothing was told of for long. So later
than some time there are errors alone, and a share of errors of such rows says nothing. There is one rule: a
row counts if a healthy reading at its time would be known by now. What "now" is depends on who can say it:

- A live endpoint knows its newest event, and so which readings can be healthy by now. Its newest healthy row
  would be the wrong one to ask: while all devices fail there is none, and the outage would be left out.
- Of a rehearsal only the files are left, and its endpoint is gone with the clock. There the newest healthy
  row stands for it. It may be too early, where all devices fail at the end of the recording, and never too
  late; what is left out is played again with the next rehearsal.

A trial in shadow has another question: of both versions the same rows count, once no label can come any more.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from feature_sets.rows.stored_rows import utc_times
from feature_sets.telemetry.label_form import ROWS
from feature_sets.telemetry.schema import TelemetrySchema


def mature_until(labeled: Mapping[str, Any], schema: TelemetrySchema) -> pd.Timestamp | None:
    """Event time up to which the rows of a live endpoint count, as detectors see them.

    :param labeled: answer of ``GET /labeled``.
    :returns: None where labels say both, or there is no event yet: then all count.
    """
    if schema.labels.form == ROWS or labeled["newest_event_time"] is None:
        return None
    healthy = schema.labels.healthy_seconds
    after = healthy + 2 * schema.horizon_seconds if healthy else labeled["deadline_seconds"]
    return pd.Timestamp(labeled["newest_event_time"]) - pd.Timedelta(seconds=after)


def mature_of_files(rows: pd.DataFrame, time: str, label: str) -> pd.DataFrame:
    """The rows of a rehearsal that count: those up to the newest healthy one.

    :param rows: of its files.
    :param time: name of the time column.
    :param label: column of the label.
    """
    if rows.empty:
        return rows
    times = utc_times(rows[time])
    newest = times[rows[label] == 0].max()  # NaT without any, which keeps no row.
    known: pd.DataFrame = rows[times <= newest]
    return known.reset_index(drop=True)
