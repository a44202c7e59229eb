def test_a_profile_is_shown_without_its_private_part(api):
    profile = {"name": "store", "type": "redis", "object": "{}", "private": "password", "project": "demo"}
    profiles = "/api/v1/projects/demo/datastore-profiles"
    assert "password" not in api.put(profiles, json=profile).text
    assert "password" not in api.get(f"{profiles}/store").text
    assert api.get(profiles).json()[0]["name"] == "store"
    assert api.get("/api/v1/projects/demo/secret-keys").json()["secret_keys"] == [
        "datastore-profiles.demo.store"
    ]
    assert api.delete(f"{profiles}/store").status_code == 204
    assert api.delete(f"{profiles}/store").status_code == 404
    assert api.get("/api/v1/projects/demo/secret-keys").json()["secret_keys"] == []
    assert "'name' must not be empty" in api.put(profiles, json={}).json()["detail"]
