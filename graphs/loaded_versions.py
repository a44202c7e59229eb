"""The versions of the model that are loaded, by version."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from mlrun.utils import logger

from feature_sets.model_package.errors import ModelPackageError
from feature_sets.model_package.package import ModelPackage, fetch_model_package
from feature_sets.telemetry.schema import TelemetrySchema
from feature_sets.telemetry.schema_content import answers_depend_on
from graphs.onnx_model import OnnxModel
from graphs.routing.document import RoutedVersion
from graphs.state.serving_state import serving_state

DEPLOY = (
    "for a swap while the endpoint runs, as windows and labels go on; deploy the model instead "
    "(netops run, or the workflow release)"
)


class LoadedVersions:
    """Loads versions and keeps them.

    :param context: MLRun's graph context.
    :param declared: the model that the function was deployed with; it stays.
    """

    def __init__(self, context: Any, declared: OnnxModel) -> None:
        self._context = context
        self._declared = declared
        self._models = {declared.version: declared}
        self._absent: dict[tuple[str, str], str] = {}

    @property
    def names(self) -> list[str]:
        """Versions that are loaded."""
        return list(self._models)

    @property
    def lacks_some(self) -> bool:
        """Whether versions were needed and could not be loaded."""
        return bool(self._absent)

    def why_absent(self, routed: RoutedVersion) -> str:
        """Why a version that was needed could not be loaded; empty if it was not needed, or could."""
        return self._absent.get((routed.version, routed.sha256), "")

    def get(self, version: str) -> OnnxModel | None:
        """A version that is loaded."""
        return self._models.get(version)

    def load(self, routed: RoutedVersion, is_checked: bool = False) -> OnnxModel:
        """Load a version beside the others, unless it is there; it is not kept yet.

        Digest and signature are checked before anything of the package is run. Its golden rows warm it up.
        Of a version that is there the package is opened all the same: the next start loads it from its path.

        :param is_checked: whether the package at this path was opened before; if the version is there, it is
            not opened again.
        :raises InputError: if the package is not what the document says, is of another schema than the
            endpoint, or does not answer its golden rows.
        """
        model, where = self._models.get(routed.version), f"version '{routed.version}'"
        if model is not None and is_checked and model.digest == routed.sha256:
            return model
        package = package_of(self._context, where, routed.model_path, routed.sha256)
        if package.schema.version != routed.version:
            raise ModelPackageError(where, "must be the version of its package", package.schema.version)
        if model is not None:
            if model.digest != package.digest:
                raise _wrong_digest(where, package.digest, model.digest)
            return model  # The digest covers all files: it has answered the same golden rows.
        check_same_telemetry(where, self._declared.schema.telemetry, package.schema.telemetry)
        model = OnnxModel(self._context, self._declared.name, routed.model_path, package=package)
        model.load()
        return model

    def put(self, *models: OnnxModel) -> None:
        """Keep models."""
        self._models.update({model.version: model for model in models})
        for model in models:
            self._absent.pop((model.version, model.digest), None)

    def needed(self, routed: RoutedVersion) -> OnnxModel:
        """A version, loaded if it must be. One that is no longer there is replaced by the deployed model.

        Only a replay may ask for such a one, or a process that another one has told of it. A model of the
        same name and another digest is another one, as after it was packaged anew.
        """
        model = self._models.get(routed.version)
        if model is not None and model.digest == routed.sha256:
            return model
        if not self.why_absent(routed):
            try:
                self.put(self.load(routed))
                return self._models[routed.version]
            except Exception as error:  # Those of onnxruntime, or of a store; the log says which.
                why = f"{type(error).__name__}: {error}"
                self._absent[routed.version, routed.sha256] = why
                logger.error(f"version {routed.version} is replaced by {self._declared.version}: {why}")
        return self._declared

    def is_there(self, routed: RoutedVersion) -> bool:
        """Whether a version is loaded, or can be."""
        model = self.needed(routed)
        return (model.version, model.digest) == (routed.version, routed.sha256)

    def try_again(self) -> None:
        """Have versions that could not be loaded be tried again when they are needed."""
        self._absent.clear()

    def keep(self, versions: Collection[str]) -> None:
        """Forget all versions but these, and the deployed one."""
        for version in [name for name in self._models if name not in versions]:
            if self._models[version] is not self._declared:
                del self._models[version]


def check_same_telemetry(where: str, running: TelemetrySchema, other: TelemetrySchema) -> None:
    """Raise ModelPackageError unless a model was trained on the schema that an endpoint runs with."""
    if running == other:
        return
    ours, theirs = (answers_depend_on(schema.to_dict()) for schema in (running, other))
    differing = sorted(name for name in {*ours, *theirs} if ours.get(name) != theirs.get(name))
    if differing:
        raise ModelPackageError(
            f"{where}, schema", f"must be that of the endpoint {DEPLOY}", f"another {', '.join(differing)}"
        )


def package_of(context: Any, where: str, address: str, sha256: str) -> ModelPackage:
    """A model package that is what was declared of it.

    :param where: what is loaded, for the error.
    :param sha256: of its ``model.json``.
    :raises ModelPackageError: if it is damaged, has another digest, or lacks a signature that it must have.
    """
    package = fetch_model_package(address, serving_state(context).settings.verify_key)
    if package.digest != sha256:
        raise _wrong_digest(where, sha256, package.digest)
    return package


def _wrong_digest(where: str, sha256: str, got: str) -> ModelPackageError:
    return ModelPackageError(f"{where}: SHA-256 of its model.json", f"must be {sha256}", got)
