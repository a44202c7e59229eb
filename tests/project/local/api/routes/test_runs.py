import base64
import json

import pytest

from project.local.api.records.store import Store

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


def _uids(api, **query):
    answer = api.get(RUNS, params=query)
    assert answer.status_code == 200, answer.text
    return [run["metadata"].get("uid") or run["spec"]["uid"] for run in answer.json()["runs"]]


def _count(api, **query):
    return len(api.get(RUNS, params=query).json()["runs"])


@pytest.fixture
def three(api):
    for number, name in enumerate(["train", "Retrain", "test"]):
        run = _run(
            name,
            ["completed", "error", "running"][number],
            f"2024-01-0{number + 1}T00:00:00+00:00",
            no=str(number),
        )
        run["metadata"]["uid"] = f"u{number}"
        api.post(f"{RUNS}/u{number}", json=run)
    return api


def test_a_run_is_read_back_as_stored(api):
    _store(api, "u1")
    run = api.get(f"{RUNS}/u1").json()["data"]
    assert run["spec"]["parameters"] == {"n": 1}
    assert run["status"]["start_time"] == "2024-01-01T00:00:00+00:00"
    assert run["status"]["last_update"]


def test_updates_change_dotted_keys_only(api):
    _store(api, "u1")
    updates = {"status.results": {"auc": 0.5}, "status.state": "completed"}
    assert api.patch(f"{RUNS}/u1", json=updates).status_code == 200
    run = api.get(f"{RUNS}/u1").json()["data"]
    assert run["status"]["results"] == {"auc": 0.5}
    assert run["spec"]["parameters"] == {"n": 1}
    assert run["status"]["end_time"]


def test_a_nan_that_the_client_sends_is_kept_as_null(api):
    answer = api.post(
        f"{RUNS}/u1", content='{"metadata": {"name": "t"}, "status": {"results": {"auc": NaN}}}'
    )
    assert answer.status_code == 200
    assert api.get(f"{RUNS}/u1").json()["data"]["status"]["results"] == {"auc": None}


def test_iterations_are_runs_of_their_own_and_listed_only_when_asked(api):
    for iteration in (0, 1, 2):
        run = _run()
        run["metadata"].update(uid="u1", iteration=iteration)
        api.post(f"{RUNS}/u1", params={"iter": iteration}, json=run)
    assert len(_uids(api)) == 1
    assert len(_uids(api, iter="yes")) == 3
    assert api.get(f"{RUNS}/u1", params={"iter": 2}).json()["data"]["metadata"]["iteration"] == 2


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, ["u2", "u1", "u0"]),
        ({"name": "train"}, ["u0"]),
        ({"name": "~train"}, ["u1", "u0"]),
        ({"uid": ["u0", "u2"]}, ["u2", "u0"]),
        ({"states": ["error", "running"]}, ["u2", "u1"]),
        ({"label": "no=1"}, ["u1"]),
        ({"label": "no"}, ["u2", "u1", "u0"]),
        ({"start_time_from": "2024-01-02T00:00:00"}, ["u2", "u1"]),
        ({"start_time_to": "2024-01-02T00:00:00+00:00"}, ["u1", "u0"]),
        ({"end_time_from": "2100-01-01T00:00:00"}, []),
        ({"with-notifications": "true"}, []),
    ],
)
def test_runs_are_found_by_what_the_query_says_newest_first(three, query, expected):
    assert _uids(three, **query) == expected


def test_a_list_comes_in_pages_whose_token_holds_the_query(three):
    first = three.get(RUNS, params={"page": 1, "page-size": 1, "name": "~train"}).json()
    assert [run["metadata"]["uid"] for run in first["runs"]] == ["u1"]
    second = three.get(RUNS, params={"page-token": first["pagination"]["page-token"]}).json()
    assert [run["metadata"]["uid"] for run in second["runs"]] == ["u0"]
    assert second["pagination"]["page-token"] is None


@pytest.mark.parametrize("value", ["ab12", "AB12", "ab 12", "abé", 'a"b', "12", "True", "ab1"])
def test_a_run_is_found_by_the_value_of_its_label_whatever_is_in_it(api, value):
    _store(api, "u0", who=value)
    _store(api, "u1", who=f"{value}x", other=value)
    found = api.get(RUNS, params={"label": f"who={value}"}).json()["runs"]
    assert [run["metadata"]["labels"]["who"] for run in found] == [value]
    assert _count(api, label="who=nobody") == 0


@pytest.mark.parametrize(
    ("query", "expected", "read"),
    [({}, "u2", 2), ({"name": "train"}, "u0", 1), ({"name": "~train"}, "u1", 3), ({"label": "no"}, "u2", 2)],
)
def test_no_more_runs_are_read_than_a_page_needs(three, query, expected, read, monkeypatch):
    each, found = Store.each, []

    def counted(self, sql, *parameters):
        for row in each(self, sql, *parameters):
            found.append(row)
            yield row

    monkeypatch.setattr(Store, "each", counted)
    answer = three.get(RUNS, params={"page": 1, "page-size": 1, **query}).json()
    assert [run["metadata"]["uid"] for run in answer["runs"]] == [expected]
    assert len(found) == read


