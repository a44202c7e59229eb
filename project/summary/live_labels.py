"""What is told of labeled pairs whose label is another one in the history."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

COMPARED, CONTRADICTED = "pairs_compared", "pairs_contradicted"
"""Results of the job: newest labeled pairs with a label in the history, and those with another one there."""


def contradiction_lines(results: Mapping[str, Any]) -> list[str]:
    """A sentence if there are any.

    :param results: of the job.
    """
    count = int(results.get(CONTRADICTED) or 0)
    if not count:
        return []
    return [
        f"{count:,} of {results[COMPARED]:,} labeled pairs have another label in the history, "
        "from which trainings learn"
    ]
