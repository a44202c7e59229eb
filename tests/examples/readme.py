"""The commands in the README of an example, and whether their output is still the one it shows."""

from __future__ import annotations

import doctest
import os
import re
import subprocess
import sys
from pathlib import Path

from project.settings import SOURCE_ROOT

EXAMPLES = SOURCE_ROOT / "examples"
_BIN = Path(sys.executable).parent
_FIGURE = re.compile(r"\b[0-9a-f]{12,40}\b|'(in_control|warning|drift)'|\d[\d,]*(\.\d+)?(e-\d+)?")


def shown(example: str) -> tuple[str, str]:
    """Command of the README that runs the example, and the output below it."""
    text = (EXAMPLES / example / "README.md").read_text(encoding="utf-8")
    block = re.search(r"```console\n(.*?)```", text, re.DOTALL)
    assert block, f"{example}/README.md shows no command"
    command, _, output = block[1].partition("$ python ")[2].partition("\n")
    return f"python {command}", output


def run(command: str, environment: dict[str, str] | None = None) -> str:
    """Output of a command of a README, with the checkout as the working folder."""
    environment = dict(os.environ) if environment is None else environment
    done = subprocess.run(
        command,
        shell=True,
        cwd=SOURCE_ROOT,
        env={**environment, "PATH": f"{_BIN}{os.pathsep}{environment['PATH']}"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def alike(expected: str, got: str) -> bool:
    """Whether two outputs differ in figures and white space at most; ``...`` is any text."""
    options = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    return doctest.OutputChecker().check_output(_FIGURE.sub("#", expected), _FIGURE.sub("#", got), options)
