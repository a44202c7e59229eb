"""The command of a job's process: MLRun's own, as MLRun's server puts it into the pod of a job."""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path, PurePath
from typing import Any

from project.local.api.documents import Document, get_in
from project.local.api.errors import InvalidError, UnsupportedError

KINDS = ("job", "local", "")
"""Kinds of function that run as one process."""


def check_kind(function: Document) -> None:
    """Raise UnsupportedError unless functions of that kind run here."""
    kind = str(function.get("kind") or "")
    if kind not in KINDS:
        raise UnsupportedError(
            f"functions of kind {kind!r} do not run on the local control plane; the kubernetes profile has "
            "them (set MLRUN_DBPATH to an MLRun API)"
        )


def job_command(function: Document, run: Document, folder: Path, workdir: Path | None) -> list[str]:
    """Command that runs a job's function; code that travels with the function is written into the folder.

    :param function: the function's document, or an empty one for a handler of an installed package.
    :param run: the run's document; the process reads it from its environment (``job_environment``).
    :param folder: of the job, made before.
    :param workdir: folder that the function asks to run in.
    :raises UnsupportedError: if the function needs a cluster.
    :raises InvalidError: if there is nothing to run.
    """
    check_kind(function)
    spec: dict[str, Any] = function.get("spec") or {}
    handler, mode = get_in(run, "spec.handler"), spec.get("mode")
    source = get_in(spec, "build.source") if get_in(spec, "build.load_source_on_run") else None
    command = _code_file(spec, folder) or str(spec.get("command") or "")
    if not command and not handler:
        raise InvalidError("a job must have code, a command or a handler, got none")
    options = {"--handler": handler, "--mode": mode, "--source": source, "--workdir": workdir}
    return [
        *(sys.executable, "-m", "mlrun", "run", "--name", str(get_in(run, "metadata.name")), "--from-env"),
        *(text for option, value in options.items() if value for text in (option, str(value))),
        *([command] if command else []),
        *(str(argument) for argument in spec.get("args") or []),
    ]


def job_environment(run: Document) -> dict[str, str]:
    """Variables from which the process knows which run it is.

    Its requests carry the run's uid as their token, by which the runs that it stores are known as its own.
    """
    return {"MLRUN_EXEC_CONFIG": json.dumps(run), "MLRUN_HTTPDB__TOKEN": str(get_in(run, "metadata.uid"))}


def _code_file(spec: Document, folder: Path) -> str:
    """Name of the file with the function's own code, or nothing if it has none."""
    code = get_in(spec, "build.functionSourceCode")
    if not code:
        return ""
    name = PurePath(str(get_in(spec, "build.origin_filename") or "main.py")).stem + ".py"
    (folder / name).write_bytes(base64.b64decode(code))
    return name
