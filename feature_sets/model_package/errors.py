"""The error of the model package."""

from __future__ import annotations


class ModelPackageError(ValueError):
    """A model package that must not be served; the message says which file and why."""
