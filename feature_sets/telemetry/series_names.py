"""The name of a series in an export of Grafana: its metric and labels, or what a pattern makes of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from feature_sets.checks import InputError
from feature_sets.telemetry.path_pattern import pattern_expression

NAME = "__name__"
"""Label that Prometheus has for the name of a metric."""

_SERIES = re.compile(r"\s*(?P<metric>[^{}]*?)\s*\{(?P<labels>.*)\}\s*", re.S)
_LABEL = re.compile(
    r"\s*(?P<name>[^\s=:,{}\"]+)\s*[=:]\s*(?:\"(?P<quoted>(?:[^\"\\]|\\.)*)\"|(?P<plain>[^,\"{}]*?))\s*(?:,|$)",
    re.S,
)


def series_parts(text: str, pattern: str = "", metric: str = "metric") -> tuple[str, Mapping[str, str]]:
    """The metric of a series, empty if it has none, and its labels.

    >>> series_parts('up{instance="r1:9100", job="node"}')
    ('up', {'instance': 'r1:9100', 'job': 'node'})
    >>> series_parts("r1 cpu", "{device} {metric}")
    ('cpu', {'device': 'r1'})

    :param pattern: of the text, see ``check_pattern``; without one it is as of Prometheus, or a metric.
    :param metric: the name that the pattern has for the metric.
    :raises InputError: if the text is of another form, or fits the pattern in two ways.
    """
    if pattern:
        found = _by_pattern(text.strip(), pattern)
        return found.pop(metric, ""), found
    match = _SERIES.fullmatch(text)
    if match is None:
        if "{" in text or "}" in text:
            raise _no_series(text)
        return text.strip(), {}
    labels: dict[str, str] = {}
    place, inside = 0, match["labels"].strip()
    while place < len(inside):
        label = _LABEL.match(inside, place)
        if label is None or label["name"] in labels:
            raise _no_series(text)
        quoted = label["quoted"]
        labels[label["name"]] = label["plain"] if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
        place = label.end()
    named = labels.pop(NAME, "")
    return match["metric"] or named, labels


def _by_pattern(text: str, pattern: str) -> dict[str, str]:
    first, last = (_expression(pattern, greedy).fullmatch(text) for greedy in (False, True))
    if first is None or last is None:
        raise InputError(f"series {text!r}", f"must be of the pattern of files.series, {pattern!r}", text)
    if first.groupdict() != last.groupdict():
        raise InputError(
            f"series {text!r}",
            f"must fit the pattern of files.series, {pattern!r}, in one way",
            f"{first.groupdict()} and {last.groupdict()}",
        )
    return dict(first.groupdict())


@lru_cache(maxsize=32)
def _expression(pattern: str, greedy: bool) -> re.Pattern[str]:
    return re.compile(pattern_expression(pattern, ".+" if greedy else ".+?"), re.S)


def _no_series(text: str) -> InputError:
    rule = 'must be a metric and labels, such as up{instance="r1"}, or of a pattern that files.series says'
    return InputError("series", rule, text)
