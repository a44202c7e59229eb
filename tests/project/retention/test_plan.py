"""Which runs keep their data."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from project.retention.plan import MODEL, Plan, StoredRun, plan
from project.retention_policy import RetentionPolicy
from tests.project.retention.records import data, run

REPORT = "report_report"


def planned(runs: list[StoredRun], keep: int = 2, **more: object) -> Plan:
    return plan(runs, more.pop("needed", {}), RetentionPolicy(runs=keep), REPORT, **more)  # type: ignore[arg-type]


def deleted(found: Plan) -> list[str]:
    return [each.run.id for each in found.deleted]


def why(found: Plan) -> dict[str, str]:
    return {each.run.id: each.why for each in found.kept}


def test_the_newest_of_each_workflow_keep_their_data_in_whatever_order_they_are_told() -> None:
    ingests = [run(number, "other") for number in range(10, 20)]
    found = planned([run(2), *ingests, run(1), run(4), run(3)])
    assert deleted(found) == [f"other{number}" for number in range(17, 9, -1)] + ["main2", "main1"]
    # That files come every hour deletes nothing of the runs that train.
    assert why(found)["main4"] == "of the newest 2"


def test_a_run_whose_model_something_needs_keeps_its_data() -> None:
    found = planned([run(number) for number in range(1, 6)], needed={"v1": "is the champion"})
    assert deleted(found) == ["main3", "main2"]
    assert why(found)["main1"] == "v1 is the champion"


def test_a_run_that_goes_on_keeps_its_data_however_old_it_is() -> None:
    found = planned([run(1, has_ended=False), run(2), run(3), run(4), run(5)], busy={"main2": "is under way"})
    assert deleted(found) == ["main3"]
    assert (why(found)["main1"], why(found)["main2"]) == ("has not ended", "is under way")


def test_the_newest_report_stays_whole_where_newer_runs_made_none() -> None:
    failed = [replace(run(number), data=(data(f"main{number}", "train_x"),)) for number in (5, 6, 7)]
    found = planned([*failed, run(3), run(4)])
    assert deleted(found) == ["main5", "main3"]
    assert why(found)["main4"] == "has the newest report"


def test_models_are_never_deleted_and_a_report_is_told_apart() -> None:
    (gone,) = planned([run(1), run(2), run(3)]).deleted
    assert [each.key for each in gone.data] == ["evaluate_test_set_preds"]
    assert gone.report is not None
    assert gone.report.key == REPORT


def test_data_that_another_record_leads_to_stays() -> None:
    old = run(1)
    shared = replace(old.data[1], key="evaluate_other", path="/elsewhere/folder/file")
    old = replace(old, data=(*old.data, shared))
    (gone,) = planned([old, run(2), run(3)], other_paths=["/elsewhere/folder/"]).deleted
    assert [each.key for each in gone.data] == ["evaluate_test_set_preds"]
    # A name that begins alike is another folder.
    (gone,) = planned([old, run(2), run(3)], other_paths=["/elsewhere/fold"]).deleted
    assert [each.key for each in gone.data] == ["evaluate_test_set_preds", "evaluate_other"]


def test_a_run_that_has_lost_its_data_is_not_told_again() -> None:
    bare = replace(run(1), data=tuple(each for each in run(1).data if "preds" not in each.key))
    assert planned([bare, run(2), run(3)]).deleted == ()


def test_nothing_is_deleted_where_that_is_off() -> None:
    runs = [run(number) for number in range(1, 30)]
    found = plan(runs, {}, RetentionPolicy.parse("off"), REPORT)
    assert (found.deleted, len(found.kept)) == ((), 29)


_RUNS = st.lists(
    st.builds(run, st.integers(0, 99), st.sampled_from(("main", "other", "release")), st.booleans()),
    unique_by=lambda each: each.id,
    max_size=30,
)


@given(_RUNS, st.integers(1, 5), st.sets(st.integers(0, 99)))
def test_whatever_there_is_nothing_that_is_needed_goes_and_a_second_time_changes_nothing(
    runs: list[StoredRun], keep: int, wanted: set[int]
) -> None:
    needed = {f"v{number}": "is needed" for number in wanted}
    found = planned(runs, keep, needed=needed)
    assert {each.run.id for each in found.deleted} | {each.run.id for each in found.kept} == {
        each.id for each in runs
    }
    for gone in found.deleted:
        assert gone.run.has_ended
        assert not gone.run.versions & set(needed)
        assert all(each.kind != MODEL for each in gone.data)
    for workflow in ("main", "other", "release"):
        kept = [each for each in found.kept if each.run.workflow == workflow]
        assert len(kept) >= min(keep, sum(each.workflow == workflow for each in runs))
    keys = {(each.tree, each.key) for gone in found.deleted for each in gone.data}
    left = [
        replace(each, data=tuple(one for one in each.data if (one.tree, one.key) not in keys))
        for each in runs
    ]
    assert planned(left, keep, needed=needed).deleted == ()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("runs=0", "retention policy: runs: must be"),
        ("champions=1", "retention policy: champions: must be"),
        ("pair_days=7", "retention policy: pair_days: must be"),
        ("runs=many", "retention policy: runs: must be a whole number, got 'many'"),
        ("days=3", "retention policy: must be off, or name among runs, champions, pair_days, got 'days=3'"),
    ],
)
def test_a_policy_that_breaks_a_rule_is_refused_by_name(text: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        RetentionPolicy.parse(text)


def test_a_policy_is_read_from_text() -> None:
    assert RetentionPolicy.parse("") == RetentionPolicy()
    assert RetentionPolicy.parse(" runs=30, champions=5 ") == RetentionPolicy(30, 5)
    assert RetentionPolicy.parse("pair_days=400") == RetentionPolicy(pair_days=400)
    assert RetentionPolicy.parse("off").is_off
