import stat


def test_secrets_are_kept_and_never_shown(api, api_home):
    secrets = "/api/v1/projects/demo/secrets"
    api.post(secrets, json={"provider": "kubernetes", "secrets": {"a": "x", "b": "y"}})
    assert api.get(secrets).status_code == 400
    assert api.get("/api/v1/projects/demo/secret-keys").json()["secret_keys"] == ["a", "b"]
    api.delete(secrets, params={"secret": "a"})
    assert api.get("/api/v1/projects/demo/secret-keys").json()["secret_keys"] == ["b"]
    assert (
        "provider 'vault' are not available" in api.post(secrets, json={"provider": "vault"}).json()["detail"]
    )
    (database,) = (api_home / "api").glob("*.sqlite3")
    assert stat.S_IMODE(database.stat().st_mode) == 0o600
