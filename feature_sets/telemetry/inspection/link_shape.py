"""Tables of links: two columns with keys of the devices that send the readings."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from pathlib import Path

from feature_sets.telemetry.arrow_files import is_table_file
from feature_sets.telemetry.cell_text import texts_of
from feature_sets.telemetry.errors import TelemetryError
from feature_sets.telemetry.file_format import TABLES, CsvFormat, FileFormat
from feature_sets.telemetry.inspection.choices import Proposal
from feature_sets.telemetry.inspection.likely_format import form_of
from feature_sets.telemetry.inspection.table_profile import TableProfile, profile_table
from feature_sets.telemetry.schema import DEVICE
from feature_sets.telemetry.topology import Topology
from feature_sets.telemetry.topology_table import TABLE
from feature_sets.telemetry.window_settings import Windows

_SHARED = 0.8
"""Share of the values of an end that must be keys of devices."""
_LIMIT = 20
"""Files that are looked at."""
_UPSTREAM = re.compile(r"up_?stream|parent")
_DOWNSTREAM = re.compile(r"down_?stream|child")
_FROM = re.compile(r"from|since|start|begin")
_UNTIL = re.compile(r"until|to$|end|till")


def find_links(
    folder: Path, unread: Sequence[str], proposal: Proposal, metrics: TableProfile, form: FileFormat
) -> TableProfile | None:
    """The first table of links among files of no table, which the proposal gets; None if there is none.

    :param unread: names of the files.
    :param proposal: for the rest of the folder.
    :param form: of the CSV files.
    """
    keys = _keys(proposal, metrics)
    if len(keys) < 2:
        return None
    names = [name for name in unread if is_table_file(Path(name)) and len(Path(name).parts) == 1]
    # One that is called so comes first.
    for name in sorted(names[:_LIMIT], key=lambda name: (_stem(name) != TABLE, name)):
        try:
            path = folder / name
            own = form_of(folder, [path], form)
            table = profile_table(folder, TABLE, [path], own)
        except TelemetryError:
            continue  # What cannot be read is told elsewhere.
        ends = _ends(table, keys)
        if ends is not None:
            _propose(proposal, table, ends, _stem(name))
            _say_form(proposal, form, own.csv_of_table(TABLE))
            return table
    return None


def _stem(name: str) -> str:
    return name.partition(".")[0]


def _keys(proposal: Proposal, metrics: TableProfile) -> set[str]:
    """Keys of the devices in the rows of the metrics that were looked at, and parts that stand for them."""
    entity = [
        choice.column
        for choice in proposal.choices
        if choice.table == "metrics"
        and choice.role == "entity"
        and choice.column in metrics.head.column_names
    ]
    columns = [texts_of(metrics.head[column]).series().tolist() for column in entity]
    separator = str(proposal.fields.get("separator", "/"))
    keys = {separator.join(parts) for parts in zip(*columns, strict=True) if None not in parts}
    if len(entity) > 1 and DEVICE in entity:
        keys.update(name for name in columns[entity.index(DEVICE)] if name is not None)
    return keys


def _ends(table: TableProfile, keys: Collection[str]) -> tuple[str, str] | None:
    """The two columns with keys; those of an upstream and a downstream device in that order."""
    found = []
    for name, column in table.columns.items():
        if column.kind not in ("text", "number") or name not in table.head.column_names:
            continue
        values = set(texts_of(table.head[name]).values)
        if values and len(values & set(keys)) >= _SHARED * len(values):
            found.append(name)
    if len(found) != 2:
        return None
    first, second = found
    if _DOWNSTREAM.search(first.lower()) or _UPSTREAM.search(second.lower()):
        first, second = second, first
    return first, second


def _propose(proposal: Proposal, table: TableProfile, ends: tuple[str, str], called: str) -> None:
    usual = Topology()
    directed = bool(_UPSTREAM.search(ends[0].lower()) or _DOWNSTREAM.search(ends[1].lower()))
    named = [proposal.named(end, reserved=False) for end in ends]
    content: dict[str, object] = {} if tuple(named) == usual.ends else {"ends": named}
    content |= {"directed": True} if directed else {}
    for end in ends:
        proposal.choose(TABLE, end, "topology", "has keys of the devices: one end of a link")
    times = [name for name, column in table.columns.items() if column.kind == "time"]
    for field, pattern in (("valid_from", _FROM), ("valid_until", _UNTIL)):
        column = next((name for name in times if pattern.search(name.lower())), None)
        if column is None:
            continue
        times.remove(column)
        proposal.choose(TABLE, column, "topology", f"times with such a name: {field}")
        if proposal.named(column) != getattr(usual, field):
            content[field] = proposal.named(column)
    for name in table.columns:
        if name not in [choice.column for choice in proposal.choices if choice.table == TABLE]:
            proposal.choose(TABLE, name, "none", "a table of links has two ends and two times")
    proposal.fields["topology"] = content
    if called != TABLE:
        proposal.fields.setdefault("files", {}).setdefault("tables", {})[TABLE] = called
    windows = proposal.fields.get("windows", Windows().to_dict())
    neighbors: dict[str, object] = {"operations": ["avg"], "windows": [windows["lengths"][0]]}
    if directed:
        neighbors["directions"] = ["upstream", "downstream"]
    proposal.fields.setdefault("derived", {})["neighbors"] = neighbors
    proposal.decide.append(
        f"{table.files[0]} has links between devices (topology), so windows of neighbors are features "
        "(derived.neighbors). Without both, devices are independent of each other."
    )


def _say_form(proposal: Proposal, form: FileFormat, own: CsvFormat) -> None:
    """Say how the table is written, where what is said of the others does not hold for it.

    :param form: of the others.
    """
    if form.csv_of_table(TABLE) == own:
        return
    each = {table: form.csv_of_table(table) for table in TABLES} | {TABLE: own}
    files = proposal.fields.setdefault("files", {})
    for part, usual in CsvFormat()._asdict().items():
        said = {table: getattr(csv, part) for table, csv in each.items() if getattr(csv, part) != usual}
        files.pop(part, None)
        files.update({part: said} if said else {})
