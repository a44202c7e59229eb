"""Whether what an endpoint served is what the history says: features and answers recomputed, row by row."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlrun
import numpy as np
import numpy.typing as npt
import pandas as pd

from feature_sets.checks import InputError, duration_seconds
from feature_sets.derived_features import DerivedFeatures
from feature_sets.device_metrics import NAME as DEVICE_METRICS
from feature_sets.feature_vector import ALL_FEATURES
from feature_sets.ingestion.history.added_rows import utc
from feature_sets.ingestion.history.held_rows import held_rows
from feature_sets.ingestion.history.stored_history import StoredHistory
from feature_sets.ingestion.telemetry_history import TelemetryHistory
from feature_sets.model_package.columns import LABELED_AT, PREDICTED_AT, PREDICTION, PROBABILITY, VERSION
from feature_sets.model_package.package import ModelPackage, fetch_model_package
from feature_sets.rows.event_micros import column_micros
from feature_sets.rows.keyed_rows import KeyedRows
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from feature_sets.telemetry.schema_content import features_depend_alike
from graphs.state.reading_history import stored_readings
from project.arrivals import Arrivals, arrivals, late_devices
from project.audit_account import Audit
from project.held_labels import held_labels
from project.journaled_device import JournaledDevice
from project.labeled_files import newest_files, read_pairs
from project.live_history import LiveJournal, labels_taken_until, plain_value, taken_until
from project.live_level_order import LiveLevelOrder
from project.offline_answers import answers_differ
from project.windows_by_arrival import LiveOrder
from training.dataset.vector_rows import read_vector

_MICRO = 1_000_000
MOST, SINCE = 100_000, "7d"
"""Newest labeled pairs that are looked at, about; and how long before the newest answer."""

RELATIVE_BOUND = 1e-3
"""How far a feature relative to the past of its device may be from that of the history, as a share of it, or
of 1 where it is less. A late reading, maybe long ago, had its row and those after it taken in with other
windows, so that level and spread are others since, ever less so."""

_EXAMPLES = 5
"""Differences that are told one by one."""

_FILE = "(file)"
"""Column of the file that a pair is from; no schema can have a column of this name."""

_Rows = npt.NDArray[np.bool_]

_BATCH_ROWS = 200_000
"""Pairs whose features are read at once."""


def audit(
    project: str,
    directory: Path,
    journal: LiveJournal,
    schema: TelemetrySchema,
    most: int = MOST,
    since: str = SINCE,
    tell: Callable[[str], None] = lambda text: None,
) -> Audit:
    """Recompute the features of what was served from the history, and its answers by its models.

    The features must be those that were served to the last bit, as one engine computes both.

    :param directory: of the labeled pairs of the endpoint.
    :param journal: of the same endpoint.
    :param most: pairs that are looked at, about; the newest.
    :param since: how long before the newest answer an answer may be, or a time, see ``_begin``.
    :param tell: is given what is done, for people; often.
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
    found.since = utc(begin)
    readings = stored_readings(f"store://feature-sets/{project}/{DEVICE_METRICS}", schema)
    tell("arrivals in the journal")
    came, live = arrivals(journal, schema, files), LiveOrder(journal, schema, readings, tell)
    served = _Served(
        project,
        history.metrics,
        history.labels,
        came,
        live,
        LiveLevelOrder(live, history.metrics, schema, tell),
        functools.cache(functools.partial(late_devices, journal, schema)),
        schema,
        taken_until(history, journal.function),
        labels_taken_until(history, journal),
    )
    count = sum(map(len, files))
    for pairs in _batches(files):
        tell(f"{found.pairs:,} of {count:,} pairs")
        served.add(found, pairs)
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


