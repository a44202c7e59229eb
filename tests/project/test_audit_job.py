"""What the step of the audit tells, in its results, its log and the report."""

from collections import Counter
from types import SimpleNamespace

import pytest

from feature_sets.checks import InputError
from project.audit_account import Audit
from project.jobs import audit as step
from project.summary.audit_text import DRIFT, audit_text
from tests.project.fake_endpoint import fake_endpoint
from training.report_page.page import Page, Section, render


@pytest.fixture(autouse=True)
def nothing_runs(monkeypatch):
    monkeypatch.setattr(step, "generator_address", lambda _: "")
    monkeypatch.setattr(step, "read_drift", lambda project: (None, f"no endpoint of {project}"))


def test_the_step_tells_its_figures_and_a_difference_is_an_error_of_its_log(monkeypatch):
    monkeypatch.setattr(
        step, "LiveJournal", SimpleNamespace(of=lambda *_: None)
    )  # It has MLRun write an address.
    found = Audit(pairs=9, compared=7, mismatches=2, not_in_history=2, since="x", first="a", last="b")
    found.by_feature["cpu"] = 2
    given, results, errors = [], {}, []
    monkeypatch.setattr(step, "audit", lambda *arguments: given.append(arguments) or found)
    context = SimpleNamespace(
        project="p", log_results=results.update, logger=SimpleNamespace(error=errors.append)
    )
    step.audit_served(context)
    assert given[0][-2:] == (100_000, "7d")
    assert (results["mismatches"], results["by_feature"], results["not_in_history"]) == (2, {"cpu": 2}, 2)
    assert errors == found.lines()
    text = audit_text(results)
    assert text.startswith("DIFFERENT: 2 of 7 served pairs are not what the history says (cpu 2)")
    first = Audit(pairs=9, not_in_history=9, since="x", first="a", last="b")
    assert first.lines()[1:] == [
        "nothing to compare yet",
        "  9 are compared once their readings are history: with the next run, or 'netops ingest --live'",
    ]
    found.mismatches, errors[:] = 0, []
    step.audit_served(context)
    assert errors == [] and audit_text(results) == (
        "7 of 9 served pairs compared with the history, equal to the last bit; "
        "2 are no history yet and are audited with the next run"
    )
    found.compared, found.partly, found.left_out = 8, 2, Counter(x=2)
    assert found.lines()[1] == (
        "8 compared with the history, 0 of them differ in what was looked at: all features in 75 %; "
        "of the other 2 up to 1 features are unknown"
    )
    assert "equal to the last bit in what was looked at: in 2 of them some features are unknown; " in (
        audit_text({**results, "partly": 2})
    )
    found.compared, found.partly = 7, 0
    found.left_out.clear()
    none = {**results, "compared": 0, "not_in_history": 9, "left_out": {"x": 3}}
    assert audit_text(none) == (
        "nothing to compare yet; the next run audits what was served, 9 pairs so far; "
        "1 features not looked at where their order of arrival is not known"
    )
    assert audit_text({"pairs": 0}).endswith("from now on is audited with the next run")
    some = {**results, "compared": 0, "not_in_history": 7, "not_in_journal": 2}
    assert audit_text(some) == (
        "nothing to compare yet; the next run audits what was served, 7 pairs so far; "
        "2 had a late reading, and no journal has them"
    )
    with fake_endpoint(lambda *_: (200, {"done": False})) as address:
        monkeypatch.setattr(step, "generator_address", lambda _: address)
        step.audit_served(context)
    assert results["while_streaming"] is True and audit_text(results).endswith(
        "; what came later, as the network still streamed, is audited with the next run"
    )
    # That there are more of them, "so far" says.
    assert audit_text({**results, "compared": 0, "not_in_history": 9}) == (
        "nothing to compare yet; the next run audits what was served, 9 pairs so far"
    )
    del results["while_streaming"]
    with fake_endpoint(lambda *_: (200, {"done": True})) as address:
        monkeypatch.setattr(step, "generator_address", lambda _: address)
        step.audit_served(context)
    assert "while_streaming" not in results
    late = {**results, "compared": 0, "not_in_history": 0, "not_in_journal": 9}
    assert audit_text(late) == (
        "none of 9 served pairs could be compared; 9 had a late reading, and no journal has them"
    )
    silent = {**results, "compared": 9, "not_in_history": 0, "after_silence": 2}
    assert audit_text(silent).endswith("2 came after a silence of their device and were, too")
    other = {**results, "without_input": 9, "absent": {"cpu": 9}}
    assert audit_text(other).endswith("9 are of a model whose inputs cpu are no history")


