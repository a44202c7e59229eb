"""The scheduler with a clock of the test's: nothing waits.

11:58   12:00   12:05   12:10   12:15   12:20
  now    due     due     due     due     due     (*/5 * * * *)
"""

from datetime import UTC, datetime, timedelta

import pytest

from project.local.api.errors import ConflictError, InvalidError, NotFoundError
from project.local.api.records.projects import write_project
from project.local.api.records.runs import end_run, write_run
from project.local.api.records.store import Store
from project.local.api.schedules.records import list_events, read_schedule
from project.local.api.schedules.scheduler import SCHEDULE_LABEL, Scheduler

START = datetime(2024, 1, 1, 11, 58, tzinfo=UTC)


class World:
    """A scheduler whose clock and jobs the test moves.

    :ivar now: what the clock shows.
    :ivar started: what was submitted.
    """

    def __init__(self, store):
        self.store, self.now, self.started, self.fail = store, START, [], None
        self.scheduler = Scheduler(store, self.submit, lambda: self.now)
        write_project(store, "demo", {})

    def submit(self, submission, labels):
        if self.fail:
            raise self.fail
        metadata = {**submission["task"]["metadata"], "labels": labels}
        run = {"metadata": metadata, "status": {"state": "running"}}
        self.started.append((self.now, submission))
        return write_run(self.store, "demo", metadata["uid"], 0, run)

    def put(self, schedule="*/5 * * * *", **options):
        metadata = {"project": "demo", "name": "nightly", "uid": "first"}
        task = {"task": {"metadata": metadata, "spec": {"output_path": "/a/first/x"}}, "schedule": schedule}
        return self.scheduler.put("demo", "nightly", schedule, task, {}, **options)

    def pass_to(self, hour, minute, second=0):
        """Ticks every second until then."""
        until = START.replace(hour=hour, minute=minute, second=second)
        while self.now < until:
            self.now += timedelta(seconds=1)
            self.scheduler.tick()

    def sleep_to(self, hour, minute, second=0):
        """Nothing ticks until then."""
        self.now = START.replace(hour=hour, minute=minute, second=second)
        self.scheduler.tick()

    def end_last(self):
        uid = self.started[-1][1]["task"]["metadata"]["uid"]
        end_run(self.store, "demo", uid, 0, "completed", "")

    @property
    def events(self):
        return [
            (event.outcome, event.first.strftime("%H:%M"), event.last.strftime("%H:%M"), event.times)
            for event in reversed(list_events(self.store, "demo", "nightly"))
        ]

    @property
    def schedule(self):
        return read_schedule(self.store, "demo", "nightly")


@pytest.fixture
def world(store):
    return World(store)


def test_after_the_clock_was_set_back_it_is_due_by_the_clock_of_now(world):
    world.now = START.replace(year=2030)  # Wrong for a while, and then right.
    world.put("0 12 * * *")
    world.now += timedelta(minutes=2)
    world.scheduler.tick()
    assert (len(world.started), world.schedule.next_run.year) == (1, 2030)
    world.end_last()
    world.now = START + timedelta(hours=12)
    for _ in range(3):  # Not at once: the clock may be wrong now, as when a machine starts.
        world.now += timedelta(minutes=3)
        world.scheduler.tick()
    assert world.schedule.next_run.year == 2030
    world.now += timedelta(minutes=5)
    world.scheduler.tick()
    assert world.schedule.next_run == datetime(2024, 1, 2, 12, tzinfo=UTC)
    world.now = datetime(2024, 1, 2, 12, 0, 1, tzinfo=UTC)
    world.scheduler.tick()
    assert len(world.started) == 2 and world.schedule.next_run.day == 3


def test_a_clock_that_goes_back_some_seconds_starts_nothing_twice(world):
    world.put("0 12 * * *")
    world.pass_to(12, 0, 5)
    world.end_last()
    for _ in range(20):
        world.now -= timedelta(seconds=10)
        world.scheduler.tick()
    world.pass_to(12, 30)
    assert len(world.started) == 1


def test_it_starts_at_each_time_and_knows_the_next_and_the_last_run(world):
    assert world.put() is False
    assert world.schedule.next_run == START.replace(hour=12, minute=0)
    world.pass_to(11, 59, 59)
    assert world.started == []
    world.pass_to(12, 2)
    world.end_last()
    world.pass_to(12, 7)
    assert [time.strftime("%H:%M:%S") for time, _ in world.started] == ["12:00:00", "12:05:00"]
    assert world.schedule.next_run == START.replace(hour=12, minute=10)
    uid = world.started[-1][1]["task"]["metadata"]["uid"]
    assert world.schedule.last_run == f"demo@{uid}#0"
    assert world.events == [("started", "12:00", "12:00", 1), ("started", "12:05", "12:05", 1)]


def test_each_run_has_a_uid_and_an_artifact_path_of_its_own_and_does_not_schedule_again(world):
    world.put(limit=2)
    world.pass_to(12, 6)
    uids = [task["task"]["metadata"]["uid"] for _, task in world.started]
    assert len({"first", *uids}) == 3
    assert [task["task"]["spec"]["output_path"] for _, task in world.started] == [f"/a/{u}/x" for u in uids]
    assert all("schedule" not in task for _, task in world.started)
    assert world.schedule.task["task"]["metadata"]["uid"] == "first"


