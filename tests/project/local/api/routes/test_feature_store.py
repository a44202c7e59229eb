import pytest

SETS = "/api/v1/projects/demo/feature-sets"
VECTORS = "/api/v1/projects/demo/feature-vectors"


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