class Stored:
    """A report in a store."""

    def __init__(self, html: str) -> None:
        self.html = html

    def get(self, encoding: str) -> str:
        return self.html

    def put(self, html: str) -> None:
        self.html = html


def test_the_figures_are_the_last_section_of_the_report_also_when_the_step_runs_again(monkeypatch):
    logged: list[str] = []
    context = SimpleNamespace(
        project="p",
        log_result=lambda *_: None,
        log_results=lambda _: None,
        logger=SimpleNamespace(error=logged.append),
    )
    given = render(Page("a network", "Good.", {"F1": "0.9"}, (Section("Model <1>", ("text",)),)))
    report = Stored(given)
    found = Audit(pairs=9, compared=7, not_in_history=2, mismatches=2, after_late=3)
    found.by_feature["cpu"] = 2
    monkeypatch.setattr(step, "_audited", lambda *_: found)
    monkeypatch.setattr(step, "read_drift", lambda project: (None, f"none in {project}"))
    monkeypatch.setattr(step, "drift_section", lambda drift, why: Section("Drift", (why,)))
    step.audit_served(context, report=report)
    assert report.html.index('<section id="drift">') < report.html.index('<section id="audit-of-what')
    assert report.html.count("none in p") == 1
    assert "<th>in the order of the journal, after a late reading</th>" in report.html
    assert report.html.count('<section id="audit-of-what-was-served">') == 1
    assert report.html.count('<a href="#audit-of-what-was-served">') == 1
    assert "DIFFERENT: 2 of 7 served pairs are not what" in report.html
    assert "<th>pairs that differ</th>" in report.html
    found.mismatches, found.by_feature = 0, Counter()
    step.audit_served(context, report=report)
    assert report.html.count('<section id="audit-of-what-was-served">') == 1
    assert report.html.count('<a href="#audit-of-what-was-served">') == 1
    assert "DIFFERENT" not in report.html and "7 of 9 served pairs compared" in report.html
    without = report.html.replace('<a href="#audit-of-what-was-served">Audit of what was served</a>', "")
    without = without.replace('<a href="#drift">Drift</a>', "")
    begin, end = without.index('<section id="drift'), without.index("</main>")
    assert without[:begin] + without[end:] == given
    logged.clear()
    step.audit_served(context, report=Stored("<html>"))
    assert logged == [
        f"the report has no section '{title}': page must be a report of ours, "
        "got one without </nav> or </main>"
        for title in ("Drift", "Audit of what was served")
    ]


def test_a_step_that_cannot_compare_says_so_and_ends_no_run(monkeypatch):
    def fails(*_):
        raise InputError("history", "must have been begun", "none")

    monkeypatch.setattr(step, "audit", fails)
    told = {"summary": "in control"}
    monkeypatch.setattr(step, "read_drift", lambda project: (told, ""))
    results, errors = {}, []
    step.audit_served(
        SimpleNamespace(
            project="p", log_result=results.__setitem__, logger=SimpleNamespace(error=errors.append)
        )
    )
    assert errors == ["nothing was audited: history: must have been begun, got 'none'"]
    assert results[DRIFT] == told
    assert audit_text(results) == "NOT AUDITED: history: must have been begun, got 'none'; see 'netops audit'"
