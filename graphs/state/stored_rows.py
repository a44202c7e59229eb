"""Ingested rows of the metrics with some of their columns, as the endpoint reads them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import pandas as pd

from feature_sets.checks import InputError
from feature_sets.rows.stored_rows import in_utc
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from graphs.state.moving_feature_set import MovingFeatureSet, stored_history

FIRST, LAST = pd.Timestamp("1970-01-01", tz="UTC"), pd.Timestamp("2200-01-01", tz="UTC")
"""All rows are between: MLRun reads the time too where it is asked for a stretch, however long that is."""


class OtherState(Exception):
    """A history has another state than the one that is being read."""


class StoredRows:
    """Rows in the offline target of the feature set of the metrics.

    :param uri: ``store://feature-sets/...``.
    :param schema: names the columns.
    :param columns: that are read beside device and times.
    :raises InputError: if the telemetry has another schema, without some of the columns. One that comes later
        leaves nothing to read.
    """

    def __init__(self, uri: str, schema: TelemetrySchema, columns: Sequence[str]) -> None:
        self._columns, self._time = list(columns), schema.time
        self._times = [schema.time, *([schema.arrival] if schema.arrival else [])]
        self._feature_set = MovingFeatureSet(uri)
        missing = self._missing(self._feature_set.known)
        if missing:
            rule = (
                f"must hold {', '.join(missing)} of schema '{schema.name}', which the model in production "
                "was trained on; 'netops run' trains one for the telemetry that is there"
            )
            raise InputError("telemetry", rule, "another schema")

    def refresh(self) -> None:
        """Ask where the files are now.

        :raises ApiError: 503 if MLRun is away; what is known stays.
        """
        self._feature_set.refresh()

    @property
    def version(self) -> str:
        """Names the state of the history as it was asked for last; each ingestion is a run."""
        targets = self._feature_set.known.status.targets
        return " ".join(f"{target.path} {target.run_id} {target.updated}" for target in targets)

    def between(self, start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
        """Device, time (UTC), arrival (UTC) where the schema names it, and the columns.

        :raises ApiError: 503 if they cannot be read.
        """

        def stretch(known: Any) -> pd.DataFrame:
            if self._missing(known):
                # Replaced under an endpoint that is up: of its own schema there is no history any more.
                return self._nothing()
            options = {"start_time": start, "end_time": end, "time_column": self._time}
            stored: pd.DataFrame = known.to_dataframe(columns=[*self._times[1:], *self._columns], **options)
            return stored.reset_index()

        frame = self._feature_set.read(stretch)
        for time in self._times:
            frame = in_utc(frame, time)
        return frame

    def stretches(self, rows: int) -> Iterator[pd.DataFrame]:
        """All rows of one state of the history, see ``between``, in parts that follow each other in time.

        :param rows: of a part, about; a file is in one.
        :raises ApiError: 503 if they cannot be read.
        :raises OtherState: if another ingestion took the place of that state meanwhile.
        """
        history = self._feature_set.read(stored_history)  # Its files may be elsewhere by now.
        known = self._feature_set.known
        files = sorted(history.manifest.files if history else (), key=lambda file: file.last)
        ends, count = [], 0
        for file in files[:-1]:
            count += file.rows
            if count >= rows:
                ends.append(pd.Timestamp(file.last, unit="us", tz="UTC"))
                count = 0
        for start, end in pairwise([FIRST, *dict.fromkeys(ends), LAST]):
            frame = self.between(start, end)
            if self._feature_set.known is not known:
                raise OtherState(self._feature_set.known.metadata.name)
            yield frame

    def _missing(self, known: Any) -> list[str]:
        features = set(known.spec.features.keys())
        return [name for name in self._columns if name not in features]

    def _nothing(self) -> pd.DataFrame:
        empty = pd.DataFrame({name: [] for name in (DEVICE, *self._times, *self._columns)})
        return empty.astype(dict.fromkeys(self._times, "datetime64[ns, UTC]"))
