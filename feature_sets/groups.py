"""Which devices a device is looked at with: its neighbors by the links, and its peers by what they share."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from feature_sets.rows.entity_keys import key_parts
from feature_sets.telemetry.frames import VALID_FROM
from feature_sets.telemetry.links import BEGINNING, OPEN, Links, Span, before, merged
from feature_sets.telemetry.neighbors import ANY, DOWNSTREAM, UPSTREAM
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from feature_sets.telemetry.valid_from import from_beginning
from feature_sets.windows.device_places import Key
from feature_sets.windows.newest_values import Relation

_Around = dict[str, dict[str, tuple[Span, ...]]]
"""Device -> each other one that it sees, and when."""


@dataclass(frozen=True)
class Groups:
    """The links between devices, and the attributes by which they are peers.

    :param schema: says what they are for.
    :param links: the first end of each is upstream of the second, if links have a direction.
    :param attributes: of the devices as text, with ``valid_from``; None without any.
    """

    schema: TelemetrySchema
    links: Links
    attributes: pd.DataFrame | None = None

    @cached_property
    def relations(self) -> tuple[Relation, ...]:
        """Neighbors in each direction, then peers, as the schema declares them."""
        derived, found = self.schema.derived, []
        if derived.neighbors is not None:
            for direction in derived.neighbors.directions:
                around = _reached(_steps(self.links, direction), derived.neighbors.hops)
                members: dict[Key, list[tuple[Key, int, int]]] = {
                    device: [(other, *span) for other, spans in others.items() for span in spans]
                    for device, others in around.items()
                }
                found.append(Relation({device: [(device, BEGINNING, OPEN)] for device in members}, members))
        if derived.peers is not None:
            groups = self._peers
            of_group: dict[Key, list[tuple[Key, int, int]]] = {}
            for device, spans in groups.items():
                for group, since, until in spans:
                    of_group.setdefault(group, []).append((device, since, until))
            found.append(Relation(dict(groups), of_group))
        return tuple(found)

    @cached_property
    def _peers(self) -> dict[Key, list[tuple[Key, int, int]]]:
        peers = self.schema.derived.peers
        return {} if peers is None else _groups_of(self.schema, peers.by, self.attributes)

    @cached_property
    def _roots(self) -> Mapping[Key, Key]:
        """The first device, by name, of all that depend on each other, for each of them."""
        parents: dict[Key, Key] = {}

        def root(key: Key) -> Key:
            while parents.setdefault(key, key) != key:
                parents[key] = parents[parents[key]]
                key = parents[key]
            return key

        for relation in self.relations:
            for members in relation.members.values():
                _join(root, parents, [key for key, _, _ in members])
            for device, spans in relation.groups.items():
                for group, _, _ in spans:
                    members = relation.members.get(group, ())
                    _join(root, parents, [device, *(key for key, _, _ in members[:1])])
        return {key: root(key) for key in list(parents)}

    @property
    def devices(self) -> set[str]:
        """Those with a link, or with values by which others may be their peers."""
        return {*(end for pair in self.links for end in pair), *map(str, self._peers)}

    def until(self, end: int, devices: Collection[str]) -> Iterator[tuple[str, object]]:
        """What links and peers of some devices are before a time, by what it is called; to be compared."""
        for (first, second), spans in self.links.items():
            if first in devices and second in devices and (held := before(spans, end)):
                yield f"link of {first} and {second}", held
        neighbors = self.schema.derived.neighbors
        if neighbors is not None and neighbors.hops > 1:
            for direction, relation in zip(neighbors.directions, self.relations, strict=False):
                for one in devices:
                    reached = [
                        (str(other), since, min(until, end))
                        for other, since, until in relation.members.get(one, ())
                        if since < end and other in devices
                    ]
                    if reached:
                        yield f"neighbors of {one} over other devices, {direction}", sorted(reached)
        for device, groups in self._peers.items():
            held_groups = [(group, since, min(until, end)) for group, since, until in groups if since < end]
            if device in devices and held_groups:
                yield f"peers of {device}", held_groups

    def shard_key(self, device: Key) -> Key:
        """What the state of a device is sharded by: devices with equal keys must be in one place.

        A device that looks at no other, and that no other looks at, is on its own: its own key. Those that do
        have the key of the first of them, by name, of all that are linked or have been peers at any time.
        """
        return self._roots.get(device, device)

    def together(self, devices: Iterable[Key]) -> set[Key]:
        """All devices that must be in one place with one of these, these among them."""
        found = set(devices)
        return found.union(*(self._units.get(root, ()) for root in {self.shard_key(key) for key in found}))

    @cached_property
    def _units(self) -> Mapping[Key, list[Key]]:
        """The devices that look at others, or that others look at, by shard key."""
        units: dict[Key, list[Key]] = {}
        for device, root in self._roots.items():
            units.setdefault(root, []).append(device)
        return units


def _join(root: Callable[[Key], Key], parents: dict[Key, Key], keys: list[Key]) -> None:
    """Have all keys one root, the first of theirs by name."""
    roots = sorted({root(key) for key in keys}, key=lambda key: (isinstance(key, str), key))
    for other in roots[1:]:
        parents[other] = roots[0]


def _steps(links: Links, direction: str) -> _Around:
    """The devices one link away in a direction."""
    around: dict[str, dict[str, list[Span]]] = {}
    for (first, second), spans in links.items():
        if direction in (ANY, UPSTREAM):
            around.setdefault(second, {}).setdefault(first, []).extend(spans)
        if direction in (ANY, DOWNSTREAM):
            around.setdefault(first, {}).setdefault(second, []).extend(spans)
    return {
        device: {other: merged(spans) for other, spans in found.items()} for device, found in around.items()
    }


def _reached(steps: _Around, hops: int) -> _Around:
    """The devices so many links away or fewer, at times at which all these links hold; without the device."""
    around = steps
    for _ in range(hops - 1):
        farther: _Around = {}
        for device, others in around.items():
            found = {other: list(spans) for other, spans in others.items()}
            for other, spans in others.items():
                for beyond, more in steps.get(other, {}).items():
                    if beyond != device:
                        found.setdefault(beyond, []).extend(_in_both(spans, more))
            farther[device] = {other: merged(spans) for other, spans in found.items() if spans}
        around = farther
    return around


def _in_both(one: Iterable[Span], other: Iterable[Span]) -> list[Span]:
    both = [(max(a[0], b[0]), min(a[1], b[1])) for a in one for b in other]
    return [(since, until) for since, until in both if since < until]


def _groups_of(
    schema: TelemetrySchema, by: tuple[str, ...], attributes: pd.DataFrame | None
) -> dict[Key, list[tuple[Key, int, int]]]:
    """The groups of each device over time, named by the values of the columns; none where one is missing."""
    found: dict[Key, list[tuple[Key, int, int]]] = {}
    if attributes is None or not len(attributes):
        return found
    if VALID_FROM not in attributes:
        attributes = attributes.assign(
            **{VALID_FROM: pd.Series(pd.NaT, attributes.index, "datetime64[ns, UTC]")}
        )
    rows = from_beginning(attributes)
    times = rows[VALID_FROM].dt.tz_convert("UTC").dt.tz_localize(None)
    since = times.to_numpy("datetime64[us]").astype("int64").tolist()
    devices = [str(device) for device in rows[DEVICE]]
    levels = [key_parts(device, len(schema.entity), schema.separator) for device in devices]
    columns = []
    for column in by:
        if column in schema.entity:
            place = schema.entity.index(column)
            columns.append([parts[place] if place < len(parts) else None for parts in levels])
        else:
            columns.append(rows[column].where(rows[column].notna(), None).tolist())
    for place, device in enumerate(devices):
        follows = place > 0 and devices[place - 1] == device
        goes_on = place + 1 < len(devices) and devices[place + 1] == device
        values = [column[place] for column in columns]
        if any(value is None for value in values):
            continue
        begin, end = since[place] if follows else BEGINNING, since[place + 1] if goes_on else OPEN
        group, spans = "\0".join(map(str, values)), found.setdefault(device, [])
        if spans and spans[-1][0] == group and spans[-1][2] == begin:  # Something else of it changed.
            begin = spans.pop()[1]
        spans.append((group, begin, end))
    return found
