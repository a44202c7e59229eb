"""The models of further horizons: each answers an event from the same features as the primary one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from feature_sets.model_package.horizon_names import name_of_horizon
from graphs.onnx_model import OnnxModel
from graphs.protocol.records import Ahead, TelemetryRecord
from graphs.state.serving_state import serving_state


def horizon_models(context: Any) -> dict[str, OnnxModel]:
    """Loaded models by horizon, as far as there are any; named after the primary one.

    :param context: MLRun's graph context.
    :raises ModelPackageError: if one cannot answer.
    """
    state = serving_state(context)
    models = {
        horizon: OnnxModel(context, name_of_horizon(state.settings.model_name, horizon), package=package)
        for horizon, package in state.further.items()
    }
    for model in models.values():
        model.post_init()
    return models


def predict_ahead(
    models: dict[str, OnnxModel], records: Sequence[TelemetryRecord]
) -> list[tuple[Ahead, ...]]:
    """What each model says of each event; a model whose arithmetic overflows says nothing.

    :param records: with features.
    """
    found: list[tuple[Ahead, ...]] = [()] * len(records)
    features = [record.features for record in records if record.features is not None]
    for horizon, model in models.items():
        probability = model.probability(model.inputs(features))
        rows = zip(model.decide(probability).tolist(), probability.tolist(), strict=True)
        for place, (decided, chance) in enumerate(rows):
            if not math.isnan(chance):
                found[place] += (Ahead(horizon, model.version, decided, chance),)
    return found
