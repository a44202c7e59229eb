"""Predictions as columns, and back to the last bit."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from graphs.protocol.records import Ahead, LabeledPair, Position, Prediction
from graphs.state.snapshots.saved_state import SavedState, named, numbered


def saved_predictions(made: Sequence[Prediction], inputs: Sequence[str]) -> SavedState:
    """Predictions with the names of what their features are."""
    kinds = {(one.model, one.version): 0 for one in made}
    numbers = {kind: number for number, kind in enumerate(kinds)}
    features = np.concatenate([one.features for one in made]) if made else np.empty(0)
    found = SavedState(
        {"kinds": [list(kind) for kind in kinds], "inputs": list(inputs)},
        {
            "kind": np.array([numbers[one.model, one.version] for one in made], dtype=np.int64),
            "features": features.reshape(len(made), len(inputs)),
            "prediction": np.array([one.prediction for one in made], dtype=np.int64),
            "probability": np.array([one.probability for one in made], dtype=np.float64),
            "missing": np.array([one.missing for one in made], dtype=np.int64),
        },
    )
    ahead = saved_ahead([one.ahead for one in made])
    found.plain.update(ahead.plain)
    found.arrays.update(ahead.arrays)
    return found


def restored_predictions(state: SavedState, inputs: Sequence[str]) -> list[Prediction]:
    """The predictions, with their features in the order of the model that is served now.

    A feature that the model of then did not have is missing.
    """
    features, before = state.arrays["features"], state.plain["inputs"]
    if before != list(inputs):
        places = {name: place for place, name in enumerate(before)}
        ordered = np.full((len(features), len(inputs)), np.nan)
        for place, name in enumerate(inputs):
            if name in places:
                ordered[:, place] = features[:, places[name]]
        features = ordered
    kinds = state.plain["kinds"]
    kind = state.arrays["kind"].tolist()
    return list(
        map(
            Prediction,
            [kinds[number][0] for number in kind],
            [kinds[number][1] for number in kind],
            features,
            state.arrays["prediction"].tolist(),
            state.arrays["probability"].tolist(),
            state.arrays["missing"].tolist(),
            restored_ahead(state, len(kind)),
        )
    )


def saved_ahead(made: Sequence[tuple[Ahead, ...]]) -> SavedState:
    """What the models of further horizons said, a row for each horizon of a prediction; empty without any."""
    ahead = [(place, one) for place, each in enumerate(made) for one in each]
    if not ahead:
        return SavedState()
    kinds = {(one.horizon, one.version): 0 for _, one in ahead}
    codes = {kind: number for number, kind in enumerate(kinds)}
    rows = [(place, codes[one.horizon, one.version], one.prediction) for place, one in ahead]
    return SavedState(
        {"further": [list(kind) for kind in kinds]},
        {
            "ahead": np.array(rows, dtype=np.int64),
            "ahead_probability": np.array([one.probability for _, one in ahead], dtype=np.float64),
        },
    )


def restored_ahead(state: SavedState, count: int) -> list[tuple[Ahead, ...]]:
    """Inverse of ``saved_ahead`` for so many predictions."""
    found: list[tuple[Ahead, ...]] = [()] * count
    if "ahead" in state.arrays:
        rows = zip(state.arrays["ahead"].tolist(), state.arrays["ahead_probability"].tolist(), strict=True)
        for (place, code, prediction), probability in rows:
            horizon, version = state.plain["further"][code]
            found[place] += (Ahead(horizon, version, prediction, probability),)
    return found


def saved_pairs(pairs: Sequence[LabeledPair], inputs: Sequence[str]) -> SavedState:
    """Labeled pairs that are in no file yet."""
    names, codes = numbered([pair.device for pair in pairs])
    parts = {"made": saved_predictions([pair.made for pair in pairs], inputs)}
    found = SavedState.of_parts(parts)
    found.plain["devices"] = names
    found.arrays.update(
        device=codes,
        times=np.array([(pair.time, pair.predicted_at, pair.labeled_at) for pair in pairs]).reshape(-1, 3),
        label=np.array([pair.label for pair in pairs], dtype=np.int64),
        position=np.array([pair.position for pair in pairs], dtype=np.int64).reshape(-1, 3),
    )
    return found


def restored_pairs(state: SavedState, inputs: Sequence[str]) -> list[LabeledPair]:
    """Inverse of ``saved_pairs``."""
    times = state.arrays["times"].T.tolist()
    return list(
        map(
            LabeledPair,
            named(state.plain["devices"], state.arrays["device"]),
            times[0],
            restored_predictions(state.part("made"), inputs),
            times[1],
            state.arrays["label"].tolist(),
            times[2],
            [Position(*place) for place in state.arrays["position"].tolist()],
        )
    )
