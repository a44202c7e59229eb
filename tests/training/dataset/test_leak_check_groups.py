"""Features of other devices follow from what had arrived before: one of the future is found out."""

from __future__ import annotations

import numpy as np
import pytest

from feature_sets.checks import InputError
from feature_sets.feature_vector import all_features
from feature_sets.telemetry.schema import DEVICE
from tests.feature_sets.ingestion.folders import MODELS, Folder, forget_all, states
from tests.feature_sets.ingestion.histories import GROUPED_WITH_ARRIVAL, labels, readings
from tests.mlrun_connection import new_project
from training.dataset.leak_check import check_features

SCHEMA = GROUPED_WITH_ARRIVAL
NAME = "cpu_avg_20s_neighbors_max"


@pytest.fixture(scope="module")
def rows(local_stack, tmp_path_factory):
    """All rows of a history, and the vector that has them."""
    with new_project(local_stack.info.mlrun_dbpath):
        generator = np.random.default_rng(5)
        folder = Folder(tmp_path_factory.mktemp("groups") / "telemetry", SCHEMA)
        folder.static(MODELS)
        frame = readings(generator)
        folder.add("metrics", "all", frame)
        folder.add("labels", "all", labels(generator, frame))
        folder.ingest()
        vector = all_features(SCHEMA)
        vector.save()
        table = states(local_stack.info.redis_url)[0].table.to_pandas()
        table[SCHEMA.time] = table[SCHEMA.time].dt.tz_localize("UTC").dt.as_unit("ns")
        table[DEVICE] = table[DEVICE].astype(str)
        yield vector.uri, table
        forget_all()


def test_features_of_others_are_recomputed_from_all_devices_that_they_are_about(rows):
    uri, table = rows
    assert np.isfinite(table[NAME]).mean() > 0.2
    # One device alone is asked for; its features are about the others.
    alone = table[table[DEVICE] == "dev-1"].reset_index(drop=True)
    assert check_features(uri, alone, SCHEMA, seed=1) == len(SCHEMA.live_features)


def test_a_value_that_arrived_later_is_a_leak(rows):
    uri, table = rows
    ahead = table[NAME].groupby(table[DEVICE], observed=True).shift(-3).fillna(table[NAME])
    with pytest.raises(InputError, match=rf"feature '{NAME}'.*must follow from the readings up to"):
        check_features(uri, table.assign(**{NAME: ahead}), SCHEMA, seed=1)
