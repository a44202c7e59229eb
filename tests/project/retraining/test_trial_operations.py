"""What the loop says to an endpoint of a candidate, each also a second time."""

from datetime import UTC, datetime
from types import SimpleNamespace

import mlrun
import numpy as np
import pytest

from graphs.routing.document import CHAMPION, SHADOW, RoutedVersion, RoutingDocument
from project import attached_detectors, registered_versions
from project.endpoint_routing import LOOP, RefusedError, ReplacedError, change_routing
from project.errors import NetopsError
from project.retraining import trial_operations as module
from project.retraining.state import Trial
from project.retraining.trial_operations import TrialOperations
from project.retraining_policy import RetrainingPolicy
from project.settings import Settings
from tests.project.fake_endpoint import fake_endpoint
from tests.project.retraining.test_shadow_comparison import SCHEMA, write
from training.report_page.page import Page, render

NOW = datetime(2026, 1, 2, tzinfo=UTC).isoformat()
UNTIL = "2026-01-03T00:00:00+00:00"
TRIAL = Trial(
    "b", "a", "run", 5000, "shadow", "2020-01-01T00:00:00+00:00", NOW, "2026-01-01T00:30:00+00:00", 900
)


MODEL = SimpleNamespace(tree="run", spec=SimpleNamespace(parameters={}))


class Endpoint:
    """An endpoint that applies every change at once, unless it refuses the version."""

    def __init__(self):
        self.document = RoutingDocument((RoutedVersion("a", CHAMPION, "m1", "a" * 64),))
        self.changes = []
        self.refuses = False
        self.newest, self.deadline = "2026-01-01T23:00:00+00:00", 3600.0

    def answer(self, method, path, body):
        if path == "/labeled":
            return 200, {"newest_event_time": self.newest, "deadline_seconds": self.deadline}
        if method == "PUT":
            before = [each.to_dict() for each in self.document.versions]
            if not self.refuses:
                self.document = RoutingDocument.from_dict(body["routing"])
            outcome = "refused" if self.refuses else "applied"
            told = {"id": str(len(self.changes)), "outcome": outcome, "error": "golden row 3", **body}
            told |= {"from": before, "to": body["routing"]["versions"]}
            self.changes.append(told)
            return 202, {"change": told["id"]}
        versions = [each.to_dict() for each in self.document.versions]
        return 200, {"revision": 1, "salt": "netops", "versions": versions, "changes": self.changes}

    @property
    def roles(self):
        return {each.version: each.role for each in self.document.versions}


@pytest.fixture
def endpoint(monkeypatch):
    found = Endpoint()
    with fake_endpoint(found.answer) as address:
        ready = SimpleNamespace(address=address)
        monkeypatch.setattr(module, "ready_endpoint", lambda *_: ready)
        monkeypatch.setattr(
            registered_versions,
            "find_version",
            lambda _project, version: SimpleNamespace(
                routed=lambda role: RoutedVersion(version, role, "m2", "b" * 64), artifact=MODEL
            ),
        )
        yield found


def operations(home, **more):
    return TrialOperations(Settings(home=home, token="t"), "p", "", SCHEMA, **more)


def test_a_candidate_is_put_in_shadow_once_and_taken_out_once(endpoint, tmp_path):
    trials = operations(tmp_path)
    for _ in range(2):
        assert trials.shadow("b", UNTIL) == "2026-01-01T23:00:00+00:00"
    assert (endpoint.roles, len(endpoint.changes)) == ({"a": CHAMPION, "b": SHADOW}, 1)
    assert (endpoint.changes[0]["who"], endpoint.changes[0]["declared"]) == (LOOP, False)
    assert endpoint.document.shadows[0].until == UNTIL
    for _ in range(2):
        trials.retract("b")
    assert (endpoint.roles, len(endpoint.changes)) == ({"a": CHAMPION}, 2)
    trials.retract("a")
    assert endpoint.roles == {"a": CHAMPION}  # A champion is not taken out.


def test_what_the_endpoint_refuses_is_told_apart(endpoint, tmp_path):
    endpoint.refuses = True
    with pytest.raises(RefusedError, match="golden row 3"):
        operations(tmp_path).shadow("b", UNTIL)


