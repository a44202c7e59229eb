"""The alert of an event, rebuilt from what the event tells, ends where the alert itself does."""

from drift.alert import AlertWatch
from drift.alert_of_event import alert_of
from drift.change_size import Change, Counts
from drift.drift_event import DriftEvent


def test_it_ends_at_the_limit_of_the_alert_that_the_event_raised():
    change = Change(Counts(1_000, 300, 90), Counts(20_000, 200, 4))
    event = DriftEvent("glr", "drift", "2024-05-01T12:00:00Z", 4.0, 3.0, 21_000, **change.fields())
    watch = AlertWatch()
    watch.found("glr-1", event, 21_000, "2024-05-01T11:00:00+00:00", change)
    rebuilt = alert_of(event.to_dict(), inflation=watch.open.inflation)
    assert (rebuilt.end_limit, rebuilt.labels_to_end) == (watch.open.end_limit, watch.open.labels_to_end)
    assert 0.01 < rebuilt.end_limit < 0.02


def test_an_event_that_tells_no_rates_has_none():
    event = DriftEvent("psi", "drift", "2024-05-01T12:00:00Z", 4.0, 3.0, 100)
    assert alert_of(event.to_dict()) is None
