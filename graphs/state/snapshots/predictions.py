"""Predictions as columns, and back to the last bit."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from graphs.protocol.records import Ahead, LabeledPair, Position, Prediction, ShadowAnswer
from graphs.state.snapshots.saved_state import Array, SavedState, named, numbered


def saved_predictions(made: Sequence[Prediction], inputs: Sequence[str]) -> SavedState:
    """Predictions with the names of what their features are.

    Versions may have different features: a column that one has not is NaN in its rows.

    :param inputs: names of the features of predictions that do not tell theirs.
    """
    kinds = {(one.model, one.version): one.inputs or tuple(inputs) for one in made}
    numbers = {kind: number for number, kind in enumerate(kinds)}
    kind = np.array([numbers[one.model, one.version] for one in made], dtype=np.int64)
    columns = list(dict.fromkeys(name for names in [inputs, *kinds.values()] for name in names))
    found = SavedState(
        {
            "kinds": [list(kind) for kind in kinds],
            "inputs": columns,
            "inputs_of": [list(names) for names in kinds.values()],
            "shadows": list(dict.fromkeys(told.version for one in made for told in one.shadows)),
        },
        {
            "kind": kind,
            "features": _features(
                made, kind, [places_of(columns, names) for names in kinds.values()], columns
            ),
            "prediction": np.array([one.prediction for one in made], dtype=np.int64),
            "probability": np.array([one.probability for one in made], dtype=np.float64),
            "missing": np.array([one.missing for one in made], dtype=np.int64),
            **saved_shadows([(row, answer) for row, one in enumerate(made) for answer in one.shadows]),
        },
    )
    ahead = saved_ahead([one.ahead for one in made])
    found.plain.update(ahead.plain)
    found.arrays.update(ahead.arrays)
    return found


def places_of(columns: Sequence[str], names: Sequence[str]) -> list[int]:
    """Where names are among columns."""
    where = {name: place for place, name in enumerate(columns)}
    return [where[name] for name in names]


def _features(
    made: Sequence[Prediction], kind: Array, places: Sequence[list[int]], columns: Sequence[str]
) -> Array:
    """Features of all predictions, each in the columns of its version."""
    if all(where == list(range(len(columns))) for where in places):
        features = np.concatenate([one.features for one in made]) if made else np.empty(0)
        return features.reshape(len(made), len(columns))
    found = np.full((len(made), len(columns)), np.nan)
    for number, where in enumerate(places):
        rows = np.flatnonzero(kind == number)
        if len(where):
            found[rows[:, None], np.array(where)] = np.array([made[row].features for row in rows])
    return found


def saved_shadows(told: Sequence[tuple[int, ShadowAnswer]]) -> dict[str, Array]:
    """What other versions said of predictions, each with the row of its own; empty without any."""
    if not told:
        return {}
    _, codes = numbered([answer.version for _, answer in told])
    return {
        "shadow_row": np.array([row for row, _ in told], dtype=np.int64),
        "shadow_version": codes,
        "shadow_prediction": np.array([answer.prediction for _, answer in told], dtype=np.int64),
        "shadow_probability": np.array([answer.probability for _, answer in told], dtype=np.float64),
    }


def restored_predictions(state: SavedState, inputs: Sequence[str]) -> list[Prediction]:
    """The predictions, each with the features of its version.

    :param inputs: of the model that is served now; predictions of a snapshot that does not tell the features
        of each version have these. A feature that the model of then did not have is missing.
    """
    before, kinds = state.plain["inputs"], state.plain["kinds"]
    features, kind = state.arrays["features"], state.arrays["kind"]
    names_of = state.plain.get("inputs_of", [list(inputs)] * len(kinds))
    names = [tuple(names) for names in names_of]
    rows: list[Array] = list(features)
    for number, wanted in enumerate(names_of):
        if wanted != before:
            places = {name: place for place, name in enumerate(before)}
            known = [(place, places[name]) for place, name in enumerate(wanted) if name in places]
            at = np.flatnonzero(kind == number)
            ordered = np.full((len(at), len(wanted)), np.nan)
            ordered[:, [to for to, _ in known]] = features[at][:, [of for _, of in known]]
            for row, own in zip(at.tolist(), ordered, strict=True):
                rows[row] = own
    codes = kind.tolist()
    return list(
        map(
            Prediction,
            [kinds[number][0] for number in codes],
            [kinds[number][1] for number in codes],
            rows,
            state.arrays["prediction"].tolist(),
            state.arrays["probability"].tolist(),
            state.arrays["missing"].tolist(),
            [names[number] for number in codes],
            restored_shadows(state, len(codes)),
            restored_ahead(state, len(codes)),
        )
    )


def restored_shadows(state: SavedState, count: int) -> list[tuple[ShadowAnswer, ...]]:
    """Inverse of ``saved_shadows`` for so many predictions."""
    found: list[tuple[ShadowAnswer, ...]] = [()] * count
    arrays = state.arrays
    if "shadow_row" not in arrays:
        return found
    for row, *told in zip(
        arrays["shadow_row"].tolist(),
        named(state.plain["shadows"], arrays["shadow_version"]),
        arrays["shadow_prediction"].tolist(),
        arrays["shadow_probability"].tolist(),
        strict=True,
    ):
        found[row] = (*found[row], ShadowAnswer(*told))
    return found


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
