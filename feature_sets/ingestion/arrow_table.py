"""The columns of an ingestion as a table of Arrow: what is written to Parquet."""

from __future__ import annotations

import mlrun.feature_store as fstore
import pyarrow as pa

from feature_sets.ingestion.history.typed_table import column_types, noted, typed_table
from feature_sets.ingestion.window_columns import FeatureColumns


def arrow_table(
    feature_set: fstore.FeatureSet, columns: FeatureColumns, like: pa.Schema | None = None
) -> pa.Table:
    """Time, features in the order of the feature set, key: the columns of MLRun's files.

    Numbers are shared with ``columns``, not copied.

    :param like: schema of rows before these, with the notes for pandas; None if these are the first.
    :raises InputError: if a column does not hold what its type says, which is that of the first rows.
    """
    given = {**columns.values, columns.entity: columns.keys}
    table = typed_table(column_types(feature_set), given, columns.count)
    if like is not None:
        return table.replace_schema_metadata(like.metadata)
    return noted(table, columns.frame(slice(0, 1)))
