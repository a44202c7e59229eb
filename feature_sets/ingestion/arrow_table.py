"""The columns of an ingestion as a table of Arrow: what is written to Parquet."""

from __future__ import annotations

import mlrun.feature_store as fstore
import pandas as pd
import pyarrow as pa

from feature_sets.checks import InputError
from feature_sets.ingestion.window_columns import FeatureColumns

_ARROW_TYPES = {
    "str": pa.string(),
    "int": pa.int64(),
    "int32": pa.int32(),
    "float": pa.float64(),
    "float32": pa.float32(),
    "bool": pa.bool_(),
    "datetime": pa.timestamp("us"),
}
"""Types in the files by the types that MLRun infers, as in storey's writer."""


def arrow_table(feature_set: fstore.FeatureSet, columns: FeatureColumns) -> pa.Table:
    """Time, features in the order of the feature set, key: the columns of MLRun's files.

    Numbers are shared with ``columns``, not copied.

    :raises InputError: if a column does not hold what its type says, which is that of the first rows.
    """
    types = {feature.name: feature.value_type for feature in feature_set.spec.features}
    if columns.time:
        types = {columns.time: "datetime", **types}
    types[columns.entity] = feature_set.spec.entities[0].value_type or "str"
    arrays = {}
    for name, value_type in types.items():
        column = columns.keys if name == columns.entity else columns.values.get(name)
        try:
            arrays[name] = _arrow_array(column, _ARROW_TYPES[value_type], columns.count)
        except KeyError:
            rule = f"must have a type among {', '.join(_ARROW_TYPES)}"
            raise InputError(f"column '{name}'", rule, value_type) from None
        except pa.ArrowException as error:
            rule = f"must be of type {value_type} in every row"
            raise InputError(f"column '{name}'", rule, str(error)) from error
    table = pa.table(arrays)
    # What pandas notes beside the columns, so that a reader makes the entity the index again. storey cuts the
    # zone off, and so does the type here.
    head = columns.frame(slice(0, 1)).reindex(columns=table.column_names[:-1])
    noted = pa.Table.from_pandas(head, schema=table.schema, preserve_index=True, safe=False)
    return table.replace_schema_metadata(noted.schema.metadata)


def _arrow_array(column: pd.Series | None, arrow_type: pa.DataType, count: int) -> pa.Array:
    if column is None:
        return pa.nulls(count, arrow_type)
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        column = column.dt.tz_convert("UTC").dt.tz_localize(None)
    return pa.Array.from_pandas(column, type=arrow_type, safe=not pa.types.is_timestamp(arrow_type))
