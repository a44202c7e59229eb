"""Keeps MLRun's graph server from parsing request bodies, so that the ingress answers for bad JSON.

MLRun reads ``application/json`` bodies with Python's decoder before the first step: malformed JSON would be
answered with plain text, and ``NaN``, which is not JSON, would be let in.
"""

from __future__ import annotations

from typing import Any

UNPARSED = "application/octet-stream"


def leave_bodies_alone(server: Any) -> None:
    """Let bodies reach the first step as they were sent.

    :param server: MLRun's graph server, before its steps are made.
    """
    run = server.run

    def run_unparsed(event: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(event.body, bytes | str):
            event.content_type = UNPARSED
        return run(event, *args, **kwargs)

    server.run = run_unparsed
