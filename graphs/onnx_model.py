"""A model package as an MLRun model server: ONNX in onnxruntime, one thread, never unpickled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from mlrun.serving import V2ModelServer
from mlrun.utils import logger

from feature_sets.model_package.errors import ModelPackageError
from feature_sets.model_package.package import ModelPackage, fetch_model_package
from feature_sets.model_package.schema import ModelSchema
from graphs.protocol.feature_rows import Features, model_inputs
from graphs.state.serving_state import serving_state

Floats = npt.NDArray[np.float64]


class OnnxModel(V2ModelServer):
    """Answers with the probability of an error and, by the model's own threshold, 0 or 1.

    The base class's model endpoints and tracking are not used: predictions are kept by the labeled join.

    :param context: MLRun's graph context.
    :param name: name of the model, as in the path.
    :param model_path: address of the model package; empty for the one that the settings name.
    :param package: the package itself, where it was fetched already.
    :param kwargs: what MLRun adds.
    """

    schema: ModelSchema
    """Inputs, threshold and version of the loaded model."""

    input_names: tuple[str, ...]
    """Inputs in model order."""
    digest: str
    """SHA-256 of its ``model.json``."""

    def __init__(
        self,
        context: Any,
        name: str,
        model_path: str = "",
        package: ModelPackage | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(context=context, name=name, model_path=model_path, **kwargs)
        self._package = package

    @property
    def version(self) -> str:
        """Version of the loaded model."""
        return self.schema.version

    def post_init(self, mode: str = "sync", **kwargs: Any) -> None:
        """Load before the first request; the base class would ask the MLRun API for model endpoints."""
        if not self.ready:
            self.load()

    def load(self) -> None:
        """Load the package; ready only after it has answered a row as a model must.

        :raises ModelPackageError: if a file, an input or the answer is not right.
        """
        state = serving_state(self.context)
        package = self._package
        if package is None:
            key = state.settings.verify_key
            package = fetch_model_package(self.model_path, key) if self.model_path else state.package
        self._package = None
        self.schema, self.digest = package.schema, package.digest
        self.input_names = package.schema.input_names
        known = set(self.schema.telemetry.live_features)
        if state.devices is not None:
            known |= state.devices.names
        for name in self.input_names:
            if name not in known:
                where = f"model '{self.name}', input '{name}'"
                raise ModelPackageError(where, "must be a feature of live events", name)
        self.model = package.session(threads=1, name=f"model '{self.name}'")
        golden = self.probability(np.full((1, len(self.schema.inputs)), np.nan))
        if golden.shape != (1,) or not 0.0 <= golden[0] <= 1.0:
            rule = "must answer the imputation values with a probability"
            raise ModelPackageError(f"model '{self.name}'", rule, golden)
        if package.golden is not None:
            package.golden.check(f"model '{self.name}', version {self.version}", self.probability)
        else:
            logger.info(f"version {self.version} was packaged without golden rows: only one row was tried")
        self.ready = True

    def inputs(self, features: Sequence[Features]) -> Floats:
        """Model inputs of many events before imputation, NaN where missing.

        :param features: features by name; further ones are ignored.
        :returns: shape (n, inputs).
        """
        return model_inputs(features, self.input_names)

    def probability(self, inputs: Floats) -> Floats:
        """Probability of an error for each row; missing values are imputed as in training.

        :param inputs: shape (n, inputs), NaN where missing; what float32 cannot hold counts as missing.
        :returns: shape (n,); NaN where the model's arithmetic overflows.
        """
        return self.model.probability(self.schema.impute(inputs))

    def decide(self, probability: Floats) -> npt.NDArray[np.int64]:
        """1 where the probability reaches the model's threshold, else 0; shape (n,)."""
        return (probability >= self.schema.threshold).astype(np.int64)

    def predict(self, request: dict[str, Any]) -> list[int]:
        """MLRun's model contract: 0 or 1 for each row of ``inputs``, in model order, None where missing."""
        rows = np.array(request["inputs"], dtype=np.float64).reshape(-1, len(self.schema.inputs))
        decided: list[int] = self.decide(self.probability(rows)).tolist()
        return decided
