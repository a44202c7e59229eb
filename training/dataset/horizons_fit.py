"""Whether there is something to learn with each further horizon, before work starts."""

from __future__ import annotations

import mlrun.feature_store as fstore
import pandas as pd

from feature_sets.checks import InputError
from feature_sets.rows.stored_rows import feature_set_frame
from feature_sets.telemetry.each_horizon import further
from feature_sets.telemetry.schema import TelemetrySchema


def horizons_too_long(uri: str, schema: TelemetrySchema) -> dict[str, str]:
    """Further horizons that are longer than what the labels of a vector tell, each with the rule it breaks.

    :param uri: of a feature vector; nothing is read unless there are further horizons.
    """
    if not schema.further_horizons:
        return {}
    vector = fstore.get_feature_vector(uri)
    label_set = str(vector.spec.label_feature or "").partition(".")[0]
    return longer_than_labels(feature_set_frame(vector, label_set), schema)


def longer_than_labels(labels: pd.DataFrame, schema: TelemetrySchema) -> dict[str, str]:
    """Further horizons for whose length the labels call no row quiet, each with the rule it breaks.

    Labels without an error say nothing yet, so none is too long for them.

    :param labels: of the history, with what is predicted of them.
    """
    if not (labels[schema.label] == 1).any():
        return {}
    found = {}
    for horizon, one in further(schema).items():
        if not (labels[one.target] == 0).any():
            span = labels[schema.time].max() - labels[schema.time].min()
            rule = f"must be shorter: no device is known to be free of errors for {horizon} after any row"
            found[horizon] = str(InputError(f"horizon '{horizon}'", rule, f"labels of {span}"))
    return found