def test_the_promotion_moves_routing_tag_and_detectors_and_done_again_only_what_is_left(
    endpoint, tmp_path, monkeypatch
):
    tagged, attached = [], []
    database = SimpleNamespace(
        tag_artifacts=lambda _, project, tag_name: tagged.append(tag_name), list_artifacts=lambda **_: []
    )
    monkeypatch.setattr(mlrun, "get_run_db", lambda: database)
    said = registry_of(monkeypatch)
    monkeypatch.setattr(registered_versions, "evaluated_model", lambda *_: ("model", "rows"))

    def attach(rows, _schema, _address, callback, _settings, choice, _devices):
        attached.append((rows, callback.endswith("/drift"), choice.names))
        if len(attached) == 1:
            raise attached_detectors.httpx.ConnectError("away")

    monkeypatch.setattr(attached_detectors, "attach_detectors", attach)
    trials = operations(tmp_path, detectors="river.adwin")
    trials.shadow("b", UNTIL)
    in_shadow = endpoint.document.shadows[0]
    with pytest.raises(NetopsError, match="must take the detectors of the champion, got away"):
        trials.promote(TRIAL)
    trials.promote(TRIAL)
    assert endpoint.roles == {"b": CHAMPION}
    assert endpoint.document.champion.sha256 == in_shadow.sha256
    assert [change["declared"] for change in endpoint.changes] == [False, True]
    assert (tagged, attached) == (["production"] * 2, [("rows", True, ("river.adwin",))] * 2)
    assert said == {"promotion": "promoted", "promotion_reason": TRIAL.reason}


def registry_of(monkeypatch, **before):
    """What the model says: its parameters, changed as the registry would."""
    said = dict(before)

    def update(_model, parameters, write_spec_copy):
        said.update(parameters)

    monkeypatch.setattr(mlrun.artifacts, "update_model", update)
    monkeypatch.setattr(MODEL.spec, "parameters", said)
    return said


@pytest.mark.parametrize("recorded", ["as it is tagged", "afterwards"])
def test_what_the_loop_promotes_no_person_has_approved_whoever_records_it_first(
    endpoint, tmp_path, monkeypatch, recorded
):
    said = registry_of(monkeypatch, promotion="to be tried on live events", promotion_reason="first rows")

    seen = []

    def record(moment):
        if recorded == moment:  # What is recorded late was read as the tag moved.
            registered_versions.record_primary("p", seen[0])

    def tag(_model, _project, tag_name):
        seen.append(SimpleNamespace(spec=SimpleNamespace(parameters=dict(said)), tree="run"))
        record("as it is tagged")

    database = SimpleNamespace(tag_artifacts=tag, list_artifacts=lambda **_: [])
    monkeypatch.setattr(mlrun, "get_run_db", lambda: database)
    monkeypatch.setattr(attached_detectors, "watch_champion", lambda *_: record("afterwards"))
    trials = operations(tmp_path)
    trials.shadow("b", UNTIL)
    assert said["promotion"] == "to be tried on live events"
    trials.promote(TRIAL)
    assert said == {"promotion": "promoted", "promotion_reason": TRIAL.reason}


@pytest.mark.parametrize("there", ["", "to be tried on live events", "waits for approval", "promoted"])
def test_a_model_and_the_page_of_its_run_say_what_came_of_its_trial_unless_it_is_in_production(
    endpoint, tmp_path, monkeypatch, there
):
    page = tmp_path / "report.html"
    page.write_text(render(Page("title", "verdict", {}, (), gate=f"{there}: first rows")), encoding="utf-8")
    asked = []

    def listed(**wanted):
        asked.append((wanted["name"], wanted["tree"]))
        metadata = {"key": "report", "project": "p", "tree": "run", "uid": "u"}
        return [{"kind": "artifact", "metadata": metadata, "spec": {"target_path": str(page)}}]

    untagged = []
    database = SimpleNamespace(
        list_artifacts=listed, delete_artifacts_tags=lambda *_, tag_name: untagged.append(tag_name)
    )
    monkeypatch.setattr(mlrun, "get_run_db", lambda: database)
    said = registry_of(monkeypatch, promotion=there, promotion_reason="first rows")
    for _ in range(2):
        operations(tmp_path).record("b", "not promoted after its trial", "17,530 live rows")
    waited = there not in ("", "promoted")
    reason = "17,530 live rows" if waited else "first rows"
    assert said["promotion_reason"] == reason
    assert said["promotion"] == ("not promoted after its trial" if waited else there)
    assert f"{said['promotion']}: {reason}</p>" in page.read_text(encoding="utf-8")
    assert asked == [("report_report", "run")] * (2 if waited else 0)
    assert untagged == ["candidate"] * (2 if waited else 0)


