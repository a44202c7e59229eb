"""What the local control plane knows of the lives of endpoints: restarts, the last exit, since when."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from project.function_names import what_brings_back
from project.local.stack import DeployedFunction
from project.session import Session, local_stack
from project.settings import Settings


class Lives(NamedTuple):
    """How an endpoint has lived since it was deployed.

    :param restarts: how often the control plane started it again.
    :param last_exit: how it died last; empty if it never did.
    :param last_exit_time: when, UTC; None if it never did.
    :param since: since when it is ready, UTC; None if it is not.
    :param failed_starts: how many starts have failed since it died last.
    :param failed_start: why the last of them did; empty if none did.
    :param failing_since: when the first of them did, UTC; None if none did.
    """

    restarts: int
    last_exit: str
    last_exit_time: str | None
    since: str | None
    failed_starts: int = 0
    failed_start: str = ""
    failing_since: str | None = None

    def __str__(self) -> str:
        """In words: how it died, why it did not come up again at once, and since when it is ready."""
        times = "once" if self.restarts == 1 else f"{self.restarts} times"
        parts = [f"started again {times}, last exit {self.last_exit_time}: {self.last_exit}"]
        if self.failed_starts:
            starts = "a start has" if self.failed_starts == 1 else f"{self.failed_starts} starts have"
            parts.append(f"{starts} failed since, from {self.failing_since} on: {self.failed_start}")
        return "; ".join([*parts, *([f"ready since {self.since}"] if self.since else [])])


def deployed(settings: Settings, session: Session) -> Sequence[DeployedFunction]:
    """Functions of the control plane of this machine; none where it is not ours or does not run."""
    if not session.owned or not session.mlrun_dbpath:
        return ()
    return local_stack(settings).deployments()


def lives(function: DeployedFunction) -> Lives:
    """How a function has lived."""
    return Lives(
        function.restarts,
        function.last_exit,
        _utc(function.last_exit_time),
        _utc(function.ready_time) if function.state == "ready" else None,
        function.failed_starts,
        function.failed_start,
        _utc(function.failing_since),
    )


def failure_reason(function: DeployedFunction) -> str:
    """Why a function is not what it should be, and what brings it back."""
    if function.state == "building" and function.last_exit:
        return f"{function.failed_start or function.last_exit}; it is being started again"
    if function.state != "error":
        return ""
    way = f"'{what_brings_back(function.project, function.name)}' brings it back"
    again = "it is started again" if function.fallen else way
    return f"{function.reason}; {again}"


def facts(function: DeployedFunction | None) -> dict[str, Any]:
    """The same for JSON; nothing is known of a function of another API."""
    if function is None:
        return {"reason": ""}
    return {"reason": failure_reason(function), **lives(function)._asdict()}


def _utc(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
