RUNS = "/api/v1/projects/demo/runs"


def _run(name="train", state="running", start="2024-01-01T00:00:00+00:00", **labels):
    return {
        "metadata": {"name": name, "labels": labels},
        "spec": {"parameters": {"n": 1}},
        "status": {"state": state, "start_time": start},
    }


def _store(api, uid, iteration=0, **run):
    answer = api.post(f"{RUNS}/{uid}", params={"iter": iteration}, json=_run(**run))
    assert answer.status_code == 200, answer.text


def test_a_log_is_appended_to_and_read_from_an_offset(api):
    log = "/api/v1/projects/demo/logs/u1"
    _store(api, "u1")
    for part in (b"one ", b"two ", b"three"):
        assert api.post(log, params={"append": "yes"}, content=part).status_code == 200
    answer = api.get(log, params={"offset": 2, "size": 5})
    assert (answer.content, answer.headers["x-mlrun-run-state"]) == (b"e two", "running")
    assert api.get(log, params={"offset": 8}).content == b"three"
    assert api.get(log, params={"offset": 100}).content == b""
    assert api.get(f"{log}/size").json() == {"size": 13}
    api.post(log, params={"append": "no"}, content=b"new")
    assert api.get(log).content == b"new"


def test_a_log_of_no_run_or_a_negative_offset_is_refused(api):
    assert api.get("/api/v1/projects/demo/logs/none").status_code == 404
    assert (
        "'offset' must not be negative" in api.get("/api/v1/projects/demo/logs/u", params={"offset": -1}).text
    )
