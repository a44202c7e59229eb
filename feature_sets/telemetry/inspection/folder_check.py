"""A folder of telemetry as a new user has it: what was found, and the schema it may have."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from feature_sets.telemetry.errors import SchemaError
from feature_sets.telemetry.file_format import FileFormat
from feature_sets.telemetry.folder_files import find_files, table_names, unread_files, unread_notes
from feature_sets.telemetry.inspection.choices import Proposal
from feature_sets.telemetry.inspection.folder_dates import known_order
from feature_sets.telemetry.inspection.likely_format import (
    different_forms,
    form_of,
    likely_format,
    likely_tables_of,
)
from feature_sets.telemetry.inspection.link_shape import find_links
from feature_sets.telemetry.inspection.names_in_files import names_in_files
from feature_sets.telemetry.inspection.other_files import (
    labels_of_other_name,
    likely_tables,
    readings_of_other_name,
)
from feature_sets.telemetry.inspection.other_names import other_names
from feature_sets.telemetry.inspection.proposal import propose
from feature_sets.telemetry.inspection.table_profile import TableProfile, profile_table
from feature_sets.telemetry.inspection.text_numbers import with_row_numbers
from feature_sets.telemetry.inspection.unlabeled import tell_unread
from feature_sets.telemetry.schema import TelemetrySchema

TABLES = ("metrics", "labels", "static", "incidents", "maintenance")


@dataclass(frozen=True)
class FolderCheck:
    """What a folder holds, and the schema that is proposed for it.

    :param folder: as it was given.
    :param tables: those that were found.
    :param proposal: with its reasons.
    :param unread: files of no table.
    :param likely: what these may be, one sentence each.
    """

    folder: Path
    tables: dict[str, TableProfile]
    proposal: Proposal
    unread: list[str]
    likely: list[str] = field(default_factory=list)

    def schema_text(self) -> str | None:
        """The schema file that is proposed, with the reasons as comments; None while something is missing."""
        content = self.proposal.content
        if content is None:
            return None
        lines = [
            f"# Proposed by netops check for the folder {self.folder.name}. Look at every line before use."
        ]
        lines += [f"# Decide: {sentence}" for sentence in self.proposal.decide]
        for name, value in content.items():
            if name != "metrics":
                why = self._why(name)
                lines.append(_yaml({name: value}) + (f"  # {why}" if why else ""))
                continue
            lines.append(
                "metrics:  # each may get a unit, and a range such as [0, 100]: outside is no reading"
            )
            for metric, fields in value.items():
                lines.append(f"  {_yaml({metric: fields or {}})}" + self._remark(metric))
        return "\n".join(lines) + "\n"

    def _remark(self, metric: str) -> str:
        why = self.proposal.metric_reasons.get(metric)
        return f"  # {why}" if why else ""

    def _why(self, name: str) -> str:
        of_field = [choice for choice in self.proposal.choices if choice.role == name]
        if name == "static":
            return ""
        if name == "windows" and self.proposal.cadence:
            return f"devices report every {self.proposal.cadence.seconds:g} s"
        return (
            "; ".join(dict.fromkeys(filter(None, [of_field[0].why, of_field[0].instead]))) if of_field else ""
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain content for JSON."""
        cadence = self.proposal.cadence
        tables = {name: table.to_dict() for name, table in self.tables.items()}
        for choice in self.proposal.choices:
            tables[choice.table]["columns"][choice.column] |= choice.to_dict()
        return {
            "folder": str(self.folder),
            "tables": tables,
            "devices": cadence.devices if cadence else None,
            "interval_seconds": cadence.seconds if cadence else None,
            "repeated_rows": cadence.repeated if cadence else None,
            "contradicting_rows": cadence.contradicting if cadence else None,
            "unread_files": self.unread,
            "likely": self.likely,
            "missing": self.proposal.missing,
            "decide": self.proposal.decide,
            "schema": self.proposal.content,
        }

    def lines(self) -> list[str]:
        """What was found, for people."""
        out: list[str] = []
        of_metrics = self.tables["metrics"].columns if "metrics" in self.tables else {}
        chosen = {(choice.table, choice.column): choice for choice in self.proposal.choices}
        for name, table in self.tables.items():
            out.append(table.heading())
            for column, profile in table.columns.items():
                choice = chosen.get((name, column))
                called = f" ('{table.renamed[column]}' in the files)" if column in table.renamed else ""
                out.append(f"  {column}{called}: {profile.words()}")
                if choice is None:
                    shared = name != "metrics" and column in of_metrics
                    out.append(
                        f"    -> {'as in the metrics' if shared else 'not known, see what is missing'}"
                    )
                else:
                    instead = f" (instead: {choice.instead})" if choice.instead else ""
                    out.append(f"    -> {choice.role}: {choice.why}{instead}")
            out += [f"  {column}: not in every file" for column in table.partial]
        out += self._cadence_lines()
        out += unread_notes(self.folder, self.unread)
        out += [f"  {sentence}" for sentence in self.likely]
        out += [f"missing: {sentence}" for sentence in self.proposal.missing]
        return out + [f"decide: {sentence}" for sentence in self.proposal.decide]

    def _cadence_lines(self) -> list[str]:
        cadence = self.proposal.cadence
        if cadence is None:
            return []
        every = (
            "none has two readings" if cadence.seconds is None else f"one reading every {cadence.seconds:g} s"
        )
        if cadence.paces:
            every = f"one reading every {cadence.paces[0].seconds:g} to {cadence.seconds:g} s"
        gaps = f", {cadence.gaps:.1%} of the times between readings are gaps" if cadence.gaps else ""
        out = [f"devices: {cadence.devices:,} in the rows looked at, {every}{gaps}"]
        equal = cadence.repeated - cadence.contradicting - cadence.merged
        if equal:
            out.append(f"repeated: {equal:,} rows say the same as another of the same key; one of each stays")
        if cadence.merged:
            out.append(f"merged: {cadence.merged:,} rows have further values of a reading, which takes them")
        if cadence.contradiction:
            out.append(f"contradicting: {cadence.contradiction}")
        return out


