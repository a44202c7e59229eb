"""The versions of the model that a project has registered.

mlrun takes the address of its API when it is imported, so that is done when a session is open.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from feature_sets.model_package.schema import SCHEMA_FILE
from feature_sets.model_package.tags import CANDIDATE, PRODUCTION, REJECTED
from graphs.routing.document import RoutedVersion
from project.errors import NetopsError
from project.model_addresses import MODEL_ARTIFACT, TEST_SET_ARTIFACT, model_address
from training.evaluation.promotion_gate import (
    APPROVED,
    DECLINED,
    LOST,
    NOT_PROMOTED,
    PROMOTED,
    SUPERSEDED,
    after_rehearsal,
)

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class RegisteredVersion:
    """One version.

    :param version: of the model.
    :param algorithm: its family.
    :param registered: when it was stored first, ISO 8601 UTC: a tag or another outcome stores it again.
    :param tags: it has.
    :param artifact: of MLRun.
    :param rejected_for: why the gate kept it out; empty if it did not.
    :param gate: what it said of the version, such as ``not promoted``; empty if that is not recorded.
    """

    version: str
    algorithm: str
    registered: str
    tags: tuple[str, ...]
    artifact: Any
    rejected_for: str = ""
    gate: str = ""

    def routed(self, role: str, share: float = 0.0) -> RoutedVersion:
        """The version in a role."""
        import mlrun

        address = str(self.artifact.get_store_url(with_tag=False))
        file = f"{str(self.artifact.get_target_path()).rstrip('/')}/{SCHEMA_FILE}"
        digest = hashlib.sha256(mlrun.get_dataitem(file).get()).hexdigest()
        return RoutedVersion(self.version, role, address, digest, share)


def registered_versions(project: str) -> list[RegisteredVersion]:
    """Every version, the newest first."""
    import mlrun

    found: dict[str, tuple[Any, str, list[str]]] = {}
    listed = mlrun.get_run_db().list_artifacts(name=MODEL_ARTIFACT, project=project, tag="*")
    for row in listed:
        model = mlrun.artifacts.dict_to_artifact(row)
        # The metadata of the client leaves out when it was created.
        stored = str(row["metadata"].get("created") or row["metadata"].get("updated") or "")
        tags = found.setdefault(model.uid, (model, stored, []))[2]
        if model.metadata.tag and model.metadata.tag not in tags:
            tags.append(model.metadata.tag)
    every = [
        RegisteredVersion(
            str(model.spec.parameters["version"]),
            str(model.spec.algorithm or ""),
            registered,
            tuple(tags),
            model,
            _rejected_for(model.spec.parameters, tags),
            str(model.spec.parameters.get("promotion") or (NOT_PROMOTED if REJECTED in tags else "")),
        )
        for model, registered, tags in found.values()
    ]
    return sorted(every, key=lambda each: each.registered, reverse=True)


def _rejected_for(parameters: Mapping[str, Any], tags: Sequence[str]) -> str:
    """Why the gate kept a version out; of several such ones the newest alone has the tag."""
    if REJECTED not in tags and parameters.get("promotion") not in (NOT_PROMOTED, SUPERSEDED):
        return ""
    return str(parameters.get("promotion_reason") or "the reason is not recorded")


def find_version(project: str, text: str) -> RegisteredVersion:
    """The one version that begins with a text.

    :raises NetopsError: if there is none, or several.
    """
    known = registered_versions(project)
    found = [each for each in known if each.version.startswith(text)] if text else []
    versions = sorted({each.version for each in found})
    if len(versions) != 1:
        names = ", ".join(versions or sorted({each.version for each in known})) or "none"
        what = "more of its letters" if versions else "one that is registered"
        raise NetopsError(f"version {text!r} of project '{project}' must be {what}: {names}")
    return found[0]


def record_promotion(model: Any, beside: str = "") -> str:
    """Have a model that waited for production say that it is there; one that the gate rejected stays so.

    :param beside: what the model of the primary horizon says, of one of a further horizon: no person has
        approved it if none has approved that one.
    :returns: what it says now; empty if it did not wait.
    """
    import mlrun

    outcome = after_rehearsal(model.spec.parameters.get("promotion", ""))
    if outcome == APPROVED and beside == PROMOTED:
        outcome = PROMOTED
    if outcome:
        mlrun.artifacts.update_model(model, parameters={"promotion": outcome}, write_spec_copy=False)
    return outcome


def record_primary(project: str, model: Any) -> str:
    """Do so for a model of the primary horizon, and have the page of its run say it, too.

    :returns: see ``record_promotion``.
    """
    from project.report_sections import tell_gate_of

    outcome = record_promotion(model)
    if outcome:
        tell_gate_of(project, model, f"{outcome}: {model.spec.parameters.get('promotion_reason', '')}")
    return outcome


def record_gate(project: str, model: Any, outcome: str, reason: str) -> None:
    """Have a model of the primary horizon, and the page of its run, say what was decided of it, and why."""
    import mlrun

    from project.report_sections import tell_gate_of

    told = {"promotion": outcome, "promotion_reason": reason}
    mlrun.artifacts.update_model(model, parameters=told, write_spec_copy=False)
    if outcome in (LOST, DECLINED):  # It waits for nobody any more.
        mlrun.get_run_db().delete_artifacts_tags(model, project, tag_name=CANDIDATE)
    tell_gate_of(project, model, f"{outcome}: {reason}")


def record_superseded(model: Any, why: str) -> bool:
    """Have a model that waited for production say that it does not any more; whether it waited.

    :param why: in words.
    """
    import mlrun

    if not after_rehearsal(model.spec.parameters.get("promotion", "")):
        return False
    told = {"promotion": SUPERSEDED, "promotion_reason": why}
    mlrun.artifacts.update_model(model, parameters=told, write_spec_copy=False)
    return True


def end_promotion(project: str) -> str:
    """Record the promotion of the model in production, where whoever moved its tag was killed before that.

    :returns: see ``record_promotion``; empty without a model in production, too.
    """
    import mlrun

    try:
        model = mlrun.datastore.get_store_resource(model_address(project, PRODUCTION))
    except mlrun.errors.MLRunNotFoundError:
        return ""
    return record_primary(project, model)


def evaluated_model(project: str, version: str) -> tuple[Any, pd.DataFrame]:
    """The model of a version, and its predictions of the test rows of its own evaluation.

    :param version: of the model, whole.
    :raises NetopsError: if no model of the project has this version, or its predictions are gone.
    """
    import mlrun

    from project.run_artifacts import written_beside

    found = mlrun.get_run_db().list_artifacts(
        name=MODEL_ARTIFACT, project=project, labels=[f"version={version}"], tag="*"
    )
    if not found:
        raise NetopsError(f"project '{project}' must have a model of version {version!r}, got none")
    model = mlrun.artifacts.dict_to_artifact(found[0])
    predictions = written_beside(project, model, TEST_SET_ARTIFACT)
    if predictions is None:
        raise NetopsError(
            f"version {version!r} must have the predictions of its evaluation, got none; they are deleted "
            "with the data of old runs, see 'netops prune'"
        )
    return model, predictions.as_df()
