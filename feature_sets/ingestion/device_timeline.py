"""The features of each device over time, one-hot encoded: training and serving take those of a row's time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import mlrun.feature_store as fstore
import pandas as pd
from mlrun.datastore.targets import TargetTypes

from feature_sets.devices import as_names
from feature_sets.ingestion.device_history import stored_attributes
from feature_sets.ingestion.device_states import stored_states
from feature_sets.ingestion.errors import IngestError
from feature_sets.ingestion.history.stored_history import StoredHistory
from feature_sets.ingestion.history.target_folder import TargetFolder
from feature_sets.ingestion.one_hot import STEP, encoded
from feature_sets.telemetry.frames import VALID_FROM
from feature_sets.telemetry.schema import DEVICE
from feature_sets.telemetry.valid_from import as_of, from_beginning


@dataclass(frozen=True)
class DeviceTimeline:
    """What is known of devices, and from when on.

    :param features: device, ``valid_from`` (UTC) and the one-hot features; the first row of a device holds
        from the beginning, which is 1970. Sorted by device and time.
    :param states: see ``stored_states``.
    :param attributes: the same rows with every attribute that is kept, as text.
    """

    features: pd.DataFrame
    states: pd.DataFrame
    attributes: pd.DataFrame

    @classmethod
    def of(cls, feature_set: fstore.FeatureSet) -> DeviceTimeline | None:
        """Of the feature set ``devices``, as MLRun has it; None if its ingestion kept no times.

        :raises FileNotFoundError: if the files are gone: an ingestion wrote others meanwhile.
        :raises IngestError: if they cannot be read.
        """
        parquet = [target for target in feature_set.status.targets if target.kind == TargetTypes.parquet]
        if len(parquet) != 1:
            return None
        folder = TargetFolder.of(parquet[0], feature_set)
        manifest = folder.manifest()
        if manifest is None:
            if not folder.file_system.exists(folder.root):
                raise FileNotFoundError(
                    f"files of feature set '{feature_set.metadata.name}' at {folder.path}"
                )
            return None
        history = StoredHistory(feature_set, parquet[0], folder, manifest)
        try:
            attributes, states = from_beginning(stored_attributes(history)), stored_states(history)
        except IngestError as error:
            if isinstance(error.__cause__, FileNotFoundError):
                raise error.__cause__ from error
            raise
        columns = [
            name
            for step in feature_set.spec.graph.steps.values()
            if step.class_name == STEP
            for name in step.class_args["mapping"]
        ]
        named = as_names(attributes, columns)
        features = pd.DataFrame(
            encoded(feature_set, {name: named[name] for name in columns}), index=attributes.index
        )
        return cls(pd.concat([attributes[[DEVICE, VALID_FROM]], features], axis=1), states, attributes)

    def as_of(self, rows: pd.DataFrame, time: str, names: Sequence[str]) -> pd.DataFrame:
        """Features of devices at the times of rows, in their order and with their index; NaN if unknown.

        :param rows: device and time, UTC.
        :param names: the features asked for.
        """
        return as_of(self.features[[DEVICE, VALID_FROM, *names]], rows, time)
