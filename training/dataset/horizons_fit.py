"""Whether there is something to learn with each further horizon, before work starts."""

from __future__ import annotations

import mlrun.feature_store as fstore
import pandas as pd

from feature_sets.checks import InputError
from feature_sets.rows.stored_rows import feature_set_frame
from feature_sets.telemetry.each_horizon import further
from feature_sets.telemetry.schema import TelemetrySchema


def check_horizons_fit(uri: str, schema: TelemetrySchema) -> None:
    """Raise InputError if a further horizon is longer than what the labels of a vector tell.

    :param uri: of a feature vector; nothing is read unless there are further horizons.
    """
    if schema.further_horizons:
        vector = fstore.get_feature_vector(uri)
        label_set = str(vector.spec.label_feature or "").partition(".")[0]
        check_labels_fit(feature_set_frame(vector, label_set), schema)


def check_labels_fit(labels: pd.DataFrame, schema: TelemetrySchema) -> None:
    """Raise InputError if the labels call no row quiet for as long as a further horizon.

    Labels without an error say nothing yet, and pass.

    :param labels: of the history, with what is predicted of them.
    """
    if not (labels[schema.label] == 1).any():
        return
    for horizon, one in further(schema).items():
        if not (labels[one.target] == 0).any():
            span = labels[schema.time].max() - labels[schema.time].min()
            rule = f"must be shorter: no device is known to be free of errors for {horizon} after any row"
            raise InputError(f"horizon '{horizon}'", rule, f"labels of {span}")
