"""The rate of the newest labels, and their devices, while an alert tells of its own moment."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from drift.change_size import LONGEST_RECENT
from drift.monitor import DriftMonitor
from drift.newest_labels import LEAST_NEWEST
from tests.drift.scripted import at
from tests.drift.test_wrong_devices import DEVICES, played, stream, warmed


def test_an_open_alert_is_beside_the_rate_and_the_devices_of_now():
    monitor, labels = warmed(), list(stream(2000 + 6000))
    played(monitor, labels)
    # The fault moves on: by now the last device alone is wrong, always.
    moved = [(DEVICES[i % 15], int(i % 15 == 14)) for i in range(LONGEST_RECENT + 30)]
    played(monitor, moved, first=len(labels))
    status = monitor.status()
    alert, newest = status["alert"], status["newest"]
    assert LONGEST_RECENT - 25 <= newest["labels"] <= LONGEST_RECENT
    last = moved[-newest["labels"] :]
    assert newest["wrong"] == sum(error for _, error in last)
    assert newest["rate"] == pytest.approx(1 / 15, abs=0.001) and newest["before"] == alert["rate_before"]
    assert newest["since"] == at(len(labels) + len(moved) - newest["labels"] - 1)
    wrong = Counter(device for device, error in last if error)
    assert newest["devices"]["wrong"] == wrong.total() and newest["devices"]["with_wrong"] == 1
    assert [each["device"] for each in newest["devices"]["named"]] == ["AP-15"]
    # The alert was of the fleet, and stays so; what it told is as it was told.
    assert not newest["devices"]["of_one"]
    assert "AP-15" not in [each["device"] for each in alert["devices"]["named"]]
    told = f"6.7% of the newest {newest['labels']:,} labels were predicted wrong ("
    told += f"{newest['before']:.1%} before; "
    assert f"; {told}of all {len(labels) + len(moved):,} labels" in status["summary"]
    again = DriftMonitor.from_dict(json.loads(json.dumps(monitor.to_dict())))
    assert again.status() == status


def test_labels_of_before_the_alert_and_too_few_of_them_are_not_told():
    monitor, labels = warmed(), list(stream())
    for i, (device, error) in enumerate(labels):
        monitor.update(error, at(i), device=device)
        if monitor.open_alert is not None:
            break
    assert monitor.status()["newest"] is None
    raised = monitor.open_alert.raised_at
    played(monitor, labels[i + 1 : i + 200], first=i + 1)
    newest = monitor.status()["newest"]
    assert LEAST_NEWEST <= newest["labels"] <= monitor.n_seen - raised


def test_without_an_alert_it_is_beside_the_base():
    monitor = warmed()
    played(monitor, stream(50, since=50))
    assert monitor.status()["newest"] is None
    played(monitor, stream(1000, since=1000), first=50)
    newest = monitor.status()["newest"]
    assert newest["devices"] is None and newest["before"] == pytest.approx(0.05, abs=0.01)
    # Few labels are all of them: one share says it.
    assert monitor.status()["summary"].endswith("of 1,050 labels were predicted wrong")
