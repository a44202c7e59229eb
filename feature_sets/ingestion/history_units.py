"""New files whose values seem to be in another unit than those of the history."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from feature_sets.ingestion.history.stored_history import StoredHistory, column_of_micros, key_codes_of
from feature_sets.rows.keyed_rows import Integers
from feature_sets.telemetry.ingest_report import FileReport
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from feature_sets.telemetry.unit_suspicion import FileValues, ValueSamples, gauges, unit_suspicions

_FILES, _ROWS = 4, 1 << 20
"""Files of the history that are looked at, the newest ones, and rows of each: more take time."""


def warn_of_units(metrics: StoredHistory | None, schema: TelemetrySchema, report: FileReport) -> None:
    """Warn of files that were read now, compared with each other and with the newest of the history.

    :param metrics: history as it was before.
    :param report: of the files; it takes the warnings.
    """
    if metrics is None or not any(of for file in report.values_of for of in file.quantiles.values()):
        return
    (known,) = values_of_history(metrics, schema, [report.values_of], np.zeros_like)
    report.warnings += [found.sentence for found in unit_suspicions(report.values_of, known)]


def values_of_history(
    metrics: StoredHistory,
    schema: TelemetrySchema,
    compared: Sequence[Sequence[FileValues]],
    part_of: Callable[[Integers], Integers],
) -> list[list[FileValues]]:
    """What the newest files of a history have of the devices that others are compared with.

    :param compared: the others, those of each part of a file apart.
    :param part_of: places in these, of the times of rows in microseconds.
    :returns: the same parts of each file.
    """
    columns = gauges(schema)
    keys = [
        list(dict.fromkeys(key for file in files for of in file.quantiles.values() for key in of))
        for files in compared
    ]
    numbers: list[dict[str | int, int]] = [{key: at for at, key in enumerate(of)} for of in keys]
    samples, names = [ValueSamples(columns) for _ in keys], list[str]()
    for file in metrics.manifest.files[-_FILES:]:
        left = _ROWS
        for batch in metrics.folder.batches(file.path, [DEVICE, schema.time, *columns], _ROWS >> 3):
            part = part_of(column_of_micros(batch[schema.time]))
            values = {name: batch[name].to_numpy() for name in columns}
            for place, (sample, number) in enumerate(zip(samples, numbers, strict=True)):
                codes = np.where(part == place, key_codes_of(batch[DEVICE], number), -1)
                rows = np.flatnonzero(codes >= 0)
                sample.take(len(names), codes[rows], values, rows)
            left -= len(batch)
            if left <= 0:
                break
        names.append(f"the history ({file.path})")
    return [sample.found(names, of) for sample, of in zip(samples, keys, strict=True)]
