def test_a_bug_in_a_handler_is_an_error_of_its_own_and_is_not_repeated_by_the_client(api):
    # The client sends no list here; whatever the handler does with it, the server answers and lives on.
    answer = api.post("/api/v1/projects/demo/runs/u1", json={"metadata": "text"})
    assert answer.status_code == 520
    assert "AttributeError" in answer.json()["detail"]
    assert api.get("/api/v1/healthz").status_code == 200
