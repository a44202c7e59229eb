"""What happened to a detector while it was monitored, and how that is read from a saved form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from drift.alerting import Alerting
from drift.detectors.saved_form import saved_mapping
from drift.drift_event import utc_time
from drift.verdict import ANY
from feature_sets.checks import check_integer

FORMAT = 2
"""Version of the saved form. Version 1, without verdict and improvements, is read too."""


@dataclass
class DetectorRecord:
    """Counts and times of one detector; ``*_at`` are values of the monitor's ``n_seen``."""

    warnings: int = 0
    drifts: int = 0
    merged: int = 0
    last_warning_time: str | None = None
    last_drift_time: str | None = None
    reported_warning_at: int | None = None
    reported_drift_at: int | None = None
    last_drift_at: int | None = None
    improvements: int = 0
    last_improvement_time: str | None = None
    reported_improvement_at: int | None = None


_ADDED = ("improvements", "last_improvement_time", "reported_improvement_at")


def of_this_version(saved: Any) -> Any:
    """A saved form of an earlier version with what came since; else as it is."""
    if not isinstance(saved, Mapping):
        return saved
    if "alerting" not in saved and saved.get("format") in (1, FORMAT):
        # Event times alone do not say what there was by then; they begin anew.
        known = {name: value for name, value in saved.items() if name != "times"}
        saved = {"group": "", "alerting": Alerting().to_dict(), **known}
    if saved.get("format") != 1 or "verdict" in saved:
        return saved
    records = saved.get("records")
    if isinstance(records, Mapping):
        added = {name: getattr(DetectorRecord, name) for name in _ADDED}
        records = {k: {**added, **v} if isinstance(v, Mapping) else v for k, v in records.items()}
    return {**saved, "format": FORMAT, "verdict": ANY, "promise": "", "records": records}


def saved_time(owner: str, name: str, value: Any) -> str | None:
    """A time of a saved form, in UTC, or none.

    :raises InputError: if it is no time.
    """
    return None if value is None else utc_time(value, f"{owner}: {name}")


def saved_record(owner: str, saved: Any) -> DetectorRecord:
    """What is in a saved form of a monitor.

    :raises InputError: naming the field that breaks its rule.
    """
    names = tuple(field.name for field in fields(DetectorRecord))
    record = dict(saved_mapping(owner, "itself", saved, names))
    for name, value in record.items():
        if name.endswith("_time"):
            saved_time(owner, name, value)
        elif value is not None or not name.endswith("_at"):
            record[name] = check_integer(f"{owner}: {name}", value, at_least=0)
    return DetectorRecord(**record)
