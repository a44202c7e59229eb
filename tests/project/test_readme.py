"""The README names what there is, and nothing else."""

import re

import yaml
from typer.main import get_command

from feature_sets.telemetry.schema import TelemetrySchema
from project.cli import app
from project.settings import SOURCE_ROOT
from project.summary import candidate_lines
from tests.project.test_workflow import played
from training.search.families import FAMILIES

README = (SOURCE_ROOT / "README.md").read_text(encoding="utf-8")
MAKEFILE = (SOURCE_ROOT / "Makefile").read_text(encoding="utf-8")


def test_every_command_is_in_the_readme_and_every_one_there_exists():
    commands = set(get_command(app).commands)
    assert set(re.findall(r"netops ([a-z]+)", README)) & commands == commands
    assert set(re.findall(r"`netops ([a-z]+)", README)) <= commands
    assert set(re.findall(r"^\$ netops ([a-z]+)", README, re.M)) <= commands


def test_every_make_target_of_the_readme_exists():
    targets = set(re.findall(r"^([a-z]+):.*## ", MAKEFILE, re.M))
    assert set(re.findall(r"make ([a-z]+)", README)) <= targets
    assert {"run", "test", "check", "help"} <= targets


def test_the_schema_of_the_readme_is_a_schema():
    (text,) = re.findall(r"```yaml\n(.*?)```", README, re.S)
    assert TelemetrySchema.from_dict(yaml.safe_load(text)).name == "my-routers"


CANDIDATE = re.compile(r"^(?:candidates| {10}) {4}[* ] (\w+) +average precision \d", re.M)
"""A line of the summary on a combination, with the family of its model."""


def test_the_summary_writes_candidates_as_the_readme_is_read():
    entry = {"family": "lightgbm", "average_precision": 0.9, "f1": 0.8, "parameters": "num_leaves=7"}
    lines = candidate_lines([{**entry, "best": True, "rung": 2}, {**entry, "best": False, "rung": 2}])
    assert CANDIDATE.findall("\n".join(lines)) == ["lightgbm", "lightgbm"]


def test_the_models_of_the_readmes_run_are_families_there_are():
    families = CANDIDATE.findall(README)
    assert families and set(families) <= set(FAMILIES)


def test_the_steps_of_the_readmes_run_are_those_of_the_workflow(monkeypatch):
    shown = re.findall(r"^  done   (\S+) +[0-9.]+ s$", README, re.M)
    assert sorted(shown) == sorted(arguments["name"] for _, arguments in played(monkeypatch).runs)
