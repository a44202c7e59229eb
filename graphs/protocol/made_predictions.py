"""What the model predicted of several events, as columns."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from graphs.protocol.records import Prediction

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class MadePredictions:
    """Predictions of one version of the model; each field but the first three has an entry for each.

    :param model: name of the model.
    :param version: its version.
    :param inputs: names of the features.
    :param events: which event of the list each is of, ascending.
    :param features: model inputs before imputation, NaN where missing, shape (n, inputs).
    :param decided: 0 or 1.
    :param probability: of 1, a number.
    :param missing: how many of the features are missing and were imputed.
    """

    model: str
    version: str
    inputs: tuple[str, ...]
    events: Ints
    features: Floats
    decided: Ints
    probability: Floats
    missing: Ints

    def __len__(self) -> int:
        return len(self.events)

    def between(self, begin: int, end: int) -> MadePredictions:
        """Those of a part of the list, for which the events count from its beginning."""
        first, last = np.searchsorted(self.events, (begin, end))
        own = slice(int(first), int(last))
        return replace(
            self,
            events=self.events[own] - begin,
            features=self.features[own],
            decided=self.decided[own],
            probability=self.probability[own],
            missing=self.missing[own],
        )

    def one(self, place: int) -> Prediction:
        """One of them."""
        return Prediction(
            self.model,
            self.version,
            self.features[place],
            int(self.decided[place]),
            float(self.probability[place]),
            int(self.missing[place]),
            self.inputs,
        )
