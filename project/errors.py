"""The base of every failure that is the user's or the environment's, not a bug of ours."""

from __future__ import annotations


class NetopsError(Exception):
    """A failure that the command line prints as one clear message, without a traceback."""
