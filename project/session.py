"""Which MLRun API a command talks to: the user's own, or the local control plane, started when needed."""

from __future__ import annotations

import os
from dataclasses import dataclass

from project.errors import NetopsError
from project.local.stack import Stack
from project.settings import SOURCE_ROOT, Settings


@dataclass(frozen=True)
class Session:
    """An MLRun API to work against.

    :param mlrun_dbpath: its address.
    :param redis_url: address of the online store, or empty if the API's clients learn it from elsewhere.
    :param owned: whether it is the local control plane of this installation.
    :param started: whether this command started it.
    """

    mlrun_dbpath: str
    redis_url: str
    owned: bool
    started: bool


def local_stack(settings: Settings) -> Stack:
    """The local control plane and Valkey of this installation, running or not."""
    return Stack(settings.home, SOURCE_ROOT)


def open_session(settings: Settings) -> Session:
    """Use the MLRun API that ``MLRUN_DBPATH`` names; without one, start the local control plane or find it.

    Sets ``MLRUN_DBPATH`` and ``MLRUN_REDIS__URL`` for this process and its children, which must happen before
    mlrun is imported.
    """
    stack = local_stack(settings)
    found = stack.find()
    if settings.mlrun_dbpath and (found is None or found.mlrun_dbpath != settings.mlrun_dbpath):
        return _foreign(settings)
    try:
        info = stack.up()
    except KeyboardInterrupt:
        if found is None:
            stack.stop()
        raise
    os.environ["MLRUN_DBPATH"] = info.mlrun_dbpath
    os.environ["MLRUN_REDIS__URL"] = info.redis_url
    return Session(info.mlrun_dbpath, info.redis_url, owned=True, started=found is None)


def find_session(settings: Settings) -> Session | None:
    """The API that runs already, without starting one."""
    found = local_stack(settings).find()
    if settings.mlrun_dbpath and (found is None or found.mlrun_dbpath != settings.mlrun_dbpath):
        return _foreign(settings)
    if found is None:
        return None
    return Session(found.mlrun_dbpath, found.redis_url, owned=True, started=False)


def existing_session(settings: Settings) -> Session:
    """The API that runs already.

    :raises NetopsError: if none runs.
    """
    session = find_session(settings)
    if session is None:
        raise NetopsError("nothing is running; start it with 'netops run --keep' or 'netops serve'")
    return session


def _foreign(settings: Settings) -> Session:
    return Session(settings.mlrun_dbpath, settings.redis_url, owned=False, started=False)
