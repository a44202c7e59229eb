import pytest

FUNCTIONS = "/api/v1/projects/demo/functions"
SETS = "/api/v1/projects/demo/feature-sets"
VECTORS = "/api/v1/projects/demo/feature-vectors"


def _function(kind="job", image="a", **labels):
    return {"kind": kind, "metadata": {"labels": labels}, "spec": {"image": image, "env": []}, "status": {}}


def test_a_function_is_found_by_tag_and_hash_under_its_normal_name(api):
    answer = api.post(f"{FUNCTIONS}/My_Train", params={"tag": "v1", "versioned": "True"}, json=_function())
    hash_key = answer.json()["hash_key"]
    by_tag = api.get(f"{FUNCTIONS}/my-train", params={"tag": "v1"}).json()["func"]
    by_hash = api.get(f"{FUNCTIONS}/my_train", params={"hash_key": hash_key}).json()["func"]
    assert by_tag["metadata"]["name"] == by_hash["metadata"]["name"] == "my-train"
    assert (by_tag["metadata"]["tag"], by_hash["metadata"]["hash"]) == ("v1", hash_key)
    missing = api.get(f"{FUNCTIONS}/my-train")
    assert (missing.status_code, missing.json()["detail"]) == (404, "Function not found demo/my-train:latest")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, {"a", "b"}),
        ({"kind": "job"}, {"a"}),
        ({"name": "b"}, {"b"}),
        ({"label": "x=1"}, {"a"}),
        ({"state": "ready"}, {"b"}),
        ({"since": "2100-01-01"}, set()),
        ({"until": "2000-01-01"}, set()),
        ({"hash_key": "0"}, set()),
        ({"tag": "none"}, set()),
    ],
)
def test_functions_are_found_by_what_the_query_says(api, query, expected):
    api.post(f"{FUNCTIONS}/a", json=_function(x="1"))
    api.post(f"{FUNCTIONS}/b", json={**_function("dask"), "status": {"state": "ready"}})
    listed = api.get(FUNCTIONS, params=query).json()["funcs"]
    assert {function["metadata"]["name"] for function in listed} == expected


def test_the_minimal_format_of_a_function_leaves_the_environment_out(api):
    api.post(f"{FUNCTIONS}/a", json=_function())
    (function,) = api.get(FUNCTIONS, params={"format": "minimal"}).json()["funcs"]
    assert function["spec"] == {"image": "a"}
    assert api.get(FUNCTIONS, params={"format": "tiny"}).status_code == 400


def test_a_version_without_tag_shows_no_status(api):
    for image in ("a", "b"):
        body = {**_function(image=image), "status": {"state": "ready"}}
        api.post(f"{FUNCTIONS}/f", params={"versioned": "True"}, json=body)
    listed = api.get(FUNCTIONS).json()["funcs"]
    assert [(f["spec"]["image"], f["status"]) for f in listed] == [("b", {"state": "ready"}), ("a", None)]


def test_a_deleted_function_is_gone_in_all_versions(api):
    for tag in ("v1", "latest"):
        api.post(f"{FUNCTIONS}/f", params={"tag": tag}, json=_function())
    assert api.delete("/api/v2/projects/demo/functions/f").status_code == 204
    assert api.get(FUNCTIONS).json()["funcs"] == []


def test_a_kind_that_a_laptop_can_not_deploy_answers_501_and_names_it(api):
    answer = api.post("/api/v1/projects/demo/nuclio/app/deploy", json={"function": _function("application")})
    assert answer.status_code == 501
    assert "deploy of kind 'application' is not available" in answer.json()["detail"]


def test_a_deploy_without_a_function_is_refused(api):
    answer = api.post("/api/v1/projects/demo/nuclio/app/deploy", json={})
    assert (answer.status_code, "'function' must be an object" in answer.text) == (400, True)


def test_a_tag_that_would_leave_the_folder_of_the_functions_is_refused(api):
    function = _function("nuclio")
    function["metadata"]["tag"] = "/../../travel"
    answer = api.post("/api/v1/projects/demo/nuclio/f/deploy", json={"function": function})
    assert (answer.status_code, "tag must be 1 to 56 letters" in answer.text) == (400, True)


def test_the_status_of_what_was_never_deployed_is_not_found(api):
    answer = api.get("/api/v1/projects/demo/nuclio/app/deploy")
    assert (answer.status_code, answer.json()["detail"]) == (404, "no function demo/app was deployed")


def _set(name="stocks", entity="ticker", feature="price", **labels):
    return {
        "kind": "FeatureSet",
        "metadata": {"name": name, "labels": labels},
        "spec": {"entities": [{"name": entity}], "features": [{"name": feature, "value_type": "float"}]},
        "status": {"state": "created"},
    }


