"""What is given for a run, beside remembered arguments that would make it count for nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from feature_sets.telemetry.split_rule import COLUMN, FIRST_ROWS, TIME, SplitRule

_OF_SERVING = ("stream_seconds", "stream_rate", "deploy_concept_drift")
"""Parameters that need ``deploy_streaming``."""
_OF_SIMULATION = ("devices", "ticks")


def overruled(given: Mapping[str, Any], remembered: Mapping[str, Any], keep: bool) -> dict[str, str]:
    """Remembered arguments that are not repeated, each with what was given against it.

    :param given: arguments of this run; what is given itself is never overruled.
    :param remembered: arguments of the last successful run.
    :param keep: whether endpoints are to be left up, as ``--keep`` says.
    """
    found = {}
    serving = [name for name in _OF_SERVING if given.get(name)]
    if remembered.get("deploy_streaming") is False and (keep or serving):
        found["deploy_streaming"] = "--keep" if keep else serving[0]
    if remembered.get("test_devices"):
        if given.get("test_fraction"):
            found["test_devices"] = "test_fraction"
        if given.get("split") and _refuses_test_devices(SplitRule.parse(given["split"])):
            found["test_devices"] = "split"
    if remembered.get("split"):
        rule = SplitRule.parse(remembered["split"])
        if given.get("test_fraction") and _names_test_rows(rule):
            found["split"] = "test_fraction"
        if given.get("test_devices") and rule.by != TIME and _refuses_test_devices(rule):
            found["split"] = "test_devices"
    return {name: by for name, by in found.items() if name not in given}


def without_effect(given: Mapping[str, Any], arguments: Mapping[str, Any], keep: bool) -> list[str]:
    """What of the given counts for nothing beside the other arguments of the run: a sentence for each reason.

    :param arguments: all of the run; what is absent has its default.
    """
    told = []
    if arguments.get("telemetry"):
        reason = f"the telemetry is that of {arguments['telemetry']}, not of the simulated network"
        told += _nothing([f"{name}={given[name]}" for name in _OF_SIMULATION if name in given], reason)
    if arguments.get("deploy_streaming", True) is False:
        names = [f"{name}={given[name]}" for name in _OF_SERVING if given.get(name)]
        reason = "deploy_streaming=False serves no model"
        told += _nothing(["--keep"] * keep + names, reason)
    split = SplitRule.parse(arguments["split"]) if arguments.get("split") else None
    if given.get("test_fraction") and arguments.get("test_devices"):
        told.append(_no_fraction(given, f"test_devices={arguments['test_devices']}"))
    elif given.get("test_fraction") and split and _names_test_rows(split):
        told.append(_no_fraction(given, f"split={arguments['split']}"))
    return told


def _nothing(names: list[str], reason: str) -> list[str]:
    """That some of what was given counts for nothing, in one sentence: the reason is the same."""
    if len(names) < 2:
        return [f"{name} changes nothing: {reason}" for name in names]
    *first, last = names
    return [f"{', '.join(first)} and {last} change nothing: {reason}"]


def _no_fraction(given: Mapping[str, Any], by: str) -> str:
    return f"test_fraction={given['test_fraction']} changes nothing: {by} says what is evaluated on"


def _names_test_rows(rule: SplitRule) -> bool:
    """Whether the split itself says which rows are evaluated on."""
    return bool(rule.test) or rule.by in (COLUMN, FIRST_ROWS)


def _refuses_test_devices(rule: SplitRule) -> bool:
    """Whether it leaves no choice of devices; a split by time would become one by devices."""
    return bool(rule.test) or not rule.holds_devices_out
