"""Whether what an endpoint served is what the history says: features and answers recomputed, row by row."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import mlrun
import numpy as np
import numpy.typing as npt
import pandas as pd

from feature_sets.checks import InputError, duration_seconds
from feature_sets.derived_features import DerivedFeatures
from feature_sets.feature_vector import ALL_FEATURES
from feature_sets.ingestion.history.held_rows import held_rows
from feature_sets.ingestion.history.stored_history import StoredHistory
from feature_sets.ingestion.telemetry_history import TelemetryHistory
from feature_sets.model_package.columns import PREDICTED_AT, PROBABILITY, VERSION
from feature_sets.model_package.package import ModelPackage, fetch_model_package
from feature_sets.rows.event_micros import column_micros
from feature_sets.rows.keyed_rows import KeyedRows
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from feature_sets.windows.definition import WindowDefinition
from graphs.state.accepted_entries import AcceptedEntries, accepted_entries
from project.labeled_files import newest_files
from project.live_history import LiveJournal
from project.live_rows import ARRIVED, live_rows
from project.same_answers import answers_differ
from training.dataset.vector_rows import read_vector

_MICRO = 1_000_000
MOST, SINCE = 100_000, "7d"
"""Newest labeled pairs that are looked at, about; and how long before the newest answer."""

_CLOCKS_APART_SECONDS = 3600
"""How far the clocks of an endpoint and of its journal may be apart."""

_BATCH_ROWS = 200_000
"""Pairs whose features are read at once."""


@dataclass
class Audit:
    """What was found of the newest labeled pairs of an endpoint.

    :param pairs: looked at.
    :param compared: of these, those whose features and answer were recomputed.
    :param not_in_history: those whose reading is not in the history yet.
    :param after_late: those that a late reading touches: it came after the answer, and a schema without an
        arrival has it in the history as if it had come in time.
    :param unknown_models: those of a model that is registered no more.
    :param without_input: those of a model with an input that the history, of another schema by now, lacks.
    :param mismatches: compared ones in which a feature differs in a bit, or the probability by more than the
        rounding of 32 bits.
    :param by_feature: feature, or ``probability`` -> compared ones in which it differs.
    :param left_out: feature of other devices -> compared ones in which it is not looked at. Without an
        arrival in the schema, the history does not know which of two devices was heard first.
    :param absent: such an input -> pairs of models that take it.
    :param since: from when on answers were looked at, ISO 8601; None without pairs.
    :param first: event time of the earliest pair, ISO 8601; None without pairs.
    :param last: of the latest.
    """

    pairs: int = 0
    compared: int = 0
    not_in_history: int = 0
    after_late: int = 0
    unknown_models: int = 0
    without_input: int = 0
    mismatches: int = 0
    by_feature: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    absent: Counter[str] = field(default_factory=Counter)
    since: str | None = None
    first: str | None = None
    last: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain form."""
        return {
            name: dict(value) if isinstance(value, Counter) else value for name, value in vars(self).items()
        }

    def lines(self) -> list[str]:
        """For people."""
        found = [
            f"{self.pairs:,} labeled pairs, {self.first} to {self.last}, answered since {self.since}"
            if self.pairs
            else "no labeled pairs: nothing was served and labeled yet",
            f"{self.compared:,} compared with the history, {self.mismatches:,} of them differ",
        ]
        reasons = (
            (self.not_in_history, "not compared: their readings are no history yet ('netops ingest --live')"),
            (self.after_late, "not compared: a reading that came after the answer is in their windows now"),
            (self.unknown_models, "not compared: their model is registered no more"),
            (
                self.without_input,
                f"not compared: the history has no {', '.join(sorted(self.absent))} any more",
            ),
        )
        found += [f"  {count:,} {text}" for count, text in reasons if count]
        found += [f"  {count:,} in {name}" for name, count in self.by_feature.most_common()]
        if self.left_out:
            most, names = max(self.left_out.values()), ", ".join(sorted(self.left_out))
            found.append(f"  not looked at in {most:,}, as the schema has no arrival: {names}")
        return found


