"""The settings of a control plane."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


def database_file(home: Path) -> Path:
    """The SQLite file of the control plane that keeps its state under ``home``."""
    return home / "api" / "control-plane.sqlite3"


def pid_file(home: Path) -> Path:
    """Has the process id of the control plane, for systemd; ours is found by ``stack.json``."""
    return home / "api" / "pid"


@dataclass(frozen=True)
class Settings:
    """Where this control plane keeps its files, and its address.

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

    def function_file(self, project: str, name: str, suffix: str) -> Path:
        """A file of a deployed function, for example its log, in a folder of its project."""
        return self.home / "functions" / project / f"{name}.{suffix}"

    def function_log(self, project: str, name: str) -> Path:
        """Log of a deployed function's processes."""
        return self.function_file(project, name, "log")
