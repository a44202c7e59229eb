"""The wheel holds our packages with their data files, and nothing else."""

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from project.settings import SOURCE_ROOT

ROOMS = ("drift", "feature_sets", "graphs", "project", "training")
DATA = (".yaml", ".j2")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)],
        cwd=SOURCE_ROOT,
        check=True,
        capture_output=True,
        timeout=60,
    )
    (file,) = folder.glob("netops-*-py3-none-any.whl")
    with zipfile.ZipFile(file) as opened:
        yield opened


def metadata(wheel):
    (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    return wheel.read(name).decode()


def test_every_module_and_data_file_of_the_rooms_is_in_it_and_nothing_else(wheel):
    generated = {SOURCE_ROOT / "project" / "project.yaml"}  # MLRun writes it; it is not in the repository.
    wanted = {
        str(path.relative_to(SOURCE_ROOT))
        for room in ROOMS
        for path in (SOURCE_ROOT / room).rglob("*")
        if path.suffix in (".py", *DATA) and path not in generated
    }
    packed = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert packed == wanted
    assert {Path(name).suffix for name in packed} == {".py", *DATA}


def test_its_command_license_and_description_are_there(wheel):
    (scripts,) = (name for name in wheel.namelist() if name.endswith("entry_points.txt"))
    assert "netops = project.cli:main" in wheel.read(scripts).decode()
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in wheel.namelist())
    assert "License-Expression: Apache-2.0" in metadata(wheel)
    assert "# NetOps" in metadata(wheel)


def test_pip_is_not_asked_for_what_it_cannot_build(wheel):
    required = re.findall(r"^Requires-Dist: (.*)$", metadata(wheel), re.M)
    plain = [line for line in required if "extra ==" not in line]
    assert any(line.startswith("mlrun") for line in plain)
    assert not [line for line in plain if line.startswith("scikit-multiflow")]
    assert [line for line in required if line.startswith("scikit-multiflow")]
