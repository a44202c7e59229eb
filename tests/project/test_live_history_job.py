"""The job that makes live history: what it tells of an endpoint that does not take over the devices."""

from types import SimpleNamespace

import pytest

from feature_sets.checks import InputError
from feature_sets.ingestion.silence import Unlearned
from project.cli.ingest import _live_lines
from project.errors import NetopsError
from project.jobs import live_history
from tests.project.fake_endpoint import fake_endpoint


def results_of(monkeypatch, address):
    """Results of the job, without looking at the journal."""
    found = {}
    context = SimpleNamespace(project="p", log_result=found.__setitem__)
    monkeypatch.setattr(live_history, "endpoint_address", address)
    live_history.add_live_history(context, live=False, feature_vector="store://feature-vectors/p/all")
    assert found.pop("feature_vector") == "store://feature-vectors/p/all"
    assert found.pop("live_lines") == ""  # Always there: the report waits for it.
    return found


@pytest.mark.parametrize("status", [401, 500, 503])
def test_a_reload_that_failed_is_in_the_report_with_the_next_command(monkeypatch, status):
    with fake_endpoint(lambda *_request: (status, {})) as address:
        found = results_of(monkeypatch, lambda *_names: address)
    (line,) = _live_lines(found, always=False)
    assert f"the endpoint must take over the devices, got {address}/devices/reload: " in line
    assert f"HTTP Error {status}" in line and "'netops serve' starts it anew" in line
    assert _live_lines({**found, "report_lines": ["live: nothing new"]}, always=True) == [
        "live: nothing new",
        line,
    ]


@pytest.mark.parametrize(("status", "answer"), [(200, {"devices": 3}), (404, {})])
def test_one_that_took_them_over_or_will_at_its_start_is_not(monkeypatch, status, answer):
    with fake_endpoint(lambda *_request: (status, answer)) as address:
        assert results_of(monkeypatch, lambda *_names: address) == {}


def test_the_endpoint_hears_of_the_files_also_where_the_journal_does_not_become_history(monkeypatch):
    """The files were ingested by the step before, and the next run finds nothing new in them."""

    def fails(*_arguments):
        raise InputError("history", "must take the rows", "none")

    asked, found = [], {}
    context = SimpleNamespace(project="p", log_result=found.__setitem__)
    for name in ("LiveJournal", "TelemetrySchema"):
        monkeypatch.setattr(live_history, name, SimpleNamespace(of=lambda *_: None, load=lambda _: None))
    monkeypatch.setattr(live_history, "take_live", fails)
    with fake_endpoint(lambda *request: asked.append(request) or (200, {"devices": 3})) as address:
        monkeypatch.setattr(live_history, "endpoint_address", lambda *_names: address)
        with pytest.raises(InputError, match="must take the rows"):
            live_history.add_live_history(context)
    assert [path for _, path, *_ in asked] == ["/devices/reload"]
    assert found == {}


def test_an_error_of_the_telling_does_not_hide_the_first_one(monkeypatch):
    def fails(*_arguments):
        raise InputError("history", "must take the rows", "none")

    def away(*_names):
        raise RuntimeError("the database is away")

    warned = []
    monkeypatch.setattr(live_history.mlrun.utils.logger, "warning", warned.append)
    monkeypatch.setattr(live_history, "check_boolean", fails)
    monkeypatch.setattr(live_history, "endpoint_address", away)
    context = SimpleNamespace(project="p", log_result=None)
    with pytest.raises(InputError, match="must take the rows"):
        live_history.add_live_history(context)
    assert warned == ["the endpoint was not told of the files: RuntimeError('the database is away')"]
    monkeypatch.undo()
    monkeypatch.setattr(live_history, "endpoint_address", away)
    with pytest.raises(RuntimeError, match="is away"):  # Without another error it is the first.
        live_history.add_live_history(context, live=False)


def test_without_an_endpoint_there_is_nothing_to_tell(monkeypatch):
    def none(*_names):
        raise NetopsError("function 'serving' must be deployed, got none")

    assert results_of(monkeypatch, none) == {}


def test_what_was_added_is_told_to_the_report_as_a_text(monkeypatch):
    found = {}
    context = SimpleNamespace(project="p", log_result=found.__setitem__, log_results=found.update)
    for name in ("LiveJournal", "TelemetrySchema"):
        monkeypatch.setattr(live_history, name, SimpleNamespace(of=lambda *_: None, load=lambda _: None))
    monkeypatch.setattr(
        live_history, "take_live", lambda *_: {"report_lines": ["live: 59,388 readings", "  50 incidents"]}
    )
    monkeypatch.setattr(live_history, "_contradicted", lambda *_: {})
    monkeypatch.setattr(live_history, "_tell", lambda _: None)
    live_history.add_live_history(context)
    assert found["live_lines"] == "live: 59,388 readings\n  50 incidents"


def test_incidents_without_a_reading_are_counted_with_what_arrived_live(monkeypatch):
    counted = []

    def unlearned(schema):
        counted.append(schema)
        outside, silent = (
            SimpleNamespace(sentence=sentence, to_dict=lambda name=name: {name: 1})
            for name, sentence in (("before", ""), ("silent", "1 of 9"))
        )
        return Unlearned(outside, silent)

    monkeypatch.setattr(live_history, "unlearned_in_history", unlearned)
    schema = SimpleNamespace(labels=SimpleNamespace(form="incidents"))
    taken = {"readings_new": 3, "report_lines": ["live: 3"]}
    assert live_history._unlearned(taken, schema) == {
        "incidents_outside": {"before": 1},
        "incidents_without_reading": {"silent": 1},
        "report_lines": ["live: 3", "labels: with what arrived live: 1 of 9"],
    }
    assert live_history._unlearned({**taken, "readings_new": 0}, schema) == {}
    assert live_history._unlearned(taken, SimpleNamespace(labels=SimpleNamespace(form="rows"))) == {}
    assert len(counted) == 1
