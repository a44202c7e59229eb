"""Which model is in production while a new one is evaluated: a person may put another one there meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import mlrun

_MOST_TIMES = 3

Found = TypeVar("Found")


def version_there(address: str) -> str:
    """Version of the model with a tag, also of one whose files cannot be read; empty without one.

    :param address: ``store://models/...`` with the tag.
    """
    try:
        found = mlrun.datastore.get_store_resource(address)
    except mlrun.errors.MLRunNotFoundError:
        return ""
    return str(found.spec.parameters.get("version", "")) if found else ""


def of_one_champion(address: str, compare: Callable[[], Found]) -> tuple[Found, str]:
    """What a comparison with the model in production finds, and which version that is.

    Where another one came while they were compared, they are compared anew; after three times the version is
    that of before, which is then not there any more.

    :param address: ``store://models/...`` with the tag of the production model.
    """
    for _ in range(_MOST_TIMES):
        version = version_there(address)
        found = compare()
        if version_there(address) == version:
            break
    return found, version


def why_superseded(beside: str, now: str) -> str:
    """Why what was found beside one champion says nothing any more; empty if that one is still there.

    >>> why_superseded("v1", "v1"), why_superseded("v1", "")
    ('', 'it was evaluated beside version v1 in production, and no model is there now')

    :param beside: version that was in production then; empty for none.
    :param now: version that is there.
    """
    if beside == now:
        return ""
    how = f"beside version {beside[:8]} in production" if beside else "as the first model of the project"
    return f"it was evaluated {how}, and {f'version {now[:8]}' if now else 'no model'} is there now"
