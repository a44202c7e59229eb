"""Executes the notebooks in order and writes each with its output as ``.ipynb`` and ``.html``.

``python examples/notebooks/execute.py FOLDER [NOTEBOOK ...]``. The notebooks share an installation of their
own in ``FOLDER/home``, which is stopped at the end; later ones use what earlier ones made.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbconvert import HTMLExporter

HERE = Path(__file__).resolve().parent
TIMEOUT_SECONDS = 600


def execute(source: Path, folder: Path) -> None:
    """Run one notebook from its beginning and write what it shows.

    :param source: Python file in the percent format.
    :raises CellExecutionError: with the cell and its error, if one fails; what ran until then is written.
    """
    notebook = jupytext.read(source)
    client = NotebookClient(
        notebook,
        timeout=TIMEOUT_SECONDS,
        kernel_name="python3",
        extra_arguments=["--log-level=ERROR"],
        resources={"metadata": {"path": str(HERE)}},
    )
    try:
        client.execute()
    finally:
        nbformat.write(notebook, folder / f"{source.stem}.ipynb")
        page, _ = HTMLExporter().from_notebook_node(notebook)
        page = re.sub(r'href="(\d\d_\w+)\.py"', r'href="\1.html"', page)  # links between notebooks
        (folder / f"{source.stem}.html").write_text(page, encoding="utf-8")


def main(folder: Path, names: list[str]) -> None:
    """Execute the named notebooks, or all."""
    sources = sorted(HERE.glob("[0-9]*.py"))
    unknown = sorted(set(names) - {source.stem for source in sources})
    if unknown:
        sys.exit(f"notebooks must be among {', '.join(source.stem for source in sources)}, got {unknown}")
    folder.mkdir(parents=True, exist_ok=True)
    # For notebook viewers, and with plotly itself in the page, for a browser without a network.
    os.environ["PLOTLY_RENDERER"] = "plotly_mimetype+notebook"
    os.environ["NETOPS_HOME"] = str(folder.resolve() / "home")
    os.environ.pop("MLRUN_DBPATH", None)  # a control plane of their own
    try:
        for source in sources:
            if names and source.stem not in names:
                continue
            started = time.monotonic()
            execute(source, folder)
            page = folder / f"{source.stem}.html"
            print(f"{source.stem:20} {time.monotonic() - started:5.1f} s  {page}", flush=True)
    except CellExecutionError as error:
        sys.exit(f"{source.name} failed: {error}")
    finally:
        subprocess.run([Path(sys.executable).with_name("netops"), "stop"], check=True)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: execute.py FOLDER [NOTEBOOK ...]")
    main(Path(sys.argv[1]), sys.argv[2:])
