"""Folders without labels: a schema for a run without them, unless something there may be the labels."""

from __future__ import annotations

import re
from collections.abc import Sequence

from feature_sets.listed import listed
from feature_sets.telemetry.inspection.choices import Proposal
from feature_sets.telemetry.inspection.table_profile import TableProfile

LABEL_NAME = re.compile(
    r"error|fail|fault|label|anomal|incident|outage|broken|target|alarm|alert|ticket|problem"
)
"""What labels are called, as a file or as a column."""
_COUNTED = re.compile(r"(error|failure|fault|alarm|alert|problem|incident|outage|ticket)s$")
"""What rather is a count, which may be 0 and 1 for long."""
_SHOWN = 5
NO_LABELS = (
    "There are no labels: labels.parquet or labels.csv with device, time and a column of 0 and 1, "
    "or incidents.parquet or incidents.csv with device, start and end."
)
_RUNS_WITHOUT = (
    f"{NO_LABELS} So the schema names none, and a run makes a model of how far a device is from its own "
    "level (derived.relative). It learns of errors as soon as there are incidents."
)
NO_READINGS = "There are no readings: metrics.parquet or metrics.csv with device, time and numbers."


def may_be_label(name: str) -> bool:
    """Whether a column is called as a label, and not as a count of errors."""
    return LABEL_NAME.search(name.lower()) is not None and not _COUNTED.search(name.lower())


def propose_unlabeled(proposal: Proposal, metrics: TableProfile) -> None:
    """A schema that names no label, unless the metrics have a column that may be one."""
    inside = [
        name for name, column in metrics.columns.items() if column.kind == "truth" and may_be_label(name)
    ]
    if inside:
        proposal.choose("metrics", inside[0], "none", "may be the label, which is no metric")
        proposal.missing.append(
            f"{NO_LABELS} '{inside[0]}' of {metrics.files[0]} may be the label: it is read from a file of "
            f"labels, with device, time and '{inside[0]}'."
        )
    else:
        proposal.decide.append(_RUNS_WITHOUT)


def is_unlabeled(proposal: Proposal) -> bool:
    """Whether the schema is for a run without labels."""
    return _RUNS_WITHOUT in proposal.decide


def tell_unread(proposal: Proposal, unread: Sequence[str]) -> None:
    """Name the files that nobody reads where readings are missing, and labels if one is called like them."""
    if NO_READINGS in proposal.missing and unread:
        place = proposal.missing.index(NO_READINGS)
        proposal.missing[place] = f"{NO_READINGS} Not read: {listed(unread, _SHOWN)}."
    likely = [name for name in unread if LABEL_NAME.search(name.lower())]
    if likely and is_unlabeled(proposal):
        proposal.decide.remove(_RUNS_WITHOUT)
        proposal.missing.append(f"{NO_LABELS} Not read: {listed(likely, _SHOWN)}.")