def _pages(api, meanwhile, **query):
    """Ids of all runs, two a page; ``meanwhile`` is done after the first page."""
    answer = api.get(RUNS, params={"page": 1, "page-size": 2, **query}).json()
    found = [run["metadata"]["uid"] for run in answer["runs"]]
    assert answer["pagination"]["page-token"]
    meanwhile()
    while token := answer["pagination"]["page-token"]:
        answer = api.get(RUNS, params={"page-token": token}).json()
        found += [run["metadata"]["uid"] for run in answer["runs"]]
    return found


@pytest.mark.parametrize(
    "query",
    [{}, {"label": "who=me"}, {"label": "who"}, {"name": "~ru"}, {"name": "run"}, {"states": "created"}],
)
def test_runs_that_are_deleted_or_begun_between_two_pages_move_no_other(api, query):
    def begun(uid, day, who="me"):
        status = {"state": "created", "start_time": f"2024-01-0{day}T00:00:00+00:00"}
        run = {"metadata": {"name": "run", "uid": uid, "labels": {"who": who}}, "status": status}
        assert api.post(f"{RUNS}/{uid}", json=run).status_code == 200

    for uid, day in (("u0", 1), ("u1", 2), ("u2", 3), ("u3", 3), ("u4", 3), ("u5", 5)):
        begun(uid, day)

    def meanwhile():
        for uid in ("u5", "u2"):  # The first page, as a whole: the last one on it is gone, too.
            assert api.delete(f"{RUNS}/{uid}").status_code == 204
        begun("u6", 6)

    assert _pages(api, meanwhile, **query) == ["u5", "u2", "u3", "u4", "u1", "u0"]


def test_pages_of_the_newest_run_of_each_name_go_on_after_the_last_one(api):
    for place in range(5):
        status = {"state": "created", "start_time": f"2024-01-0{place + 1}T00:00:00+00:00"}
        run = {"metadata": {"name": f"name{place}", "uid": f"u{place}"}, "status": status}
        assert api.post(f"{RUNS}/u{place}", json=run).status_code == 200
    query = {"partition-by": "project_and_name", "partition-sort-by": "created"}
    found = _pages(api, lambda: api.delete(f"{RUNS}/u4"), **query)
    assert found == ["u4", "u3", "u2", "u1", "u0"]


def test_a_page_by_its_number_and_a_token_of_an_earlier_release_count(three):
    second = three.get(RUNS, params={"page": 2, "page-size": 1}).json()
    assert [run["metadata"]["uid"] for run in second["runs"]] == ["u1"]
    before = base64.urlsafe_b64encode(b"[[], 2, 1]").decode()
    assert three.get(RUNS, params={"page-token": before}).json()["runs"] == second["runs"]


def test_labels_are_found_as_they_are_now(api):
    def found(**query):
        return api.get(RUNS, params=query).json()["runs"]

    _store(api, "u0", who="me", round=2, on=True, none=None)
    for label in ("who=me", "round=2", "on=True", "none=None", "who", "on"):
        assert len(found(label=label)) == 1, label
    assert found(label="round=3") == found(label="on=true") == []
    assert len(found(label=["who=me", "round=2"])) == 1 and found(label=["who=me", "round=3"]) == []
    answer = api.patch(f"{RUNS}/u0", json={"metadata.labels.who": "you"})
    assert answer.status_code == 200
    assert found(label="who=me") == [] and len(found(label="who=you")) == 1
    _store(api, "u0", other="me")
    assert found(label="who") == [] and len(found(label="other=me")) == 1
    assert api.delete(f"{RUNS}/u0").status_code == 204
    assert found(label="other=me") == []
    _store(api, "u1", who="them")
    assert len(found(label="who=them")) == 1


def test_what_many_runs_have_is_found_as_what_few_have(api, monkeypatch):
    for place in range(4):
        _store(api, f"u{place}", kind="job", step=f"s{place}")
    for few in (0, 1000):
        monkeypatch.setattr("project.local.api.routes.runs._FEW", few)
        assert _count(api, label="kind=job") == 4 and _count(api, label="step=s1") == 1


@pytest.mark.parametrize("key", [[1], ["x", "u", 0, "p"], [1.0, "u", "0", "p"], {"a": 1}])
def test_a_token_whose_key_is_none_is_refused(three, key):
    token = base64.urlsafe_b64encode(json.dumps([[], 2, 1, key]).encode()).decode()
    answer = three.get(RUNS, params={"page-token": token})
    assert (answer.status_code, "page-token must come from an earlier answer" in answer.text) == (400, True)


