"""What is wrong with further horizons: models that a newer primary one left behind, or none at all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from feature_sets.model_package.tags import PRODUCTION
from project.api_reader import runs
from project.http_json import UnreachableError, get_json
from project.model_addresses import MODEL_ARTIFACT, artifacts_address, horizon_of_key

_TIMEOUT = 10.0
_ENDPOINT_TIMEOUT = 5.0
_STEP = "horizons"
"""Step of the workflow that makes their models, and its result."""


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


def horizons_without_model_of(dbpath: str, project: str, address: str) -> list[str]:
    """A sentence for each horizon of the schema that no model answers; none of one that does not answer.

    :param dbpath: address of the MLRun API.
    :param address: of the endpoint.
    :raises NetopsError: if the API does not answer.
    """
    try:
        answered = get_json(f"{address}/", _ENDPOINT_TIMEOUT).get("horizons") or {}
    except UnreachableError:  # That is told elsewhere.
        return []
    lacking = [horizon for horizon, version in answered.items() if version is None]
    return horizons_without_model(lacking, runs(dbpath, project, name=_STEP)) if lacking else []


def horizons_without_model(lacking: Iterable[str], found: Iterable[Mapping[str, Any]]) -> list[str]:
    """The same of horizons and runs of the step, the newest first.

    :param lacking: horizons of the schema without a model that answers.
    """
    results = [run["status"].get("results") or {} for run in found]
    newest: Iterable[Mapping[str, Any]] = next((each[_STEP] for each in results if _STEP in each), ())
    leads = {lead["horizon"]: lead for lead in newest}
    return [
        f"{horizon}: no model answers, so its fields are null: {_why(leads.get(horizon))}"
        for horizon in lacking
    ]


def _why(lead: Mapping[str, Any] | None) -> str:
    """What became of its model in the newest run that made some."""
    if lead is None:
        return "no run has trained one for this schema"
    outcome, reason = str(lead["promotion"]), str(lead.get("promotion_reason") or "")
    return f"of the newest run {outcome}{': ' * bool(reason)}{reason}"
