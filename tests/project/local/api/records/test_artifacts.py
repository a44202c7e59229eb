import pytest

from project.local.api.errors import InvalidError, NotFoundError
from project.local.api.records.artifact_tags import tag_artifacts, untag_artifacts
from project.local.api.records.artifacts import (
    ArtifactName,
    delete_artifacts,
    find_artifact,
    read_artifact,
    store_artifact,
)


def _artifact(key="data", kind="dataset", **spec):
    return {"kind": kind, "metadata": {"key": key}, "spec": {"target_path": "/x", **spec}, "status": {}}


def _put(store, key="train_data", *, tree="run-1", tag="", iteration=0, **spec):
    return store_artifact(store, "demo", key, _artifact(**spec), tree=tree, tag=tag, iteration=iteration)


def _read(store, key="train_data", **name):
    return read_artifact(store, ArtifactName("demo", key, **name))


def test_storing_the_same_again_updates_it_and_keeps_its_creation_time(store):
    first = _put(store, metrics={"auc": 0.5}, kind="model")
    created = _read(store)["metadata"]["created"]
    assert _put(store, metrics={"auc": 0.9}, kind="model") == first
    artifact = _read(store)
    assert artifact["spec"]["metrics"] == {"auc": 0.9}
    assert artifact["metadata"]["created"] == created
    assert len(store.rows("SELECT * FROM artifacts")) == 1


def test_different_content_is_another_artifact_of_the_same_key(store):
    first, second = _put(store, size=1), _put(store, size=2)
    assert first != second
    assert _read(store, tag="latest")["metadata"]["uid"] == second
    assert _read(store, uid=first)["metadata"]["uid"] == first


def test_the_db_key_is_what_it_is_stored_under_not_the_short_key(store):
    _put(store)
    assert _read(store)["spec"]["db_key"] == "train_data"
    with pytest.raises(NotFoundError, match="Artifact demo/data:latest not found"):
        _read(store, "data", tag="latest")


def test_a_tag_moves_to_the_artifact_of_the_newer_run(store):
    first = _put(store, tree="run-1", tag="v1")
    second = _put(store, tree="run-2", tag="v1")
    assert _read(store, tag="v1")["metadata"]["uid"] == second
    assert _read(store, tag="latest")["metadata"]["uid"] == second
    assert "tag" not in _read(store, uid=first, tag="latest")["metadata"]
    assert _read(store, uid=first, tag="latest")["metadata"]["uid"] == first
    with pytest.raises(NotFoundError, match="demo/train_data:latest@run-1 not found"):
        _read(store, tree="run-1", tag="latest")


def test_a_new_artifact_is_latest_even_if_it_gets_another_tag(store):
    _put(store, tag="v1")
    assert _read(store, tag="v1")["metadata"]["tag"] == "v1"
    assert _read(store, tag="latest")["metadata"]["tag"] == "latest"


def test_iterations_of_one_run_keep_the_tag_side_by_side(store):
    uids = [_put(store, iteration=iteration) for iteration in (1, 2, 3)]
    assert [_read(store, tag="latest", iteration=n)["metadata"]["uid"] for n in (1, 2, 3)] == uids


def test_iteration_0_finds_the_best_iteration_once_a_link_says_which_it_is(store):
    uids = [_put(store, iteration=iteration) for iteration in (1, 2, 3)]
    with pytest.raises(NotFoundError):
        _read(store, tag="latest", iteration=0)
    link = {"kind": "link", "metadata": {"key": "data", "tree": "run-1"}, "spec": {"link_iteration": 2}}
    assert store_artifact(store, "demo", "train_data", link, tree="run-1") == uids[1]
    assert _read(store, tag="latest", iteration=0)["metadata"]["uid"] == uids[1]
    link["spec"]["link_iteration"] = 3
    store_artifact(store, "demo", "train_data", link, tree="run-1")
    assert _read(store, tag="latest", iteration=0)["metadata"]["uid"] == uids[2]
    assert len(store.rows("SELECT * FROM artifacts WHERE best_iteration")) == 1


def test_the_best_iteration_of_another_run_stays(store):
    link = {"kind": "link", "metadata": {"key": "data"}, "spec": {"link_iteration": 1, "link_tree": "run-1"}}
    first = _put(store, tree="run-1", iteration=1)
    store_artifact(store, "demo", "train_data", link)
    second = _put(store, tree="run-2", iteration=1)
    link["spec"]["link_tree"] = "run-2"
    store_artifact(store, "demo", "train_data", link)
    assert _read(store, tree="run-1", iteration=0)["metadata"]["uid"] == first
    assert _read(store, tree="run-2", iteration=0)["metadata"]["uid"] == second


def test_a_link_to_an_iteration_that_is_not_there_names_it(store):
    _put(store, iteration=1)
    link = {"kind": "link", "metadata": {"key": "data", "tree": "run-1"}, "spec": {"link_iteration": 9}}
    with pytest.raises(NotFoundError, match="Best iteration artifact not found - demo/train_data:9"):
        store_artifact(store, "demo", "train_data", link)


def test_a_tag_can_be_given_and_taken_later(store):
    uid = _put(store)
    identity = find_artifact(store, ArtifactName("demo", "train_data", uid=uid))["id"]
    tag_artifacts(store, "demo", "production", [identity])
    assert _read(store, tag="production")["metadata"]["uid"] == uid
    untag_artifacts(store, [identity], "production")
    with pytest.raises(NotFoundError):
        _read(store, tag="production")
    untag_artifacts(store, [identity])
    assert find_artifact(store, ArtifactName("demo", "train_data", tag="latest")) is None
    assert _read(store)["metadata"]["uid"] == uid


def test_deleting_an_artifact_deletes_its_tags(store):
    uid = _put(store, tag="v1")
    delete_artifacts(store, [find_artifact(store, ArtifactName("demo", "train_data", uid=uid))["id"]])
    assert store.rows("SELECT * FROM artifact_tags") == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"tag": "no good"}, "tag must be 1 to 56 letters, digits, .* got 'no good'"),
        ({"tag": "-v1"}, "got '-v1'"),
        ({"key": "a/b"}, "artifact key must not be empty or contain '/'"),
        ({"uid": "0" * 40}, "Changing uid for an object referenced by its uid"),
        (
            {"artifact": {"metadata": {"key": "k", "project": "other"}}},
            "must be 'demo' as in the path, got 'other'",
        ),
    ],
)
def test_what_breaks_a_rule_is_refused_by_name(store, change, words):
    key, artifact = change.pop("key", "train_data"), change.pop("artifact", _artifact())
    with pytest.raises(InvalidError, match=words):
        store_artifact(store, "demo", key, artifact, tree="run-1", **change)
