"""The content of a schema file, field by field, as the arguments of a ``TelemetrySchema``."""

from __future__ import annotations

import copy
import functools
import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import yaml

from feature_sets.checks import InputError, check_mapping, check_names
from feature_sets.telemetry.counter import CounterIntervals, Uptime
from feature_sets.telemetry.derived import Derived
from feature_sets.telemetry.errors import SchemaError
from feature_sets.telemetry.file_format import FileFormat
from feature_sets.telemetry.horizons import primary_and_further
from feature_sets.telemetry.incident_mapping import IncidentMapping
from feature_sets.telemetry.label_form import INCIDENTS, LabelForm
from feature_sets.telemetry.maintenance_columns import MaintenanceColumns
from feature_sets.telemetry.metric import OPTIONAL, Metric
from feature_sets.telemetry.no_value import FIELD as NO_VALUE
from feature_sets.telemetry.no_value import no_values
from feature_sets.telemetry.split_rule import BY_TIME, SplitRule
from feature_sets.telemetry.topology import Topology
from feature_sets.telemetry.unit_text import unit_of
from feature_sets.telemetry.window_settings import Windows

_REQUIRED = ("name", "entity", "time", "metrics")
_TEXTS = ("name", "time", "label")

UNLABELED = "is_error"
"""Label of a schema that names none."""

CALENDAR = "maintenance"
"""Field that the schema of a history may get later: until then no device was in maintenance."""

TOOL, NO_INPUTS = "incident_mapping", "no_inputs"
"""Field that no row depends on: it says how live bodies are read, so it may be another at any time."""

UNITS = "units"
"""Field of what is recorded of a history: by its unit a metric's cells with units became numbers."""

_FEATURES_DEPEND_ON = (
    *("entity", "separator", "time", "arrival", "windows", "derived"),
    *("expected_interval", "uptime", "counters", "topology", NO_VALUE),
)
"""Fields that features of readings are made by, beside the metrics."""


def file_content(path: str | Path) -> object:
    """Content of a schema file.

    :raises SchemaError: if the file is absent or is not YAML.
    """
    try:
        return copy.deepcopy(_parsed(Path(path).read_text(encoding="utf-8")))
    except (OSError, UnicodeError) as error:
        raise SchemaError("schema file", "must be a readable YAML file", str(path)) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise SchemaError("schema file", f"must be valid YAML ({error})", str(path)) from error


@functools.lru_cache(maxsize=16)
def _parsed(text: str) -> object:
    """Content of YAML. Each step of a run reads the schema, in one process, and that takes 10 to 20 ms."""
    return yaml.safe_load(text)


def schema_arguments(content: object, fields: Collection[str]) -> dict[str, Any]:
    """Arguments of a schema, from the content of a YAML file.

    :param fields: names of the arguments that there are.
    :raises InputError: naming the field, the rule and what was given.
    """
    given = check_mapping("schema", content, fields)
    if "label" not in given:  # There are none yet: the first will be incidents.
        given = {"labels": {"form": INCIDENTS}, **given, "label": UNLABELED}
    for required in _REQUIRED:
        if required not in given:
            raise InputError(required, "is required", None)
    for text in _TEXTS:
        if not isinstance(given[text], str):
            raise InputError(text, "must be text", given[text])
    metrics = check_mapping("metrics", given["metrics"])
    horizon, further = primary_and_further(given.get("horizon", "0s"))
    return {
        **given,
        "horizon": horizon,
        "further_horizons": further,
        "entity": check_names("entity", given["entity"]),
        "metrics": tuple(Metric.from_content(name, value) for name, value in metrics.items()),
        "static": check_names("static", given.get("static") or []),
        "windows": Windows.from_content(given.get("windows") or {}),
        "derived": Derived.from_content(given.get("derived") or {}),
        "population": check_mapping("population", given.get("population") or {}),
        "exclude_labels": check_mapping("exclude_labels", given.get("exclude_labels") or {}),
        "separator": str(given.get("separator", "/")),
        "files": FileFormat.from_content(given.get("files") or {}),
        "labels": LabelForm.from_content(given.get("labels") or {}),
        "incident_mapping": IncidentMapping.from_content(given.get("incident_mapping")),
        NO_VALUE: no_values(NO_VALUE, given.get(NO_VALUE)),
        "rename": check_mapping("rename", given.get("rename") or {}),
        "maintenance": MaintenanceColumns.from_content(
            {} if given["maintenance"] is None else given["maintenance"]
        )
        if "maintenance" in given
        else None,
        "uptime": Uptime.from_content(given["uptime"]) if given.get("uptime") else None,
        "counters": CounterIntervals.from_content(given.get("counters") or {}),
        "split": SplitRule.from_content(given["split"]) if given.get("split") else BY_TIME,
        "no_inputs": check_names("no_inputs", given.get("no_inputs") or []),
        "topology": Topology.from_content(given["topology"] or {}) if "topology" in given else None,
    }