@dataclass(frozen=True)
class _Served:
    """What the pairs of an endpoint are held against.

    :param stored: readings of the history, with their features.
    :param labels: of the history; None without one.
    :param came: what came out of order.
    :param live: windows in the order of the journal, where that of the history is another one.
    :param levels: the same of features relative to the past of a device.
    :param ever_late: gives devices of which the journal has a late reading.
    :param taken: arrival of the last reading that was added to the history or left out of it, microseconds.
    :param labels_taken: see ``labels_taken_until``.
    """

    project: str
    stored: StoredHistory
    labels: StoredHistory | None
    came: Arrivals
    live: LiveOrder
    levels: LiveLevelOrder
    ever_late: Callable[[], frozenset[str]]
    schema: TelemetrySchema
    taken: int
    labels_taken: float

    def add(self, found: Audit, pairs: pd.DataFrame) -> None:
        """Compare pairs of one model version."""
        schema = self.schema
        pairs = pairs.drop_duplicates([DEVICE, schema.time], ignore_index=True)
        times = column_micros(pairs[schema.time])
        found.pairs += len(pairs)
        earliest, latest = utc(times.min()), utc(times.max())
        found.first = min(found.first or earliest, earliest)
        found.last = max(found.last or latest, latest)
        package = model_of(self.project, str(pairs[VERSION].iloc[0]))
        if package is None:
            found.unknown_models += len(pairs)
            return
        if not features_depend_alike(package.schema.telemetry.to_dict(), schema.to_dict()):
            found.of_other_schema += len(pairs)
            return
        known = held_rows(self.stored, KeyedRows.of(pairs, DEVICE, schema.time))[0] >= 0
        gone = ~known & (column_micros(pairs[PREDICTED_AT]) <= self.taken)
        found.out_of_history += int(np.count_nonzero(gone))
        found.not_in_history += int(np.count_nonzero(~known & ~gone))
        # Rows of the vector are those of labels: MLRun leaves out one whose label nobody knows.
        labeled, never = (known & rows for rows in held_labels(self.labels, pairs, schema))
        found.without_target += int(np.count_nonzero(never))
        unlabeled = known & ~labeled & ~never
        # What it was joined by is history, and so is what took that back.
        lost = unlabeled & (column_micros(pairs[LABELED_AT]) <= self.labels_taken)
        found.without_label += int(np.count_nonzero(lost))
        found.label_not_in_history += int(np.count_nonzero(unlabeled & ~lost))
        served = pairs[labeled].reset_index(drop=True)
        if not len(served):
            return
        keys, names = [DEVICE, schema.time], package.schema.input_names
        vector = read_vector(f"store://feature-vectors/{self.project}/{ALL_FEATURES}", schema, served[keys])
        absent = [name for name in names if name not in vector.columns]
        if absent:
            found.without_input += len(served)
            found.absent.update(dict.fromkeys(absent, len(served)))
            return
        history = served[keys].merge(vector[[*keys, *names]], on=keys, how="left", validate="1:1")
        unknown = {name: np.ones(len(served), dtype=np.bool_) for name in self._of_others(names)}
        self._take_near_ones(found, served, history)
        kept = self._in_live_order(found, served, history, unknown)
        if kept.any():
            served, history = (frame[kept].reset_index(drop=True) for frame in (served, history))
            unknown = {name: rows[kept] for name, rows in unknown.items()}
            self._compare(found, package, served, history, unknown)

    def _take_near_ones(self, found: Audit, served: pd.DataFrame, history: pd.DataFrame) -> None:
        """Have ``history`` say what was served where a relative feature is within ``RELATIVE_BOUND``."""
        if self.schema.arrival is not None:
            return
        rounded = np.zeros(len(served), dtype=np.bool_)
        for name in self.live.relative.intersection(history.columns):
            ours, theirs = served[name].to_numpy(np.float64), history[name].to_numpy(np.float64)
            near = differing(served[name], history[name])
            near &= np.abs(ours - theirs) <= RELATIVE_BOUND * np.maximum(1.0, np.abs(theirs))
            history[name] = np.where(near, ours, theirs)
            rounded |= near
        found.rounded += int(np.count_nonzero(rounded))

    def _in_live_order(
        self, found: Audit, served: pd.DataFrame, history: pd.DataFrame, unknown: dict[str, _Rows]
    ) -> _Rows:
        """Have ``history`` say what windows held that are not those of the history.

        :param unknown: feature -> pairs in which it is not looked at; more of them may come.
        :returns: pairs that can be compared.
        """
        came, schema, names = self.came, self.schema, [name for name in history if name in served]
        inputs = [name for name in names if name not in (DEVICE, schema.time) and name not in unknown]
        by_name = {name: differing(served[name], history[name]) for name in inputs}
        differ = np.logical_or.reduce(list(by_name.values()))
        # Where all windows are those of the history, no course of them needs to be searched.
        alike = ~np.logical_or.reduce(
            [differ & False, *(rows for name, rows in by_name.items() if name not in self.live.relative)]
        )
        late: _Rows = came.missed_by(served, schema) | (differ & came.summed_otherwise(served, schema))
        anew = differ & ~late & came.begun_anew(served, schema)
        if not (late | differ).any():
            return ~late
        made = [name for name in inputs if name in self.live.names]
        relative = [name for name in inputs if name in self.live.relative]
        of_levels: _Rows = np.logical_or.reduce([differ & False, *(by_name[name] for name in relative)])
        journaled = self.live.journaled(served[late | differ])
        filed = differ & ~late & ~anew
        if filed.any():
            filed[filed] = self.live.beside_files(served[filed], journaled)
        again: _Rows = late | anew | filed
        searched, leveled = again & ~((anew | filed) & alike), again & of_levels
        held = again.copy()
        if searched.any():
            expected, known = self.live.closest(served[searched], made, journaled)
            held[searched] = known
            history.loc[searched & held, made] = expected[known]
        if leveled.any():
            uncertain = late | self._take_levels(served, history, relative, leveled, journaled)
            for name in relative:
                differs = held & leveled & differing(served[name], history[name])
                if (differs & ~uncertain).any():
                    uncertain |= self._ever_late(served)
                unknown[name] = differs & uncertain
        found.after_late += int(np.count_nonzero(held & late))
        found.after_silence += int(np.count_nonzero(held & anew))
        found.beside_files += int(np.count_nonzero(held & filed))
        # Without its journal a silence excuses nothing.
        gone: _Rows = late & ~held
        found.not_in_journal += int(np.count_nonzero(gone))
        return ~gone

    def _take_levels(
        self,
        served: pd.DataFrame,
        history: pd.DataFrame,
        names: Sequence[str],
        leveled: _Rows,
        journaled: Mapping[str, JournaledDevice],
    ) -> _Rows:
        """Have ``history`` say how far pairs were from the level of their device, by the journal.

        :returns: pairs of which that is not sure, as rows of files are between live ones.
        """
        expected, known, mixed = self.levels.closest(served[leveled], names, journaled)
        rows = leveled.copy()
        rows[leveled] = known
        history.loc[rows, list(names)] = expected[known]
        uncertain = leveled.copy()
        uncertain[leveled] = mixed
        return uncertain

    def _ever_late(self, pairs: pd.DataFrame) -> _Rows:
        """Pairs of devices of which a reading came late once, of which levels are others for good."""
        devices = self.ever_late() if self.schema.arrival is None else frozenset()
        return pairs[DEVICE].isin(devices).to_numpy(dtype=np.bool_)

    def _of_others(self, names: Sequence[str]) -> list[str]:
        """Features that depend on the order in which several devices were heard, which nobody knows."""
        if self.schema.arrival is not None:
            return []
        of_others = set(DerivedFeatures(self.schema).groups.names)
        return [name for name in names if name in of_others]

    def _compare(
        self,
        found: Audit,
        package: ModelPackage,
        served: pd.DataFrame,
        history: pd.DataFrame,
        unknown: Mapping[str, _Rows],
    ) -> None:
        """Compare features, answers and labels of pairs with what they must be."""
        names, target = package.schema.input_names, self.schema.target
        # The answer is looked at all the same, from what the model was given.
        if unknown:
            found.partly += int(np.count_nonzero(np.logical_or.reduce(list(unknown.values()))))
        for name, rows in unknown.items():
            history[name] = history[name].where(~rows, served[name])
            if rows.any():
                found.left_out[name] += int(np.count_nonzero(rows))
        expected: dict[str, Any] = {name: history[name].to_numpy() for name in names}
        differs = {name: differing(served[name], history[name]) for name in names}
        offline = package.session().probability(package.schema.matrix(history))
        expected[PROBABILITY], differs[PROBABILITY] = offline, answers_differ(served[PROBABILITY], offline)
        threshold, said = package.schema.threshold, served[PROBABILITY].to_numpy(dtype=np.float64)
        expected[PREDICTION] = (said >= threshold).astype(np.int64)
        # At the threshold itself it is decided in the numbers of the model.
        differs[PREDICTION] = (served[PREDICTION].to_numpy() != expected[PREDICTION]) & (
            answers_differ(said, np.full(len(served), threshold))
        )
        expected[target], differs[target] = self.came.other_labels(served, self.schema)
        any_of_them = np.logical_or.reduce(list(differs.values()))
        found.compared += len(served)
        found.mismatches += int(np.count_nonzero(any_of_them))
        found.by_feature.update({name: int(rows.sum()) for name, rows in differs.items() if rows.any()})
        for row in np.flatnonzero(any_of_them)[: _EXAMPLES - len(found.examples)]:
            column = next(name for name, rows in differs.items() if rows[row])
            at = served.iloc[int(row)]
            found.examples.append(
                {
                    DEVICE: str(at[DEVICE]),
                    "time": at[self.schema.time].isoformat(),
                    "file": str(at[_FILE]),
                    "column": column,
                    "expected": plain_value(expected[column][row]),
                    "found": plain_value(at[column]),
                }
            )


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


def differing(values: pd.Series, others: pd.Series) -> npt.NDArray[np.bool_]:
    """Which rows are not the same to the last bit; missing ones are the same."""
    left, right = values.to_numpy(), others.to_numpy()
    return ~np.asarray((left == right) | (pd.isna(left) & pd.isna(right)), dtype=np.bool_)


def model_of(project: str, version: str) -> ModelPackage | None:
    """The package of a registered model version; None if there is none."""
    labels = f"version={version}"
    found = mlrun.get_run_db().list_artifacts(project=project, labels=labels, kind="model")
    return fetch_model_package(str(found[0]["spec"]["target_path"])) if found else None
