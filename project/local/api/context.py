"""What the handlers share."""

from __future__ import annotations

from dataclasses import dataclass, field

from project.code_digest import code_digest
from project.local.api.background_tasks import BackgroundTasks
from project.local.api.deployments.live import LiveDeployments
from project.local.api.deployments.supervisor import Supervisor
from project.local.api.jobs.runner import Jobs
from project.local.api.records.store import Store
from project.local.api.schedules.scheduler import Scheduler
from project.local.api.settings import Settings


@dataclass
class Context:
    """What the handlers share.

    :param deployments: deployed functions as they are now.
    :param supervisor: starts and stops them.
    :param jobs: starts jobs, and stops them.
    :param scheduler: keeps schedules and starts them.
    :param tasks: background tasks that clients were told of.
    :param redis_url: address of the online store; may change while the server runs.
    :param code: digest of the code that this server runs: what is installed may be another by now.
    :param valkey_restarts: how often the online store was started again since this server was.
    """

    store: Store
    settings: Settings
    deployments: LiveDeployments
    supervisor: Supervisor
    jobs: Jobs
    scheduler: Scheduler
    tasks: BackgroundTasks = field(default_factory=BackgroundTasks)
    redis_url: str = ""
    code: str = field(default_factory=code_digest)
    valkey_restarts: int = 0

    def valkey_started_again(self, url: str) -> None:
        """The online store died and lives again, at this address."""
        self.redis_url = url
        self.valkey_restarts += 1
