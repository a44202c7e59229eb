"""Features computed from the windows of the same row: the one place for ingestion and for live events.

Levels differ from device to device and from day to day; a short window against a long one of the same device
does not. So does a spread against its mean, or a reading against the window's first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from feature_sets.group_features import GroupFeatures
from feature_sets.only_vectorized import refuse_own_ingestion
from feature_sets.relative_features import RelativeFeatures
from feature_sets.telemetry.schema import TelemetrySchema

Floats = npt.NDArray[np.float64]

STEP = "feature_sets.derived_features.DeriveFeatures"
"""Class of the graph step that declares them in a feature set."""

LARGEST_QUOTIENT = 1e9
"""A ratio or coefficient of variation of a larger size is rounding residue, not a reading.

Where readings cancel out, as those around zero do, their mean is not 0 but about 1e-16 of their size, and
what is divided by it about 1e16: noise that dwarfs every real value. Telemetry has six digits or so; where a
window is above a billion times another, the other says nothing.
"""


class DerivedFeatures:
    """What a telemetry schema derives of each metric, see ``feature_sets.telemetry.derived.Derived``.

    A ratio is short / long, a coefficient of variation stddev / |avg|, a change last - first. A feature is
    NaN where a part is missing, a divisor is 0, the result is not finite or a quotient is of a size above
    ``LARGEST_QUOTIENT``: the model takes that for missing.

    :param schema: declares them.
    """

    def __init__(self, schema: TelemetrySchema) -> None:
        self.names: tuple[str, ...] = schema.derived_features
        """Names of the features, in output order."""
        self.relative = RelativeFeatures(schema)
        """Those that depend on earlier rows too; ``of`` does not give them."""
        self.groups = GroupFeatures(schema)
        """Those that depend on other devices; ``of`` does not give them."""
        parts = schema.derived.features(schema.metric_names)
        self.inputs: tuple[str, ...] = tuple(
            dict.fromkeys(name for part in parts for name in (part.left, part.right))
        )
        """Window features that are needed, in the order ``of`` takes them."""
        place = {name: index for index, name in enumerate(self.inputs)}
        self._left = np.array([place[part.left] for part in parts], dtype=np.intp)
        self._right = np.array([place[part.right] for part in parts], dtype=np.intp)
        kinds = np.array([part.kind for part in parts], dtype=object)
        self._changes = np.flatnonzero(kinds == "change")
        self._variations = np.flatnonzero(kinds == "variation")

    @property
    def all_names(self) -> tuple[str, ...]:
        """Names of the features, then of those that depend on earlier rows too, then on other devices."""
        return (*self.names, *self.relative.names, *self.groups.names)

    @property
    def all_inputs(self) -> tuple[str, ...]:
        """Window features that all of them need."""
        return tuple(dict.fromkeys([*self.inputs, *self.relative.inputs, *self.groups.windows]))

    @classmethod
    def from_feature_set(cls, feature_set: Any) -> DerivedFeatures | None:
        """Those that a feature set declares with the step ``DeriveFeatures``; None without that step.

        :raises SchemaError: if the argument of the step is no telemetry schema.
        """
        for step in feature_set.spec.graph.steps.values():
            if step.class_name == STEP:
                return cls(TelemetrySchema.from_dict(step.class_args.get("schema")))
        return None

    def of(self, windows: Floats) -> Floats:
        """Derived features of many rows.

        :param windows: shape (n, len(inputs)), columns as in ``inputs``; NaN where a window has no reading.
        :returns: shape (n, len(names)).
        """
        left, right = windows[:, self._left], windows[:, self._right]
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            differences = left[:, self._changes] - right[:, self._changes]
            right[:, self._variations] = np.abs(right[:, self._variations])
            features: Floats = np.divide(left, right, out=left)
        features[np.abs(features) > LARGEST_QUOTIENT] = np.nan
        features[:, self._changes] = differences
        features[~np.isfinite(features)] = np.nan
        return features

    def add_to(self, rows: Sequence[dict[str, Any]]) -> None:
        """Put the derived features into rows that have the window features, by name."""
        if not self.names or not rows:
            return
        windows = np.array([[row[name] for name in self.inputs] for row in rows], dtype=np.float64)
        for row, features in zip(rows, self.of(windows).tolist(), strict=True):
            row.update(zip(self.names, features, strict=True))


class DeriveFeatures:
    """Step of a feature set's graph, after its aggregations, that adds the derived features.

    The vectorized ingestion reads its argument and computes whole columns instead.

    :param schema: content of the telemetry schema.
    :param kwargs: what MLRun adds.
    """

    def __init__(self, schema: Mapping[str, Any], **kwargs: Any) -> None:
        self._derived = DerivedFeatures(TelemetrySchema.from_dict(schema))

    @staticmethod
    def validate_args(feature_set: Any, schema: Mapping[str, Any], **kwargs: Any) -> None:
        """Refuse MLRun's own ingestion, see ``refuse_own_ingestion``.

        :raises InputError: where some features depend on earlier rows or on other devices.
        """
        telemetry = TelemetrySchema.from_dict(schema)
        more = [*telemetry.relative_features, *telemetry.group_features]
        if more:
            refuse_own_ingestion("derived", more)

    def do(self, event: dict[str, Any]) -> dict[str, Any]:
        """Put in the features of one event; MLRun calls this."""
        self._derived.add_to([event])
        return event
