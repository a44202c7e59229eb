"""Where telemetry comes from: what of a source is new to a history, and what was read of it.

What was read is the watermark of a source: the files with their size, time of change and rows per outcome, or
the ticks, and the latest event time. It is kept in the manifest of each feature set, with the rows that were
made of it: so it is true of exactly the rows that are there.
"""

from __future__ import annotations

import dataclasses
import hashlib
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from feature_sets.checks import InputError
from feature_sets.device_metrics import device_metrics
from feature_sets.ingestion.history.target_folder import scratch_folder
from feature_sets.ingestion.telemetry_history import TelemetryHistory
from feature_sets.telemetry.folder_writer import write_folder
from feature_sets.telemetry.frames import Telemetry
from feature_sets.telemetry.ingest_report import FileMark, IngestReport
from feature_sets.telemetry.readers import KnownTelemetry, open_telemetry, read_telemetry
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from feature_sets.telemetry.simulator import SimulatedNetwork

SIMULATED = "simulated network"
FOLDER = "folder "

# The simulated past ends long before any clock's now, so that live ticks after it are never in the future.
SIMULATION_START = datetime(2024, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class SourcePart:
    """What of a source is new.

    :param rows: that were read.
    :param report: of all rows of the source, those that were read earlier included.
    :param source: name of the source in the manifests.
    :param read: table -> what was read of the source so far, for the manifest.
    """

    rows: Telemetry
    report: IngestReport
    source: str
    read: Mapping[str, Any] = field(default_factory=dict)


class Source(Protocol):
    """Telemetry that may grow between one ingestion and the next."""

    @property
    def name(self) -> str:
        """Of the source in the manifests."""

    def check(self, history: TelemetryHistory) -> None:
        """Raise InputError if what comes from here must not be mixed with what the history stands on."""

    def part(self, schema: TelemetrySchema, history: TelemetryHistory | None) -> SourcePart:
        """What is new to the history; everything without one."""


@dataclass(frozen=True)
class FolderSource:
    """A folder of files, of which those that did not change are not read again.

    :param folder: see ``read_telemetry``.
    :param clock: epoch seconds now, for what is from the future.
    """

    folder: str
    clock: Callable[[], float] = time.time

    @property
    def name(self) -> str:
        """With the path of the folder."""
        return f"{FOLDER}{Path(self.folder).resolve()}"

    def check(self, history: TelemetryHistory) -> None:
        """Raise InputError if the history is a simulated one."""
        if SIMULATED in history.sources:
            raise _mixed(history, self.name)

    def part(self, schema: TelemetrySchema, history: TelemetryHistory | None) -> SourcePart:
        """Files that are new or changed, and those with rows of devices that were unknown."""
        tables = ("metrics", "labels")
        before = {table: history.read(table, self.name) if history else {} for table in tables}
        known = None
        if history is not None:
            marks = {
                table: {
                    name: FileMark.from_dict(mark) for name, mark in before[table].get("files", {}).items()
                }
                for table in tables
            }
            known = KnownTelemetry(marks, history.device_keys, history.attributes)
        scratch = scratch_folder(device_metrics(schema))
        rows, report = open_telemetry(self.folder, schema, known, self.clock, scratch)
        if rows.incidents is not None:
            rows = dataclasses.replace(rows, incidents=rows.incidents.of_source(self.name))
        read: dict[str, dict[str, Any]] = {}
        for part in report.files:
            files = sorted({**part.unchanged, **part.marks}.items())
            read[part.name] = {"files": {name: mark.to_dict() for name, mark in files}}
        last_label = rows.labels[schema.time].max() if len(rows.labels) else None
        for table, last in (("metrics", rows.all_readings(schema.time).last), ("labels", last_label)):
            until = [before[table].get("until", "")]
            until += [] if last is None else [last.isoformat()]
            read[table]["until"] = max(until)
        return _told(SourcePart(rows, report, self.name, read), history)


def _told(part: SourcePart, history: TelemetryHistory | None) -> SourcePart:
    """The part without what the source said of devices before: what was registered since is newer.

    :returns: it notes what the source says now, too.
    """
    static = part.read["static"]
    before = history.read("static", part.source).get("said", {}) if history else {}
    said = _said(part.rows)
    read = {**part.read, "static": {**static, "said": {**before, **said}}}
    return dataclasses.replace(part, rows=_news(part.rows, said, before), read=read)


def _said(rows: Telemetry) -> dict[str, str]:
    """Digest of what a source says of each device."""
    frame = rows.static if rows.attributes is None else rows.attributes
    lines: dict[str, list[str]] = {}
    for device, *values in frame.astype(object).itertuples(index=False, name=None):
        lines.setdefault(device, []).append(repr(values))
    return {
        device: hashlib.sha256("\n".join(sorted(texts)).encode()).hexdigest()[:12]
        for device, texts in lines.items()
    }


def _news(rows: Telemetry, said: Mapping[str, str], before: Mapping[str, str]) -> Telemetry:
    """The rows without static ones that say what was said before."""
    same = frozenset(device for device, digest in said.items() if before.get(device) == digest)
    if not same:
        return rows
    attributes = rows.attributes
    return dataclasses.replace(
        rows,
        static=rows.static[~rows.static[DEVICE].isin(same)],
        attributes=None if attributes is None else attributes[~attributes[DEVICE].isin(same)],
        restated=same,
    )


@dataclass(frozen=True)
class SimulatedSource:
    """The simulated network, of which ticks that are known are not simulated again.

    :param devices: how many.
    :param ticks: readings of each.
    :param seed: of everything random.
    """

    devices: int
    ticks: int
    seed: int

    @property
    def name(self) -> str:
        """One network a history."""
        return SIMULATED

    def check(self, history: TelemetryHistory) -> None:
        """Raise InputError unless the history is of the same network."""
        for source, read in history.sources.items():
            same = source == SIMULATED and all(
                read.get(name) == getattr(self, name) for name in ("devices", "seed")
            )
            if not same and source.startswith((SIMULATED, FOLDER)):
                raise _mixed(history, f"{SIMULATED} of devices={self.devices}, seed={self.seed}")

    def part(self, schema: TelemetrySchema, history: TelemetryHistory | None) -> SourcePart:
        """The ticks after those that were simulated."""
        before = {
            table: int(history.read(table, SIMULATED).get("ticks", 0)) if history else 0
            for table in ("metrics", "labels")
        }
        first = min(self.ticks, *before.values())
        network = SimulatedNetwork(
            devices=self.devices, start=SIMULATION_START, ticks=self.ticks, seed=self.seed
        )
        rows, report = network.generate(first), IngestReport()
        if first < self.ticks:
            with tempfile.TemporaryDirectory() as folder:
                write_folder(Path(folder), rows)
                rows, report = read_telemetry(folder, schema)
        if first:
            known = {f"ticks before {first}": FileMark(0, 0, rows=first * self.devices)}
            report.metrics.leave(known)
            report.labels.leave(known)
        read = {
            table: {"devices": self.devices, "seed": self.seed, "ticks": max(self.ticks, ticks)}
            for table, ticks in before.items()
        }
        read["static"] = read["metrics"]
        return _told(SourcePart(rows, report, SIMULATED, read), history)


def _mixed(history: TelemetryHistory, got: str) -> InputError:
    stands_on = "; ".join(
        f"{SIMULATED} of devices={read.get('devices')}, seed={read.get('seed')}"
        if name == SIMULATED
        else name
        for name, read in history.sources.items()
    )
    rule = (
        f"must fit the history, which is of {stands_on}. Use another project (--project), "
        "or replace the history (netops ingest --replace)"
    )
    return InputError("source of telemetry", rule, got)