def audit(
    project: str,
    directory: Path,
    journal: LiveJournal,
    schema: TelemetrySchema,
    most: int = MOST,
    since: str = SINCE,
) -> Audit:
    """Recompute the features of what was served from the history, and its answers by its models.

    The features must be those that were served to the last bit, as one engine computes both.

    :param directory: of the labeled pairs of the endpoint.
    :param journal: of the same endpoint.
    :param most: pairs that are looked at, about; the newest.
    :param since: how long before the newest answer an answer may be, or a time, see ``_begin``.
    :raises InputError: if the project has no history of this schema, or ``since`` is neither.
    :raises ApiError: if the journal cannot be read.
    :raises OSError: if a file cannot be read.
    """
    history = TelemetryHistory.of(schema)
    if history is None or history.metrics is None:
        raise InputError("history", "must have been begun by 'netops ingest' or 'netops run'", "none")
    found, columns = Audit(), [schema.time, schema.target, PREDICTED_AT]
    files = [pd.read_parquet(path) for path in reversed(newest_files(directory, columns, most))]
    if not files:
        return found
    begin = _begin(since, max(column_micros(file[PREDICTED_AT]).max() for file in files))
    files = [file[column_micros(file[PREDICTED_AT]) >= begin] for file in files]
    files = [file for file in files if len(file)]
    found.since = _moment(begin)
    late = _late(journal, schema, files)
    for pairs in _batches(files):
        _add(found, project, pairs, history.metrics, late, schema)
    return found


