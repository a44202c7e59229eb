"""The base of every failure that is the user's or the environment's, not a bug of ours."""

from __future__ import annotations


class NetopsError(Exception):
    """A failure that the command line prints as one clear message, without a traceback."""


_CAUSE = ", caused by: "
"""How MLRun joins the errors that led to one."""


def without_repeats(text: str) -> str:
    """An error as MLRun tells it, without causes that what is before them has quoted already.

    >>> without_repeats("run failed: got 'no such file', caused by: no such file")
    "run failed: got 'no such file'"
    """
    said, *causes = text.split(_CAUSE)
    for cause in causes:
        if cause not in said:
            said += f"{_CAUSE}{cause}"
    return said
