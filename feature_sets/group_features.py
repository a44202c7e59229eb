"""Features of the devices around a device: the one place for ingestion and for live events."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from feature_sets.checks import duration_seconds
from feature_sets.groups import Groups
from feature_sets.rows.event_micros import column_micros
from feature_sets.rows.keyed_rows import KeyedRows
from feature_sets.telemetry.neighbors import CALLED, STATISTICS
from feature_sets.telemetry.peers import DIFFERENCE
from feature_sets.telemetry.schema import TelemetrySchema
from feature_sets.windows import newest_kernel
from feature_sets.windows.device_places import Key
from feature_sets.windows.newest_values import Asked, NewestValues, Relation

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_ROWS = 4096
"""Rows that are turned at a time: as many as the processor's cache holds."""


class DeviceRows(NamedTuple):
    """Rows of several devices that others may see.

    :param keys: the key of each code.
    :param codes: of each row, shape (n,).
    :param at: moment and event time of each, microseconds, shape (n, 2).
    :param values: of each input, shape (n, inputs); NaN where there is none.
    """

    keys: Sequence[Key]
    codes: Ints
    at: Ints
    values: Floats

    def take(self, which: npt.NDArray[np.bool_]) -> DeviceRows:
        """Those where a mask says so, with the keys of these."""
        codes, numbers = np.unique(self.codes[which], return_inverse=True)
        keys = [self.keys[code] for code in codes.tolist()]
        return DeviceRows(keys, numbers, self.at[which], self.values[which])


