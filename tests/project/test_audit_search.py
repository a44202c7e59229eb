"""After a silence the audit searches the journal for the pairs whose windows differ, and for no others."""

from types import SimpleNamespace

import numpy as np
import pandas as pd

from feature_sets.telemetry.schema import DEVICE
from project import audit as audits
from project.audit_account import Audit
from tests.project.live_network import RELATIVE_PLAIN


def test_pairs_that_differ_in_relative_features_alone_are_not_searched():
    schema, searched = RELATIVE_PLAIN, []

    def closest(pairs, names):
        searched.append((pairs[DEVICE].tolist(), list(names)))
        return pairs[names], np.ones(len(pairs), dtype=np.bool_)

    nothing = lambda pairs, _: np.zeros(len(pairs), dtype=np.bool_)  # noqa: E731
    came = SimpleNamespace(missed_by=nothing, summed_otherwise=nothing)
    came.begun_anew = lambda pairs, _: np.ones(len(pairs), dtype=np.bool_)
    live = SimpleNamespace(relative=frozenset({"r"}), names=("w", "r"), closest=closest)
    served = pd.DataFrame(
        {DEVICE: ["a", "b", "c"], schema.time: 0, "w": [1.0, 2.0, 3.0], "r": [1.0, 2.0, 3.0]}
    )
    history = served.assign(w=[1.0, 2.0, 9.0], r=[1.0, 9.0, 3.0])
    found, unknown = Audit(), {}
    served_of = SimpleNamespace(came=came, live=live, schema=schema)
    kept = audits._Served._in_live_order(served_of, found, served, history, unknown)
    assert searched == [(["c"], ["w", "r"])]
    assert kept.all() and found.after_silence == 2
    assert unknown["r"].tolist() == [False, True, False]
    assert history["w"].tolist() == served["w"].tolist()
