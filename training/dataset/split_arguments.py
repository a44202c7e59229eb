"""The arguments that selection, training and evaluation share: which rows to learn from, which to keep."""

from __future__ import annotations

from dataclasses import dataclass, fields

from feature_sets.checks import InputError
from feature_sets.telemetry.schema import TelemetrySchema
from feature_sets.telemetry.split_rule import DEVICES, TIME, SplitRule
from training.job.parameter_rules import checked


@dataclass(frozen=True)
class SplitArguments:
    """How a run of one of the three steps splits its rows; all three must get the same.

    :param test_fraction: share of the rows that is evaluated on, in (0, 1), where the split names none.
    :param test_devices: share of the rows, of whole devices or groups, that is evaluated on, in [0, 1). Above
        0 a split by time is one by devices.
    :param train_rows: more rows than this in the earlier part are sampled; at least 100.
    :param seed: of the sample and of the choice of devices.
    :param training_window: how far back from the newest labeled row both parts reach, such as ``14d``, or
        ``since`` and a time from which on rows count; empty for all rows.
    :param split: see ``SplitRule.parse``; empty for that of the schema.
    :raises InputError: naming the argument that breaks its rule.
    """

    test_fraction: float
    test_devices: float
    train_rows: int
    seed: int
    training_window: str = ""
    split: str = ""

    def __post_init__(self) -> None:
        for each in fields(self):
            value = checked(each.name, getattr(self, each.name))
            object.__setattr__(self, each.name, value)  # frozen for everybody else

    def split_rule(self, schema: TelemetrySchema) -> SplitRule:
        """The rule of this run.

        :raises InputError: unless the schema keeps the column that it needs, and ``test_devices`` fits it.
        """
        rule = schema.split
        if self.split:
            rule = SplitRule.parse(self.split)
            schema.check_split(rule, "argument 'split'")
        if self.test_devices and rule.by == TIME:
            return SplitRule(DEVICES)
        if self.test_devices and (rule.test or not rule.holds_devices_out):
            where = "argument 'test_devices'"
            raise InputError(
                where, f"must be 0 for the split {rule}, which says what is tested", self.test_devices
            )
        return rule