class GroupFeatures:
    """Statistics over the newest windows of neighbors, and readings against the newest ones of peers.

    What counts is every row with a status that counts, in the order of arrival. A row sees what had arrived
    strictly before it, of others and of itself; see ``NewestValues``. Without an arrival in the schema, a row
    arrives at its event time.

    :param schema: declares them.
    """

    def __init__(self, schema: TelemetrySchema) -> None:
        metrics = schema.metric_names
        neighbors, peers = schema.derived.neighbors, schema.derived.peers
        of_neighbors = list(neighbors.features(metrics)) if neighbors else []
        of_peers = list(peers.features(metrics)) if peers else []
        self.names: tuple[str, ...] = schema.group_features
        """Names of the features, in output order."""
        self.windows: tuple[str, ...] = tuple(dict.fromkeys(part.window_feature for part in of_neighbors))
        """The window features that are looked at."""
        self.inputs: tuple[str, ...] = (*self.windows, *(metrics if peers else ()))
        """These, and the metrics that are."""
        self.relations: tuple[str, ...] = (
            *(neighbors.directions if neighbors else ()),
            *(["peers"] if peers else []),
        )
        """What each of the relations of ``Groups`` is."""
        self.by_relation: dict[str, list[str]] = {}
        """The features of each, by what the names call the others."""
        for part in of_neighbors:
            self.by_relation.setdefault(CALLED[part.direction], []).append(part.name)
        if of_peers:
            self.by_relation["peers"] = [part.name for part in of_peers]
        place = {name: index for index, name in enumerate(self.inputs)}
        asked = [
            (
                self.relations.index(part.direction),
                place[part.window_feature],
                part.statistic,
                newest_kernel.PLAIN,
            )
            for part in of_neighbors
        ]
        asked += [
            (
                len(self.relations) - 1,
                place[part.metric],
                part.statistic,
                newest_kernel.DIFFERENCE if part.comparison == DIFFERENCE else newest_kernel.RATIO,
            )
            for part in of_peers
        ]
        places = [relation * len(self.inputs) + value for relation, value, _, _ in asked]
        ages = [neighbors.max_age] * len(neighbors.directions) if neighbors else []
        ages += [peers.max_age] if peers else []
        self._asked = Asked(
            is_reading=np.arange(len(self.inputs)) >= len(self.windows),
            max_ages=np.array([duration_seconds(age) * 1_000_000 for age in ages], dtype=np.int64),
            features=np.array(
                [(_STATISTICS[statistic], comparison) for _, _, statistic, comparison in asked],
                dtype=np.int64,
            ).reshape(-1, 2),
            starts=np.searchsorted(places, np.arange(len(ages) * len(self.inputs) + 1)).astype(np.int64),
        )

    @property
    def max_age_micros(self) -> int:
        """How old the values of others are at most, in microseconds; 0 without such features."""
        return int(self._asked.max_ages.max(initial=0))

    def state(self, groups: Groups | None) -> NewestValues:
        """State of devices none of which has sent anything.

        :param groups: who looks at whom; None is nobody.
        """
        nobody = [Relation({}, {}) for _ in self.relations]
        return NewestValues(self._asked, nobody if groups is None else groups.relations)

    def of_history(
        self,
        rows: KeyedRows,
        arrival: str | None,
        columns: Mapping[str, Floats],
        state: NewestValues,
    ) -> dict[str, Floats]:
        """The features of rows that follow those that the state has taken in.

        :param rows: those that count, in event order.
        :param arrival: column with the time at which each row arrived; None where it was in event order.
        :param columns: each of ``inputs``, shape (n,).
        """
        if not self.names:
            return {}
        moments = rows.micros if arrival is None else column_micros(rows.frame[arrival])
        order = np.argsort(moments, kind="stable")
        at = np.column_stack([moments, rows.micros])
        given = [columns[name] for name in self.inputs]
        out = np.empty((len(self.names), len(rows)))
        for start in range(0, len(rows), _ROWS):
            part = order[start : start + _ROWS]
            values = np.column_stack([column[part] for column in given])
            out[:, part] = state.compare(rows.keys, rows.codes[part], at[part], values).T
        return dict(zip(self.names, out, strict=True))

    def add_to(
        self,
        rows: Sequence[dict[str, Any]],
        devices: Sequence[str],
        at: Ints,
        state: NewestValues,
        past: Sequence[DeviceRows] = (),
    ) -> None:
        """Put the features into rows that have the inputs, and take these in.

        :param devices: of each row.
        :param at: moment and event time of each row, microseconds, shape (n, 2). Of one list of rows those of
            an earlier moment come first, in whatever order they were sent.
        :param past: rows that are taken in among them, by their moments.
        """
        if not self.names or not rows:
            return
        if len(rows) == 1 and not past:  # Most requests: putting one row in order costs more than it has.
            given = np.array([[rows[0][name] for name in self.inputs]], dtype=np.float64)
            rows[0].update(
                zip(self.names, state.compare(devices, _FIRST, at, given)[0].tolist(), strict=True)
            )
            return
        numbers: dict[Key, int] = {}
        codes = np.array([numbers.setdefault(device, len(numbers)) for device in devices], dtype=np.int64)
        values = np.array([[row[name] for name in self.inputs] for row in rows], dtype=np.float64)
        sent = DeviceRows(list(numbers), codes, at, values)
        for place, features in self._taken([*past, sent], len(rows), state):
            rows[place].update(zip(self.names, features, strict=True))

    def take_in(self, past: Sequence[DeviceRows], state: NewestValues) -> None:
        """Take rows in whose features nobody asks for."""
        for _ in self._taken(past, 0, state):
            pass

    def _taken(
        self, parts: Sequence[DeviceRows], last: int, state: NewestValues
    ) -> Iterator[tuple[int, list[float]]]:
        """Place and features of each of the last rows; all are taken in, in the order of their moments."""
        numbers: dict[Key, int] = {}
        codes = [
            np.array([numbers.setdefault(key, len(numbers)) for key in part.keys], dtype=np.int64)[part.codes]
            for part in parts
        ]
        if not codes:
            return
        code, at = np.concatenate(codes), np.concatenate([part.at for part in parts])
        values = np.concatenate([part.values for part in parts])
        order = np.argsort(at[:, 0], kind="stable")
        keys, first = list(numbers), len(order) - last
        for start in range(0, len(order), _ROWS):
            rows = order[start : start + _ROWS]
            found = state.compare(keys, code[rows], at[rows], values[rows])
            asked = np.flatnonzero(rows >= first)
            yield from zip((rows[asked] - first).tolist(), found[asked].tolist(), strict=True)


_FIRST = np.zeros(1, dtype=np.int64)
_STATISTICS = dict(
    zip(
        STATISTICS,
        (
            newest_kernel.MAX,
            newest_kernel.MEAN,
            newest_kernel.MIN,
            newest_kernel.MEDIAN,
        ),
        strict=True,
    )
)
