"""The environment of a function's process: ours, the project's secrets, then the function's own."""

from __future__ import annotations

import json
import os
from pathlib import Path

from feature_sets.secret_files import FILE
from project.local.api.documents import Document, get_in
from project.local.api.records.entries import list_entries
from project.local.api.records.store import Store
from project.local.api.settings import Settings

PACKAGE_ROOT = Path(__file__).resolve().parents[3]
"""Where our own packages are; a function's process must find them there."""

PROJECT = "NETOPS_PROJECT"
"""Variable of every function that was deployed with settings, see ``project.settings``."""


def _is_setting(name: str) -> bool:
    return name.startswith("NETOPS_") or name == "MLRUN_LOG_FORMATTER"


def function_environment(
    store: Store, settings: Settings, project: str, function: Document
) -> dict[str, str]:
    """Variables that a process gets which runs a function.

    Settings of a function that has some are those alone, and not what we were once started with: a later
    deployment may have taken them back. So it is with the file of a secret.

    :param function: the function's document.
    """
    paths = [
        str(PACKAGE_ROOT),
        str(settings.source_root),
        get_in(function, "spec.pythonpath"),
        os.environ.get("PYTHONPATH"),
    ]
    own = {
        variable["name"]: str(variable["value"])
        for variable in get_in(function, "spec.env") or []
        if variable.get("name") and variable.get("value") is not None
    }
    has_settings = PROJECT in own
    environment = {
        **{name: value for name, value in os.environ.items() if not (has_settings and _is_setting(name))},
        "PYTHONPATH": os.pathsep.join(dict.fromkeys(path for path in paths if path)),
        "PYTHONUNBUFFERED": "1",
        "NETOPS_HOME": str(settings.home),
        "MLRUN_DBPATH": settings.url,
        "MLRUN_ACTIVE_PROJECT": project,
    }
    for secret, value in secret_values(store, project).items():
        environment[f"MLRUN_K8S_SECRET__{secret}"] = value
    for name in own:
        if name.endswith(FILE):
            environment.pop(name.removesuffix(FILE), None)
    return {**environment, **own}


def function_workdir(settings: Settings, function: Document) -> Path | None:
    """Folder that a function asks to run in, under the repository unless absolute; None unless it exists."""
    workdir = get_in(function, "spec.workdir")
    folder = settings.source_root / str(workdir or "")
    return folder if workdir and folder.is_dir() else None


def secret_values(store: Store, project: str) -> dict[str, str]:
    """Secrets of a project, as text."""
    entries = list_entries(store, "secret", project)
    return {
        name: value if isinstance(value := body["value"], str) else json.dumps(value)
        for name, body in entries.items()
    }
