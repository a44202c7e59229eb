"""``netops init``: write the schema file that ``netops check`` proposes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from feature_sets.checks import InputError
from project.cli.check import DateOrderOption, FolderArgument


def init(
    folder: FolderArgument,
    output: Annotated[
        Path | None,
        typer.Option(help="File to write. Default: NAME.yaml in the current folder, named after FOLDER."),
    ] = None,
    date_order: DateOrderOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="Overwrite an existing file without asking.")] = False,
) -> None:
    """Write the schema file that netops check proposes for a folder.

    Asks before it overwrites a file. If something that a run needs is missing, it exits with 1 and writes
    nothing.
    """
    from feature_sets.telemetry.inspection.folder_check import check_folder

    found = check_folder(folder, date_order)
    text = found.schema_text()
    if text is None:
        print("\n".join(found.lines()))
        missing = found.proposal.missing
        first = f"{missing[0]}{f' (and {len(missing) - 1} more)' if missing[1:] else ''}"
        print(f"netops: nothing was written, as something is missing: {first}", file=sys.stderr)
        raise typer.Exit(1)
    path = output or Path(f"{found.proposal.fields['name']}.yaml")
    if path.exists() and not yes:
        if not sys.stdin.isatty():
            rule = "must be confirmed where a file exists: add --yes, or run it on a terminal, which asks"
            raise InputError("--output", rule, str(path))
        if not typer.confirm(f"Overwrite {path}?", default=False):
            print("netops: nothing was written, as it was not confirmed", file=sys.stderr)
            raise typer.Exit(1)
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(
            "--output", f"must be a file that can be written ({error.strerror})", str(path)
        ) from None
    for sentence in found.proposal.decide:
        print(f"decide: {sentence}")
    print(f"wrote {path}; look at it, then: netops run --telemetry {folder} --schema {path}")
