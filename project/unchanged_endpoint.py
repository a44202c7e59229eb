"""Whether a run leaves the running endpoint as it is, because nothing that it is made of has changed.

A candidate that the gate keeps out changes nothing, and neither does the champion that a run makes again: to
rehearse and deploy it once more would cost minutes, and swap a process that answers.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from feature_sets.checks import check_boolean
from project.api_reader import function_variables, ready_endpoint
from project.code_digest import code_digest
from project.device_reload import RELOAD_FAILURE
from project.endpoint_routing import routing_if_any
from project.errors import NetopsError
from project.function_names import SERVING
from project.production_model import production_version
from project.settings import Settings

DIGEST = "DEFINITION_DIGEST"
"""Variable of a deployed function: what it was made of."""

TO_BE_PROMOTED = "a model is to be promoted"

_ID = "deployment"
"""Of the graph: by it a restarted endpoint knows whether it was deployed anew."""
_NEW_HISTORY = (
    *("rows_new", "rows_rewritten", "label_rows_new", "label_rows_rewritten", "labels_changed"),
    *("devices_new", "devices_changed"),
)
"""Results of the ingestion: an endpoint takes up at its start what files have told, and nobody sent."""


def digest_of(function: Any, secrets: Sequence[Path]) -> str:
    """Digest of all that a function is made of: its document, our code, installed packages, its secrets.

    Others can read it, so it has when a secret was written, and nothing that tells one by guessing.

    :param function: of MLRun, with all its variables but this one.
    :param secrets: files that it reads when it starts.
    """
    document = function.to_dict()
    spec = _lasting({**document["spec"], "build": None})  # MLRun's own note of where its code came from.
    written = [path.stat().st_mtime_ns for path in secrets]
    known = json.dumps([document["kind"], spec, written, code_digest()], sort_keys=True, default=str)
    return hashlib.sha256(known.encode()).hexdigest()


def _lasting(content: Any) -> Any:
    """The same without what is another one each time: the id of the deployment, and the order of names.

    MLRun lists the steps that others come after as a set has them, and that differs from process to process.
    """
    if isinstance(content, dict):
        return {key: _lasting(value) for key, value in content.items() if key != _ID}
    if isinstance(content, list) and all(isinstance(each, str) for each in content):
        return sorted(content)
    return [_lasting(each) for each in content] if isinstance(content, list) else content


def why_deployed(
    settings: Settings,
    dbpath: str,
    project: Any,
    ingested: Mapping[str, Any],
    evaluated: Mapping[str, Any],
    horizons: Mapping[str, Any],
) -> str:
    """Why a run deploys the endpoint, in words; empty if it leaves it as it is.

    :param dbpath: address of the MLRun API.
    :param project: of MLRun, with the functions as they would be deployed.
    :param ingested: results of the ingestion, with ``RELOAD_FAILURE`` of the live history.
    :param evaluated: results of the evaluation.
    :param horizons: results of the models of further horizons.
    """
    if len(horizons.get("horizons") or ()) > 1:
        return "it has models of further horizons, which only a deployment changes"
    if any(ingested.get(name) for name in _NEW_HISTORY):
        return "files have told what the endpoint has not seen"
    if ingested.get(RELOAD_FAILURE):  # Also what a run before has ingested that failed later.
        return f"it has not taken over what files have told: {ingested[RELOAD_FAILURE]}"
    why = why_changed(settings, dbpath, project, SERVING)
    if why:
        return why
    name = project.metadata.name
    try:
        address = ready_endpoint(dbpath, name, SERVING).address
        routing = routing_if_any(address, settings.bearer_token())
    except NetopsError as error:
        return str(error)
    champion = routing.document.champion.version if routing is not None else "of an earlier version"
    there = production_version(dbpath, name)
    if champion != there:
        return f"its champion is {champion}, and another model has the tag of production"
    # Last: then there is no other reason. Whoever makes the same model once more has nothing to promote.
    passed = check_boolean("result 'passed'", evaluated["passed"])
    return TO_BE_PROMOTED if passed and evaluated["version"] != there else ""


def why_changed(settings: Settings, dbpath: str, project: Any, function: str) -> str:
    """Why a function is not the one that is deployed, in words; empty if it is, and is ready.

    :param function: its name.
    """
    if settings.profile != "local":
        return "its image and secrets are those of the cluster, of which nothing is known here"
    there = function_variables(dbpath, project.metadata.name, function)
    if there is None:
        return "it was never deployed"
    if there.get(DIGEST, "") != project.get_function(function).get_env(DIGEST):
        return "its definition, settings, code or packages have changed"
    try:
        ready_endpoint(dbpath, project.metadata.name, function)
    except NetopsError as error:
        return str(error)
    return ""