def _store(api, name="stocks", tag="latest", versioned="True", base=SETS, **content):
    answer = api.put(
        f"{base}/{name}/references/{tag}", params={"versioned": versioned}, json=_set(name, **content)
    )
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize("base", [SETS, VECTORS])
def test_a_reference_is_a_tag_or_a_uid(api, base):
    uid = _store(api, base=base)["metadata"]["uid"]
    by_uid = api.get(f"{base}/stocks/references/{uid}").json()
    by_tag = api.get(f"{base}/stocks/references/latest").json()
    assert by_uid["spec"] == by_tag["spec"]
    assert by_tag["metadata"]["tag"] == "latest"
    assert api.get(f"{base}/stocks/references/v9").status_code == 404


@pytest.mark.parametrize("base", [SETS, VECTORS])
def test_creating_twice_is_a_conflict(api, base):
    assert api.post(base, json=_set()).status_code == 200
    assert api.post(base, json=_set()).status_code == 409
    assert "'metadata.name' must not be empty" in api.post(base, json={"metadata": {}}).json()["detail"]


def test_a_patch_changes_the_record_under_its_tag(api):
    before = _store(api)["metadata"]["uid"]
    answer = api.patch(
        f"{SETS}/stocks/references/latest", json={"status": {"state": "ready"}, "spec": {"x": 1}}
    )
    assert answer.json()["status"]["state"] == "ready"
    after = api.get(f"{SETS}/stocks/references/latest").json()
    assert (after["spec"]["x"], after["metadata"]["uid"] != before) == (1, True)


def test_an_unversioned_set_is_overwritten(api):
    _store(api, versioned="False", feature="a")
    _store(api, versioned="False", feature="b")
    listed = api.get(SETS).json()["feature_sets"]
    assert [s["spec"]["features"][0]["name"] for s in listed] == ["b"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, {"stocks", "devices"}),
        ({"entity": "ticker"}, {"stocks"}),
        ({"feature": "cpu"}, {"devices"}),
        ({"label": "team"}, {"devices"}),
        ({"name": "~STO"}, {"stocks"}),
        ({"state": "gone"}, set()),
        ({"tag": "v1"}, set()),
    ],
)
def test_feature_sets_are_found_by_what_the_query_says(api, query, expected):
    _store(api)
    _store(api, "devices", entity="device", feature="cpu", team="noc")
    listed = api.get(SETS, params=query).json()["feature_sets"]
    assert {s["metadata"]["name"] for s in listed} == expected


def test_partitioning_by_name_keeps_the_newest(api):
    for feature in ("a", "b"):
        _store(api, feature=feature)
    query = {"partition-by": "name", "partition-sort-by": "updated"}
    listed = api.get(SETS, params=query).json()["feature_sets"]
    assert [s["spec"]["features"][0]["name"] for s in listed] == ["b"]
    assert "got 'size' with" in api.get(SETS, params={"partition-by": "size"}).json()["detail"]


def test_features_and_entities_name_the_set_they_are_of(api):
    _store(api)
    _store(api, "devices", entity="device", feature="cpu")
    answer = api.get("/api/v2/projects/demo/features", params={"name": "cpu"}).json()
    digest = answer["feature_set_digests"][answer["features"][0]["feature_set_index"]]
    assert (answer["features"][0]["name"], digest["metadata"]["name"]) == ("cpu", "devices")
    entities = api.get("/api/v2/projects/demo/entities").json()["entities"]
    assert {entity["name"] for entity in entities} == {"ticker", "device"}
    by_entity = api.get("/api/v2/projects/demo/features", params={"entity": "ticker"}).json()["features"]
    assert [feature["name"] for feature in by_entity] == ["price"]


def test_deleting_one_version_leaves_the_others(api):
    _store(api, tag="v1")
    _store(api, tag="v2", feature="other")
    api.delete(f"{SETS}/stocks/references/v2")
    assert api.get(f"{SETS}/*/tags").json()["tags"] == ["v1"]
    api.delete(f"{SETS}/stocks")
    assert api.get(SETS).json()["feature_sets"] == []
    _store(api, base=VECTORS)
    api.delete(f"{VECTORS}/stocks")
    assert api.get(VECTORS).json()["feature_vectors"] == []


def test_a_function_that_needs_no_deploy_is_ready_to_build_on(api):
    answer = api.get("/api/v1/build/status", params={"project": "demo", "name": "train"})
    assert (answer.status_code, answer.headers["x-mlrun-function-status"]) == (200, "ready")
