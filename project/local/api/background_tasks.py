"""Background tasks, as MLRun's client asks for them after a call that was accepted.

Whatever the laptop does is done when it answers: a task is over when the client learns of it.
"""

from __future__ import annotations

import uuid
from collections import OrderedDict

from project.local.api.documents import Document, now
from project.local.api.errors import NotFoundError

_KEPT = 1000


class BackgroundTasks:
    """The newest tasks; a client asks for one right after it was told of it."""

    def __init__(self) -> None:
        self._tasks: OrderedDict[str, Document] = OrderedDict()

    def add(self, project: str, kind: str) -> Document:
        """A task that has succeeded.

        :param kind: what it did.
        """
        time, name = now().isoformat(), uuid.uuid4().hex
        task = {
            "kind": "BackgroundTask",
            "metadata": {"name": name, "kind": kind, "project": project, "created": time, "updated": time},
            "spec": {},
            "status": {"state": "succeeded", "error": None},
        }
        self._tasks[name] = task
        while len(self._tasks) > _KEPT:
            self._tasks.popitem(last=False)
        return task

    def get(self, name: str) -> Document:
        """A task.

        :raises NotFoundError: if there is none of that name.
        """
        task = self._tasks.get(name)
        if task is None:
            raise NotFoundError(f"background task {name} not found")
        return task

    def all(self, project: str) -> list[Document]:
        """Tasks of a project, oldest first."""
        return [task for task in list(self._tasks.values()) if task["metadata"]["project"] == project]
