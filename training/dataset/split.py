"""What a split of labeled rows is: rows to learn from, rows to evaluate on, and what is in neither."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

from feature_sets.listed import listed
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from feature_sets.telemetry.split_rule import BY_TIME, COLUMN, DEVICE_TIME, FIRST_ROWS, TIME, SplitRule
from training.dataset.fold_shape import FoldShape
from training.dataset.incident_spans import NO_INCIDENTS, IncidentSpans
from training.dataset.stratified_sample import ONE_EACH, ClassWeights
from training.dataset.too_little import TooLittleDataError

MINIMUM_ROWS = 50
"""Each part needs at least this many rows; fewer say nothing about either class."""

_ROWS = {
    TIME: "later rows",
    DEVICE_TIME: "later rows of each device",
    FIRST_ROWS: "later rows of each device",
}


@dataclass(frozen=True)
class Split:
    """Rows to learn from, rows to evaluate on, and what was left out of both.

    :param train: rows to learn from, or a sample of them; sorted by time.
    :param test: rows to evaluate on, sorted by time.
    :param cut: event time of the first test row.
    :param embargo_seconds: length of the gap that belongs to neither part where time is cut.
    :param left_out: reason -> rows that are in neither part.
    :param time: name of the event-time column.
    :param label: name of the label column, 0 or 1.
    :param rule: what told the two apart.
    :param groups: group of each device, where whole groups are in one part; a device is one of its own
        where whole devices are. Empty for other rules.
    :param weights: how many rows each row of the training part stands for.
    :param set_aside: why errors are too few to learn from, so that a model is made without labels; empty if
        they are not.
    :param incidents: of the devices, so that an episode goes on while its device is silent.
    """

    train: pd.DataFrame
    test: pd.DataFrame
    cut: pd.Timestamp
    embargo_seconds: int
    left_out: Mapping[str, int]
    time: str
    label: str
    rule: SplitRule = BY_TIME
    groups: Mapping[str, str] = field(default_factory=dict)
    weights: ClassWeights = ONE_EACH
    set_aside: str = ""
    incidents: IncidentSpans = NO_INCIDENTS

    @property
    def unlabeled(self) -> bool:
        """Whether labels are not learned from: no row of either part is an error, or too few are."""
        return bool(self.set_aside) or not (self.train[self.label].any() or self.test[self.label].any())

    @property
    def embargoed_rows(self) -> int:
        """Rows in the gap where time is cut."""
        return self.left_out.get("embargoed_rows", 0)

    @property
    def train_until(self) -> pd.Timestamp:
        """Latest event time that training may have seen, where time is cut for all devices alike."""
        return self.cut - pd.Timedelta(seconds=self.embargo_seconds)

    @property
    def test_starts(self) -> pd.Series | pd.Timestamp:
        """When the test period begins: the cut for all, or the first test row of each device that has one."""
        if self.rule.by == TIME:
            return self.cut
        return self.test.groupby(DEVICE, observed=True)[self.time].min()

    @property
    def trained_devices(self) -> dict[str, str]:
        """Event time of the last row to learn from, of each device; empty where time is cut for all."""
        if self.rule.by == TIME:
            return {}
        ends = self.train.groupby(DEVICE, observed=True)[self.time].max()
        return {str(device): end.isoformat() for device, end in ends.items()}

    @property
    def tested_devices(self) -> tuple[str, ...]:
        """Devices with test rows, sorted; empty for all, where time is cut for all."""
        return () if self.rule.by == TIME else tuple(sorted(self.test[DEVICE].unique()))

    @property
    def held_out(self) -> tuple[str, ...]:
        """Devices that are only evaluated on, where whole devices are in one part; sorted."""
        return self.tested_devices if self.rule.holds_devices_out else ()

    @property
    def digest(self) -> str:
        """Short text that differs for different parts; ``none`` where a time tells them apart.

        Where whole devices are in one part, these are in it, else when the test rows of each device begin. By
        a column each test row is: rows to learn from may lie between them.
        """
        starts = self.test_starts
        if isinstance(starts, pd.Timestamp):
            return "none"
        # Of naive times and of UTC the same.
        begins = sorted(starts.items())
        if self.rule.by == COLUMN:
            begins = sorted(zip(self.test[DEVICE], self.test[self.time], strict=True))
        lines = self.held_out or [f"{device} {begin.value}" for device, begin in begins]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:12]

    @property
    def shape(self) -> FoldShape:
        """How the training part is split again by the search."""
        within_devices = self.rule.by in (DEVICE_TIME, FIRST_ROWS)
        return FoldShape(self.groups, within_devices, self.incidents)

    @property
    def tested_on(self) -> str:
        """What the test rows are, in words."""
        if self.rule.holds_devices_out:
            count, what = len(set(self.groups_of(self.test))), self.rule.group_column or "device"
            return f"rows of {count} {what}{'s' * (count != 1)} not trained on"
        return _ROWS.get(self.rule.by, "test rows")

    def groups_of(self, rows: pd.DataFrame) -> pd.Series:
        """The group of each row."""
        return rows[DEVICE].map(self.groups)

    def describe(self, earlier: str = "train", later: str = "test") -> dict[str, Any]:
        """Rule, dates, row counts and class balance of both parts, ready to be logged as results.

        :param earlier: what the results call the part to learn from.
        :param later: what they call the part to evaluate on.
        """
        facts: dict[str, Any] = {
            "split": str(self.rule),
            "split_summary": self.summary,
            "embargo_seconds": self.embargo_seconds,
            **self.left_out,
            "embargoed_rows": self.embargoed_rows,
            "held_out_devices": len(self.held_out),
        }
        for part, rows in ((earlier, self.train), (later, self.test)):
            facts[f"{part}_start"] = rows[self.time].min().isoformat()
            facts[f"{part}_end"] = rows[self.time].max().isoformat()
            facts[f"{part}_rows"] = len(rows)
            facts[f"{part}_positives"] = int(rows[self.label].sum())
            if self.groups:
                facts[f"{part}_groups"] = len(set(self.groups_of(rows)))
        return facts

    @property
    def summary(self) -> str:
        """A sentence for people: the rule, and how many rows are in neither part."""
        text = f"Rows are split by {self.rule}"
        if self.groups:
            names = sorted(set(self.groups_of(self.test)))
            text += f"; evaluated on {listed(names, _NAMED)}"
        out = [f"{count:,} {_REASONS[reason]}" for reason, count in self.left_out.items() if count]
        return f"{text}; in neither part: {', '.join(out) if out else 'none'}."


_NAMED = 5
_REASONS = {
    "embargoed_rows": "within the embargo",
    "rows_of_no_part": "of which the column says no part",
    "rows_without_group": "of devices without a group",
}


def check_enough(rows: pd.DataFrame) -> None:
    """Raise InputError unless there are rows for two parts."""
    if len(rows) < 2 * MINIMUM_ROWS:
        raise TooLittleDataError(
            "labeled rows", f"must be at least {2 * MINIMUM_ROWS} for a split", len(rows)
        )


def checked(split: Split, how: str, schema: TelemetrySchema) -> Split:
    """Raise InputError unless each part has enough rows and both classes.

    Without any error in the training part a model can be made of the features relative to the device, if the
    schema has some.

    :param how: what made the parts, such as when time is cut.
    """
    if schema.relative_features and not (split.unlabeled or split.train[split.label].any()):
        split = replace(split, set_aside=f"the training part ({how}) holds no error")
    parts = {"training": split.train, "test": split.test}
    for name, rows in parts.items():
        where = f"{name} part ({how})"
        if len(rows) < MINIMUM_ROWS:
            raise TooLittleDataError(where, f"must have at least {MINIMUM_ROWS} rows", len(rows))
        classes = sorted(int(value) for value in rows[split.label].unique())
        if classes != [0, 1] and not (split.unlabeled and schema.relative_features):
            rule = f"must hold both classes of '{split.label}' in its {len(rows)} rows"
            if split.unlabeled:
                rule += " (or, without labels, the schema must have derived.relative)"
            raise TooLittleDataError(where, f"{rule}{_remedy(name, parts, split)}", classes)
    return split


def _remedy(name: str, parts: Mapping[str, pd.DataFrame], split: Split) -> str:
    """Where errors are, if they are all in the other part."""
    (other,) = (rows for part, rows in parts.items() if part != name)
    errors = other.loc[other[split.label] == 1, split.time]
    if parts[name][split.label].any() or errors.empty:
        return ""
    return (
        f" (all errors are in the other part, {errors.min().isoformat()} to {errors.max().isoformat()}: "
        "choose another test_fraction or split)"
    )


def ordered_rows(frame: pd.DataFrame, schema: TelemetrySchema) -> pd.DataFrame:
    """The rows in order of time."""
    return frame.sort_values([schema.time], kind="stable", ignore_index=True)
