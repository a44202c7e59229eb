"""How to read a feature vector from Redis: worked out once, so that a request only sends and decodes.

A device's row is spread over the feature sets of the vector, one hash each. The plan holds, for each of them,
the bytes of its ``HMGET`` around the device, and what turns the answer into values.
"""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import mlrun.feature_store as fstore
from mlrun.datastore.targets import TargetTypes, get_online_target
from mlrun.feature_store.common import parse_feature_string, parse_project_name_from_feature_string

from feature_sets.checks import InputError
from feature_sets.online_store.redis_table import EVENT_TIME, WRITE_TIME, OnlineTable, from_text

_KEY = "\0"


def _where(vector: str) -> str:
    return f"feature vector '{vector}'"


@dataclass(frozen=True)
class TablePlan:
    """What is read of one feature set.

    The answer to the command begins with the time of the write and, where ``timed``, the event time.

    :param feature_set: its name, for messages.
    :param timed: whether its rows have an event time.
    :param before: bytes of the key before the entity, and ``after`` those behind it.
    :param head: bytes of the command before the key, and ``tail`` those behind it.
    :param features: their names in the feature set, and ``decoders``, one each.
    :param floats: whether all of them are.
    """

    feature_set: str
    timed: bool
    before: bytes
    after: bytes
    head: bytes
    tail: bytes
    features: tuple[str, ...]
    floats: bool
    decoders: tuple[Callable[[bytes], Any], ...]

    def command(self, entity: bytes) -> bytes:
        """The command that asks for the row of an entity, in the protocol of Redis (RESP)."""
        length = len(self.before) + len(entity) + len(self.after)
        return b"%b$%d\r\n%b%b%b%b" % (self.head, length, self.before, entity, self.after, self.tail)


@dataclass(frozen=True)
class OnlinePlan:
    """What is read of all feature sets of a vector.

    :param url: address of the server, with its credentials.
    :param tables: one a feature set.
    :param names: features in the order of the vector.
    :param order: for each of them its position in the values of all tables, one after the other; None if that
        is the order already.
    """

    url: str
    tables: tuple[TablePlan, ...]
    names: tuple[str, ...]
    order: tuple[int, ...] | None


def online_plan(vector: fstore.FeatureVector) -> OnlinePlan:
    """The plan for a vector whose feature sets have one and the same entity and a Redis target each.

    :raises InputError: if it is none of those.
    """
    name = vector.metadata.name
    if vector.spec.graph and vector.spec.graph.steps:
        raise InputError(_where(name), "must have no graph of its own", list(vector.spec.graph.steps))
    # MLRun notes what it finds in the vector; the caller's stays as it is.
    feature_sets, fields = copy.deepcopy(vector).parse_features(offline=False)
    if not fields:
        raise InputError(_where(name), "must have features", list(vector.spec.features))
    entities = {key: [entity.name for entity in feature_sets[key].spec.entities] for key in fields}
    if len({tuple(names) for names in entities.values()}) != 1 or len(next(iter(entities.values()))) != 1:
        raise InputError(_where(name), "must have feature sets of one and the same entity", entities)

    urls, tables, names = set(), [], {}
    position = 0
    for key, asked in fields.items():
        table = _table(name, feature_sets[key])
        urls.add(table.url)
        tables.append(_table_plan(feature_sets[key], table, [field for field, _ in asked]))
        names[key] = deque((alias or field, position + at) for at, (field, alias) in enumerate(asked))
        position += len(asked)
    if len(urls) != 1:
        hosts = sorted(url.rpartition("@")[2] for url in urls)
        raise InputError(_where(name), "must have its feature sets on one server", hosts)
    ordered = _in_vector_order(vector.spec.features, feature_sets, names)
    order = tuple(at for _, at in ordered)
    return OnlinePlan(
        url=urls.pop(),
        tables=tuple(tables),
        names=tuple(feature for feature, _ in ordered),
        order=None if order == tuple(range(position)) else order,
    )


def _table(vector: str, feature_set: fstore.FeatureSet) -> OnlineTable:
    target = get_online_target(feature_set)
    if target is None or target.kind != TargetTypes.redisnosql:
        rule = f"must have an ingested Redis target in feature set '{feature_set.metadata.name}'"
        raise InputError(_where(vector), rule, None if target is None else target.kind)
    return OnlineTable.of(target, feature_set)


def _table_plan(feature_set: fstore.FeatureSet, table: OnlineTable, fields: Sequence[str]) -> TablePlan:
    timed = bool(feature_set.spec.timestamp_key)
    before, after = table.key(_KEY).encode().split(_KEY.encode())
    own = [WRITE_TIME, EVENT_TIME] if timed else [WRITE_TIME]
    asked = [field.encode() for field in (*own, *fields)]
    decoders = tuple(from_text(feature_set.spec.features[field].value_type) for field in fields)
    return TablePlan(
        feature_set=feature_set.metadata.name,
        timed=timed,
        before=before,
        after=after,
        head=b"*%d\r\n$5\r\nHMGET\r\n" % (len(asked) + 2),
        tail=b"\r\n" + b"".join(b"$%d\r\n%b\r\n" % (len(field), field) for field in asked),
        features=tuple(fields),
        floats=all(decoder is float for decoder in decoders),
        decoders=decoders,
    )


def _in_vector_order(
    features: Sequence[str], feature_sets: dict[str, Any], names: dict[str, deque[tuple[str, int]]]
) -> list[tuple[str, int]]:
    """Names and positions of all features as the vector lists them, ``*`` in the order of its set."""
    ordered = []
    for feature in features:
        _, reference = parse_project_name_from_feature_string(feature)
        key, field, _ = parse_feature_string(reference)
        spec = feature_sets[key].spec
        count = sum(known != spec.timestamp_key for known in spec.features.keys()) if field == "*" else 1  # noqa: SIM118
        ordered += [names[key].popleft() for _ in range(count)]
    return ordered
