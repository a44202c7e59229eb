"""A fault that shows on the next device alone: features of neighbors find it, its own windows do not."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import average_precision_score

from feature_sets.group_features import GroupFeatures
from feature_sets.groups import Groups
from feature_sets.rows.keyed_rows import KeyedRows
from feature_sets.telemetry.folder_writer import write_folder
from feature_sets.telemetry.readers import read_telemetry
from feature_sets.telemetry.schema import DEVICE
from feature_sets.telemetry.simulation.chain import ChainNetwork
from feature_sets.windows.arrival_order import windows_as_known
from feature_sets.windows.definition import WindowDefinition

NETWORK = ChainNetwork()
SCHEMA = NETWORK.schema()


def precision(rows, labels, names):
    """On the last 30 % of the rows."""
    cut, features = len(rows) * 7 // 10, rows[names].fillna(0.0)
    model = RandomForestClassifier(60, min_samples_leaf=5, class_weight="balanced", random_state=0, n_jobs=1)
    model.fit(features[:cut], labels[:cut])
    return average_precision_score(labels[cut:], model.predict_proba(features[cut:])[:, 1])


def test_a_chain_is_told_by_the_neighbors_alone(tmp_path):
    write_folder(tmp_path, NETWORK.generate(), SCHEMA)
    given, report = read_telemetry(tmp_path, SCHEMA)
    assert report.topology is not None and report.topology.rows_accepted == NETWORK.devices - 1
    rows = KeyedRows.of(given.metrics, DEVICE, SCHEMA.time).in_event_order()
    windows = windows_as_known(rows, WindowDefinition.from_schema(SCHEMA), None)
    features = GroupFeatures(SCHEMA)
    inputs = {name: windows[name].to_numpy() for name in features.inputs}
    found = features.of_history(rows, None, inputs, features.state(Groups(SCHEMA, given.links.links)))
    frame = pd.concat([rows.frame, windows], axis=1).assign(**found)
    labels = given.labels[SCHEMA.label].to_numpy()
    own = [*SCHEMA.metric_names, *SCHEMA.window_features]
    assert precision(frame, labels, [*own, *features.names]) >= 0.9
    assert precision(frame, labels, own) < 0.2


def test_the_same_seed_gives_the_same_chain_and_the_last_device_has_no_faults():
    one, other = ChainNetwork(ticks=400).generate(), ChainNetwork(ticks=400).generate()
    pd.testing.assert_frame_equal(one.metrics, other.metrics)
    pd.testing.assert_frame_equal(one.labels, other.labels)
    assert not one.metrics.equals(ChainNetwork(ticks=400, seed=2).generate().metrics)
    errors = one.labels.groupby(DEVICE)[SCHEMA.label].sum()
    assert errors["hop-6"] == 0 and (errors.drop("hop-6") > 0).all()
    assert list(one.links.links)[-1] == ("hop-5", "hop-6")
    assert np.isfinite(one.metrics[list(SCHEMA.metric_names)].to_numpy()).all()


def test_links_with_times_are_written_as_they_are_read(tmp_path):
    rows = ChainNetwork(ticks=30).generate()
    timed = rows.links._replace(
        links={
            ("hop-1", "hop-2"): ((0, 5_000_000), (9_000_000, 2**62)),
            ("hop-3", "hop-2"): ((-(2**62), 7),),
        },
        timed=True,
    )
    write_folder(tmp_path, type(rows)(rows.metrics, rows.labels, rows.static, links=timed), SCHEMA)
    found, _ = read_telemetry(tmp_path, SCHEMA)
    assert found.links == timed
