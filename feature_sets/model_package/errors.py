"""The error of the model package."""

from __future__ import annotations

from feature_sets.checks import InputError


class ModelPackageError(InputError):
    """A model package that must not be served; where, the rule and what it holds instead."""
