"""The models of further horizons: each answers an event from the same features as the primary one."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from typing import Any

from mlrun.utils import logger

from feature_sets.model_package.horizon_names import name_of_horizon
from graphs.loaded_versions import package_of
from graphs.onnx_model import Floats, OnnxModel
from graphs.protocol.records import Ahead, TelemetryRecord
from graphs.routing.routing import FurtherVersion
from graphs.scoring import ANSWER
from graphs.state.histograms import HistogramFamily
from graphs.state.serving_state import serving_state

_Versions = tuple[FurtherVersion, ...]


class HorizonModels:
    """Models by horizon, those of now and those that a replay needs; named after the primary one.

    :param context: MLRun's graph context.
    :raises ModelPackageError: if one that was deployed cannot answer.
    """

    def __init__(self, context: Any) -> None:
        state = serving_state(context)
        self._context, self._name = context, state.settings.model_name
        self._versions: _Versions = state.further_versions or ()
        self.deployed = {
            horizon: OnnxModel(context, name_of_horizon(self._name, horizon), package=package)
            for horizon, package in state.further.items()
        }
        """Those that the function was deployed with."""
        for model in self.deployed.values():
            model.post_init()
        self._loaded: dict[_Versions, Mapping[str, OnnxModel]] = {self._versions: self.deployed}

    def at(self, versions: _Versions | None) -> Mapping[str, OnnxModel]:
        """The models that were in force, loaded if they must be.

        One that can no longer be loaded is replaced by the deployed one of its horizon, and the log says so.

        :param versions: of the routing; None, which an earlier version wrote, gives the deployed ones.
        """
        if versions is None:
            return self.deployed
        found = self._loaded.get(versions)
        if found is None:
            models = {each.horizon: self._model(each) for each in versions}
            found = {horizon: model for horizon, model in models.items() if model is not None}
            self._loaded[versions] = found
        return found

    def forget_replayed(self) -> None:
        """Forget the models that only a replay needed."""
        self._loaded = {self._versions: self.deployed}

    def _model(self, each: FurtherVersion) -> OnnxModel | None:
        deployed = self.deployed.get(each.horizon)
        if deployed is not None and (deployed.version, deployed.digest) == (each.version, each.sha256):
            return deployed
        try:
            where = f"version '{each.version}' of horizon {each.horizon}"
            package = package_of(self._context, where, each.model_path, each.sha256)
            model = OnnxModel(self._context, name_of_horizon(self._name, each.horizon), package=package)
            model.post_init()
        except Exception as error:  # Those of onnxruntime, or of a store; the log says which.
            instead = "none" if deployed is None else deployed.version
            why = f"{type(error).__name__}: {error}"
            logger.error(f"horizon {each.horizon}: version {each.version} is replaced by {instead}: {why}")
            return deployed
        return model


def predict_ahead(
    models: Mapping[str, OnnxModel], records: Sequence[TelemetryRecord], times: HistogramFamily
) -> list[tuple[Ahead, ...]]:
    """What each model says of each event; a model whose arithmetic overflows says nothing.

    :param records: with features.
    :param times: of each version.
    """
    found: list[tuple[Ahead, ...]] = [()] * len(records)
    features = [record.features for record in records if record.features is not None]
    inputs: dict[tuple[str, ...], Floats] = {}
    for horizon, model in models.items():
        started, names = time.perf_counter(), model.input_names
        if names not in inputs:  # Models of several horizons have the same, nearly always.
            inputs[names] = model.inputs(features)
        probability = model.probability(inputs[names])
        rows = zip(model.decide(probability).tolist(), probability.tolist(), strict=True)
        times.of(model.name, model.version, ANSWER).observe(time.perf_counter() - started)
        for place, (decided, chance) in enumerate(rows):
            if not math.isnan(chance):
                found[place] += (Ahead(horizon, model.version, decided, chance),)
    return found
