"""The one place that knows which kind of split makes which parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pandas as pd

from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from feature_sets.telemetry.split_rule import COLUMN, DEVICE_TIME, FIRST_ROWS
from training.dataset.device_split import split_by_column, split_within_devices
from training.dataset.group_split import split_by_groups
from training.dataset.split import Split
from training.dataset.split_arguments import SplitArguments
from training.dataset.time_split import split_by_time


def split_rows(
    rows: pd.DataFrame,
    schema: TelemetrySchema,
    arguments: SplitArguments,
    groups: Callable[[str], Mapping[str, str]],
) -> Split:
    """Label rows in two parts, by the rule of the arguments or else that of the schema.

    :param rows: device, time and label, and the column that says the part if the rule asks for one.
    :param groups: gives the group of each device by a column.
    :raises InputError: unless the rule can be met, and each part has enough rows of both classes.
    """
    rule = arguments.split_rule(schema)
    if rule.holds_devices_out:
        share = arguments.test_devices or arguments.test_fraction
        of_devices = groups(rule.group_column or DEVICE)
        return split_by_groups(rows, schema, rule, of_devices, share, arguments.seed)
    if rule.by == COLUMN:
        return split_by_column(rows, schema, rule)
    if rule.by in (DEVICE_TIME, FIRST_ROWS):
        return split_within_devices(rows, schema, rule, arguments.test_fraction)
    return split_by_time(rows, schema, arguments.test_fraction)
