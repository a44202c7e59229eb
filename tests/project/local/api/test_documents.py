import copy
from datetime import UTC, datetime, timedelta, timezone

import pytest
from mlrun.utils.helpers import fill_object_hash
from mlrun.utils.helpers import update_in as mlrun_update_in

from project.local.api.documents import (
    epoch,
    get_in,
    keep,
    matches_labels,
    merge,
    name_rule,
    object_hash,
    parse_time,
    update_in,
)
from project.local.api.errors import InvalidError


def test_a_dotted_path_reads_through_objects_and_gives_the_default_where_one_is_missing():
    document = {"status": {"state": "running", "none": None}}
    assert get_in(document, "status.state") == "running"
    assert get_in(document, "status.none.deeper", "absent") == "absent"
    assert get_in(document, "spec.image", "absent") == "absent"


@pytest.mark.parametrize(
    "path", ["status.results.accuracy", "status", r"status.results.\a.b\ ".strip(), "new.deep.path"]
)
def test_updates_land_where_mlrun_puts_them(path):
    ours, theirs = {"status": {"results": {}}}, {"status": {"results": {}}}
    update_in(ours, path, 1)
    mlrun_update_in(theirs, path, 1)
    assert ours == theirs


def test_an_update_through_something_that_is_no_object_names_the_key():
    with pytest.raises(InvalidError, match="'state' must be an object, got str"):
        update_in({"status": {"state": "done"}}, "status.state.reason", "x")


def test_merge_replaces_lists_unless_it_is_additive():
    document = {"spec": {"steps": [1], "kept": True}}
    merge(document, {"spec": {"steps": [2]}})
    assert document == {"spec": {"steps": [2], "kept": True}}
    merge(document, {"spec": {"steps": [3]}}, additive=True)
    assert document["spec"]["steps"] == [2, 3]


def test_the_hash_of_a_document_is_the_one_mlrun_computes():
    document = {
        "kind": "serving",
        "metadata": {
            "name": "f",
            "tag": "v1",
            "created": "2024-01-01",
            "updated": "2024-01-02",
            "labels": {"a": 1},
        },
        "spec": {"env": [{"name": "A", "value": "é"}], "when": datetime(2024, 1, 1, tzinfo=UTC)},
        "status": {"state": "ready"},
    }
    assert object_hash(copy.deepcopy(document), "hash") == fill_object_hash(copy.deepcopy(document), "hash")


def test_the_hash_ignores_tag_status_and_times_but_not_content():
    document = {"metadata": {"name": "f"}, "spec": {"a": 1}}
    other = {
        "metadata": {"name": "f", "tag": "v2", "updated": "now"},
        "spec": {"a": 1},
        "status": {"state": "x"},
    }
    changed = {"metadata": {"name": "f"}, "spec": {"a": 2}}
    assert object_hash(document, "uid") == object_hash(other, "uid") != object_hash(changed, "uid")
    assert document["metadata"]["uid"] == other["metadata"]["uid"]


def test_labels_are_asked_for_by_presence_or_value():
    labels = {"owner": "me", "count": 3}
    assert matches_labels(labels, ["owner", "count=3"])
    assert matches_labels(None, [])
    assert not matches_labels(labels, ["owner=you"])
    assert not matches_labels(labels, ["absent"])


def test_a_name_query_is_exact_unless_it_starts_with_a_tilde():
    assert [name for name in ("train", "Retrain", "test") if name_rule("train")(name)] == ["train"]
    assert [name for name in ("train", "Retrain", "test") if name_rule("~TRAIN")(name)] == [
        "train",
        "Retrain",
    ]
    assert name_rule("")("anything")


def test_a_time_without_zone_is_utc():
    assert parse_time("2024-01-01T00:00:00") == datetime(2024, 1, 1, tzinfo=UTC)
    assert epoch("2024-01-01T02:00:00+02:00") == epoch(datetime(2024, 1, 1, tzinfo=UTC))
    assert epoch(datetime(2024, 1, 1, tzinfo=timezone(timedelta(hours=1)))) == epoch("2023-12-31T23:00:00")
    assert parse_time("") is None


def test_what_is_no_time_is_named():
    with pytest.raises(InvalidError, match="time must be ISO 8601, got 'yesterday'"):
        parse_time("yesterday")


def test_keep_copies_only_the_paths_that_are_there():
    document = {"kind": "x", "metadata": {"name": "n", "tag": "t"}, "status": None}
    assert keep(document, ["metadata.name", "status.state", "spec.graph"]) == {"metadata": {"name": "n"}}
