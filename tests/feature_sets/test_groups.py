"""Who looks at whom: links with a direction, hops and times; peers by columns; and the unit of state."""

from __future__ import annotations

import pandas as pd
import pytest

from feature_sets.group_features import GroupFeatures
from feature_sets.groups import Groups
from feature_sets.telemetry.errors import SchemaError
from feature_sets.telemetry.links import BEGINNING, OPEN, GivenLinks, following
from feature_sets.telemetry.schema import TelemetrySchema

CONTENT = {
    "name": "lab",
    "entity": ["site", "box"],
    "time": "at",
    "metrics": {"load": {}, "delay": {}},
    "label": "bad",
    "static": ["model"],
    "windows": {"lengths": ["1m", "5m"], "operations": ["avg", "max"]},
}
ALWAYS = ((BEGINNING, OPEN),)


def schema_of(topology=None, **derived):
    content = {**CONTENT, "derived": derived}
    return TelemetrySchema.from_dict(content if topology is None else {**content, "topology": topology})


def neighbors(**given):
    return {"operations": ["avg"], "windows": ["1m"], **given}


def around(groups, number=0):
    relation = groups.relations[number]
    return {device: {other: (a, b) for other, a, b in spans} for device, spans in relation.members.items()}


def test_features_have_names_that_say_what_they_are_and_come_last():
    schema = schema_of(
        {"directed": True},
        neighbors=neighbors(statistics=["max"], directions=["any", "downstream"]),
        peers={"by": "model", "comparisons": ["difference", "ratio"]},
    )
    assert schema.group_features == (
        *("load_avg_1m_neighbors_max", "delay_avg_1m_neighbors_max"),
        *("load_avg_1m_downstream_max", "delay_avg_1m_downstream_max"),
        *("load_peers_median_difference", "load_peers_median_ratio"),
        *("delay_peers_median_difference", "delay_peers_median_ratio"),
    )
    assert schema.live_features[-8:] == schema.group_features
    assert TelemetrySchema.from_dict(schema.to_dict()) == schema
    assert GroupFeatures(schema).inputs == ("load_avg_1m", "delay_avg_1m", "load", "delay")
    plain = schema_of()
    assert not plain.group_features
    assert (
        "topology" not in plain.to_dict() and not {"neighbors", "peers"} & plain.to_dict()["derived"].keys()
    )


@pytest.mark.parametrize(
    ("topology", "derived", "words"),
    [
        (None, {"neighbors": neighbors()}, "must come with 'topology'"),
        (
            {},
            {"neighbors": neighbors(directions=["upstream"])},
            "must be 'any', as the links have no direction",
        ),
        (
            {},
            {"neighbors": neighbors(operations=["min"])},
            "neighbors.operations': must be among windows: avg",
        ),
        ({}, {"neighbors": neighbors(windows=[])}, "neighbors.windows': must name at least one"),
        ({}, {"neighbors": neighbors(statistics=["mode"])}, "must be among max, mean, min, median"),
        (
            {},
            {"neighbors": neighbors(hops=9)},
            "neighbors.hops': must be a whole number of at least 1 and at most 4",
        ),
        ({}, {"neighbors": neighbors(max_age="0s")}, "neighbors.max_age': must be a duration of at least 1s"),
        ({}, {"neighbors": neighbors(reach=1)}, "must be among directions, hops, max_age"),
        ({"ends": ["one"]}, {}, "topology.ends': must name two columns"),
        ({"ends": ["one", "one"]}, {}, "topology': must name each column once"),
        ({"directed": 2}, {}, "topology.directed': must be true or false"),
        ({"from": "x"}, {}, "topology': must be among directed, ends"),
        (None, {"peers": {}}, "peers.by': must be a list of names"),
        (None, {"peers": {"by": []}}, "peers.by': must name at least one"),
        (None, {"peers": {"by": "load"}}, "peers.by': must be a column of the key, or of the static file"),
        (None, {"peers": {"by": "model", "comparisons": ["sum"]}}, "must be among difference, ratio"),
        (None, {"peers": {"by": "model", "max_age": 3}}, "peers.max_age': must be a duration"),
    ],
)
def test_what_cannot_be_is_refused(topology, derived, words):
    with pytest.raises(SchemaError, match=words):
        schema_of(topology, **derived)