def test_a_time_at_which_the_run_before_goes_on_is_skipped_and_says_why(world):
    world.put()
    world.pass_to(12, 12)
    assert len(world.started) == 1
    first = world.started[0][1]["task"]["metadata"]["uid"]
    skipped = list_events(world.store, "demo", "nightly")[0]
    assert (skipped.outcome, skipped.first.minute) == ("skipped", 10)
    assert f"at most 1 at once: run {first} has gone on since" in skipped.reason
    world.end_last()
    world.pass_to(12, 15)
    assert len(world.started) == 2


def test_as_many_runs_go_on_as_the_limit_says(world):
    world.put(limit=2)
    world.pass_to(12, 20)
    assert [outcome for outcome, *_ in world.events] == [
        "started",
        "started",
        "skipped",
        "skipped",
        "skipped",
    ]


def test_times_while_nothing_ticked_are_missed_and_stated(world):
    world.put()
    world.sleep_to(12, 17)
    assert world.started == []
    assert world.events == [("missed", "12:00", "12:15", 4)]
    reason = list_events(world.store, "demo", "nightly")[0].reason
    assert reason == "nothing could start: the control plane was down or the machine asleep (4 times)"
    assert world.schedule.next_run == START.replace(hour=12, minute=20)


def test_a_time_less_than_a_minute_ago_is_made_up_for(world):
    world.put()
    world.sleep_to(12, 11, 0)
    assert len(world.started) == 1
    assert world.events == [("missed", "12:00", "12:05", 2), ("started", "12:10", "12:10", 1)]


def test_a_long_sleep_is_counted_up_to_a_thousand(world):
    world.put("* * * * *")
    world.now = START + timedelta(days=30, seconds=90)
    world.scheduler.tick()
    (event,) = list_events(world.store, "demo", "nightly")
    assert (event.outcome, event.times) == ("missed", 1000)
    assert event.reason.endswith("(at least 1000 times)")
    assert world.schedule.next_run > world.now


def test_schedules_survive_a_restart(world, tmp_path):
    world.put()
    again = World.__new__(World)
    again.store, again.now, again.started, again.fail = Store(tmp_path / "store.sqlite3"), world.now, [], None
    again.scheduler = Scheduler(again.store, again.submit, lambda: again.now)
    again.pass_to(12, 1)
    assert len(again.started) == 1


def test_what_can_not_start_is_told_and_tried_again_only_at_the_next_time(world):
    world.put()
    world.fail = NotFoundError("function demo/f not found")
    world.pass_to(12, 6)
    events = list_events(world.store, "demo", "nightly")
    assert [(event.outcome, event.reason) for event in events] == [
        ("failed", "function demo/f not found")
    ] * 2
    world.fail = RuntimeError("a mistake of ours")
    world.pass_to(12, 10)
    assert list_events(world.store, "demo", "nightly")[0].reason == "RuntimeError: a mistake of ours"


def test_a_project_that_is_busy_is_a_reason_to_skip(world):
    world.put()
    world.fail = ConflictError("one workflow at a time: workflow x has gone on since y")
    world.pass_to(12, 0)
    assert world.events == [("skipped", "12:00", "12:00", 1)]


def test_invoking_starts_now_and_leaves_the_next_time(world):
    world.put()
    run = world.scheduler.invoke("demo", "nightly")
    assert run["metadata"]["labels"] == {SCHEDULE_LABEL: "nightly"}
    assert world.schedule.next_run == START.replace(hour=12, minute=0)
    with pytest.raises(ConflictError, match="at most 1 at once"):
        world.scheduler.invoke("demo", "nightly")
    with pytest.raises(NotFoundError, match="Schedule demo/other not found"):
        world.scheduler.invoke("demo", "other")


def test_a_schedule_that_is_put_again_keeps_its_limit_its_creation_and_its_last_run(world):
    world.put(limit=3)
    world.pass_to(12, 1)
    before = world.schedule
    assert world.put("0 3 * * *") is True
    after = world.schedule
    assert (after.limit, after.created, after.last_run) == (3, before.created, before.last_run)
    assert after.next_run == START.replace(day=2, hour=3, minute=0)


def test_a_change_changes_what_it_names(world):
    world.put()
    world.scheduler.change("demo", "nightly", {"cron_trigger": "0 3 * * *", "labels": None})
    assert world.schedule.next_run.hour == 3
    world.scheduler.change("demo", "nightly", {"concurrency_limit": 2, "labels": {"a": "b"}})
    assert (world.schedule.limit, world.schedule.labels, world.schedule.next_run.hour) == (2, {"a": "b"}, 3)
    for limit in (0, "many"):
        with pytest.raises(InvalidError, match="concurrency_limit must be a whole number of at least 1"):
            world.scheduler.change("demo", "nightly", {"concurrency_limit": limit})


def test_the_last_time_of_all_is_the_end(world):
    world.put({"year": 2024, "month": 1, "day": 1, "hour": 12})
    world.pass_to(12, 1)
    assert len(world.started) == 1
    assert world.schedule.next_run is None
    assert world.schedule.describe()["state"] == "finished"


def test_the_newest_events_are_kept(world):
    world.put("* * * * *", limit=1000)
    world.pass_to(13, 50)
    events = world.events
    assert len(events) == 100
    assert events[-1][1] == "13:50"
