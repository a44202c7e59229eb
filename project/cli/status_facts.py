"""What ``netops status`` tells, as it is gathered from the installation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from feature_sets.checks import InputError
from project.api_reader import redis_url
from project.cli.restarts import deployed, facts
from project.disk_errors import write_failure
from project.errors import NetopsError
from project.function_names import ENDPOINTS, SERVING
from project.latest_report import latest_reports
from project.retention.not_deleted import not_deleted
from project.retraining.told_loop import told_loop
from project.run_lock import Holder, holders
from project.settings import Settings
from project.summary.alerts import told_of_drift
from project.summary.doubtful_readings import doubtful_readings_of
from project.summary.further_horizons import earlier_horizons_of, horizons_without_model_of
from project.summary.left_out_versions import left_out_versions
from project.summary.live_labels import late_labels_of
from project.summary.lost_store import lost_store
from project.summary.measured_drift import measured_drift_of
from project.summary.other_code import other_code_of, other_control_plane
from project.summary.readiness import not_ready
from project.summary.told_metrics import metrics_of
from project.summary.unknown_tokens import unknown_tokens
from project.summary.unwritten_files import unwritten_files

if TYPE_CHECKING:
    from project.api_reader import Endpoint, Schedule
    from project.session import Session


@dataclass(frozen=True)
class StatusFacts:
    """What runs; sentences are by project.

    :param mlrun_dbpath: address of the MLRun API; empty if it does not run.
    :param redis_url: address of the online store; empty if it does not run.
    :param disk: why nothing can be written in the home; empty if it can.
    :param control_plane: that it was started with other code than is installed; empty if it was not.
    :param endpoints: as JSON has them, with how they lived.
    :param drift: what detectors have found of live traffic.
    :param measured_drift: how far the rows had moved, if a run has found that they had.
    :param alerts: of drift.
    :param none_usable: that the loop has found no model of use, neither the one in production nor a new one.
    :param loops: what the loop waits for where that is a person or a time.
    :param left_out_versions: that an endpoint could not load them, and why.
    :param doubtful_readings: that an endpoint does not take them because of their time, or that a metric may
        be in another unit than before.
    :param late_labels: that they come too late.
    :param unknown_tokens: that an endpoint knows other tokens than those of now.
    :param other_code: that endpoints were deployed with other code than is installed.
    :param lost_store: that the store of its journal lost its content.
    :param unwritten_files: that an endpoint could not write some of late.
    :param not_deleted: why no data of old runs was deleted the last time.
    :param earlier_horizons: models of further horizons that are older than the primary one.
    :param horizons_without_model: further horizons that no model answers, and why.
    :param schedules: in order of project and name.
    :param under_way: runs and commands.
    :param reports: project -> newest page.
    """

    mlrun_dbpath: str
    redis_url: str
    disk: str
    control_plane: str
    endpoints: list[dict[str, Any]]
    drift: dict[str, list[str]]
    measured_drift: dict[str, list[str]]
    alerts: dict[str, list[str]]
    none_usable: dict[str, str]
    loops: dict[str, list[str]]
    left_out_versions: dict[str, list[str]]
    doubtful_readings: dict[str, list[str]]
    late_labels: dict[str, list[str]]
    unknown_tokens: dict[str, list[str]]
    other_code: dict[str, list[str]]
    lost_store: dict[str, list[str]]
    unwritten_files: dict[str, list[str]]
    not_deleted: dict[str, list[str]]
    earlier_horizons: dict[str, list[str]]
    horizons_without_model: dict[str, list[str]]
    schedules: list[Schedule]
    under_way: list[Holder]
    reports: dict[str, Path]

    def to_dict(self) -> dict[str, Any]:
        """Plain content for JSON."""
        return {
            **vars(self),
            "mlrun_dbpath": self.mlrun_dbpath or None,
            "redis_url": self.redis_url or None,
            "disk": self.disk or None,
            "control_plane": self.control_plane or None,
            "schedules": [vars(schedule) for schedule in self.schedules],
            "under_way": [vars(holder) for holder in self.under_way],
            "reports": {name: str(path) for name, path in self.reports.items()},
        }


def status_facts(
    settings: Settings,
    session: Session,
    found: Sequence[Endpoint],
    schedules: Sequence[Schedule],
    project: str | None,
) -> StatusFacts:
    """Gather them.

    :param found: endpoints that are known.
    :param schedules: that are known.
    :param project: of which alone it is told; None tells of all.
    """

    def wanted(name: str) -> bool:
        return project in (None, name)

    shown = _endpoints(settings, session, [each for each in found if wanted(each.project)])
    online = session.redis_url
    if not online and not session.owned:
        online = redis_url(session.mlrun_dbpath)
    live = {
        endpoint["project"]: endpoint["address"]
        for endpoint in shown
        if endpoint["name"] == SERVING and endpoint["state"] == "ready"
    }
    now = datetime.now(UTC)
    loops = {name: told_loop(settings.loops, name, now) for name in {each["project"]: 0 for each in shown}}
    drift = {name: told_of_drift(address, name) for name, address in live.items()}
    metrics = {name: metrics_of(address) for name, address in live.items()}
    # Without the control plane nobody knows which models are in production.
    asked: Iterable[str] = live if session.mlrun_dbpath else ()
    dbpath = session.mlrun_dbpath
    return StatusFacts(
        mlrun_dbpath=session.mlrun_dbpath,
        redis_url=online,
        disk=write_failure(settings.home) if settings.home.is_dir() else "",
        control_plane=other_control_plane(settings, session),
        endpoints=shown,
        drift={name: told.summary for name, told in drift.items()},
        measured_drift=_by_project(asked, lambda name: measured_drift_of(dbpath, name, loops[name].onset)),
        alerts={name: told.alerts for name, told in drift.items()},
        none_usable={name: loop.none_usable for name, loop in loops.items() if loop.none_usable},
        loops={name: loop.lines for name, loop in loops.items()},
        left_out_versions=_by_project(live, lambda name: left_out_versions(settings, live[name], now)),
        doubtful_readings=_by_project(live, lambda name: doubtful_readings_of(live[name])),
        late_labels=_by_project(live, lambda name: late_labels_of(live[name])),
        unknown_tokens=_by_project(live, lambda name: unknown_tokens(settings, live[name], name)),
        other_code=_by_project(
            live if dbpath else {each["project"]: 0 for each in shown},
            lambda name: other_code_of(settings, dbpath, name),
        ),
        lost_store=_by_project(live, lambda name: lost_store(metrics[name])),
        unwritten_files=_by_project(
            live, lambda name: unwritten_files(metrics[name], settings.labeled_pairs(name).parent, now)
        ),
        not_deleted={name: why for name, why in not_deleted(settings.home).items() if wanted(name)},
        earlier_horizons=_by_project(asked, lambda name: earlier_horizons_of(dbpath, name)),
        horizons_without_model=_by_project(
            asked, lambda name: horizons_without_model_of(dbpath, name, live[name])
        ),
        schedules=[each for each in schedules if wanted(each.project)],
        under_way=[each for each in holders(settings.home) if wanted(each.project)],
        reports={name: path for name, path in latest_reports(settings.home).items() if wanted(name)},
    )


def _by_project(names: Iterable[str], tell: Callable[[str], list[str]]) -> dict[str, list[str]]:
    """Sentences of each project. What one of them keeps from being told is told: others are told, too."""
    found = {}
    for name in names:
        try:
            found[name] = tell(name)
        except (NetopsError, InputError, OSError) as error:
            found[name] = [f"not known: {error}"]
        except (LookupError, TypeError, ValueError) as error:  # Such as a record of another release.
            found[name] = [f"not known: what was stored is of another form: {type(error).__name__}: {error}"]
    return found


def _endpoints(settings: Settings, session: Session, found: Sequence[Endpoint]) -> list[dict[str, Any]]:
    """Endpoints with how they lived; one that answers, but not as it should, is not ready."""
    known = {(each.project, each.name): each for each in deployed(settings, session)}
    shown = [
        {**vars(endpoint), **facts(known.get((endpoint.project, endpoint.name)))}
        for endpoint in found
        if endpoint.name in ENDPOINTS
    ]
    for endpoint in shown:
        if endpoint["name"] == SERVING and endpoint["state"] == "ready":
            why = not_ready(endpoint["address"])
            endpoint |= {"state": "not ready", "reason": why} if why else {}
    return shown