def test_what_a_person_has_replaced_is_not_promoted_again(endpoint, tmp_path):
    trials, before = operations(tmp_path), endpoint.document
    trials._route(trials._address(""), "b", CHAMPION, "better", declared=True)
    change_routing(trials._address(""), "t", before, "kim", "no")
    with pytest.raises(ReplacedError, match="a person has replaced version b"):
        trials.promote(TRIAL)
    assert endpoint.roles == {"a": CHAMPION}


def test_a_candidate_is_not_promoted_beside_another_champion_than_it_was_compared_with(endpoint, tmp_path):
    trials = operations(tmp_path)
    trials._route(trials._address(""), "c", CHAMPION, "another", declared=True)
    with pytest.raises(ReplacedError, match="it was compared with a, and c is there now"):
        trials.promote(TRIAL)
    assert endpoint.roles == {"c": CHAMPION}


def labeled(home, worse_devices=()):
    """A day of labels; the challenger is sharp, except on some devices."""
    folder = Settings(home=home).labeled_pairs("p")
    folder.mkdir(parents=True)
    random = np.random.default_rng(5)
    labels = (random.random(1200) < 0.2).astype(int)
    blurred = np.clip(0.3 * labels + random.random(1200) * 0.6, 0, 1)
    sharp = np.clip(0.8 * labels + random.random(1200) * 0.19, 0, 1)
    wrong = np.isin(np.arange(1200) % 30, worse_devices)
    write(folder, "1", 1200, labels, blurred, np.where(wrong, 1 - sharp, sharp), step=60)


def test_versions_are_compared_on_mature_rows_once_there_are_enough(endpoint, tmp_path):
    labeled(tmp_path)
    trials = operations(tmp_path, group_columns=SCHEMA.entity[:-1])
    found = trials.compare(TRIAL, last=False)
    assert (found.rows, found.comparison.candidate > 0.99, found.worse_on) == (1200, True, "")
    assert found.false_alarm_share == 0.0
    more = Trial(**{**vars(TRIAL), "wanted": 2000})
    assert trials.compare(more, last=False).comparison is None
    assert trials.compare(more, last=True).comparison is not None
    later = Trial(**{**vars(TRIAL), "since": "2026-01-02T00:00:00+00:00"})
    assert trials.compare(later, last=True).rows == 0
    written = Trial(**{**vars(TRIAL), "begun": "2999-01-01T00:00:00+00:00"})
    assert trials.compare(written, last=True).rows == 0


def test_the_deadline_of_labels_is_that_of_the_endpoint(endpoint, tmp_path):
    labeled(tmp_path)
    endpoint.newest, endpoint.deadline = "2026-01-02T01:00:00+00:00", 12 * 3600.0
    assert operations(tmp_path).compare(TRIAL, last=True).rows == 721


def test_large_groups_on_which_the_candidate_is_worse_are_named(endpoint, tmp_path, monkeypatch):
    labeled(tmp_path, worse_devices=range(6))
    trials = operations(tmp_path, group_columns=("site",))
    site = {f"x/y/dev-{number}": "oslo" if number < 6 else "bergen" for number in range(30)}
    monkeypatch.setattr(TrialOperations, "_group_of", lambda *_: site)
    found = trials.compare(TRIAL, last=False)
    assert found.worse_on.startswith("site oslo (")
    small = TrialOperations(
        Settings(home=tmp_path, retraining=RetrainingPolicy(group_rows=300)), "p", "", SCHEMA, ("site",)
    )
    assert small.compare(TRIAL, last=False).worse_on == ""


def test_groups_are_of_the_device_or_a_part_of_its_key(tmp_path):
    trials = operations(tmp_path, group_columns=("device", SCHEMA.entity[1]))
    assert trials._groups(["x/y/d"]) == {"device": {"x/y/d": "x/y/d"}, SCHEMA.entity[1]: {"x/y/d": "y"}}
