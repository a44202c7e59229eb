"""A sentence on labels of which nearly all say the same."""

from __future__ import annotations

_MOST = 0.5
"""Share of labels that are errors, from which on the schema most likely says what nobody meant."""


def class_note(errors: int, rows: int, derived: bool = False) -> str:
    """What is wrong with so many errors among so many labels; empty if nothing is.

    >>> class_note(12, 12)
    'Every label is 1, so no model can learn to tell errors from health.'
    >>> class_note(0, 12, derived=True)
    'By these labels no reading is an error (of 12), so no model can learn to tell errors from health.'

    :param derived: whether they were made at readings, of positives or incidents.
    """
    if not rows:
        return ""
    if errors in (0, rows):
        told = f"Every label is {int(errors > 0)}"
        if derived:
            told = f"By these labels {'every' if errors else 'no'} reading is an error (of {rows:,})"
        return f"{told}, so no model can learn to tell errors from health."
    if errors > rows * _MOST:
        what = "By these labels" if derived else "Of the labels"
        return (
            f"{what} {errors / rows:.1%} are errors ({errors:,} of {rows:,}): is 1 the error, and does every "
            "incident have its end?"
        )
    return ""
