def test_model_endpoints_are_kept_and_found(api):
    endpoints = "/api/v1/projects/demo/model-endpoints"
    body = {
        "metadata": {"name": "m", "labels": {"a": "b"}},
        "spec": {"function_name": "serving"},
        "status": {},
    }
    uid = api.post(endpoints, json=body).json()["metadata"]["uid"]
    assert api.get(f"{endpoints}/m", params={"endpoint-id": uid}).json()["metadata"]["uid"] == uid
    assert len(api.get(endpoints, params={"function-name": "serving"}).json()["endpoints"]) == 1
    assert api.get(endpoints, params={"label": "a=c"}).json()["endpoints"] == []
    api.delete(f"{endpoints}/m")
    assert api.get(endpoints).json()["endpoints"] == []
