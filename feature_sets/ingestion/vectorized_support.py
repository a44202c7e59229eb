"""What the vectorized ingestion takes: everything else is refused before anything is written."""

from __future__ import annotations

from typing import Any

import mlrun.feature_store as fstore
import pandas as pd
from mlrun.datastore.targets import TargetTypes, get_target_driver
from mlrun.feature_store.api import norm_column_name

from feature_sets import derived_features
from feature_sets.checks import InputError
from feature_sets.derived_features import DerivedFeatures
from feature_sets.rows.entity_keys import key_codes
from feature_sets.windows.definition import WindowDefinition

_AGGREGATION_STEP = "storey.AggregateByKey"
_STEP_ARGUMENTS = {"aggregates", "table", "time_field"}
_AGGREGATION_FIELDS = {"name", "column", "operations", "windows", "period"}
_TARGET_KINDS = (TargetTypes.parquet, TargetTypes.redisnosql)
_TARGET_OPTIONS = ("after_step", "columns", "attributes", "partition_cols", "key_bucketing_number", "schema")


def check_feature_set(feature_set: fstore.FeatureSet, overwrite: bool = True) -> None:
    """Raise InputError unless the vectorized ingestion can fill the targets of a feature set.

    That includes windows that our engine does not compute.

    :param overwrite: False if rows are added to those of earlier ingestions.
    """
    spec, name = feature_set.spec, feature_set.metadata.name
    entities = [entity.name for entity in spec.entities]
    if len(entities) != 1:
        raise _unsupported(name, "entities", "must be one", entities)
    if spec.passthrough:
        raise _unsupported(name, "passthrough", "must be off", spec.passthrough)
    for step in spec.graph.steps.values():
        _check_step(name, step)
    if spec.graph.steps:
        definition, derived = declared(feature_set)
        missing = sorted(set(derived.inputs if derived else ()) - set(definition.feature_names))
        if missing:
            rule = "must derive features from windows that are declared"
            raise _unsupported(name, derived_features.STEP, rule, missing)
    targets = list(spec.targets)
    if not targets:
        raise _unsupported(name, "targets", "must be set with set_targets", [])
    for target in targets:
        _check_target(name, target, overwrite)


def declared(feature_set: fstore.FeatureSet) -> tuple[WindowDefinition, DerivedFeatures | None]:
    """The windows that a feature set with graph steps declares, and what it derives from them.

    :raises InputError: if windows are declared that our engine does not compute.
    :raises SchemaError: if the argument of the deriving step is no telemetry schema.
    """
    return WindowDefinition.from_feature_set(feature_set), DerivedFeatures.from_feature_set(feature_set)


def _check_step(feature_set: str, step: Any) -> None:
    where = f"graph step '{step.name}'"
    if step.class_name == derived_features.STEP:
        return
    if step.class_name != _AGGREGATION_STEP:
        rule = f"must be of add_aggregation or {derived_features.STEP}, the steps that are computed here"
        raise _unsupported(feature_set, where, rule, step.class_name)
    for unknown in sorted(set(step.class_args) - _STEP_ARGUMENTS):
        raise _unsupported(feature_set, where, f"must not have '{unknown}'", step.class_args[unknown])
    for aggregation in step.class_args["aggregates"]:
        for unknown in sorted(set(aggregation) - _AGGREGATION_FIELDS):
            rule = f"must not have '{unknown}' in aggregation '{aggregation['name']}'"
            raise _unsupported(feature_set, where, rule, aggregation[unknown])


def _check_target(feature_set: str, target: Any, overwrite: bool) -> None:
    where = f"target '{target.name}'"
    if target.kind not in _TARGET_KINDS:
        rule = f"must be among {', '.join(_TARGET_KINDS)}"
        raise _unsupported(feature_set, where, rule, target.kind)
    for option in _TARGET_OPTIONS:
        # Without a value they are None or empty, except for a bucketing by the key itself, which is 0.
        value = getattr(target, option, None)
        if value not in (None, [], {}, ""):
            raise _unsupported(feature_set, where, f"must not have '{option}'", value)
    if target.kind == TargetTypes.parquet:
        single_file = get_target_driver(target).is_single_file()
        if single_file and (target.partitioned or not overwrite):
            rule = "must be a folder, if it is partitioned or rows are added to it"
            raise _unsupported(feature_set, where, rule, target.path)


def _unsupported(feature_set: str, name: str, rule: str, got: object) -> InputError:
    return InputError(f"feature set '{feature_set}', {name}", rule, got)


def check_frame(feature_set: fstore.FeatureSet, frame: pd.DataFrame, arrival: str | None = None) -> None:
    """Raise InputError unless the rows fit the feature set.

    The keys of rows with windows are not looked at: they are when they are numbered, see ``KeyedRows``.

    :param frame: without a named index.
    :param arrival: column of the frame with arrival times, if any.
    """
    spec, names = feature_set.spec, list(frame.columns)
    entity, time = spec.entities[0].name, spec.timestamp_key
    definition, derived = declared(feature_set) if spec.graph.steps else (None, None)
    for name in names:
        if not isinstance(name, str) or norm_column_name(name) != name or names.count(name) > 1:
            raise InputError("columns", "must have different names without spaces and brackets", name)
    times = [name for name in (time, arrival) if name]
    for name in (entity, *times, *(definition.metrics if definition else ())):
        if name not in names:
            raise InputError(f"column '{name}'", "must be in the frame", names)
    computed = (*(definition.feature_names if definition else ()), *(derived.names if derived else ()))
    for name in computed:
        if name in names:
            raise InputError(f"column '{name}'", "must not be named as a computed feature", name)
    for name in times:
        if not pd.api.types.is_datetime64_any_dtype(frame[name]):
            raise InputError(f"column '{name}'", "must be times", str(frame[name].dtype))
        _check_present(frame[name], "time")
    if definition is None:
        _check_keys(frame[entity])


def _check_keys(column: pd.Series) -> None:
    """Raise InputError unless every row has a key: text, a whole number or of a type such as times."""
    if column.dtype == object or isinstance(column.dtype, pd.StringDtype):
        key_codes(column)
    else:
        _check_present(column, "key")


def _check_present(column: pd.Series, what: str) -> None:
    missing = int(column.isna().sum())
    if missing:
        raise InputError(f"column '{column.name}'", f"must have a {what} in every row", f"{missing} without")
