"""What the handlers share."""

from __future__ import annotations

from dataclasses import dataclass

from project.local.api.deployments.live import LiveDeployments
from project.local.api.deployments.supervisor import Supervisor
from project.local.api.records.store import Store
from project.local.api.settings import Settings


@dataclass
class Context:
    """What the handlers share.

    :param deployments: deployed functions as they are now.
    :param supervisor: starts and stops them.
    :param redis_url: address of the online store; may change while the server runs.
    """

    store: Store
    settings: Settings
    deployments: LiveDeployments
    supervisor: Supervisor
    redis_url: str = ""
