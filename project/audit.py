"""Whether what an endpoint served is what the history says: features and answers recomputed, row by row."""

from __future__ import annotations

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
from feature_sets.model_package.columns import PREDICTED_AT, PREDICTION, PROBABILITY, VERSION
from feature_sets.model_package.package import ModelPackage, fetch_model_package
from feature_sets.rows.event_micros import column_micros
from feature_sets.rows.keyed_rows import KeyedRows
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from project.arrivals import Arrivals, arrivals
from project.labeled_files import newest_files, read_pairs
from project.live_history import LiveJournal
from project.same_answers import answers_differ
from training.dataset.vector_rows import read_vector

_MICRO = 1_000_000
MOST, SINCE = 100_000, "7d"
"""Newest labeled pairs that are looked at, about; and how long before the newest answer."""

_THEN = "history: with the next run, or 'netops ingest --live'"

_EXAMPLES = 5
"""Differences that are told one by one."""

_FILE = "(file)"
"""Column of the file that a pair is from; no schema can have a column of this name."""

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
    :param after_silence: those that differ, and look back beyond a silence of their device after which the
        endpoint may have begun it anew, from what was in the history by then.
    :param unknown_models: those of a model that is registered no more.
    :param without_input: those of a model with an input that the history, of another schema by now, lacks.
    :param rounded: compared ones that look back on a late reading which came before the answer. A schema
        without an arrival has it in the history in another place, and sums in another order: such features
        may differ by the rounding of 32 bits.
    :param mismatches: compared ones in which a feature differs in a bit, the probability by more than the
        rounding of 32 bits, the prediction is not that of probability and threshold, or the label none that
        arrived.
    :param by_feature: feature, ``probability``, ``prediction`` or label -> compared ones in which it differs.
    :param examples: the first differences: device, event time, file, column, ``expected`` and ``found``.
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
    after_silence: int = 0
    unknown_models: int = 0
    without_input: int = 0
    rounded: int = 0
    mismatches: int = 0
    by_feature: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    absent: Counter[str] = field(default_factory=Counter)
    examples: list[dict[str, Any]] = field(default_factory=list)
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
        if not self.pairs:
            return [f"no labeled pairs yet: what is served is compared once it is labeled and {_THEN}"]
        found = [
            f"{self.pairs:,} labeled pairs, {self.first} to {self.last}, answered since {self.since}",
            f"{self.compared:,} compared with the history, {self.mismatches:,} of them differ"
            if self.compared or not self.not_in_history
            else "nothing to compare yet",
        ]
        reasons = (
            (self.not_in_history, f"are compared once their readings are {_THEN}"),
            (self.after_late, "not compared: a reading that came after the answer is in their windows now"),
            (
                self.after_silence,
                "not compared: they differ, and the endpoint may have begun their silent device anew",
            ),
            (self.rounded, "but for rounding: a late reading is summed in another order in the history"),
            (self.unknown_models, "not compared: their model is registered no more"),
            (
                self.without_input,
                f"not compared: the history has no {', '.join(sorted(self.absent))} any more",
            ),
        )
        found += [f"  {count:,} {text}" for count, text in reasons if count]
        found += [f"  {count:,} in {name}" for name, count in self.by_feature.most_common()]
        found += [
            f"    {each[DEVICE]} at {each['time']}, {each['file']}: {each['column']} must be "
            f"{each['expected']}, is {each['found']}"
            for each in self.examples
        ]
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
    paths = reversed(newest_files(directory, columns, most))
    files = [read_pairs(path).to_pandas().assign(**{_FILE: path.name}) for path in paths]
    if not files:
        return found
    begin = _begin(since, max(column_micros(file[PREDICTED_AT]).max() for file in files))
    files = [file[column_micros(file[PREDICTED_AT]) >= begin] for file in files]
    files = [file for file in files if len(file)]
    found.since = _moment(begin)
    came = arrivals(journal, schema, files)
    for pairs in _batches(files):
        _add(found, project, pairs, history.metrics, came, schema)
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


def _add(
    found: Audit,
    project: str,
    pairs: pd.DataFrame,
    stored: StoredHistory,
    came: Arrivals,
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
    touched = known & came.missed_by(pairs, schema)
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
    history = served[keys].merge(vector[[*keys, *names]], on=keys, how="left", validate="1:1")
    unknown = [] if schema.arrival is not None else _of_others(names, schema)
    rounded = came.summed_otherwise(served, schema)
    looked_at = [name for name in names if name not in unknown]
    expected: dict[str, Any] = {name: history[name].to_numpy() for name in looked_at}
    differs = {
        name: differing(served[name], history[name]) & ~(rounded & _is_close(served[name], history[name]))
        for name in looked_at
    }
    # The answer is looked at all the same, from what the model was given; so is that of rounded inputs.
    history = history.assign(**{name: served[name] for name in unknown})
    for name in looked_at:
        history[name] = history[name].where(~rounded | differs[name], served[name])
    offline = package.session().probability(package.schema.matrix(history))
    expected[PROBABILITY], differs[PROBABILITY] = offline, answers_differ(served[PROBABILITY], offline)
    anew = np.logical_or.reduce(list(differs.values())) & came.begun_anew(served, schema)
    differs = {name: rows & ~anew for name, rows in differs.items()}
    found.after_silence += int(np.count_nonzero(anew))
    found.compared += int(np.count_nonzero(~anew))
    found.rounded += int(np.count_nonzero(rounded & ~anew))
    found.left_out.update({name: int(np.count_nonzero(~anew)) for name in unknown})
    threshold, said = package.schema.threshold, served[PROBABILITY].to_numpy(dtype=np.float64)
    expected[PREDICTION] = (said >= threshold).astype(np.int64)
    # At the threshold itself it is decided in the numbers of the model.
    differs[PREDICTION] = (served[PREDICTION].to_numpy() != expected[PREDICTION]) & (
        answers_differ(said, np.full(len(served), threshold))
    )
    expected[schema.target], differs[schema.target] = came.other_labels(served, schema)
    found.mismatches += int(np.logical_or.reduce(list(differs.values())).sum())
    found.by_feature.update({name: int(rows.sum()) for name, rows in differs.items() if rows.any()})
    for row in np.flatnonzero(np.logical_or.reduce(list(differs.values())))[
        : _EXAMPLES - len(found.examples)
    ]:
        column = next(name for name, rows in differs.items() if rows[row])
        at = served.iloc[int(row)]
        found.examples.append(
            {
                DEVICE: str(at[DEVICE]),
                "time": at[schema.time].isoformat(),
                "file": str(at[_FILE]),
                "column": column,
                "expected": _plain(expected[column][row]),
                "found": _plain(at[column]),
            }
        )


def _is_close(values: pd.Series, others: pd.Series) -> npt.NDArray[np.bool_]:
    """Which are the same but for the rounding of 32 bits."""
    left, right = (column.to_numpy(dtype=np.float64, na_value=np.nan) for column in (values, others))
    return np.isclose(left, right, rtol=1e-6, atol=1e-9)


def _plain(value: Any) -> Any:
    """A value as JSON has it; None where there is none."""
    return None if pd.isna(value) else getattr(value, "item", lambda: value)()


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
