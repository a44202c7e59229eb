import pytest

ARTIFACTS = "/api/v2/projects/demo/artifacts"


def _put(api, key, kind="dataset", *, tree="run-1", tag="", iteration=None, labels=None, **spec):
    body = {
        "kind": kind,
        "metadata": {"key": key.partition("_")[2], "labels": labels or {}},
        "spec": {"target_path": "/x", **spec},
        "status": {"state": "created"},
    }
    query = {"tree": tree, "tag": tag} | ({} if iteration is None else {"iter": iteration})
    answer = api.put(f"{ARTIFACTS}/{key}", params=query, json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()["metadata"]["uid"]


def _keys(api, **query):
    answer = api.get(ARTIFACTS, params=query)
    assert answer.status_code == 200, answer.text
    return [artifact["spec"]["db_key"] for artifact in answer.json()["artifacts"]]


def test_storing_answers_the_artifact_with_uid_tree_and_tag(api):
    body = {"kind": "model", "metadata": {"key": "model"}, "spec": {}, "status": {}}
    metadata = api.put(f"{ARTIFACTS}/train_model", params={"tree": "run-1"}, json=body).json()["metadata"]
    assert (metadata["tree"], metadata["tag"], len(metadata["uid"])) == ("run-1", "latest", 40)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, ["a_plot", "a_model", "a_data"]),
        ({"kind": "model"}, ["a_model"]),
        ({"category": "dataset"}, ["a_data"]),
        ({"category": "other"}, ["a_plot"]),
        ({"name": "a_data"}, ["a_data"]),
        ({"name": "~DATA"}, ["a_data"]),
        ({"name": "data"}, []),
        ({"label": "color=red"}, ["a_model"]),
        ({"tree": "run-2"}, ["a_plot"]),
        ({"tag": "latest"}, ["a_plot", "a_model", "a_data"]),
        ({"tag": "v1"}, []),
        ({"since": "2100-01-01T00:00:00"}, []),
        ({"until": "2000-01-01T00:00:00"}, []),
        ({"parent": "demo/base"}, ["a_model"]),
        ({"producer_uri": "demo/run-9"}, ["a_plot", "a_model"]),
    ],
)
def test_artifacts_are_found_by_what_the_query_says(api, query, expected):
    _put(api, "a_data", producer={"uri": "demo/run-1"})
    _put(api, "a_model", "model", labels={"color": "red"}, parent_uri="store://models/demo/base:latest")
    _put(api, "a_plot", "plot", tree="run-2")
    assert _keys(api, **query) == expected


def test_an_artifact_is_listed_once_for_each_of_its_tags_unless_one_is_asked_for(api):
    _put(api, "a_data", tag="v1")
    assert _keys(api) == _keys(api, tag="*") == ["a_data", "a_data"]
    listed = api.get(ARTIFACTS).json()["artifacts"]
    assert [artifact["metadata"]["tag"] for artifact in listed] == ["latest", "v1"]
    assert _keys(api, tag="v1") == ["a_data"]


def test_an_artifact_that_is_stored_again_keeps_the_time_of_its_first_store(api):
    _put(api, "a_data")
    (first,) = (each["metadata"] for each in api.get(ARTIFACTS).json()["artifacts"])
    _put(api, "a_data")
    (again,) = (each["metadata"] for each in api.get(ARTIFACTS).json()["artifacts"])
    assert (again["uid"], again["created"]) == (first["uid"], first["created"])
    assert again["updated"] > first["updated"]


def test_kind_and_category_exclude_each_other(api):
    assert "can't be given together" in api.get(ARTIFACTS, params={"kind": "x", "category": "model"}).text


def test_best_iteration_and_iteration_exclude_each_other(api):
    answer = api.get(ARTIFACTS, params={"best-iteration": "true", "iter": 1})
    assert (answer.status_code, "Best iteration cannot be used" in answer.text) == (400, True)


def test_only_the_best_iteration_is_listed_when_asked(api):
    for iteration in (1, 2, 3):
        _put(api, "a_data", iteration=iteration)
    link = {"kind": "link", "metadata": {"key": "data", "tree": "run-1"}, "spec": {"link_iteration": 2}}
    answer = api.put(f"{ARTIFACTS}/a_data", params={"tree": "run-1", "iter": 0}, json=link)
    assert answer.json()["metadata"]["iter"] == 2
    listed = api.get(ARTIFACTS, params={"best-iteration": "true"}).json()["artifacts"]
    assert [artifact["metadata"]["iter"] for artifact in listed] == [2]


def test_the_minimal_format_leaves_the_bulk_out(api):
    _put(api, "a_model", "model", metrics={"auc": 1}, parameters={"deep": "x"})
    artifact = api.get(f"{ARTIFACTS}/a_model", params={"format": "minimal"}).json()
    assert artifact["spec"]["metrics"] == {"auc": 1}
    assert "parameters" not in artifact["spec"]
    assert api.get(f"{ARTIFACTS}/a_model", params={"format": "tiny"}).status_code == 400


def test_partitioning_keeps_the_newest_of_each_key(api):
    for size in (1, 2):
        for key in ("a_data", "b_data"):
            _put(api, key, size=size)
    query = {"partition-by": "project_and_name", "tag": "latest"}
    assert sorted(_keys(api, **query)) == ["a_data", "b_data"]
    assert (
        sorted(_keys(api, **{**query, "tag": "", "rows-per-partition": 2})) == ["a_data"] * 2 + ["b_data"] * 2
    )


