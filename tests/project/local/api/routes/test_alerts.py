import pytest

PROJECT = "/api/v1/projects/demo"
KIND = "concept-drift-detected"
ENTITY = {"kind": "model-endpoint-result", "project": "demo", "ids": ["model"]}
EVENT = {"kind": KIND, "entity": ENTITY, "value_dict": {"severity": "severe"}}
CONFIG = {
    "summary": "drift", "severity": "high", "entities": ENTITY, "trigger": {"events": [KIND]},
    "notifications": [{"notification": {"kind": "console", "name": "n"}}],
}  # fmt: skip


def activations(api, query=""):
    return api.get(f"{PROJECT}/alert-activations{query}").json()["activations"]


def test_an_event_activates_what_it_matches_and_nothing_else(api):
    api.put(f"{PROJECT}/alerts/mine", json=CONFIG)
    api.put(f"{PROJECT}/alerts/other-kind", json={**CONFIG, "trigger": {"events": ["failed"]}})
    api.put(f"{PROJECT}/alerts/other-model", json={**CONFIG, "entities": {**ENTITY, "ids": ["x"]}})
    api.put(f"{PROJECT}/alerts/any-model", json={**CONFIG, "entities": {**ENTITY, "ids": ["*"]}})
    assert activations(api) == []
    assert api.post(f"{PROJECT}/events/{KIND}", json=EVENT).status_code < 300
    assert {each["name"] for each in activations(api)} == {"mine", "any-model"}
    (found,) = activations(api, "?name=mine&severity=high&severity=low")
    assert (found["entity_id"], found["event_kind"], found["number_of_events"]) == ("model", KIND, 1)
    assert activations(api, "?severity=low") == activations(api, "?entity=x") == []
    assert activations(api, "?until=2020-01-01T00:00:00Z") == []


def test_an_alert_waits_for_as_many_events_as_it_says_and_is_reset(api):
    alert = f"{PROJECT}/alerts/three"
    api.put(alert, json={**CONFIG, "criteria": {"count": 2}, "reset_policy": "manual"})
    api.post(f"{PROJECT}/events/{KIND}", json=EVENT)
    assert (api.get(alert).json()["count"], activations(api)) == (1, [])
    api.post(f"{PROJECT}/events/{KIND}", json=EVENT)
    assert (api.get(alert).json()["state"], len(activations(api))) == ("active", 1)
    assert api.post(f"{alert}/reset").status_code < 300
    assert api.get(alert).json()["state"] == "inactive"
    assert [each["name"] for each in api.get(f"{PROJECT}/alerts").json()["alerts"]] == ["three"]
    assert api.delete(alert).status_code == 204
    assert api.get(alert).status_code == 404


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("events/failed", EVENT, "event 'kind' must be 'failed' as in the path"),
        (f"events/{KIND}", {**EVENT, "entity": None}, "'entity' must be an object"),
        (f"events/{KIND}", {**EVENT, "entity": {**ENTITY, "ids": []}}, "one id in 'ids'"),
        ("alerts/a", {**CONFIG, "trigger": {}}, "'trigger.events' must be a list"),
        ("alerts/a", {**CONFIG, "severity": ""}, "must have 'severity'"),
        ("alerts/a", {**CONFIG, "entities": 3}, "'entities' must be an object"),
    ],
)
def test_what_is_none_is_refused(api, path, body, words):
    send = api.put if path.startswith("alerts") else api.post
    answer = send(f"{PROJECT}/{path}", json=body)
    assert answer.status_code == 400 and words in answer.json()["detail"]