def test_a_token_that_is_not_ours_is_refused(api):
    answer = api.get(RUNS, params={"page-token": "abc"})
    assert (answer.status_code, "page-token must come from an earlier answer" in answer.text) == (400, True)


def test_partitioning_keeps_the_newest_runs_of_each_name(api):
    for number in range(3):
        for name in ("a", "b"):
            run = _run(name, "completed", f"2024-01-0{number + 1}T00:00:00+00:00")
            run["metadata"]["uid"] = f"{name}{number}"
            api.post(f"{RUNS}/{name}{number}", json=run)
    query = {"partition-by": "project_and_name", "partition-sort-by": "created"}
    assert sorted(_uids(api, **query)) == ["a2", "b2"]
    assert sorted(_uids(api, **query, **{"partition-order": "asc"})) == ["a0", "b0"]
    assert sorted(_uids(api, **query, **{"rows-per-partition": 2})) == ["a1", "a2", "b1", "b2"]
    assert len(_uids(api, **query, **{"max-partitions": 1})) == 1


def test_partitioning_without_a_sort_field_is_refused(api):
    answer = api.get(RUNS, params={"partition-by": "project_and_name"})
    assert answer.status_code == 400
    assert "partition-sort-by 'created' or 'updated'" in answer.json()["detail"]


def test_a_run_keeps_its_name(api):
    _store(api, "u1", name="train")
    answer = api.post(f"{RUNS}/u1", json=_run("test"))
    assert (answer.status_code, "Changing name for an existing run" in answer.text) == (400, True)


def test_aborting_a_run_that_is_over_is_a_conflict(api):
    _store(api, "u1")
    # 202 with a task, as MLRun's server answers: the client asks how the task ended.
    answer = api.post(f"{RUNS}/u1/abort", json={"status.status_text": "enough"})
    assert answer.status_code == 202
    task = api.get(f"/api/v1/projects/demo/background-tasks/{answer.json()['metadata']['name']}").json()
    assert (task["kind"], task["status"]["state"]) == ("BackgroundTask", "succeeded")
    status = api.get(f"{RUNS}/u1").json()["data"]["status"]
    assert (status["state"], status["status_text"]) == ("aborted", "enough")
    assert api.post(f"{RUNS}/u1/abort").status_code == 409


@pytest.mark.parametrize("ended", ["completed", "error", "aborted"])
@pytest.mark.parametrize("later", ["running", "completed", "error", "aborted"])
def test_a_terminal_state_never_changes_again(api, ended, later):
    _store(api, "u1", state=ended)
    before = api.get(f"{RUNS}/u1").json()["data"]["status"]
    updates = {"status.state": later, "status.results": {"auc": 0.5}}
    if later != ended:
        updates |= {"status.error": "no", "status.end_time": "2034-01-01T00:00:00+00:00"}
    assert api.patch(f"{RUNS}/u1", json=updates).status_code == 200
    document = _run(state=later, who="me")
    document["status"] |= {"results": {"auc": 0.5}}
    for _ in range(2):
        status = api.get(f"{RUNS}/u1").json()["data"]["status"]
        assert (status["state"], status["end_time"]) == (ended, before["end_time"])
        assert "error" not in status
        # What was made is kept: it exists.
        assert status["results"] == {"auc": 0.5}
        api.post(f"{RUNS}/u1", json=document)
    assert _count(api, states=ended) == 1


def test_a_run_that_was_aborted_stays_so_when_its_process_reports_its_end(api):
    _store(api, "u1")
    api.post(f"{RUNS}/u1/abort", json={"status.status_text": "enough"})
    updates = {"status.state": "error", "status.error": "interrupted", "status.status_text": "late"}
    api.patch(f"{RUNS}/u1", json=updates)
    status = api.get(f"{RUNS}/u1").json()["data"]["status"]
    assert (status["state"], status["status_text"]) == ("aborted", "enough")
    assert "error" not in status


def test_deleting_a_run_deletes_its_iterations_and_log(api):
    _store(api, "u1")
    _store(api, "u1", iteration=1)
    api.post("/api/v1/projects/demo/logs/u1", content=b"hello")
    assert api.delete(f"{RUNS}/u1").status_code == 204
    assert api.get(f"{RUNS}/u1", params={"iter": 1}).status_code == 404
    assert api.get("/api/v1/projects/demo/logs/u1/size").json() == {"size": 0}


def test_many_runs_are_deleted_by_name_and_state(three):
    assert three.delete(RUNS, params={"name": "~train", "state": "error"}).status_code == 204
    assert _uids(three) == ["u2", "u0"]


def test_runs_of_a_project_that_is_not_there_are_refused(api):
    answer = api.post("/api/v1/projects/nobody/runs/u1", json=_run())
    assert (answer.status_code, answer.json()["detail"]) == (404, "Project nobody does not exist")
