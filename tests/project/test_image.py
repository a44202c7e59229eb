"""The recipe of the image names what there is. It is not built here: that takes a builder and the network."""

import os
import re
import shutil
import subprocess
import sys

import pytest

from project.settings import SOURCE_ROOT

DOCKERFILE = (SOURCE_ROOT / "Dockerfile").read_text(encoding="utf-8")
MAKEFILE = (SOURCE_ROOT / "Makefile").read_text(encoding="utf-8")
PROJECT = (SOURCE_ROOT / "pyproject.toml").read_text(encoding="utf-8")
STEPS = [
    (line.split(" ", 1)[0], line.split(" ", 1)[1])
    for line in re.sub(r"\\\n\s*", "", DOCKERFILE).splitlines()
    if line and not line.startswith("#")
]


def copied():
    """Pairs of a path in the checkout and where it comes to below the working folder."""
    for step, rest in STEPS:
        if step == "COPY":
            *sources, target = [word for word in rest.split() if not word.startswith("--")]
            yield from ((source, target) for source in sources)


@pytest.fixture(scope="module")
def working_folder(tmp_path_factory):
    """The files that the image has before ``make install``."""
    folder = tmp_path_factory.mktemp("image")
    for source, target in copied():
        path = SOURCE_ROOT / source
        if path.is_dir():
            shutil.copytree(path, folder / target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(path, folder / target)
    return folder


def test_every_path_that_is_copied_is_in_the_checkout_and_sent_to_the_builder():
    sent = re.findall(r"^!(.+)$", (SOURCE_ROOT / ".dockerignore").read_text(encoding="utf-8"), re.M)
    sources = [source.rstrip("/") for source, _ in copied()]
    assert all((SOURCE_ROOT / source).exists() for source in sources)
    assert sorted(sources) == sorted(sent)


def test_what_is_copied_has_every_room():
    rooms = set(re.search(r"^ROOMS := (.+)$", MAKEFILE, re.M)[1].split())
    packages = set(re.findall(r'"(\w+)"', re.search(r"^packages = (.+)\]\n\n\[tool.ruff", PROJECT, re.M)[1]))
    assert rooms == packages == {target.rstrip("/") for _, target in copied() if target != "./"}


def test_the_python_of_the_image_is_the_one_that_the_makefile_calls_and_the_project_needs():
    (base,) = (rest for step, rest in STEPS if step == "FROM")
    (version,) = re.findall(r"^python:([0-9.]+)-slim$", base)
    assert f"PYTHON ?= python{version}\n" in MAKEFILE
    assert f'requires-python = ">={version},' in PROJECT


def test_the_image_is_installed_and_run_by_a_user_that_is_not_root():
    users = [(place, rest) for place, (step, rest) in enumerate(STEPS) if step == "USER"]
    ((place, user),) = users
    assert user.isdecimal()
    assert int(user) > 0
    assert f"--uid {user} " in DOCKERFILE
    assert all(f"--chown={user} " in rest for step, rest in STEPS if step == "COPY")
    (install,) = (at for at, (step, rest) in enumerate(STEPS) if step == "RUN" and "make install" in rest)
    assert place < install


def test_what_make_install_needs_is_copied(working_folder):
    done = subprocess.run(
        ["make", "--dry-run", "install"], cwd=working_folder, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    for words in ("pip sync", "requirements.lock", "compileall", "-m feature_sets.windows.warm_up"):
        assert words in done.stdout
    # And where PATH looks is where it installs.
    (venv,) = re.findall(r"^VENV := (.+)$", MAKEFILE, re.M)
    assert f"ENV PATH=/opt/netops/{venv}/bin:$PATH" in DOCKERFILE
    assert "WORKDIR /opt/netops\n" in DOCKERFILE


def test_the_copied_files_are_enough_for_handlers_graph_and_command(working_folder):
    program = (
        "import importlib, project.cli, project.run_workflow, graphs.initializer as graph\n"
        "from project.project_setup import HANDLERS, JOBS\n"
        "for each in (*JOBS.values(), *HANDLERS.values()):\n"
        "    importlib.import_module(each.replace(':', '.').rpartition('.')[0])\n"
        "from feature_sets.telemetry.schema import TelemetrySchema\n"
        "TelemetrySchema.load('')\n"
        "print(graph.__file__)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=working_folder,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "NETOPS_HOME": str(working_folder / "home")},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == str(working_folder / "graphs" / "initializer.py")


def test_what_the_command_of_the_image_is_called_is_installed():
    (command,) = (rest for step, rest in STEPS if step == "CMD")
    (name,) = re.findall(r'^\["(\w+)", "--help"\]$', command)
    assert f"\n{name} = " in PROJECT.split("[project.scripts]")[1]
