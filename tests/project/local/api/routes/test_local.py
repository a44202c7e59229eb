def test_the_address_of_the_online_store_can_change_while_it_runs(api):
    api.put("/local/v1/redis-url", json={"redis_url": "redis://127.0.0.1:3"})
    assert api.get("/api/v1/client-spec").json()["redis_url"] == "redis://127.0.0.1:3"
    assert api.put("/local/v1/redis-url", json={"redis_url": 3}).status_code == 400
    api.put("/local/v1/redis-url", json={"redis_url": ""})
    assert api.get("/api/v1/client-spec").json()["feature_store_default_targets"] == "parquet"


def test_it_says_who_it_is(api, api_home):
    identity = api.get("/local/v1/identity").json()
    assert (identity["service"], identity["home"]) == ("netops-control-plane", str(api_home))
