"""The notebooks run from the first to the last cell, in order, as ``make notebooks`` runs them."""

import json
import os
import subprocess
import sys

import pytest

from tests.examples.readme import EXAMPLES, SOURCE_ROOT

NAMES = sorted(path.stem for path in (EXAMPLES / "notebooks").glob("[0-9]*.py"))


# With every run of the tests: what later notebooks build on. Commands of the documentation do the rest there.
@pytest.mark.slow
@pytest.mark.parametrize(
    "names",
    [
        pytest.param(NAMES[:3], id="first"),
        pytest.param(NAMES, id="all", marks=pytest.mark.figures),
    ],
)
def test_every_notebook_runs_and_shows_pictures(tmp_path, names):
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("MLRUN_", "NETOPS_", "V3IO_"))}
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / "notebooks" / "execute.py"), str(tmp_path), *names],
        cwd=SOURCE_ROOT,
        env={**environment, "NETOPS_STANDBY": "off"},
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()] == [*names, "stopped"]
    for name in names:
        cells = json.loads((tmp_path / f"{name}.ipynb").read_text(encoding="utf-8"))["cells"]
        outputs = [output for cell in cells for output in cell.get("outputs", [])]
        pictures = [each for each in outputs if "application/vnd.plotly.v1+json" in each.get("data", {})]
        assert pictures, name
        assert not [each for each in outputs if each.get("name") == "stderr"], name
        assert "plotly" in (tmp_path / f"{name}.html").read_text(encoding="utf-8")


def test_the_readme_names_every_notebook():
    text = (EXAMPLES / "notebooks" / "README.md").read_text(encoding="utf-8")
    assert [name for name in NAMES if f"]({name}.py)" not in text] == []
