"""Warnings of labels that come too late, or hardly at all."""

from __future__ import annotations

import math

from feature_sets.telemetry.label_form import LabelForm
from graphs.protocol.label_status import DEADLINE_SETTING
from graphs.state.derived_ledger import DerivedLedger
from graphs.state.ledger_counts import LedgerCounts

NOTABLE, LEAST, LEAST_ERRORS = 0.05, 20, 3
"""From which share on, and how many labels, it is told that they come too late; how many where each is an
error."""

FEW, LEAST_PAST = 0.5, 1_000
"""Below which share of predictions with a label it is told that they are few, and of how many at least."""


def late_warning(ledger: LedgerCounts, deadline: float, horizon_seconds: float) -> str | None:
    """What is missed, how late labels were, and what to set; None if few are late.

    :param deadline: how old a label may be, in seconds of event time, with the horizon.
    :param horizon_seconds: of the schema, by which the deadline is later than what is set.
    """
    lost, told, late_by = ledger.missed
    if late_by is None or not _is_notable(lost, told, LEAST):
        return None
    return (
        f"{lost / told:.1%} of the newest labels, {lost:,}, came after their deadline of "
        f"{_rounded(deadline)}: no detector and no score knows of them; most were at most "
        f"{_rounded(late_by)} old; set {DEADLINE_SETTING}={_rounded(late_by - horizon_seconds)} and deploy "
        "the endpoint again"
    )


def few_labels_warning(ledger: LedgerCounts, deadline: float) -> str | None:
    """That labels have dried up; None if enough come, none ever did, or few deadlines have passed.

    :param deadline: see ``late_warning``.
    """
    joined, expired = ledger.newest_past
    past = joined + expired
    if not ledger.joined or past < LEAST_PAST or joined >= FEW * past:
        return None
    return (
        f"{joined / past:.1%} of the newest {past:,} predictions past the deadline of {_rounded(deadline)} "
        "got a label that counts: detectors and scores know of these alone"
    )


def late_errors_warning(ledger: DerivedLedger, form: LabelForm, horizon_seconds: float) -> str | None:
    """The same where labels say when there were errors: what was healthy by default then was none."""
    lost, told, late_by = ledger.missed
    if late_by is None or not _is_notable(lost, told, LEAST_ERRORS):
        return None
    set_later = f"set {DEADLINE_SETTING}={_rounded(late_by - horizon_seconds)} and deploy the endpoint again"
    if form.healthy_seconds:
        later = _rounded(late_by - 2 * horizon_seconds)
        set_later = f"set labels.healthy_after: {later} in the schema and run 'netops run' again"
    return (
        f"{lost / told:.1%} of the newest errors that were told, {lost:,}, began longer ago than the "
        f"{_rounded(ledger.healthy_after)} after which a reading is taken as healthy: detectors and scores "
        "call predictions of them wrong that were right; most began at most "
        f"{_rounded(late_by)} before; {set_later}"
    )


def _is_notable(lost: int, told: int, least: int) -> bool:
    return lost >= least and lost >= NOTABLE * told


def _rounded(seconds: float) -> str:
    """Whole hours, or minutes below two hours, never less than it is.

    >>> _rounded(3600), _rounded(7300), _rounded(10)
    ('60m', '3h', '1m')
    """
    return f"{math.ceil(seconds / 60)}m" if seconds < 7200 else f"{math.ceil(seconds / 3600)}h"
