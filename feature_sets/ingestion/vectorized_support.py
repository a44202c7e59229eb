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
from feature_sets.ingestion import one_hot
from feature_sets.rows.entity_keys import key_codes
from feature_sets.windows import counters, presence
from feature_sets.windows.definition import WindowDefinition

_AGGREGATION_STEP = "storey.AggregateByKey"
_STEP_ARGUMENTS = {"aggregates", "table", "time_field"}
_AGGREGATION_FIELDS = {"name", "column", "operations", "windows", "period"}
_TARGET_KINDS = (TargetTypes.parquet, TargetTypes.redisnosql)
_TARGET_OPTIONS = ("after_step", "columns", "attributes", "partition_cols", "key_bucketing_number", "schema")


def check_feature_set(feature_set: fstore.FeatureSet) -> None:
    """Raise InputError unless the vectorized ingestion can fill the targets of a feature set.

    That includes windows that our engine does not compute.
    """
    spec, name = feature_set.spec, feature_set.metadata.name
    entities = [entity.name for entity in spec.entities]
    if len(entities) != 1:
        raise _unsupported(name, "entities", "must be one", entities)
    if spec.passthrough:
        raise _unsupported(name, "passthrough", "must be off", spec.passthrough)
    for step in spec.graph.steps.values():
        _check_step(name, step)
    if has_windows(feature_set):
        definition, derived = declared(feature_set)
        missing = sorted(set(derived.all_inputs if derived else ()) - set(definition.feature_names))
        if missing:
            rule = "must derive features from windows that are declared"
            raise _unsupported(name, derived_features.STEP, rule, missing)
    targets = list(spec.targets)
    if not targets:
        raise _unsupported(name, "targets", "must be set with set_targets", [])
    for target in targets:
        _check_target(name, target)


def has_windows(feature_set: fstore.FeatureSet) -> bool:
    """Whether a feature set has a graph that computes windows; a one-hot encoder alone has none."""
    steps = feature_set.spec.graph.steps.values()
    return any(step.class_name != one_hot.STEP for step in steps)


def declared(feature_set: fstore.FeatureSet) -> tuple[WindowDefinition, DerivedFeatures | None]:
    """The windows that a feature set with ``has_windows`` declares, and what it derives from them.

    :raises InputError: if windows are declared that our engine does not compute.
    :raises SchemaError: if the argument of the deriving step is no telemetry schema.
    """
    return WindowDefinition.from_feature_set(feature_set), DerivedFeatures.from_feature_set(feature_set)


def _check_step(feature_set: str, step: Any) -> None:
    where = f"graph step '{step.name}'"
    if step.class_name in (derived_features.STEP, one_hot.STEP, presence.STEP, counters.STEP):
        return
    if step.class_name != _AGGREGATION_STEP:
        rule = (
            f"must be of add_aggregation, {derived_features.STEP} or OneHotEncoder, "
            "the steps that are computed here"
        )
        raise _unsupported(feature_set, where, rule, step.class_name)
    for unknown in sorted(set(step.class_args) - _STEP_ARGUMENTS):
        raise _unsupported(feature_set, where, f"must not have '{unknown}'", step.class_args[unknown])
    for aggregation in step.class_args["aggregates"]:
        for unknown in sorted(set(aggregation) - _AGGREGATION_FIELDS):
            rule = f"must not have '{unknown}' in aggregation '{aggregation['name']}'"
            raise _unsupported(feature_set, where, rule, aggregation[unknown])


def _check_target(feature_set: str, target: Any) -> None:
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
        if single_file and target.partitioned:
            rule = "must be a folder, if it is partitioned"
            raise _unsupported(feature_set, where, rule, target.path)


def check_growing(feature_set: fstore.FeatureSet) -> None:
    """Raise InputError unless rows can be added to the targets of a feature set, too."""
    check_feature_set(feature_set)
    name = feature_set.metadata.name
    if not feature_set.spec.timestamp_key:
        raise _unsupported(name, "timestamp_key", "must be set for rows to be added", None)
    parquet = [target for target in feature_set.spec.targets if target.kind == TargetTypes.parquet]
    if len(parquet) != 1:
        names = [target.name for target in parquet]
        raise _unsupported(name, "targets", "must have one of Parquet for rows to be added", names)
    if get_target_driver(parquet[0]).is_single_file():
        rule = "must be a folder for rows to be added"
        raise _unsupported(name, f"target '{parquet[0].name}'", rule, parquet[0].path)


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
    definition, derived = declared(feature_set) if has_windows(feature_set) else (None, None)
    for name in names:
        if not isinstance(name, str) or norm_column_name(name) != name or names.count(name) > 1:
            raise InputError("columns", "must have different names without spaces and brackets", name)
    times = [name for name in (time, arrival) if name]
    for name in (entity, *times, *(definition.input_columns if definition else ())):
        if name not in names:
            raise InputError(f"column '{name}'", "must be in the frame", names)
    computed = (*(definition.computed_names if definition else ()), *(derived.all_names if derived else ()))
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
