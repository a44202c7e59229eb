"""A report without its plots, for a run whose data is deleted."""

from __future__ import annotations

import html
import re

_SCRIPT = re.compile(r"<script\b.*?</script>\n?", re.S)
_PLOT = re.compile(r'<div class="plot">.*?</div>\n(?=<div class="plot">|</section>)', re.S)
_NOTE = '<p class="deleted">'
_AFTER = '<p class="verdict">'


def without_plots(page: str, note: str) -> str:
    """A page with its text and tables, without plots and what draws them; one that is so already stays.

    :param page: a report of ours.
    :param note: why, which the page says first.
    :raises ValueError: if the page is no report of ours.
    """
    head, verdict, rest = page.partition(_AFTER)
    if not verdict:
        raise ValueError(f"page must be a report of ours, got one without {_AFTER}")
    if _NOTE in head:
        return page
    said = f"{_NOTE}<b>Deleted</b> {html.escape(note)}</p>\n"
    # Scripts first: their text may look like what ends a plot.
    return _PLOT.sub("", _SCRIPT.sub("", f"{head}{said}{verdict}{rest}"))