def _batches(files: list[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    """Pairs of one model version each; models have different inputs."""
    waiting: list[pd.DataFrame] = []
    for version, rows in ((v, part) for file in files for v, part in file.groupby(VERSION, sort=False)):
        same = not waiting or waiting[0][VERSION].iloc[0] == version
        if not same or (sum(map(len, waiting)) + len(rows) > _BATCH_ROWS and waiting):
            yield pd.concat(waiting, ignore_index=True)
            waiting = []
        waiting.append(rows)
    if waiting:
        yield pd.concat(waiting, ignore_index=True)


def _late(journal: LiveJournal, schema: TelemetrySchema, files: list[pd.DataFrame]) -> pd.DataFrame:
    """Device, time and arrival of readings that came after a later one, while these pairs were served."""
    if schema.arrival is not None or not files:
        return pd.DataFrame(columns=[DEVICE, schema.time, ARRIVED])
    since = min(column_micros(file[PREDICTED_AT]).min() for file in files) / _MICRO
    # An entry is made after the arrival of its events, by a clock of its own; archives before are not read.
    after = (max(0, int((since - _CLOCKS_APART_SECONDS) * 1000)), 0)
    entries = accepted_entries(journal.url, journal.key, journal.archive, after)
    served = AcceptedEntries([entry for entry in entries.new if entry.arrival >= since], [])
    return live_rows(served, schema).late


def _add(
    found: Audit,
    project: str,
    pairs: pd.DataFrame,
    stored: StoredHistory,
    late: pd.DataFrame,
    schema: TelemetrySchema,
) -> None:
    """Compare pairs of one model version."""
    pairs = pairs.drop_duplicates([DEVICE, schema.time], ignore_index=True)
    times = column_micros(pairs[schema.time])
    found.pairs += len(pairs)
    earliest, latest = _moment(times.min()), _moment(times.max())
    found.first = min(found.first or earliest, earliest)
    found.last = max(found.last or latest, latest)
    package = model_of(project, str(pairs[VERSION].iloc[0]))
    if package is None:
        found.unknown_models += len(pairs)
        return
    known = held_rows(stored, KeyedRows.of(pairs, DEVICE, schema.time))[0] >= 0
    touched = known & _is_touched(pairs, late, schema)
    found.not_in_history += int(np.count_nonzero(~known))
    found.after_late += int(np.count_nonzero(touched))
    served = pairs[known & ~touched].reset_index(drop=True)
    if not len(served):
        return
    keys, names = [DEVICE, schema.time], package.schema.input_names
    vector = read_vector(f"store://feature-vectors/{project}/{ALL_FEATURES}", schema, served[keys])
    absent = [name for name in names if name not in vector.columns]
    if absent:
        found.without_input += len(served)
        found.absent.update(dict.fromkeys(absent, len(served)))
        return
    found.compared += len(served)
    history = served[keys].merge(vector[[*keys, *names]], on=keys, how="left", validate="1:1")
    unknown = [] if schema.arrival is not None else _of_others(names, schema)
    found.left_out.update({name: len(served) for name in unknown})
    differs = {name: differing(served[name], history[name]) for name in names if name not in unknown}
    # The answer is looked at all the same, from what the model was given.
    history = history.assign(**{name: served[name] for name in unknown})
    offline = package.session().probability(package.schema.matrix(history))
    differs[PROBABILITY] = answers_differ(served[PROBABILITY], offline)
    found.mismatches += int(np.logical_or.reduce(list(differs.values())).sum())
    found.by_feature.update({name: int(rows.sum()) for name, rows in differs.items() if rows.any()})


def _of_others(names: Sequence[str], schema: TelemetrySchema) -> list[str]:
    """Features that depend on the order in which several devices were heard."""
    of_others = set(DerivedFeatures(schema).groups.names)
    return [name for name in names if name in of_others]


def _begin(since: str, newest: int) -> int:
    """From when on answers are looked at, microseconds.

    :param since: a length such as ``7d``, before the newest answer, or a time in ISO 8601.
    :param newest: time of the newest answer, microseconds.
    :raises InputError: if it is neither.
    """
    if re.fullmatch(r"\d+[smhd]", since):
        return newest - duration_seconds(since, "since") * _MICRO
    try:
        return round(pd.Timestamp(since).tz_convert("UTC").timestamp() * _MICRO)
    except (ValueError, TypeError) as error:
        raise InputError("since", "must be a length such as 7d, or a time with a zone", since) from error


def _moment(micros: int) -> str:
    return pd.Timestamp(int(micros), unit="us", tz="UTC").isoformat()


def differing(values: pd.Series, others: pd.Series) -> npt.NDArray[np.bool_]:
    """Which rows are not the same to the last bit; missing ones are the same."""
    left, right = values.to_numpy(), others.to_numpy()
    return ~np.asarray((left == right) | (pd.isna(left) & pd.isna(right)), dtype=np.bool_)


def model_of(project: str, version: str) -> ModelPackage | None:
    """The package of a registered model version; None if there is none."""
    labels = f"version={version}"
    found = mlrun.get_run_db().list_artifacts(project=project, labels=labels, kind="model")
    return fetch_model_package(str(found[0]["spec"]["target_path"])) if found else None


def _is_touched(pairs: pd.DataFrame, late: pd.DataFrame, schema: TelemetrySchema) -> npt.NDArray[np.bool_]:
    """Whether a reading that came after the answer is in what the features of each pair look back on."""
    derived, definition = DerivedFeatures(schema), WindowDefinition.from_schema(schema)
    # Features of other devices are not looked at where there are late readings.
    reach = math.inf if derived.relative.names else definition.kept_buckets * definition.period_micros
    columns = (pairs[schema.time], pairs[PREDICTED_AT], late[schema.time], late[ARRIVED])
    times, answered, moments, arrivals = map(column_micros, columns)
    of_device, nobody = pairs.groupby(DEVICE, sort=False).indices, np.arange(0)
    touched = np.zeros(len(pairs), dtype=np.bool_)
    for device, moment, arrived in zip(late[DEVICE], moments, arrivals, strict=True):
        rows = of_device.get(device, nobody)
        ago = times[rows] - moment
        touched[rows] |= (ago >= 0) & (ago <= reach) & (answered[rows] <= arrived)
    return touched
