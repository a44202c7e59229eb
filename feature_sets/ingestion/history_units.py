"""New files whose values seem to be in another unit than those of the history."""

from __future__ import annotations

import numpy as np

from feature_sets.ingestion.history.stored_history import StoredHistory, key_codes_of
from feature_sets.telemetry.ingest_report import FileReport
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from feature_sets.telemetry.unit_suspicion import ValueSamples, gauges, unit_suspicions

_FILES, _ROWS = 4, 1 << 20
"""Files of the history that are looked at, the newest ones, and rows of each: more take time."""


def warn_of_units(metrics: StoredHistory | None, schema: TelemetrySchema, report: FileReport) -> None:
    """Warn of files that were read now, compared with each other and with the newest of the history.

    :param metrics: history as it was before.
    :param report: of the files; it takes the warnings.
    """
    columns = gauges(schema)
    keys = list(
        dict.fromkeys(key for file in report.values_of for of in file.quantiles.values() for key in of)
    )
    if metrics is None or not keys:
        return
    numbers: dict[str | int, int] = {key: number for number, key in enumerate(keys)}
    samples, names = ValueSamples(columns), list[str]()
    for file in metrics.manifest.files[-_FILES:]:
        left = _ROWS
        for batch in metrics.folder.batches(file.path, [DEVICE, *columns], _ROWS >> 3):
            codes = key_codes_of(batch[DEVICE], numbers)
            places = np.flatnonzero(codes >= 0)
            values = {name: batch[name].to_numpy() for name in columns}
            samples.take(len(names), codes[places], values, places)
            left -= len(batch)
            if left <= 0:
                break
        names.append(f"the history ({file.path})")
    report.warnings += [
        found.sentence for found in unit_suspicions(report.values_of, samples.found(names, keys))
    ]
