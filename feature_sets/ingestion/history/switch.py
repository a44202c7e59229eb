"""From one state of a history to the next: what points to it is saved, what nothing points to is cleared."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import mlrun.feature_store as fstore
import pandas as pd
from mlrun.datastore.targets import TargetTypes, get_target_driver

from feature_sets.ingestion.history.parquet_partitions import STORAGE_ERRORS
from feature_sets.ingestion.history.target_folder import TargetFolder

_NEVER = datetime.min  # noqa: DTZ901 - MLRun's sign that nothing was written has no zone


def point_to(feature_set: fstore.FeatureSet, targets: Sequence[Any], last: int | None) -> None:
    """Save that a feature set has these targets: the moment from which readers see the next state.

    :param targets: drivers with the run id of the state.
    :param last: latest event time in the offline target, microseconds since the epoch.
    """
    for target in targets:
        recorded = target.update_resource_status()
        if target.kind == TargetTypes.parquet:
            recorded.last_written = _NEVER if last is None else pd.Timestamp(last, unit="us", tz="UTC")
    feature_set.save()


def purge(targets: Iterable[Any]) -> None:
    """Delete what nothing points to any more, as far as it can be deleted.

    :param targets: drivers.
    """
    for target in targets:
        with contextlib.suppress(*STORAGE_ERRORS):
            target.purge()


def clear_leftovers(feature_set: fstore.FeatureSet, keep: Sequence[str] = ()) -> None:
    """Delete the folders of all states of a history but the current one, and the online tables they name.

    Among them is what a process left that was killed before it was done.

    :param feature_set: its status says which state is the current one.
    :param keep: run ids of states that stay.
    """
    online = [target for target in feature_set.status.targets if target.kind == TargetTypes.redisnosql]
    current = {target.run_id for target in online}
    for target in feature_set.status.targets:
        if target.kind != TargetTypes.parquet:
            continue
        for other in TargetFolder.of(target, feature_set).others():
            if other.run_id in keep:
                continue
            _purge_online(feature_set, online, other, current)
            other.remove()


def _purge_online(
    feature_set: fstore.FeatureSet, online: Sequence[Any], folder: TargetFolder, current: set[str]
) -> None:
    """Delete the online table that a state had, if it is not that of the current one."""
    try:
        manifest = folder.manifest()
    except ValueError:  # Of a version that is not known here: so are its tables.
        return
    if manifest is None or manifest.online is None or manifest.online in current:
        return
    for target in online:
        driver = get_target_driver(target, feature_set)
        driver.run_id = manifest.online
        purge([driver])
