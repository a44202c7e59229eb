"""What is told of labels: those that the history has otherwise, and those that come too late."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from project.http_json import UnreachableError, get_json

_TIMEOUT = 5.0

COMPARED, CONTRADICTED = "pairs_compared", "pairs_contradicted"
"""Results of the job: newest labeled pairs with a label in the history, or one that was taken back there, and
those with another one or none."""


def contradiction_lines(results: Mapping[str, Any]) -> list[str]:
    """A sentence if there are any.

    :param results: of the job.
    """
    count = int(results.get(CONTRADICTED) or 0)
    if not count:
        return []
    return [
        f"{count:,} of {results[COMPARED]:,} labeled pairs have another label in the history, "
        "from which trainings learn, or none any more"
    ]


def late_label_lines(labeled: Mapping[str, Any] | None) -> list[str]:
    """The warning of labels that come too late to meet their prediction, if there is one.

    :param labeled: answer of the endpoint's ``/labeled``; None without an endpoint.
    """
    warning = (labeled or {}).get("warning")
    return [str(warning)] if warning else []


def late_labels_of(address: str) -> list[str]:
    """See ``late_label_lines``; nothing of an endpoint that does not answer, as its alert tells that.

    :param address: of the endpoint.
    """
    try:
        return late_label_lines(get_json(f"{address}/labeled", _TIMEOUT))
    except UnreachableError:
        return []
