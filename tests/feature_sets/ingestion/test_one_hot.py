"""The one-hot encoder over whole columns, beside MLRun's own."""

from __future__ import annotations

import mlrun.feature_store as fstore
import pandas as pd
from mlrun.feature_store.steps import OneHotEncoder

from feature_sets.ingestion.one_hot import encoded


def test_columns_are_encoded_as_mlrun_does():
    mapping = {"model": ["a b", "a-b", "x"], "floor": [1, 2], "empty": []}
    feature_set = fstore.FeatureSet("boxes", entities=["box"])
    feature_set.graph.to(OneHotEncoder(mapping=dict(mapping)))
    frame = pd.DataFrame(
        {"first": [1, 2, 3], "model": ["a b", "a-b", "?"], "floor": [2, 1, 3], "empty": ["", "e", None]}
    )
    found = pd.DataFrame(encoded(feature_set, {name: frame[name] for name in frame}))
    encoder = OneHotEncoder(mapping=dict(mapping))
    expected = pd.DataFrame([encoder._do_storey(event) for event in frame.to_dict("records")])
    pd.testing.assert_frame_equal(found, expected)
