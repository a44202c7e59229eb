import pytest

FUNCTIONS = "/api/v1/projects/demo/functions"


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
