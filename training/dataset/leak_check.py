"""Checks that nothing of the test period has reached the training rows: a run that leaks must not go on.

The split is checked for its reach in time and for shared groups, and a sample of rows for its features: what
a row shows must be what its device's readings up to the row's time give. A feature that was shifted, joined
from the future or computed over all rows is found out that way, whoever made it.
"""

from __future__ import annotations

import mlrun.feature_store as fstore
import numpy as np
import numpy.typing as npt
import pandas as pd

from feature_sets import device_metrics
from feature_sets.checks import InputError
from feature_sets.derived_features import DerivedFeatures
from feature_sets.ingestion.topology_history import project_groups
from feature_sets.rows.keyed_rows import KeyedRows
from feature_sets.rows.stored_rows import feature_set_frame, in_utc
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from feature_sets.telemetry.split_rule import TIME
from feature_sets.windows.arrival_order import windows_as_known
from feature_sets.windows.definition import WindowDefinition
from training.dataset.split import Split

SAMPLED_DEVICES = 5
SAMPLED_ROWS = 500
TOLERANCE = 1e-6
"""Largest relative difference between a feature and the recomputed one; other engines add up in other
orders."""
_GROUP = "_group"


def check_split(split: Split, schema: TelemetrySchema) -> None:
    """Raise InputError unless training and test part have no reading, no error and no group in common.

    A training row at t has seen labels up to t + horizon, a test row has windows that reach back by the
    longest one. So the two must lie an embargo apart: where time is cut for all, whatever their devices, and
    elsewhere on each device. Where whole devices or groups are in one part, none may be in both.
    """
    if split.rule.by == TIME:
        _check_cut(split, schema)
    elif split.rule.holds_devices_out:
        for what, key in (("devices", DEVICE), (f"groups by {split.rule.group_column}", _GROUP)):
            parts = [
                set(rows.assign(**{_GROUP: split.groups_of(rows)})[key]) for rows in (split.train, split.test)
            ]
            shared = sorted(map(str, parts[0] & parts[1]))
            if shared:
                raise InputError(f"held-out {what}", "must not be in the training part", shared[:3])
    else:
        _check_apart(split, schema)


def _check_cut(split: Split, schema: TelemetrySchema) -> None:
    last = split.train[split.time].max()
    # By the schema, not ``split.train_until``: the embargo of the split is what is checked.
    allowed = split.cut - pd.Timedelta(seconds=schema.embargo_seconds)
    if last > allowed:
        rates = ", and what rates reach back" if schema.rate_reach_seconds else ""
        rates += ", and how old values of other devices may be" if schema.group_features else ""
        rule = (
            f"must end {schema.embargo_seconds} s (longest window and horizon{rates}) before the test part, "
            f"which begins at {split.cut.isoformat()}: by {allowed.isoformat()}"
        )
        raise InputError("training rows", rule, last.isoformat())
    first = split.test[split.time].min()
    if first < split.cut:
        raise InputError("test rows", f"must begin at the cut, {split.cut.isoformat()}", first.isoformat())


def _check_apart(split: Split, schema: TelemetrySchema) -> None:
    rows = split.train[[DEVICE, split.time]].sort_values(split.time, kind="stable")
    test = split.test[[DEVICE, split.time]].sort_values(split.time, kind="stable")
    found = pd.merge_asof(
        rows,
        test.assign(_test=test[split.time], **{split.time: test[split.time].astype(rows[split.time].dtype)}),
        on=split.time,
        by=DEVICE,
        direction="nearest",
    )
    near = (found["_test"] - found[split.time]).abs() < pd.Timedelta(seconds=schema.embargo_seconds)
    if near.any():
        first = found[near].iloc[0]
        rule = (
            f"must lie {schema.embargo_seconds} s or more from each test row of their device "
            f"({int(near.sum())} do not)"
        )
        got = f"{first[DEVICE]} at {first[split.time].isoformat()} beside {first['_test'].isoformat()}"
        raise InputError("training rows", rule, got)


