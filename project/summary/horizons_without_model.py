"""Horizons of which an endpoint answers nulls, as no model of theirs is in production, and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from project.api_reader import runs
from project.http_json import UnreachableError, get_json

_TIMEOUT = 5.0
_STEP = "horizons"
"""Step of the workflow that makes their models, and its result."""


def horizons_without_model_of(dbpath: str, project: str, address: str) -> list[str]:
    """A sentence for each horizon of the schema that no model answers; none of one that does not answer.

    :param dbpath: address of the MLRun API.
    :param address: of the endpoint.
    :raises NetopsError: if the API does not answer.
    """
    try:
        answered = get_json(f"{address}/", _TIMEOUT).get("horizons") or {}
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