def test_artifacts_come_in_pages(api):
    for number in range(5):
        _put(api, f"a_{number}")
    first = api.get(ARTIFACTS, params={"page": 1, "page-size": 3}).json()
    rest = api.get(ARTIFACTS, params={"page-token": first["pagination"]["page-token"]}).json()
    assert (len(first["artifacts"]), len(rest["artifacts"])) == (3, 2)


def test_deleting_by_uid_leaves_the_other_versions(api):
    first, second = _put(api, "a_data", size=1), _put(api, "a_data", size=2)
    assert api.delete(f"{ARTIFACTS}/a_data", params={"object-uid": second}).status_code == 204
    assert api.get(f"{ARTIFACTS}/a_data", params={"object-uid": first}).status_code == 200
    assert api.get(f"{ARTIFACTS}/a_data", params={"object-uid": second}).status_code == 404
    assert api.delete(f"{ARTIFACTS}/a_data").status_code == 204
    assert _keys(api) == []


def test_deleting_by_tag_and_uid_at_once_is_refused(api):
    answer = api.delete(f"{ARTIFACTS}/a_data", params={"tag": "v1", "object-uid": "x"})
    assert (answer.status_code, "Both uid and tag" in answer.text) == (400, True)


def test_the_data_is_deleted_only_when_asked_for(api, tmp_path):
    file = tmp_path / "data.parquet"
    file.write_text("rows")
    for strategy, exists in (("metadata-only", True), ("data-force", False), ("data-optional", False)):
        _put(api, "a_data", target_path=str(file))
        answer = api.delete(f"{ARTIFACTS}/a_data", params={"deletion_strategy": strategy, "tag": "latest"})
        assert (answer.status_code, file.exists()) == (204, exists)
    _put(api, "a_data", target_path=str(file))
    answer = api.delete(f"{ARTIFACTS}/a_data", params={"deletion_strategy": "data-force"})
    assert (answer.status_code, "data of the artifact not found" in answer.text) == (404, True)
    assert _keys(api) == ["a_data"]


def test_data_that_is_no_local_file_is_not_deleted_by_force(api):
    _put(api, "a_data", target_path="s3://bucket/data")
    answer = api.delete(f"{ARTIFACTS}/a_data", params={"deletion_strategy": "data-force"})
    assert (answer.status_code, "got 's3://bucket/data'" in answer.text) == (501, True)


def test_many_are_deleted_by_a_query(api):
    _put(api, "a_data")
    _put(api, "a_model", "model", labels={"old": "yes"})
    api.delete(ARTIFACTS, params={"label": "old"})
    assert _keys(api) == ["a_data"]


def test_a_full_run_carries_its_artifacts(api):
    uid = _put(api, "train_data")
    uri = f"store://datasets/demo/train_data:latest@run-1^{uid}"
    run = {
        "metadata": {"name": "train"},
        "status": {"artifact_uris": {"data": uri, "gone": "store://models/demo/x"}},
    }
    api.post("/api/v1/projects/demo/runs/run-1", json=run)
    full = api.get("/api/v1/projects/demo/runs/run-1", params={"format": "full"}).json()["data"]
    assert [artifact["metadata"]["uid"] for artifact in full["status"]["artifacts"]] == [uid]
    plain = api.get("/api/v1/projects/demo/runs/run-1", params={"format": "standard"}).json()["data"]
    assert "artifacts" not in plain["status"]


def _tags(api, **query):
    return api.get("/api/v1/projects/demo/artifact-tags", params=query).json()["tags"]


def test_tags_are_added_replaced_and_taken(api):
    uid = _put(api, "a_model", "model")
    _put(api, "a_data")
    objects = {"kind": "artifact", "identifiers": [{"key": "a_model", "uid": uid, "kind": "model"}]}
    assert api.put("/api/v1/projects/demo/tags/good", json=objects).status_code == 200
    assert _tags(api) == ["good", "latest"]
    assert api.post("/api/v1/projects/demo/tags/best", json=objects).status_code == 200
    assert _tags(api, category="model") == ["best"]
    assert api.request("DELETE", "/api/v1/projects/demo/tags/best", json=objects).status_code == 204
    assert _tags(api) == ["latest"]


def test_an_old_client_names_the_producer_in_the_uid(api):
    _put(api, "a_model", "model", tree="run-7")
    objects = {"kind": "artifact", "identifiers": [{"key": "a_model", "uid": "run-7"}]}
    api.put("/api/v1/projects/demo/tags/good", json=objects)
    assert _keys(api, tag="good") == ["a_model"]


@pytest.mark.parametrize(
    ("tag", "objects", "words"),
    [
        (
            "good",
            {"kind": "run", "identifiers": []},
            "only objects of kind 'artifact' can be tagged, got 'run'",
        ),
        ("good", {"kind": "artifact", "identifiers": [{}]}, "must name at least one field"),
        ("n%20o", {"kind": "artifact", "identifiers": []}, "tag must be 1 to 56 letters"),
    ],
)
def test_what_can_not_be_tagged_is_refused_by_name(api, tag, objects, words):
    answer = api.put(f"/api/v1/projects/demo/tags/{tag}", json=objects)
    assert answer.status_code in {400, 501}
    assert words in answer.json()["detail"]


def test_an_artifact_can_be_created_by_the_key_in_its_body(api):
    body = {"kind": "artifact", "metadata": {"key": "note"}, "spec": {"db_key": "a_note"}, "status": {}}
    assert api.post(ARTIFACTS, json=body).status_code == 201
    assert _keys(api) == ["a_note"]