def test_links_are_seen_from_both_ends_or_from_one_and_over_hops():
    links = {("a", "b"): ALWAYS, ("b", "c"): ALWAYS, ("c", "d"): ((BEGINNING, 10),)}
    both = Groups(schema_of({}, neighbors=neighbors()), links)
    assert {device: set(found) for device, found in around(both).items()} == {
        **{"a": {"b"}, "b": {"a", "c"}, "c": {"b", "d"}, "d": {"c"}}
    }
    directed = schema_of(
        {"directed": True}, neighbors=neighbors(directions=["upstream", "downstream"], hops=2)
    )
    found = Groups(directed, links)
    assert {device: set(others) for device, others in around(found, 0).items()} == {
        **{"b": {"a"}, "c": {"a", "b"}, "d": {"b", "c"}}
    }
    assert around(found, 1)["b"] == {"c": (BEGINNING, OPEN), "d": (BEGINNING, 10)}
    assert set(around(found, 1)) == {"a", "b", "c"}


def test_a_device_two_links_away_is_seen_while_both_hold():
    links = {("a", "b"): ((0, 10), (20, 30)), ("b", "c"): ((5, 25),)}
    found = Groups(schema_of({}, neighbors=neighbors(hops=2)), links)
    spans = [(since, until) for other, since, until in found.relations[0].members["a"] if other == "c"]
    assert spans == [(5, 10), (20, 25)]


def test_what_is_reached_over_a_new_device_belongs_to_the_past_too():
    schema = schema_of({}, neighbors=neighbors(hops=2))
    before = Groups(schema, {("a", "z"): ALWAYS})
    now = Groups(schema, {("a", "z"): ALWAYS, ("a", "b"): ALWAYS, ("b", "c"): ALWAYS})
    later = Groups(schema, {("a", "z"): ALWAYS, ("a", "b"): ALWAYS, ("b", "c"): ((1000, OPEN),)})
    known = {"a", "c", "z"}
    assert dict(before.until(1000, known)) != dict(now.until(1000, known))
    assert dict(before.until(1000, known)) == dict(later.until(1000, known))


def test_peers_share_values_of_the_key_and_of_attributes_at_the_time():
    schema = schema_of(peers={"by": ["site", "model"]})
    attributes = pd.DataFrame(
        {
            "device": ["oslo/a", "oslo/b", "oslo/b", "rome/a", "oslo/c"],
            "model": ["x", "x", "y", "x", None],
            "valid_from": pd.to_datetime([None, None, 7_000_000, None, None], unit="us", utc=True),
        }
    )
    # What stays as it was is one stretch of time.
    again = attributes.iloc[[0]].assign(valid_from=pd.Timestamp("2024-01-01", tz="UTC"))
    attributes = pd.concat([attributes, again], ignore_index=True)
    attributes["valid_from"] = pd.to_datetime(attributes["valid_from"], utc=True)
    relation = Groups(schema, {}, attributes).relations[0]
    assert relation.members["oslo\0x"] == [("oslo/a", BEGINNING, OPEN), ("oslo/b", BEGINNING, 7_000_000)]
    assert relation.members["oslo\0y"] == [("oslo/b", 7_000_000, OPEN)]
    assert "oslo/c" not in relation.groups
    assert Groups(schema, {}, None).relations[0].groups == {}


def test_what_depends_on_each_other_has_one_shard_key_and_the_rest_its_own():
    attributes = pd.DataFrame(
        {"device": ["s/b", "s/a", "t/x", "t/y", "u/z"], "model": ["m", "m", "n", "k", "k"]}
    )
    links = {("t/x", "s/a"): ((0, 10),)}
    schema = schema_of({}, neighbors=neighbors(), peers={"by": "model"})
    groups = Groups(schema, links, attributes)
    keys = {device: groups.shard_key(device) for device in [*attributes["device"], "new"]}
    assert keys == {
        **dict.fromkeys(["s/a", "s/b", "t/x"], "s/a"),
        **dict.fromkeys(["t/y", "u/z"], "t/y"),
        "new": "new",
    }
    assert groups.together(["s/b", "new"]) == {"s/a", "s/b", "t/x", "new"}
    # Without such features links change nothing.
    alone = Groups(schema_of({}), links, attributes)
    assert [alone.shard_key(device) for device in ("s/a", "t/x")] == ["s/a", "t/x"]


def test_links_without_times_hold_from_when_they_were_read_on():
    known = {("a", "b"): ALWAYS, ("b", "c"): ((5, OPEN),)}
    untimed = GivenLinks({("a", "b"): ALWAYS, ("a", "c"): ALWAYS}, timed=False)
    assert following(None, known, 100) == known
    assert following(untimed, {}, None) == untimed.links
    assert following(untimed, known, 100) == {
        ("a", "b"): ALWAYS,
        ("a", "c"): ((101, OPEN),),
        ("b", "c"): ((5, 101),),
    }
    timed = GivenLinks({("a", "b"): ((7, OPEN),)}, timed=True)
    assert following(timed, known, 100) == timed.links
