"""The label history is that of the label feature set; what is excluded there is no error."""

from __future__ import annotations

import numpy as np
import pandas as pd

from tests.training.feature_store import store_vector
from tests.training.network import make_schema
from training.dataset.label_history import read_label_history
from training.exploration.error_episodes import error_episodes


def test_an_excluded_error_is_no_episode_and_ends_none(run_db, tmp_path, frame):
    rows = frame[["device", "timestamp"]]
    site, tick = frame["device"] == "site/0", frame["timestamp"].rank(method="dense")
    labels = rows.assign(
        is_error=np.where(site & tick.isin([3, 4, 5, 8]), 1, 0),
        # An operator pulled the cable at 4, in the middle of an error, at 6, while well, and at 8.
        in_repair=np.where(site & tick.isin([4, 6, 8]), 1, 0),
    )
    uri = store_vector(frame, tmp_path, labels)
    schema = make_schema(exclude_labels={"in_repair": 1})
    history = read_label_history(uri, schema, ["site/0"])
    assert history["is_error"].isna().sum() == 3 and len(history) == site.sum()
    (episode,) = error_episodes(history, "timestamp", "is_error").to_dict("records")
    start = frame["timestamp"].min()
    assert episode["start"] == start + pd.Timedelta("60s") and episode["end"] == start + pd.Timedelta("120s")
    # Without the exclusion there are two: the tests above can fail.
    every = read_label_history(uri, make_schema(), ["site/0"])
    assert len(error_episodes(every, "timestamp", "is_error")) == 2 and every["is_error"].notna().all()
