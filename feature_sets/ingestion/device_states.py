"""Devices that were retired, and when: they stay in the history, but are no longer expected to send."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa

from feature_sets.ingestion.history.stored_history import StoredHistory
from feature_sets.telemetry.frames import VALID_FROM
from feature_sets.telemetry.schema import DEVICE

STATES = "_states"
"""File beside those of the feature set ``devices``, as Parquet: device, ``valid_from``, ``retired``."""

RETIRED = "retired"


def no_states() -> pd.DataFrame:
    """No device was ever retired."""
    return pd.DataFrame(
        {
            DEVICE: pd.Series(dtype="object"),
            VALID_FROM: pd.Series(dtype="datetime64[ns, UTC]"),
            RETIRED: pd.Series(dtype="bool"),
        }
    )


def stored_states(history: StoredHistory | None) -> pd.DataFrame:
    """From when on devices are retired, or no longer are, sorted by device and time."""
    if history is None or not history.folder.has(STATES):
        return no_states()
    frame: pd.DataFrame = history.folder.read(STATES).to_pandas()
    return frame.assign(**{VALID_FROM: pd.to_datetime(frame[VALID_FROM], utc=True).dt.as_unit("ns")})


def with_state(states: pd.DataFrame, device: str, since: pd.Timestamp, retired: bool) -> pd.DataFrame:
    """The same with a device retired, or no longer retired, from a time on; what was to follow is dropped."""
    stays = states[(states[DEVICE] != device) | (states[VALID_FROM] < since)]
    row = pd.DataFrame({DEVICE: [device], VALID_FROM: [since.as_unit("ns")], RETIRED: [retired]})
    found = pd.concat([stays, row]) if len(stays) else row
    return found.sort_values([DEVICE, VALID_FROM], ignore_index=True)


def state_table(states: pd.DataFrame) -> pa.Table:
    """For the file."""
    return pa.Table.from_pandas(states, preserve_index=False)
