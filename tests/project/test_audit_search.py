"""After a silence the audit searches the journal for the pairs whose windows differ, and for no others."""

from types import SimpleNamespace

import numpy as np
import pandas as pd

from feature_sets.telemetry.schema import DEVICE
from project import audit as audits
from project.audit_account import Audit
from tests.project.live_network import RELATIVE_PLAIN


def test_windows_are_searched_where_they_differ_and_levels_where_these_do():
    schema, searched, leveled = RELATIVE_PLAIN, [], []

    def closest(pairs, names, _):
        searched.append((pairs[DEVICE].tolist(), list(names)))
        return pairs[names], np.ones(len(pairs), dtype=np.bool_)

    def levels(pairs, names, _):
        leveled.append((pairs[DEVICE].tolist(), list(names)))
        return np.array([[2.0], [8.0], [np.nan]]), np.array([True, True, False]), np.zeros(3, np.bool_)

    nothing = lambda pairs, _: np.zeros(len(pairs), dtype=np.bool_)  # noqa: E731
    came = SimpleNamespace(missed_by=nothing, summed_otherwise=nothing)
    came.begun_anew = lambda pairs, _: np.ones(len(pairs), dtype=np.bool_)
    live = SimpleNamespace(relative=frozenset({"r"}), names=("w", "r"), closest=closest)
    live.names, live.journaled = ("w",), lambda pairs: {}
    served = pd.DataFrame(
        {DEVICE: ["a", "b", "c", "d", "e"], schema.time: 0, "w": [1.0] * 5, "r": [1.0, 2.0, 3.0, 4.0, 5.0]}
    )
    history = served.assign(w=[1.0, 1.0, 9.0, 1.0, 1.0], r=[1.0, 9.0, 3.0, 9.0, 9.0])
    found, unknown = Audit(), {}
    served_of = audits._Served(
        "p", None, None, came, live, SimpleNamespace(closest=levels), lambda: {"e"}, schema, 0, 0.0
    )
    kept = served_of._in_live_order(found, served, history, unknown)
    assert searched == [(["c"], ["w"])] and leveled == [(["b", "d", "e"], ["r"])]
    assert kept.all() and found.after_silence == 4
    # One that no course explains is a difference, unless its device was late once.
    assert unknown["r"].tolist() == [False, False, False, False, True]
    assert history["w"].tolist() == served["w"].tolist()
    assert history["r"].tolist() == [1.0, 2.0, 3.0, 8.0, 9.0]
