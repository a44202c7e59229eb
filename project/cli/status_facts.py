"""What ``netops status`` tells, as it is gathered from the installation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from project.api_reader import redis_url
from project.cli.restarts import deployed, facts
from project.disk import write_failure
from project.function_names import ENDPOINTS, SERVING
from project.latest_report import latest_reports
from project.retention.not_deleted import not_deleted
from project.retraining.state import StateFile
from project.retraining.status import held_up
from project.run_lock import Holder, holders
from project.settings import Settings
from project.summary.alerts import told_of_drift
from project.summary.further_horizons import earlier_horizons_of, horizons_without_model_of
from project.summary.live_labels import late_labels_of
from project.summary.measured_drift import measured_drift_of
from project.summary.other_code import other_code_of
from project.summary.readiness import not_ready
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
    :param endpoints: as JSON has them, with how they lived.
    :param drift: what detectors have found of live traffic.
    :param measured_drift: how far the rows had moved, if a run has found that they had.
    :param alerts: of drift.
    :param none_usable: that the loop has found no model of use, neither the one in production nor a new one.
    :param loops: what the loop waits for where that is a person or a time.
    :param late_labels: that they come too late.
    :param unknown_tokens: that an endpoint knows other tokens than those of now.
    :param other_code: that endpoints were deployed with other code than is installed.
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
    endpoints: list[dict[str, Any]]
    drift: dict[str, list[str]]
    measured_drift: dict[str, list[str]]
    alerts: dict[str, list[str]]
    none_usable: dict[str, str]
    loops: dict[str, list[str]]
    late_labels: dict[str, list[str]]
    unknown_tokens: dict[str, list[str]]
    other_code: dict[str, list[str]]
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
    loops = {each["project"]: StateFile(settings.loops, each["project"]).read() for each in shown}
    now = datetime.now(UTC)
    drift = {name: told_of_drift(address) for name, address in live.items()}
    # Without the control plane nobody knows which models are in production.
    asked = live if session.mlrun_dbpath else ()
    return StatusFacts(
        mlrun_dbpath=session.mlrun_dbpath,
        redis_url=online,
        disk=write_failure(settings.home) if settings.home.is_dir() else "",
        endpoints=shown,
        drift={name: told.summary for name, told in drift.items()},
        measured_drift={name: measured_drift_of(session.mlrun_dbpath, name) for name in asked},
        alerts={name: told.alerts for name, told in drift.items()},
        none_usable={name: state.none_usable for name, state in loops.items() if state.none_usable},
        loops={name: held_up(state, name, now) for name, state in loops.items()},
        late_labels={name: late_labels_of(address) for name, address in live.items()},
        unknown_tokens={name: unknown_tokens(settings, address, name) for name, address in live.items()},
        other_code={name: other_code_of(settings, session.mlrun_dbpath, name) for name in asked},
        unwritten_files={
            name: unwritten_files(address, settings.labeled_pairs(name).parent, now)
            for name, address in live.items()
        },
        not_deleted={name: why for name, why in not_deleted(settings.home).items() if wanted(name)},
        earlier_horizons={name: earlier_horizons_of(session.mlrun_dbpath, name) for name in asked},
        horizons_without_model={
            name: horizons_without_model_of(session.mlrun_dbpath, name, live[name]) for name in asked
        },
        schedules=[each for each in schedules if wanted(each.project)],
        under_way=[each for each in holders(settings.home) if wanted(each.project)],
        reports={name: path for name, path in latest_reports(settings.home).items() if wanted(name)},
    )


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