def check_rename(rename: Mapping[str, str]) -> None:
    """Raise InputError unless every new name is a text that stays. Several columns may have one name."""
    for given, name in rename.items():
        if not isinstance(name, str):
            raise InputError(
                f"rename.{given}", "must be the one name that the column has in the schema", name
            )
        if name in rename:
            rule = f"must be a name that is not renamed itself, but '{name}' is, to {rename[name]!r}"
            raise InputError(f"rename.{given}", rule, name)


def gets_calendar(before: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """Whether a schema differs from an earlier one in nothing but that it has a calendar of maintenance.

    >>> gets_calendar({"name": "lab"}, {"name": "lab", "maintenance": {}})
    True

    :param before: as it was kept, in JSON.
    :param now: as plain content.
    """
    rest = {name: value for name, value in now.items() if name != CALENDAR}
    same = _plain(rows_depend_on(rest)) == _plain(rows_depend_on(before))
    return CALENDAR in now and CALENDAR not in before and same


def rows_depend_on(content: Mapping[str, Any]) -> dict[str, Any]:
    """The content of a schema without what no row of a history depends on; older histories kept that, too.

    A file that lacks an optional metric is read as one with empty cells. Units are held against each other by
    ``changed_unit``.
    """
    found = {name: value for name, value in content.items() if name not in (TOOL, NO_INPUTS, UNITS)}
    return found | ({"metrics": _without(found["metrics"], OPTIONAL)} if "metrics" in found else {})


def units_of(content: Mapping[str, Any], before: Mapping[str, Any] | None = None) -> dict[str, str]:
    """Metric -> its unit, of those that have one, for ``UNITS`` of what is recorded of a history.

    :param content: of a schema.
    :param before: what was recorded earlier: a unit that is no longer named is still that of the numbers.
    """
    named = {name: given["unit"] for name, given in content["metrics"].items() if given.get("unit")}
    return {**(before or {}).get(UNITS, {}), **named}


def changed_unit(before: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[str, str, str] | None:
    """A metric that a schema has in another unit than a history: its name, and both units; None if all agree.

    >>> changed_unit({"units": {"rtt": "ms", "rx": "Mbps"}}, {"units": {"rtt": "s", "rx": "Mb/s"}})
    ('rtt', 'ms', 's')

    What names none agrees with all, as does a history of before units were recorded.

    :param before: what was recorded of the history.
    :param now: the same of the schema.
    """
    for name, unit in now.get(UNITS, {}).items():
        known = before.get(UNITS, {}).get(name, unit)
        if known != unit and (unit_of(known) is None or unit_of(known) != unit_of(unit)):
            return name, known, unit
    return None


def answers_depend_on(content: Mapping[str, Any]) -> dict[str, Any]:
    """The content of a schema without what no answer of a model depends on: also how its rows were split."""
    return {name: value for name, value in rows_depend_on(content).items() if name != "split"}


def features_depend_alike(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether features that two schemas both have are the same numbers for the same readings.

    They may have other metrics, labels or attributes. Of a metric that both have, the unit may be another.
    """
    return _plain(_of_features(one, other)) == _plain(_of_features(other, one))


def readings_are_of(content: Mapping[str, Any]) -> str:
    """What of a schema decides which numbers readings become: its metrics without units, and counters."""
    found = _of_features(content, content)
    kept = {name: found.get(name) for name in ("metrics", "uptime", "counters")}
    # Absent if it says nothing, so that what was kept before it existed is of the same readings.
    return _plain(kept | ({NO_VALUE: found[NO_VALUE]} if found[NO_VALUE] else {}))


def _of_features(content: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    found = {name: content.get(name) for name in _FEATURES_DEPEND_ON}
    both = {name: given for name, given in content["metrics"].items() if name in other["metrics"]}
    found["metrics"] = _without(both, "unit", OPTIONAL)
    # Of counters and their rates alone.
    if not any(given.get("kind") == "counter" for given in both.values()):
        found.update(dict.fromkeys(("uptime", "counters")))
    return found


def _without(metrics: Mapping[str, Mapping[str, Any]], *fields: str) -> dict[str, dict[str, Any]]:
    """Metrics as plain content, without some fields."""
    return {
        metric: {field: value for field, value in given.items() if field not in fields}
        for metric, given in metrics.items()
    }


def _plain(content: Mapping[str, Any]) -> str:
    return json.dumps(content, sort_keys=True, default=str)
