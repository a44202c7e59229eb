"""The label history: label and incidents of every device, as the label feature set of a vector holds them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import mlrun.feature_store as fstore
import numpy as np
import pandas as pd

from feature_sets import devices as device_set
from feature_sets.ingestion.device_history import stored_attributes
from feature_sets.ingestion.history.stored_history import StoredHistory
from feature_sets.ingestion.label_state import LabelState
from feature_sets.labels.excluded import excluded_rows
from feature_sets.rows.stored_rows import feature_set_frame, in_utc
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from training.dataset.incident_spans import NO_INCIDENTS, IncidentSpans


def read_label_history(uri: str, schema: TelemetrySchema, devices: Sequence[str] = ()) -> pd.DataFrame:
    """Device, time (UTC) and label of every label row, whether it is trained on, evaluated on or left out.

    With a horizon, no test row is in error; when errors began is only known from here.
    The label of a row that ``schema.exclude_labels`` excludes is missing (NaN): an error that does not count
    is no episode, and neither begins, continues nor ends one.

    :param uri: feature vector; its label feature says which feature set holds the labels.
    :param schema: names the columns.
    :param devices: restrict the rows to these; empty for all.
    """
    vector = fstore.get_feature_vector(uri)
    labels = feature_set_frame(vector, str(vector.spec.label_feature).partition(".")[0])
    label = labels[schema.label].to_numpy(dtype=np.float64, na_value=np.nan)
    known = labels[[DEVICE, schema.time]].assign(
        **{schema.label: np.where(excluded_rows(labels, schema), np.nan, label)}
    )
    history = in_utc(known, schema.time)
    return history[history[DEVICE].isin(devices)] if len(devices) else history


def read_incident_spans(uri: str, schema: TelemetrySchema, keys: Iterable[str]) -> IncidentSpans:
    """Spans of the incidents that are kept beside the labels of a feature vector.

    :param uri: feature vector; its label feature says which feature set holds the labels.
    :param schema: names the columns.
    :param keys: of the devices; those that are registered are asked for as well.
    """
    if not schema.labels.has_incidents:
        return NO_INCIDENTS
    vector = fstore.get_feature_vector(uri)
    label_set = str(vector.spec.label_feature).partition(".")[0]
    stored, registered = (
        StoredHistory.of(fstore.get_feature_set(f"store://feature-sets/{vector.metadata.project}/{name}"))
        for name in (label_set, device_set.NAME)
    )
    attributes = stored_attributes(registered) if registered else None
    known = () if attributes is None else attributes[DEVICE]
    incidents = LabelState.of(stored, schema, with_log=False).incidents
    return IncidentSpans.of(incidents, {*keys, *known}, attributes, schema)
