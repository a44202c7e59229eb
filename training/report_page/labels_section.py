"""The section of the report on labels that would help."""

from __future__ import annotations

import pandas as pd

from feature_sets.telemetry.schema import DEVICE
from training.dataset.unlabeled_rows import MOST_ROWS
from training.evaluation.label_advice import ALARM, NO_ERRORS, UNLABELED
from training.report_page.page import Section, Table

_CAPTIONS = {
    ALARM: "Readings without a label that are called an error, highest probability first",
    UNLABELED: "Devices by their newest readings without a label, most expected mistakes first",
    NO_ERRORS: "Devices without an error among the test rows, most expected mistakes first",
}
_TEXT = (
    f"Labels that would help most. The newest readings without a label were looked at, {MOST_ROWS:,} of all "
    "devices together at most. Those that are called an error come first: each is a new error episode, "
    "or a false alarm to learn from. Expected mistakes are rows that the model expects to decide wrongly, "
    "by its own probabilities. Where they are many, labels tell it most."
)
_NONE = (
    "Every reading has a label of its device within the longest window, as far as was looked at; the newest "
    "ones may wait for theirs. What may help is a second look at devices "
    "without an error among the test rows: one that nobody told of would be a mistake there."
)


def labels_sections(wanted: pd.DataFrame | None) -> tuple[Section, ...]:
    """Which labels would help most; nothing where there is none, or of runs of before.

    :param wanted: see ``label_advice``.
    """
    if wanted is None or wanted.empty:
        return ()
    tables = []
    for kind, rows in wanted.groupby("kind", sort=False):
        shown = rows[[DEVICE, "start", "end", "rows", "probability", "expected_wrong"]]
        shown = shown.rename(
            columns={"probability": "highest probability", "expected_wrong": "expected mistakes"}
        )
        tables.append(Table(shown, _CAPTIONS[str(kind)]))
    text = (_TEXT,) if set(wanted["kind"]) & {ALARM, UNLABELED} else (_TEXT, _NONE)
    return (Section("Labels", text, tuple(tables)),)
