from datetime import UTC, datetime

import mlrun.common.schemas
import pytest

from project.local.api.errors import InvalidError
from project.local.api.schedules.cron import cron_object, crontab, next_time

MONDAY = datetime(2024, 1, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("*/5 * * * *", datetime(2024, 1, 1, 12, 5, tzinfo=UTC)),
        ("0 12 * * *", datetime(2024, 1, 2, 12, 0, tzinfo=UTC)),  # exactly now is not later than now
        ("30 2 29 2 *", datetime(2024, 2, 29, 2, 30, tzinfo=UTC)),
        ("0 0 * * mon", datetime(2024, 1, 8, tzinfo=UTC)),
        ("0 0 * * 0", datetime(2024, 1, 8, tzinfo=UTC)),  # as MLRun's server counts: 0 is Monday
        ({"hour": 3}, datetime(2024, 1, 2, 3, tzinfo=UTC)),
        ({"second": "*/20"}, datetime(2024, 1, 1, 12, 0, 20, tzinfo=UTC)),
        ({"hour": 3, "timezone": "Europe/Berlin"}, datetime(2024, 1, 2, 2, tzinfo=UTC)),
        ({"hour": 3, "timezone": "utc"}, datetime(2024, 1, 2, 3, tzinfo=UTC)),
        ({"hour": 3, "start_date": "2024-03-01T00:00:00+00:00"}, datetime(2024, 3, 1, 3, tzinfo=UTC)),
        ({"hour": 3, "end_date": "2024-01-02T02:00:00+00:00"}, None),
        ({"year": 1999}, None),
        ({"week": 2, "day_of_week": "fri"}, datetime(2024, 1, 12, tzinfo=UTC)),
    ],
)
def test_the_next_time_is_the_first_later_one(schedule, expected):
    assert next_time(cron_object(schedule), MONDAY) == expected


def test_jitter_delays_within_its_bound():
    cron = cron_object({"hour": 3, "jitter": 60})
    delays = {
        (next_time(cron, MONDAY) - datetime(2024, 1, 2, 3, tzinfo=UTC)).total_seconds() for _ in range(20)
    }
    assert len(delays) > 1
    assert all(0 <= delay <= 60 for delay in delays)


def test_the_object_is_the_one_of_mlruns_client():
    theirs = mlrun.common.schemas.ScheduleCronTrigger.from_crontab("*/5 1-3 * * *")
    assert cron_object("*/5 1-3 * * *") == theirs.dict() == cron_object(theirs.dict())


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("*/5 * * * *", "*/5 * * * *"),
        ({"hour": 3}, "0 3 * * *"),
        ({"second": 30, "timezone": "Europe/Berlin"}, "* * * * * second=30 timezone=Europe/Berlin"),
    ],
)
def test_a_cron_object_in_words(schedule, expected):
    assert crontab(cron_object(schedule)) == expected


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        ("* * * *", r"schedule must have 5 crontab fields, got '\* \* \* \*'"),
        ("61 * * * *", r"schedule must be a cron trigger: .*61.*got {.*'minute': '61'}"),
        ({"hour": 3, "timezone": "Nowhere"}, "schedule must be a cron trigger: .*Nowhere"),
        ({"hours": 3}, r"schedule must have fields among .*, got \['hours'\]"),
        ({"timezone": "UTC"}, "schedule must set a field among"),
        (5, "schedule must be crontab text or an object, got 5"),
        (None, "schedule must be crontab text or an object, got None"),
    ],
)
def test_what_is_no_schedule_is_refused(schedule, message):
    with pytest.raises(InvalidError, match=message):
        cron_object(schedule)
