"""Names of runs and models of further horizons, beside those of the primary one."""

from __future__ import annotations

import re

_TAGGED = re.compile(r"^(store://models/[^/:#@^]+/[^/:#@^]+)(_model:[^:@^]+)$")


def name_of_horizon(name: str, horizon: str) -> str:
    """Name of what is done, or of the model, with a further horizon.

    >>> name_of_horizon("evaluate", "10m")
    'evaluate-10m'
    """
    return f"{name}-{horizon}"


def address_of_horizon(address: str, horizon: str) -> str:
    """Address of the model of a further horizon with the same tag; empty where an address has no tag.

    >>> address_of_horizon("store://models/netops/evaluate_model:production", "10m")
    'store://models/netops/evaluate-10m_model:production'

    :param address: of the model of the primary horizon.
    """
    found = _TAGGED.match(address)
    return f"{name_of_horizon(found[1], horizon)}{found[2]}" if found else ""
