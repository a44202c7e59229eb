"""Columns as a table of Arrow with the types that MLRun gave the features: what is written to Parquet."""

from __future__ import annotations

from collections.abc import Mapping

import mlrun.feature_store as fstore
import pandas as pd
import pyarrow as pa
from mlrun.data_types.data_types import pa_type_to_value_type

from feature_sets.checks import InputError
from feature_sets.rows.whole_numbers import to_frame
from feature_sets.windows.definition import WindowDefinition

ARROW_TYPES = {
    "str": pa.string(),
    "int": pa.int64(),
    "int32": pa.int32(),
    "uint64": pa.uint64(),
    "float": pa.float64(),
    "float32": pa.float32(),
    "bool": pa.bool_(),
    "datetime": pa.timestamp("us"),
}
"""Types in the files by the types that MLRun infers, as in storey's writer."""

_WHOLE = ("int", "int32")
_NUMBERS = ("int", "int32", "float", "float32")
_COUNTER = "uint64"

ColumnTypes = dict[str, str]
"""MLRun's type by column, in the order of the columns in the files."""


def column_types(feature_set: fstore.FeatureSet) -> ColumnTypes:
    """The columns of MLRun's files: the time, the features in the order of the feature set, the key."""
    types = {feature.name: feature.value_type for feature in feature_set.spec.features}
    if feature_set.spec.timestamp_key:
        types = {feature_set.spec.timestamp_key: "datetime", **types}
    entity = feature_set.spec.entities[0]
    types.pop(entity.name, None)
    types[entity.name] = entity.value_type or "str"
    return types


def note_whole_columns(feature_set: fstore.FeatureSet, definition: WindowDefinition | None) -> None:
    """Give the columns of counters their type, which MLRun does not infer: it takes them for text."""
    for name in definition.whole_columns if definition else ():
        if name in feature_set.spec.features.keys():  # noqa: SIM118 - it has no __contains__ of its own
            feature_set.spec.features[name].value_type = _COUNTER


def typed_table(types: Mapping[str, str], columns: Mapping[str, pd.Series], count: int) -> pa.Table:
    """A table with these columns; one that is not given is without any value.

    Numbers are shared, not copied.

    :param count: of rows.
    :raises InputError: if a column does not hold what its type says.
    """
    arrays = {}
    for name, value_type in types.items():
        try:
            arrays[name] = _arrow_array(columns.get(name), ARROW_TYPES[value_type], count)
        except KeyError:
            rule = f"must have a type among {', '.join(ARROW_TYPES)}"
            raise InputError(f"column '{name}'", rule, value_type) from None
        except pa.ArrowException as error:
            rule = f"must be of type {value_type} in every row"
            raise InputError(f"column '{name}'", rule, str(error)) from error
    return pa.table(arrays)


def typed(table: pa.Table, types: Mapping[str, str]) -> pa.Table:
    """The table with its columns in the order and of the types given."""
    return table.select(list(types)).cast(
        pa.schema([(name, ARROW_TYPES[kind]) for name, kind in types.items()])
    )


def described_frame(table: pa.Table, types: Mapping[str, str], entity: str) -> pd.DataFrame:
    """Rows as MLRun describes them: times with their zone, indexed by the entity."""
    frame = to_frame(table.replace_schema_metadata(None))
    for name, kind in types.items():
        if kind == "datetime":
            frame[name] = frame[name].astype("datetime64[ns]").dt.tz_localize("UTC")
    return frame.set_index(entity)


def noted(table: pa.Table, head: pd.DataFrame) -> pa.Table:
    """The table with what pandas notes beside the columns, so that a reader makes the entity the index again.

    :param head: some rows as MLRun sees them, indexed by the entity.
    """
    # Names are text, also where there are none: readers give the names of partitions the same type.
    columns = head.reindex(columns=pd.Index(table.column_names[:-1], dtype="object"))
    # storey cuts the zone off, and so does the type here.
    with_notes = pa.Table.from_pandas(columns, schema=table.schema, preserve_index=True, safe=False)
    return table.replace_schema_metadata(with_notes.schema.metadata)


def _arrow_array(column: pd.Series | None, arrow_type: pa.DataType, count: int) -> pa.Array:
    if column is None or (column.dtype.kind == "f" and _is_text(arrow_type) and column.isna().all()):
        return pa.nulls(count, arrow_type)
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        column = column.dt.tz_convert("UTC").dt.tz_localize(None)
    return pa.Array.from_pandas(column, type=arrow_type, safe=not pa.types.is_timestamp(arrow_type))


def _is_text(arrow_type: pa.DataType) -> bool:
    """Whether a column without any value, which pandas takes for numbers, needs to be told its type."""
    return not (pa.types.is_floating(arrow_type) or pa.types.is_integer(arrow_type))


def widened_types(stored: ColumnTypes, columns: Mapping[str, pd.Series]) -> ColumnTypes:
    """The types in which a history and rows to be added to it both fit.

    A whole number becomes a float where one of both is, and an int32 an int; a column without any value
    fits every type, and whole numbers become floats for it. Nothing else is changed.

    :param stored: of the history.
    :param columns: of the rows to be added.
    :raises InputError: naming a column that is of another type, is not in the history, or is missing.
    """
    unknown = sorted(set(columns) - set(stored))
    missing = sorted(set(stored) - set(columns))
    if unknown or missing:
        rule = f"must be those of the history; it has {', '.join(stored)}"
        raise InputError("columns", rule, [*(f"new: {n}" for n in unknown), *(f"none: {n}" for n in missing)])
    return {name: _widened(name, known, columns[name]) for name, known in stored.items()}


def _widened(name: str, known: str, column: pd.Series) -> str:
    if not len(column):
        return known
    if column.isna().all():
        return "float" if known in _WHOLE else known
    arrow_type = pa.Schema.from_pandas(column.to_frame("x"), preserve_index=False).types[0]
    given = _COUNTER if pa.types.is_uint64(arrow_type) and known == _COUNTER else None
    given = given or str(pa_type_to_value_type(arrow_type).value)
    if given == known:
        return known
    if known in _NUMBERS and given in _NUMBERS:
        return "int" if known in _WHOLE and given in _WHOLE else "float"
    rule = f"must be of type {known}, as in the history (replace the history to change the type)"
    raise InputError(f"column '{name}'", rule, given)
