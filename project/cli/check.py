"""``netops check``: what a folder of telemetry holds, and the schema it may have."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from feature_sets.checks import InputError
from feature_sets.telemetry.ingest_report import IngestReport
from project.cli.options import JsonOption

FolderArgument = Annotated[Path, typer.Argument(help="Folder with metrics, labels and static files.")]

DateOrderOption = Annotated[
    str | None,
    typer.Option(help="day_first or month_first, for ambiguous dates such as 03.11.2026."),
]


def check(
    folder: FolderArgument,
    schema: Annotated[
        Path | None,
        typer.Option(help="Telemetry schema, YAML: check whether the folder fits it; reads every row."),
    ] = None,
    date_order: DateOrderOption = None,
    as_json: JsonOption = False,
) -> None:
    """Inspect a folder of telemetry and propose a schema.

    Says what each column holds. Nothing is written, and nothing is guessed silently: every choice comes with
    its reason and the alternatives. Exits with 1 if something that a run needs is missing. With --schema it
    reads all rows as 'netops ingest' would, and lists what would be left out or ignored; exits with 1 where
    that would: no row of a file is usable, or half of 20 rows or more break one rule.
    """
    if schema is not None:
        if date_order is not None:
            raise InputError("--date-order", "must be left out with --schema, which says it", date_order)
        _fit(folder, schema, as_json)
        return
    from feature_sets.telemetry.inspection.folder_check import check_folder

    found = check_folder(folder, date_order)
    text = found.schema_text()
    if as_json:
        print(json.dumps({**found.to_dict(), "schema_text": text}))
    else:
        print("\n".join(found.lines()))
        if text is not None:
            said = f" --date-order {date_order}" if date_order else ""
            print(f"\nproposed schema (netops init {folder}{said} writes it):\n\n{text}", end="")
    if text is None:
        raise typer.Exit(1)


def _fit(folder: Path, schema: Path, as_json: bool) -> None:
    from feature_sets.ingestion.fit_notes import (
        absent_static_notes,
        fit_notes,
        outside_in_folder,
        rejected_notes,
        silent_in_folder,
    )
    from feature_sets.telemetry.ingest_report import refused_error
    from feature_sets.telemetry.readers import read_telemetry
    from feature_sets.telemetry.schema import TelemetrySchema

    given = TelemetrySchema.from_yaml(schema)
    rows, report = read_telemetry(folder, given, may_be_day=True)
    outside = outside_in_folder(rows, given)
    notes = [*absent_static_notes(report, given), *rejected_notes(report)]
    notes += fit_notes(rows, outside, given, report.metrics.local_devices)
    silent = silent_in_folder(rows, outside, given)
    # No setting mends them all, so a folder fits with them, too.
    silence = [found.sentence for found in (outside, silent) if found is not None and found.sentence]
    silence = [each for each in silence if not any(each in note.sentence for note in notes)]
    if as_json:
        told = [*(note.sentence for note in notes), *silence]
        verdict = {
            "rows_left_out": _left_out(report),
            "fits": _fits(report, bool(notes)),
            "verdict": _verdict(report, bool(notes)),
        }
        print(json.dumps({**report.to_dict(), "devices": len(rows.static), "notes": told, **verdict}))
    else:
        said = [*((note.table, note.sentence) for note in notes), *(("labels", each) for each in silence)]
        print("\n".join(report.lines([(table, f"note: {sentence}") for table, sentence in said])))
        print(f"{_verdict(report, bool(notes))}: netops run --telemetry {folder} --schema {schema}")
    if report.refused or report.mostly_refused:
        raise refused_error(report.refused, report.mostly_refused, "would be taken")


def _left_out(report: IngestReport) -> int:
    """Rows of all tables that would be lost; what another row says as well is not."""
    return sum(table.rows_lost for table in report.tables)


def _fits(report: IngestReport, noted: bool) -> bool:
    """Whether the folder fits; not if what rows say is left out or something is warned of."""
    return not (_left_out(report) or noted or any(table.warnings for table in report.tables))


def _verdict(report: IngestReport, noted: bool) -> str:
    """The same for people."""
    if left_out := _left_out(report):
        return f"{left_out:,} row{'' if left_out == 1 else 's'} would be left out; look at the reasons first"
    if not _fits(report, noted):
        return "every row was read; look at the notes first"
    repeated = sum(table.rows_rejected for table in report.tables)
    if repeated:
        rows = "1 row says" if repeated == 1 else f"{repeated:,} rows say"
        return f"the folder fits ({rows} what another one says)"
    return "the folder fits"