def check_folder(folder: Path, date_order: str | None = None) -> FolderCheck:
    """Look at a folder and propose a schema for it.

    :param date_order: of dates with the year last, where their numbers do not tell it.
    :raises InputError: if the dates have another order.
    :raises TelemetryError: if there is no such folder, or a file cannot be read.
    """
    known = _with_names(folder)
    files = {name: find_files(folder, name, optional=True, form=known) for name in TABLES}
    if files["labels"]:  # Rows are one form, and incidents another; a schema has one of both.
        files["incidents"] = []
    form = likely_format(folder, files, known)
    forms = {name: form_of(folder, found, form) for name, found in files.items()}
    tables = {name: profile_table(folder, name, found, forms[name]) for name, found in files.items() if found}
    in_files = names_in_files(tables)
    if in_files:
        tables["metrics"] = profile_table(folder, "metrics", files["metrics"], forms["metrics"], in_files)
    tables = {name: with_row_numbers(table) for name, table in tables.items()}
    order = known_order(tables, date_order)
    tables = {name: table.in_order(order) for name, table in tables.items()}
    names = other_names(tables)
    tables = {name: table.called(names) for name, table in tables.items()}
    proposal = propose(folder.resolve().name, tables, form, {**in_files, **names}, date_order)
    proposal.missing += different_forms(folder, files)
    for table in known.tables:
        if not files[table]:  # It is empty.
            continue
        proposal.decide.insert(0, f"{files[table][0].name} is taken for the {table} (files.tables).")
    unread = unread_files(folder, [path for found in files.values() for path in found])
    links = find_links(folder, unread, proposal, tables["metrics"], form) if "metrics" in tables else None
    if links is not None:
        tables[links.name] = links
        unread = [name for name in unread if name not in links.files]
    tell_unread(proposal, unread)
    content = proposal.content
    if content is not None:
        try:
            TelemetrySchema.from_dict(content)
        except SchemaError as error:
            proposal.missing.append(f"The schema cannot have these columns: {proposal.in_files(error)}.")
    return FolderCheck(folder, tables, proposal, unread, likely_tables(folder, unread))


def _with_names(folder: Path) -> FileFormat:
    """The form with names of metrics and labels, if they have other ones: by these, or by their columns."""
    names = table_names(folder)
    tables = dict(likely_tables_of(names).tables)
    others = [name for name in names if name not in (*TABLES, *tables.values())]
    if "metrics" not in names and not tables:
        other = readings_of_other_name(folder, others)
        tables |= {"metrics": other} if other else {}
    if not {"labels", "incidents"} & set(names):
        found = labels_of_other_name(folder, [name for name in others if name not in tables.values()])
        tables |= dict([found]) if found else {}
    return FileFormat(tables=tables)


def _yaml(content: dict[str, Any]) -> str:
    text: str = yaml.safe_dump(
        content, default_flow_style=True, width=10**9, allow_unicode=True, sort_keys=False
    )
    return text.strip().removeprefix("{").removesuffix("}")
