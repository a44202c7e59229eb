"""Features of static columns that the schema says are no inputs of models."""

from __future__ import annotations

from collections.abc import Sequence

from feature_sets.telemetry.schema import TelemetrySchema


def no_inputs(names: Sequence[str], schema: TelemetrySchema) -> dict[str, str]:
    """Feature -> why it is no input of a model.

    A one-hot feature is called by its column and a value, so of two columns that may be meant, as ``site``
    and ``site_type``, it is of the longer one.

    :param names: of features.
    """
    found: dict[str, str] = {}
    of_readings = set(schema.live_features)
    for name in names:
        columns = [column for column in schema.static if name.startswith(f"{column}_")]
        column = max(columns, key=len, default="")
        if name not in of_readings and column in schema.no_inputs:
            found[name] = f"the schema says that '{column}' is no input (no_inputs)"
    return found
