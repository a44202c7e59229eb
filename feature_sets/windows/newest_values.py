"""Newest values of each device, and what those of the devices around it are when a row arrives.

A row looks at what had arrived strictly before it: at a state of each other device that was reached at an
earlier moment than the row's own. So rows of one moment do not see each other, and their order among
themselves does not matter. Of each device two states are kept for that: the newest, and the one before the
moment of the newest.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from feature_sets.windows import newest_kernel
from feature_sets.windows.device_places import DevicePlaces, Key
from feature_sets.windows.newest_kernel import NEVER, Floats, Ints

Spans = Sequence[tuple[Key, int, int]]
"""Names with the first microsecond from which each holds, and the first at which it no longer does."""


class Relation(NamedTuple):
    """Which devices a device looks at: those that are members of a group that it looks at.

    :param groups: device -> groups that it looks at.
    :param members: group -> devices in it. A device never looks at itself.
    """

    groups: Mapping[Key, Spans]
    members: Mapping[Key, Spans]


@dataclass(frozen=True)
class Asked:
    """What is made of the values of others.

    :param is_reading: of each value, shape (values,): whether it is a reading, of which the newest by event
        time counts, and not a window, of which the newest to arrive does.
    :param max_ages: of each relation, microseconds.
    :param features: shape (n, 2): STATISTIC and COMPARISON of each feature, in output order; those of one
        relation and value lie together.
    :param starts: where those of a relation and value begin, shape (relations * values + 1,).
    """

    is_reading: npt.NDArray[np.bool_]
    max_ages: Ints
    features: Ints
    starts: Ints


_STATE = ("current", "moments", "newest", "values", "times")
"""Arrays with the state of each device: which of its two states is the newer one; of both the moment, the
newest event time until then, and each value with its event time."""


class NewestValues:
    """The newest values of each device, known by its key.

    A device has two states of as many numbers and times as there are values. It never grows.

    :param asked: what is made of the values of others.
    :param relations: which others those are, in the order of ``asked``.
    """

    def __init__(self, asked: Asked, relations: Sequence[Relation]) -> None:
        self._asked = asked
        values = len(asked.is_reading)
        self._current = np.empty(0, dtype=np.int64)
        self._moments = np.empty((0, 2), dtype=np.int64)
        self._newest = np.empty((0, 2), dtype=np.int64)
        self._values = np.empty((0, 2, values))
        self._times = np.empty((0, 2, values), dtype=np.int64)
        self._places = DevicePlaces()
        self.relate(relations)

    def __contains__(self, key: Key) -> bool:
        return key in self._places

    def relate(self, relations: Sequence[Relation]) -> None:
        """Have devices look at others from now on."""
        numbers: dict[tuple[int, Key], int] = {}
        members: list[list[tuple[int, int, int]]] = []
        looks: list[dict[int, list[tuple[int, int, int]]]] = []
        self._kept: set[Key] = set()
        for number, relation in enumerate(relations):
            for group, spans in relation.members.items():
                numbers[number, group] = len(members)
                # In the order of their names, in which their values are added up.
                ordered = sorted(spans, key=lambda span: (isinstance(span[0], str), span))
                members.append([(self._place(key), since, until) for key, since, until in ordered])
                self._kept.update(key for key, _, _ in spans)
            looks.append(
                {
                    self._place(device): [
                        (numbers[number, group], since, until)
                        for group, since, until in spans
                        if (number, group) in numbers
                    ]
                    for device, spans in relation.groups.items()
                }
            )
            self._kept.update(relation.groups)
        places = self._places.used
        self._members, self._member_spans = _flat(members)
        rows = [_flat([found.get(place, []) for place in range(places)]) for found in looks]
        offsets = np.cumsum([0, *(len(spans) for _, spans in rows)])
        self._groups = np.zeros((len(rows), places + 1), dtype=np.int64)
        for number, (starts, _) in enumerate(rows):
            self._groups[number] = starts + offsets[number]
        self._group_spans = np.concatenate([np.empty((0, 3), dtype=np.int64), *(spans for _, spans in rows)])
        most = [
            sum(int(self._members[group + 1] - self._members[group]) for group, _, _ in spans)
            for found in looks
            for spans in found.values()
        ]
        size = max([1, *most])
        self._found, self._fresh = np.empty((size, 2), dtype=np.int64), np.empty((2, size))

    def compare(self, keys: Sequence[Key], codes: Ints, at: Ints, given: Floats) -> Floats:
        """What the others of each row are as it arrives; takes the rows in, in their order.

        :param keys: the key of each code.
        :param codes: of each row, shape (n,).
        :param at: moment and event time of each row, microseconds, shape (n, 2). Moments should not go back:
            a row that does is taken in with the newest, and sees what had arrived before both.
        :param given: values of each row, shape (n, values); NaN where there is none.
        :returns: shape (n, features); NaN where no other has a value that is new enough.
        """
        places = np.array([self._place(key) for key in keys], dtype=np.int64)
        asked = self._asked
        out = np.empty((len(codes), len(asked.features)))
        newest_kernel.take(
            places[codes],
            np.ascontiguousarray(at),
            np.ascontiguousarray(given),
            asked.is_reading,
            asked.max_ages,
            asked.features,
            asked.starts,
            self._groups,
            self._group_spans,
            self._members,
            self._member_spans,
            self._current,
            self._moments,
            self._newest,
            self._values,
            self._times,
            self._found,
            self._fresh,
            out,
        )
        return out

    def moment(self, key: Key) -> int:
        """When the newest row of a device was taken in; NEVER for one without a row."""
        place = self._places.get(key)
        return NEVER if place is None else int(self._moments[place].max())

    def forget(self, keys: Iterable[Key]) -> None:
        """Give up the state of devices that nobody looks at."""
        for key in keys:
            if key not in self._kept:
                self._places.give_up(key)

    def content(self) -> tuple[list[Key], dict[str, npt.NDArray[Any]]]:
        """Keys of the devices, and the state of each; what they look at is not in it."""
        places = self._places.rows
        return self._places.keys, {name: getattr(self, f"_{name}")[places] for name in _STATE}

    def put(self, keys: Sequence[Key], arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        """Have these devices the state that ``content`` gave, and no other device any."""
        places = self._places.rows
        self._moments[places], self._newest[places] = NEVER, NEVER
        self._values[places], self._times[places] = np.nan, NEVER
        places = [self._place(key) for key in keys]
        for name in _STATE:
            getattr(self, f"_{name}")[places] = arrays[name]

    def _place(self, key: Key) -> int:
        """Where the state of a device is, made if it is new."""
        place = self._places.get(key)
        if place is None:
            place = self._places.add(key)
            if place == len(self._moments):
                self._grow(max(64, 2 * place))
            self._current[place] = 0
            self._moments[place], self._newest[place] = NEVER, NEVER
            self._values[place], self._times[place] = np.nan, NEVER
        return place

    def _grow(self, size: int) -> None:
        for name in _STATE:
            before = getattr(self, f"_{name}")
            longer = np.empty((size, *before.shape[1:]), dtype=before.dtype)
            longer[: len(before)] = before
            setattr(self, f"_{name}", longer)


def _flat(spans: Sequence[Sequence[tuple[int, int, int]]]) -> tuple[Ints, Ints]:
    """Where each list begins among all of them, shape (lists + 1,), and all of them, shape (n, 3)."""
    starts = np.cumsum([0, *(len(found) for found in spans)]).astype(np.int64)
    every = [span for found in spans for span in found]
    return starts, np.array(every, dtype=np.int64).reshape(-1, 3)
