"""Splits that keep whole groups of devices on one side: a site, a router, both ends of a cable."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import pandas as pd

from feature_sets.listed import listed
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from feature_sets.telemetry.split_rule import SplitRule
from training.dataset.incident_spans import NO_INCIDENTS, IncidentSpans
from training.dataset.split import Split, check_enough, checked, ordered_rows
from training.dataset.too_little import TooLittleDataError

DRAWS = 200
"""Choices of groups that are compared; the one nearest to the share that is asked for is taken."""
_NAMED = 5


def split_by_groups(
    frame: pd.DataFrame,
    schema: TelemetrySchema,
    rule: SplitRule,
    groups: Mapping[str, str],
    share: float,
    seed: int,
    incidents: IncidentSpans = NO_INCIDENTS,
) -> Split:
    """Learn from all rows of some groups of devices, and evaluate on all rows of the others.

    :param frame: rows with the schema's device, time and label columns, any order; not changed.
    :param rule: of the kind ``devices`` or ``group``; names those to evaluate on, or they are chosen.
    :param groups: group of each device that has one; rows of others are in neither part.
    :param share: of the rows and of the error episodes that is evaluated on, as near as whole groups allow,
        in (0, 1); where groups are chosen.
    :param seed: of the choice.
    :param incidents: of the devices.
    :raises InputError: unless groups that are named are there, and each part has enough rows of both classes.
    """
    check_enough(frame)
    rows = ordered_rows(frame, schema)
    group = rows[DEVICE].map(groups)
    known = group.notna().to_numpy()
    there = sorted(group[known].unique())
    what = rule.group_column or DEVICE
    if rule.test:
        absent = sorted(set(rule.test) - set(there))
        if absent:
            rule_text = f"must name values of {what} with labeled rows, among {listed(there, _NAMED)}"
            raise TooLittleDataError("split.test", rule_text, absent)
        chosen: Collection[str] = rule.test
    else:
        chosen = _chosen(rows[known].assign(_group=group[known]), schema, what, share, seed, incidents)
    test = group.isin(list(chosen)).to_numpy()
    split = Split(
        train=rows[known & ~test].reset_index(drop=True),
        test=rows[test].reset_index(drop=True),
        cut=rows.loc[test, schema.time].min(),
        embargo_seconds=schema.embargo_seconds,
        left_out={"rows_without_group": int((~known).sum())},
        time=schema.time,
        label=schema.target,
        rule=rule,
        groups=dict(groups),
    )
    return checked(split, f"evaluated on {what} {listed(sorted(chosen), _NAMED)}", schema)


def joined_groups(values: Mapping[str, Collection[str]], named: Collection[str] = ()) -> dict[str, str]:
    """Group of each device. Groups that share a device, because it moved from one to the other, are one.

    >>> joined_groups({"r1": ["oslo"], "r2": ["oslo", "rome"], "r3": ["rome"], "r4": ["bern"], "r5": []})
    {'r1': 'oslo', 'r2': 'oslo', 'r3': 'oslo', 'r4': 'bern'}

    :param values: of each device over time; a device without any is in no group.
    :param named: values that somebody names.
    :returns: a group is called by the first of its values, in sorted order; by one that is named, if it has
        one.
    """
    first: dict[str, str] = {}

    def root(value: str) -> str:
        while first.setdefault(value, value) != value:
            value = first[value]
        return value

    for found in values.values():
        for value in found:
            roots = root(next(iter(found))), root(value)
            one, other = sorted(roots, key=lambda each: (each not in named, each))
            first[other] = one
    return {device: root(next(iter(found))) for device, found in values.items() if found}


def _chosen(
    rows: pd.DataFrame,
    schema: TelemetrySchema,
    what: str,
    share: float,
    seed: int,
    incidents: IncidentSpans,
) -> list[str]:
    """Groups to evaluate on: a share of the rows and of the episodes, with episodes in both parts."""
    sizes = rows.groupby("_group", observed=True).size()
    errors = rows[rows[schema.target] == 1]
    # Rows are in order of time: an error row goes on with the episode of the one less than an embargo before,
    # or of the same incident.
    of = errors[DEVICE].to_numpy()
    gap = errors.groupby(of)[schema.time].diff()
    spans = pd.Series(incidents.numbers(errors, schema.time), errors.index)
    goes_on = (gap <= pd.Timedelta(seconds=schema.embargo_seconds)) | (
        (spans >= 0) & (spans == spans.groupby(of).shift())
    )
    episodes = errors[~goes_on].groupby("_group", observed=True).size().reindex(sizes.index, fill_value=0)
    names = sizes.index.to_list()
    failing = [name for name in names if episodes[name]]
    if len(failing) < 2:
        rule = f"must have errors in at least two of {len(names)} values of {what}, one for each part"
        raise TooLittleDataError("labeled rows", rule, failing)
    healthy = [name for name in names if not episodes[name]]
    random = np.random.default_rng(seed)
    draws: list[tuple[float, list[str]]] = []
    for _ in range(DRAWS):
        drawn = [*_drawn(failing, share, random, fewest=1), *_drawn(healthy, share, random, fewest=0)]
        far = abs(sizes[drawn].sum() / sizes.sum() - share)
        far += abs(episodes[drawn].sum() / episodes.sum() - share)
        draws.append((float(far), sorted(drawn)))
    return min(draws, key=lambda draw: draw[0])[1]


def _drawn(names: Sequence[str], share: float, random: np.random.Generator, fewest: int) -> list[str]:
    """So many of the names, and at least ``fewest`` of both those that are drawn and the others."""
    count = int(np.clip(np.floor(share * len(names) + random.random()), fewest, len(names) - fewest))
    return [names[at] for at in random.permutation(len(names))[:count]]
