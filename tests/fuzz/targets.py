"""Every path from outside, and what it may do with anything that is sent: take it, or refuse it by name.

A new path is one more function in ``TARGETS``: it makes one case from a generator of random numbers, and
gives how many files or bodies it made.
"""

from __future__ import annotations

import contextlib
import datetime
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import yaml

from feature_sets.checks import InputError
from feature_sets.telemetry.events import EventError, EventParser
from feature_sets.telemetry.inspection.folder_check import check_folder
from feature_sets.telemetry.readers import KnownTelemetry, read_telemetry
from feature_sets.telemetry.schema import TelemetrySchema
from project.cli.app import app
from project.errors import NetopsError
from tests.fuzz.cells import COLUMNS, KEYS, NUMBERS, TIMES, TRUTHS, damaged, mutated, python_value, some, tree
from tests.fuzz.tables import write_folder

SCHEMA: dict[str, Any] = {
    "name": "fuzz",
    "entity": ["device"],
    "time": "at",
    "metrics": {"cpu": {"unit": "%", "range": [0, 100]}, "mem": None},
    "label": "bad",
    "static": ["role"],
    "windows": {"lengths": ["1m", "5m"], "period": "10s", "operations": ["avg", "stddev"]},
}
VARIANTS: tuple[dict[str, Any], ...] = (
    {},
    {"static": [], "rename": {"if.in": "mem"}},
    {"arrival": "received", "assume_timezone": "Europe/Oslo"},
    {"population": {"role": "07"}, "exclude_labels": {"role": True}, "horizon": "1m"},
    {"files": {"layout": "long", "metric": "name"}, "static": []},
    {"files": {"separator": ";", "decimal": ","}, "assume_timezone": "UTC"},
    *(
        {"files": {"format": kind}, "time": "timestamp", "rename": {"cpu_mem": "mem"}, "static": []}
        for kind in ("gnmic", "telegraf", "prometheus")
    ),
    {"files": {"path": "{device}", "tables": {"metrics": "readings"}}, "static": []},
)
SCHEMAS = [TelemetrySchema.from_dict({**SCHEMA, **more}) for more in VARIANTS]


def folders(random: Random, scratch: Path) -> int:
    """Files of metrics, labels and devices, read by a schema; a second time what may have changed."""
    folder, schema = scratch / "folder", random.choice(SCHEMAS)
    files = write_folder(random, folder, schema)
    with contextlib.suppress(InputError):
        rows, report = read_telemetry(folder, schema)
        assert report.metrics.rows_accepted == len(rows.metrics)
        assert report.labels.rows_accepted == len(rows.labels)
        json.dumps(report.to_dict())
        known = KnownTelemetry({part.name: part.marks for part in report.files}, set(rows.static["device"]))
        again, _ = read_telemetry(folder, schema, known)
        assert not len(again.metrics) or report.metrics.rejected.get("unknown_device")
    return files


def checked_folders(random: Random, scratch: Path) -> int:
    """A look at a folder; a schema that it proposes is one."""
    folder = scratch / "folder"
    files = write_folder(random, folder, random.choice(SCHEMAS))
    with contextlib.suppress(InputError):
        found = check_folder(folder)
        json.dumps(found.to_dict())
        assert found.lines()
        text = found.schema_text()
        if text is None:
            assert found.proposal.missing
        else:
            TelemetrySchema.from_dict(yaml.safe_load(text))
    return files


def schemas(random: Random, scratch: Path) -> int:
    """A schema file; one that is taken is written down and read again."""
    content = mutated(random, {**SCHEMA, **random.choice(VARIANTS)}, random.choice((0.05, 0.2)))
    if random.random() < 0.1 and isinstance(content, dict):
        content = {**content, random.choice(list(SCHEMA)): python_value(random)}
    text = yaml.safe_dump(_plain(content)).encode("utf-8", "surrogatepass")
    path = scratch / "schema.yaml"
    path.write_bytes(damaged(random, text) if random.random() < 0.3 else text)
    with contextlib.suppress(InputError):
        schema = TelemetrySchema.from_yaml(path)
        assert TelemetrySchema.from_dict(json.loads(json.dumps(schema.to_dict(), default=str)))
    return 1


def _plain(value: Any) -> Any:
    """What YAML can hold."""
    if isinstance(value, dict):
        return {str(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value if isinstance(value, _OF_YAML) else str(value)


_OF_YAML = (str, bytes, int, float, bool, datetime.date, type(None))


def event(random: Random) -> Any:
    """A reading or a label, or something like it."""
    body = {
        "device": some(random, KEYS),
        "at": some(random, TIMES),
        "cpu": some(random, NUMBERS),
        "mem": some(random, NUMBERS),
        "bad": some(random, TRUTHS),
    }
    if random.random() < 0.2:
        body[random.choice(COLUMNS)] = tree(random)
    return mutated(random, body, 0.1) if random.random() < 0.3 else body


PARSERS = [EventParser(schema, devices) for schema in SCHEMAS for devices in (None, {"r1"})]


def events(random: Random, scratch: Path) -> int:
    """Bodies of readings and labels, as they are parsed."""
    parser = random.choice(PARSERS)
    for parse in (parser.telemetry, parser.label):
        try:
            parse(event(random))
        except EventError as error:
            json.dumps([error.where, error.rule, error.got], allow_nan=False)
    return 2


COMMANDS = ("check", "init")


def commands(random: Random, scratch: Path) -> int:
    """Arguments of the commands that look at a folder."""
    folder = scratch / "folder"
    files = write_folder(random, folder, random.choice(SCHEMAS))
    file = scratch / "schema.yaml"
    file.write_bytes(damaged(random, yaml.safe_dump(SCHEMA).encode()) if random.random() < 0.5 else b"a: 1")
    paths = [str(path) for path in (folder, file, scratch / "none", scratch / "none" / "x", scratch)] + [
        "",
        "\udcff",
    ]
    arguments = [random.choice(COMMANDS), random.choice((str(folder), *paths))]
    options = ("--schema", "--json", "--output", "--yes", "--nothing", "--output=" + str(folder), "--schema=")
    for _ in range(random.randrange(4)):
        arguments.append(random.choice((*options, *paths)))
    if arguments[0] == "init" and not any(one.startswith("--output") for one in arguments):
        arguments += ["--output", str(scratch / "out.yaml")]
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        try:
            app(arguments)
        except SystemExit as end:
            assert end.code in (0, 1, 2), arguments
        except (InputError, NetopsError):
            pass  # What main() tells, and exits with.
    return files


def body(random: Random) -> bytes:
    """The bytes of a request."""
    sent = event(random) if random.random() < 0.5 else [event(random) for _ in range(random.randrange(5))]
    if random.random() < 0.1:
        sent = tree(random)
    text = json.dumps(sent).encode("utf-8", "surrogatepass")
    return damaged(random, text) if random.random() < 0.2 else text


Case = Callable[[Random, Path], int]
TARGETS: dict[Case, int] = {folders: 375, checked_folders: 75, schemas: 1000, events: 2250, commands: 100}
"""Path from outside -> how many cases, and three times as many more with ``make figures``; those of an
endpoint are in ``test_fuzz``."""


def cases(seed: int, target: Case, count: int, first: int = 0) -> Iterator[tuple[str, Random]]:
    """Names of cases, each of which can be made again, and their generators."""
    for number in range(first, first + count):
        name = f"{target.__name__}:{seed}:{number}"
        yield name, Random(name)
