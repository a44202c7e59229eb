"""The errors about telemetry that are told apart: a wrong schema is bad usage, wrong rows are a failure."""

from __future__ import annotations

from feature_sets.checks import InputError


class SchemaError(InputError):
    """A telemetry schema that breaks a rule."""


class TelemetryError(InputError):
    """A folder of telemetry that cannot be read at all."""
