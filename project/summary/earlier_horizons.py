"""Models of further horizons that a newer model of the primary one has left behind."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from feature_sets.model_package.tags import PRODUCTION
from project.http_json import get_json
from project.model_addresses import MODEL_ARTIFACT, artifacts_address, horizon_of_key

_TIMEOUT = 10.0


def earlier_horizons_of(dbpath: str, project: str) -> list[str]:
    """A sentence for each; none where every further horizon has a model of the same run, or a later one.

    :param dbpath: address of the MLRun API.
    :raises NetopsError: if it does not answer.
    """
    address = artifacts_address(dbpath, project)
    return earlier_horizons(get_json(address, _TIMEOUT, tag=PRODUCTION, category="model")["artifacts"])


def earlier_horizons(models: Iterable[Mapping[str, Any]]) -> list[str]:
    """The same of the models in production, as the API lists them.

    The gate judges each horizon for itself, and after a change it may keep all but the primary one out.
    """
    by_key = {str(each["spec"]["db_key"]): each["metadata"] for each in models}
    primary = by_key.pop(MODEL_ARTIFACT, None)
    if primary is None:
        return []
    told = []
    for key, made in sorted(by_key.items()):
        horizon = horizon_of_key(key)
        is_earlier = made.get("tree") != primary.get("tree") and _created(made) < _created(primary)
        if horizon and is_earlier:
            version, when = made["labels"]["version"][:8], f"{_created(made):%Y-%m-%d %H:%M}"
            told.append(
                f"{horizon}: version {version} of {when} is older than the model of the primary horizon, of "
                f"{_created(primary):%Y-%m-%d %H:%M}, and no detector watches it"
            )
    return told


def _created(metadata: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(metadata["created"])
