"""Names, types and defaults of the workflow parameters, without importing Kubeflow or MLRun.

``project.workflow`` repeats the defaults in its signatures, because Kubeflow reads them there; a test holds
the two against each other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from project.errors import NetopsError

DEFAULTS = MappingProxyType(
    {
        "telemetry": "",
        "schema": "",
        "seed": 1,
        "devices": 20,
        "ticks": 50_000,
        "sample_ratio": 0.5,
        "test_fraction": 0.3,
        "test_devices": 0.0,
        "train_rows": 20_000,
        "select_k": 20,
        "min_votes": 0.5,
        "max_correlation": 0.95,
        "max_drift": 0.7,
        "search": "random",
        "combinations": 36,
        "threshold_rule": "max_f1",
        "promote": False,
        "deploy_streaming": True,
        "deploy_concept_drift": True,
        "stream_seconds": 30,
        "stream_rate": 300,
    }
)

NAMES = MappingProxyType(
    {
        "main": tuple(DEFAULTS),
        "ingest": ("telemetry", "schema", "seed", "devices", "ticks"),
        "serve": (),
    }
)
"""Parameters of each workflow."""

STREAM = ("telemetry", "schema", "seed", "devices", "ticks", "stream_seconds", "stream_rate")
"""Parameters of the telemetry generator."""


class ParameterError(NetopsError):
    """A workflow parameter that breaks a rule."""

    def __init__(self, name: str, rule: str, got: object) -> None:
        super().__init__(f"workflow parameter '{name}' {rule}, got {got!r}")
        self.name = name
        self.rule = rule
        self.got = got


def check(names: Sequence[str], arguments: Mapping[str, Any]) -> None:
    """Hold arguments against the parameters that may be given.

    :param names: the parameters, such as ``NAMES["main"]``.
    :raises ParameterError: for an unknown name, or a value of another type than the default's.
    """
    for name, value in arguments.items():
        if name not in names:
            raise ParameterError(name, f"must be among {', '.join(names) or 'none'}", name)
        kind = type(DEFAULTS[name])
        accepted = (int, float) if kind is float else (kind,)
        if not isinstance(value, accepted) or (isinstance(value, bool) and kind is not bool):
            raise ParameterError(name, f"must be of type {kind.__name__}", value)


def parse(names: Sequence[str], name: str, text: str) -> Any:
    """Value of a parameter given as text, of the type of its default.

    :param names: the parameters that may be given.
    :raises ParameterError: naming the parameter, the rule and what came.
    """
    if name not in names:
        raise ParameterError(name, f"must be among {', '.join(names) or 'none'}", name)
    kind = type(DEFAULTS[name])
    if kind is bool:
        if text.lower() not in ("true", "false"):
            raise ParameterError(name, "must be true or false", text)
        return text.lower() == "true"
    if kind is str:
        return text
    try:
        return int(text) if kind is int else float(text)
    except ValueError as error:
        raise ParameterError(name, f"must be of type {kind.__name__}", text) from error
