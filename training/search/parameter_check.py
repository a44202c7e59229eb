"""Hyper-parameters that a user gives: the library of the model refuses bad ones before anything is read."""

from __future__ import annotations

import dataclasses
import math
import re
import warnings
from typing import Any

import numpy as np

from feature_sets.checks import InputError
from training.search.candidates import Candidate
from training.search.families import FAMILIES
from training.search.pipelines import Rows, build_pipeline, fit_pipeline

_ROWS: Rows = np.arange(8, dtype=np.float32)[:, None]
_LABELS = np.tile([0, 1], 4).astype(np.int8)
_COUNTS = ("n_estimators", "max_iter")
"""Numbers of trees: one is enough to try another parameter."""
_PLACE_IN_SOURCE = re.compile(r" at \S+, line \d+")
_WHAT_WAS_GIVEN = re.compile(r"\. Got .*", re.DOTALL)


def checked_by_library(candidate: Candidate) -> Candidate:
    """A candidate with its hyper-parameters as the library of its model takes them.

    Each is tried in a fit on a few rows, with the defaults of the others. A count that JSON delivers as
    ``5.0`` becomes an int, where the library takes no such float.

    :raises InputError: naming family, parameter and what the library said.
    """
    read = {name: _accepted(candidate.family, name, value) for name, value in candidate.parameters.items()}
    return dataclasses.replace(candidate, parameters=read)


def _accepted(family: str, name: str, value: Any) -> Any:
    refusal = _refusal(family, name, value)
    if not refusal:
        return value
    if isinstance(value, float) and value.is_integer() and not _refusal(family, name, int(value)):
        return int(value)
    raise InputError(f"parameter '{name}' of {family}", f"must be what its library takes ({refusal})", value)


def _refusal(family: str, name: str, value: Any) -> str:
    """Why a value cannot be used; empty if it can."""
    return _taken_silently(family, value) or _refused_by_library(family, name, value)


def _taken_silently(family: str, value: Any) -> str:
    """The rules for what the libraries let through, though nobody can have meant it."""
    if isinstance(value, bool):
        return "it would take a truth value for 0 or 1"
    if isinstance(value, float) and math.isinf(value):
        return "it must be finite"  # C, and learning_rate and reg_lambda of LightGBM
    if family == "lightgbm" and not isinstance(value, int | float):
        return "it must be a number"  # LightGBM reads text and lists, and takes None for its own default
    return ""


def _refused_by_library(family: str, name: str, value: Any) -> str:
    few = {count: 1 for count in _COUNTS if count in FAMILIES[family].defaults}
    pipeline = build_pipeline(Candidate(family, {**few, name: value}), seed=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            fit_pipeline(pipeline, _ROWS, _LABELS)
        except Exception as error:  # each library has its own kinds
            said = _WHAT_WAS_GIVEN.sub("", _PLACE_IN_SOURCE.sub("", str(error)))
            return said.strip(" .\n") or type(error).__name__
    return ""
