"""How a version has done on labeled rows, in production or in shadow; each file is read once."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd

from drift.change_size import counts_of
from drift.detectors.dependence import lag_inflation
from feature_sets.model_package.columns import PREDICTION, SHADOWS, VERSION
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from project.labeled_files import columns_of, read_pairs
from project.retraining.coping import Realised
from project.retraining.evidence import SpansOf, episodes_of, no_spans
from training.evaluation.clusters import Apart


class RealisedErrors:
    """Remembers, of one version since one time, what is in the files that it has read.

    :param folder: of the labeled pairs of the endpoint.
    :param spans_of: see ``LabeledRows``.
    """

    def __init__(self, folder: Path, spans_of: SpansOf = no_spans) -> None:
        self._folder, self._spans_of = folder, spans_of
        self._of = ("", "")
        self._files: dict[str, pd.DataFrame] = {}

    def since(
        self,
        version: str,
        moment: str,
        mature: datetime,
        schema: TelemetrySchema,
        caught_before: float | None,
    ) -> Realised:
        """How a version has done on rows later than a time.

        :param moment: event time, ISO 8601 with a zone.
        :param mature: event time up to which no label can come any more.
        :param schema: names the columns.
        :param caught_before: see ``Realised``.
        """
        if self._of != (version, moment):
            self._of, self._files = (version, moment), {}
        since = pd.Timestamp(datetime.fromisoformat(moment))
        for path in sorted(self._folder.glob("*.parquet")) if self._folder.is_dir() else []:
            if path.name not in self._files:
                self._files[path.name] = _answers(path, version, since, schema)
        known = [part for part in self._files.values() if len(part)]
        rows = pd.concat(known, ignore_index=True) if known else pd.DataFrame()
        if len(rows):
            rows = rows[rows[schema.time] <= mature].drop_duplicates([DEVICE, schema.time])
            rows = rows.sort_values(schema.time, kind="stable", ignore_index=True)
        if not len(rows):
            return Realised(counts_of([]))
        apart = Apart.of(schema, self._spans_of(schema, rows[DEVICE].unique()))
        return _realised(rows, schema, apart, caught_before)


def _answers(path: Path, version: str, since: pd.Timestamp, schema: TelemetrySchema) -> pd.DataFrame:
    """Device, time, label and what the version said, of the rows of a file that it has answered."""
    columns = [DEVICE, schema.time, schema.target, VERSION, PREDICTION]
    if SHADOWS in columns_of(path):
        columns.append(SHADOWS)
    rows = read_pairs(path, columns, [(schema.time, ">", since)]).to_pandas()
    said = rows[PREDICTION].where(rows[VERSION] == version).astype("float64")
    if SHADOWS in rows:
        beside = [_in_shadow(answers, version) for answers in rows[SHADOWS]]
        said = said.fillna(pd.Series(beside, index=rows.index, dtype="float64"))
    found = rows[columns[:3]].assign(**{PREDICTION: said})
    answered: pd.DataFrame = found.dropna(subset=[PREDICTION])
    return answered


def _in_shadow(answers: object, version: str) -> float:
    told = answers if isinstance(answers, np.ndarray | list) else ()
    return next((float(each[PREDICTION]) for each in told if each[VERSION] == version), np.nan)


def _realised(
    rows: pd.DataFrame, schema: TelemetrySchema, apart: Apart, caught_before: float | None
) -> Realised:
    label, said = (rows[name].to_numpy() == 1 for name in (schema.target, PREDICTION))
    wrong = (label != said).astype(np.uint8)
    counts = counts_of(wrong.tolist())
    return Realised(
        wrong=counts,
        inflation=max(counts.inflation(), lag_inflation(wrong)),
        errors=int(label.sum()),
        caught=int((label & said).sum()),
        episodes=episodes_of(rows, schema, apart),
        caught_before=caught_before,
    )