def check_features(uri: str, rows: pd.DataFrame, schema: TelemetrySchema, seed: int) -> int:
    """Recompute the features of some rows from the readings up to each row's time, and compare.

    :param uri: vector that gave the rows.
    :param rows: device, time (UTC), features; as ``vector_rows.read_vector`` gives them.
    :param seed: of the choice of devices and rows.
    :returns: number of features compared; those that the telemetry schema does not define, such as static
        facts, are not.
    :raises InputError: unless all agree; names the first feature that differs, with device, time and both
        values.
    """
    names = [name for name in schema.live_features if name in rows.columns]
    if not names:
        return 0
    random = np.random.default_rng(seed)
    devices = np.sort(rows[DEVICE].unique())
    devices = random.choice(devices, size=min(SAMPLED_DEVICES, len(devices)), replace=False)
    chosen = rows[rows[DEVICE].isin(devices)]
    places = np.sort(random.choice(len(chosen), size=min(SAMPLED_ROWS, len(chosen)), replace=False))
    chosen = chosen.iloc[places]
    expected = _recomputed(uri, chosen, schema)
    for name in names:
        got = chosen[name].to_numpy(dtype=np.float64, na_value=np.nan)
        wanted = expected[name].to_numpy(dtype=np.float64, na_value=np.nan)
        equal = np.isclose(got, wanted, rtol=TOLERANCE, atol=TOLERANCE * _scale(wanted), equal_nan=True)
        if not equal.all():
            at = int(np.argmin(equal))
            row = chosen.iloc[at]
            raise InputError(
                f"feature '{name}' of device {row[DEVICE]} at {row[schema.time].isoformat()}",
                f"must follow from the readings up to each row's time, here {wanted[at]!r} "
                f"({int((~equal).sum())} of {len(equal)} rows looked at differ)",
                float(got[at]),
            )
    return len(names)


def _scale(values: npt.NDArray[np.float64]) -> float:
    """Size of a column, so that a deviation of nearly equal readings is not held to its last digits."""
    known = np.abs(values[np.isfinite(values)])
    return float(known.max()) if len(known) else 0.0


def _recomputed(uri: str, rows: pd.DataFrame, schema: TelemetrySchema) -> pd.DataFrame:
    """Features of rows, made anew from the raw readings; in the order of the rows."""
    columns = [*schema.reading_columns, *([schema.arrival] if schema.arrival else [])]
    vector = fstore.get_feature_vector(uri)
    readings = feature_set_frame(vector, device_metrics.NAME, columns)
    groups = project_groups(schema, vector.metadata.project) if schema.group_features else None
    seen = set(rows[DEVICE])
    if groups is not None:  # What a row shows of others follows from their readings.
        seen = groups.together(seen)
    readings = in_utc(readings[readings[DEVICE].isin(seen)], schema.time)
    times = readings[schema.time].dt.as_unit(rows[schema.time].dt.unit)
    readings = readings[[DEVICE, schema.time, *columns]].assign(**{schema.time: times})
    ordered = KeyedRows.of(readings, DEVICE, schema.time).in_event_order()
    definition = WindowDefinition.from_schema(schema)
    windows = windows_as_known(ordered, definition, schema.arrival)
    derived = DerivedFeatures(schema)
    features = windows[list(definition.computed_names)].assign(
        **dict(zip(derived.names, derived.of(windows[list(derived.inputs)].to_numpy()).T, strict=True))
    )
    inputs = {name: windows[name].to_numpy() for name in derived.relative.inputs}
    features = features.assign(**derived.relative.of_history(ordered, schema.arrival, inputs))
    given = {
        name: (windows[name] if name in windows else ordered.frame[name]).to_numpy(np.float64)
        for name in derived.groups.inputs
    }
    state = derived.groups.state(groups)
    features = features.assign(**derived.groups.of_history(ordered, schema.arrival, given, state))
    known = pd.concat([ordered.frame, features], axis=1)
    keys = rows[[DEVICE, schema.time]].assign(_place=np.arange(len(rows)))
    joined = pd.merge_asof(keys.sort_values(schema.time, kind="stable"), known, on=schema.time, by=DEVICE)
    return joined.sort_values("_place", ignore_index=True)
