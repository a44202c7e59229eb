"""Which rows of files of incidents are incidents at all: those where columns have certain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from feature_sets.rows.keyed_rows import Bools
from feature_sets.telemetry.alarm_log import AlarmLog
from feature_sets.telemetry.alarm_rows import rows_that
from feature_sets.telemetry.column_words import absent_words, among
from feature_sets.telemetry.schema import DEVICE
from feature_sets.telemetry.table_rows import TableRows

UNWANTED = "not_in_only"
"""What the report counts."""


def wanted_rows(
    rows: TableRows,
    only: Mapping[str, Sequence[str]],
    log: AlarmLog | None = None,
    state: str = "",
    whole: bool = True,
) -> Bools:
    """Rows that are incidents, or tell of one, shape (n,); the report says how many are not.

    A row of an alarm log that clears often has the word of a cleared alarm for its severity, or none: then it
    clears whatever was raised. Where columns tell alarms apart, so does one with any value in another column:
    the severity may be another one than when the alarm was raised.

    :param only: see ``LabelForm``.
    :param log: of an alarm log.
    :param state: column of its state.
    :param whole: whether there is nothing but these rows: then a value that none has is warned of.
    """
    found = np.ones(len(rows.frame), dtype=np.bool_)
    for column, words in only.items():
        codes, texts = pd.factorize(rows.frame[column])
        has = among(texts, words)[codes]
        if log is not None:
            clears = np.array([log.raises(text) is False for text in texts] + [True])[codes]
            states, said = pd.factorize(rows.frame[state])
            tells_apart = column in (*log.alarm, *rows.schema.labels.scope, DEVICE, *rows.schema.entity)
            clears |= bool(log.alarm) and not tells_apart
            has |= clears & np.array([log.raises(text) is False for text in said] + [False])[states]
        found &= has
        if whole and (absent := absent_words(column, texts, words, "labels.only")):
            rows.report.warnings.append(absent)
    unwanted = rows.keep & ~found
    if log is not None and not log.alarm:
        codes, texts = pd.factorize(rows.frame[state])
        cleared = np.array([log.raises(text) is False for text in texts] + [False])[codes] & unwanted
        if cleared.any():
            column = next(iter(only))
            such = rows.shown("", int(np.argmax(cleared)), column)
            rows.report.notes.append(
                f"{rows_that(int(cleared.sum()), 'clear')} nothing, as labels.only leaves out what they are "
                f"about, such as {such}. If an alarm is cleared with another value than it was raised with, "
                "name the columns that tell alarms apart in labels.alarm_log.alarm"
            )
    rows.report.count(UNWANTED, ", ".join(only), int(unwanted.sum()))
    return found
