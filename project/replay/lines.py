"""The outcome of a replay as text for people."""

from __future__ import annotations

from typing import Any

from feature_sets.telemetry.schema import DEVICE
from project.text_columns import column_lines

_INDENT = 14


def replay_lines(facts: dict[str, Any]) -> list[str]:
    """The replay, a fact a line, then the devices that had an alarm or an episode as a table.

    :param facts: what ``netops replay --json`` prints.
    """
    statuses = ", ".join(f"{count:,} {status}" for status, count in facts["statuses"].items())
    rejected = sum(facts["rejected"].values())
    labels = facts["labels"]
    lines = [
        _fact(
            "replay", f"from {facts['from']} up to, but without, {facts['to']}; project {facts['project']}"
        ),
        _fact("model", f"version {facts['version']}, trained until {facts['trained_until'] or 'unknown'}"),
    ]
    if facts["seen_in_training"]:
        lines.append(_fact("", "some of these readings are of the time that it was trained on: it knew them"))
    lines += [
        _fact("readings", f"{facts['readings']:,} ({statuses}), {rejected:,} rejected"),
        _fact("labels", f"{labels['known']:,} known by then, {labels['joined']:,} met a prediction"),
        _fact("alarms", f"{facts['alarms']:,} readings of {facts['devices_with_alarms']:,} devices"),
    ]
    if "episodes" in facts:
        lines += _judged_lines(facts)
    else:
        lines.append(_fact("episodes", "nothing is judged: no label of these devices was known by then"))
    precision, recall = _share(facts["precision"]), _share(facts["recall"])
    on = f"on {facts['labeled']:,} labeled readings"
    lines.append(_fact("scores", f"precision {precision}, recall {recall}, {on}"))
    return [*lines, "", *device_lines(facts["devices"])]


def _judged_lines(facts: dict[str, Any]) -> list[str]:
    caught = f"{facts['episodes_caught']:,} of {facts['episodes']:,} caught"
    for word in ("delay", "lead"):
        if f"median_{word}_seconds" in facts:
            caught += f", median {word} {facts[f'median_{word}_seconds']:,.0f} s"
    if facts["episodes_already_on"]:
        caught += f", {facts['episodes_already_on']:,} by an alarm that was already on"
    if facts["episodes_begun_before_test"]:
        caught += f"; {facts['episodes_begun_before_test']:,} that began before do not count"
    false = f"{facts['false_alarms']:,}"
    if "false_alarms_per_device_day" in facts:
        days = facts["device_days"]
        false += f", {facts['false_alarms_per_device_day']:,.2f} per device-day over {days:,.2f} device-days"
    return [_fact("episodes", caught), _fact("false alarms", false)]


def device_lines(devices: list[dict[str, Any]]) -> list[str]:
    """Devices that had an alarm or an episode, as aligned columns, and how many had neither."""
    shown = [each for each in devices if each["alarms"] or each["episodes"]]
    quiet = len(devices) - len(shown)
    if not shown:
        return [f"no alarm and no episode on any of {len(devices):,} devices"]
    lag = next(key for key in shown[0] if key.startswith("median_"))
    columns = (
        *((DEVICE, DEVICE), ("alarms", "alarms"), ("caught", "caught"), ("missed", "missed")),
        *((lag.removeprefix("median_").replace("_seconds", " s"), lag), ("false alarms", "false_alarms")),
        ("per day", "false_alarms_per_device_day"),
    )
    titles, keys = zip(*columns, strict=True)
    lines = column_lines(titles, [tuple(_cell(each[key]) for key in keys) for each in shown])
    return [*lines, *([f"and {quiet:,} more devices without an alarm or an episode"] if quiet else [])]


def _fact(label: str, text: str) -> str:
    return f"{label:{_INDENT}}{text}"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:,.2f}" if isinstance(value, float) else str(value)
