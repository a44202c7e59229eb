"""The training set: rows of a feature vector to learn from, and others to evaluate on.

Which rows are needed is decided on the label rows alone, and only those are joined: a million rows with all
their features would take seconds and gigabytes in every step, and most models learn no more from them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

import mlrun
import numpy as np
import numpy.typing as npt
import pandas as pd

from feature_sets.rows.stored_rows import in_utc
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from feature_sets.telemetry.split_rule import COLUMN, DEVICE_TIME, FIRST_ROWS
from training.dataset.device_groups import device_groups
from training.dataset.device_split import split_by_column, split_within_devices
from training.dataset.group_split import split_by_groups
from training.dataset.incident_spans import NO_INCIDENTS, IncidentSpans
from training.dataset.known_rows import labeled_rows
from training.dataset.label_history import read_incident_spans
from training.dataset.leak_check import check_features, check_split
from training.dataset.split import Split
from training.dataset.split_arguments import SplitArguments
from training.dataset.stratified_sample import sample_healthy_rows
from training.dataset.time_split import split_by_time
from training.dataset.too_little import TooLittleDataError, telling_too_little
from training.dataset.vector_rows import read_vector, vector_address
from training.dataset.window_rows import rows_of_window


def read_split(
    context: mlrun.MLClientCtx,
    uri: str,
    schema: TelemetrySchema,
    arguments: SplitArguments,
    *,
    with_test: bool = False,
    check: Callable[[TelemetrySchema, Split], object] = lambda schema, split: None,
) -> Split:
    """Rows to learn from and rows to evaluate on, of a feature vector, for one run.

    The split is that of all rows, whatever is sampled. What was read is checked for leaks, see
    ``leak_check``. Logs how many rows there are (``rows``), how many lie in the training part
    (``train_rows_available``), how many of these are errors (``train_positives_available``), how many were
    read (``train_rows``: the errors and a sample of the others, see ``sample_healthy_rows``), how many are
    older than the training window (``rows_before_window``), how many features were recomputed
    (``leak_checked_features``) and how many rows were left out for which reason, see ``labeled_rows``.

    :param context: of the run.
    :param uri: feature vector; its label feature says which feature set holds the labels.
    :param schema: names the columns and gives the embargo, and the split where the arguments give none.
    :param arguments: how to split. The test part is never sampled.
    :param with_test: whether to read the features of the test part; without it that part has the device,
        time and label only.
    :param check: refuses rows that cannot be trained on, before their features are read. Where a model can be
        made without labels, those are set aside instead.
    :returns: parts as ``read_vector`` gives them.
    :raises InputError: unless address, labels and features are what they must be, each part has enough rows
        of both classes (or the schema has relative features, see ``Split.set_aside``), and no part holds what
        was not known at the time of its rows.
    """
    rule = arguments.split_rule(schema)
    labeled = labeled_rows(vector_address(uri), schema, rule.label_column)
    rows = rows_of_window(labeled.rows, schema.time, arguments.training_window)
    incidents = read_incident_spans(uri, schema, rows[DEVICE].unique())
    with telling_too_little(context):
        if not len(rows):
            raise TooLittleDataError("labeled rows", f"must be in {arguments.training_window!r}", 0)
        split = split_rows(
            rows,
            schema,
            arguments,
            lambda column: device_groups(uri, schema, column, rows[DEVICE].unique(), rule.test),
            incidents,
        )
    cut = split.cut.tz_localize("UTC") if split.cut.tz is None else split.cut.tz_convert("UTC")
    labels = split.train[schema.target].to_numpy()
    chosen, weights = sample_healthy_rows(labels, arguments.train_rows, arguments.seed)
    train = split.train.iloc[chosen]
    counts = {
        **labeled.counts,
        "rows_before_window": len(labeled.rows) - len(rows),
        "train_rows_available": len(split.train),
        "train_rows": len(train),
        "train_positives_available": int(labels.sum()),
    }
    with telling_too_little(context):
        asked = dataclasses.replace(split, train=train)
        split = _set_aside(context, split, schema, lambda: check(schema, asked))
    # Each row has a reading in the longest window, see ``labeled_rows``. A training window leaves most of
    # the files of a long history alone; without one all are read either way.
    reach = schema.longest_window_seconds if arguments.training_window else None
    if with_test:
        # One read for both: each opens the same files.
        frame = read_vector(uri, schema, pd.concat([train, split.test]), reach)
        tested = _marked(frame, in_utc(split.test, schema.time), schema.time)
        train, test = frame[~tested], frame[tested].reset_index(drop=True)
    else:
        train, test = read_vector(uri, schema, train, reach), in_utc(split.test, schema.time)
    read = dataclasses.replace(split, train=train, test=test, cut=cut, weights=weights)
    check_split(read, schema)
    counts["leak_checked_features"] = check_features(uri, train, schema, arguments.seed)
    if with_test:
        check_features(uri, test, schema, arguments.seed)
    context.log_results(counts)
    return read


def _set_aside(
    context: mlrun.MLClientCtx, split: Split, schema: TelemetrySchema, check: Callable[[], object]
) -> Split:
    """The split, whose labels are set aside if they are too few and a model can be made without them.

    :raises TooLittleDataError: if they are too few, and it cannot.
    """
    try:
        check()
    except TooLittleDataError as error:
        if not schema.relative_features:
            raise
        split = dataclasses.replace(split, set_aside=str(error))
    if split.set_aside:
        context.log_result("labels_set_aside", split.set_aside)
        context.logger.warning(f"the labels are not learned from yet: {split.set_aside}")
    return split


def _marked(frame: pd.DataFrame, rows: pd.DataFrame, time: str) -> npt.NDArray[np.bool_]:
    """Which rows of a frame are of the device and time of one of some rows."""
    keys = [
        pd.MultiIndex.from_arrays([table[DEVICE], table[time].dt.as_unit("ns")]) for table in (frame, rows)
    ]
    return keys[0].isin(keys[1])


def split_rows(
    rows: pd.DataFrame,
    schema: TelemetrySchema,
    arguments: SplitArguments,
    groups: Callable[[str], Mapping[str, str]],
    incidents: IncidentSpans = NO_INCIDENTS,
) -> Split:
    """Label rows in two parts, by the rule of the arguments or else that of the schema.

    :param rows: device, time and label, and the column that says the part if the rule asks for one.
    :param groups: gives the group of each device by a column.
    :param incidents: of the devices.
    :raises InputError: unless the rule can be met, and each part has enough rows of both classes.
    """
    rule = arguments.split_rule(schema)
    if rule.holds_devices_out:
        share = arguments.test_devices or arguments.test_fraction
        of_devices = groups(rule.group_column or DEVICE)
        split = split_by_groups(rows, schema, rule, of_devices, share, arguments.seed, incidents)
    elif rule.by == COLUMN:
        split = split_by_column(rows, schema, rule)
    elif rule.by in (DEVICE_TIME, FIRST_ROWS):
        split = split_within_devices(rows, schema, rule, arguments.test_fraction)
    else:
        split = split_by_time(rows, schema, arguments.test_fraction)
    return dataclasses.replace(split, incidents=incidents)
