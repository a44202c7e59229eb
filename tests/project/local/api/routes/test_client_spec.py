def test_client_spec_points_everything_at_the_home_and_needs_no_v3io(api, api_home):
    spec = api.get("/api/v1/client-spec").json()
    assert spec["version"] == "1.12.1"
    assert spec["artifact_path"] == f"{api_home}/artifacts/{{{{project}}}}/{{{{run.uid}}}}"
    assert spec["redis_url"] == "redis://127.0.0.1:2"
    assert spec["feature_store_default_targets"] == "parquet,redisnosql"
    assert "v3io" not in str(spec)
