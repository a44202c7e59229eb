"""What the handlers share, and where things are on disk."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from project.local.api.store import Store
from project.local.api.supervisor import Supervisor


@dataclass(frozen=True)
class Settings:
    """Where this control plane keeps things and how it is reached.

    :param home: folder of all local state.
    :param source_root: the repository that functions import from.
    :param url: address of this server, without a slash at the end.
    """

    home: Path
    source_root: Path
    url: str

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return database_file(self.home)

    @property
    def artifact_path(self) -> Path:
        """Where clients write artifacts unless they say otherwise."""
        return self.home / "artifacts"

    @property
    def feature_store(self) -> Path:
        """Where feature sets without a path of their own write."""
        return self.home / "feature-store"


def database_file(home: Path) -> Path:
    """The SQLite file of the control plane that keeps its state under ``home``."""
    return home / "api" / "control-plane.sqlite3"


@dataclass
class Context:
    """What the handlers share.

    :param redis_url: address of the online store; may change while the server runs.
    """

    store: Store
    settings: Settings
    supervisor: Supervisor
    redis_url: str = ""
