"""The README names what there is, and nothing else."""

import re

import yaml
from typer.main import get_command

from feature_sets.telemetry.schema import TelemetrySchema
from project.cli import app
from project.settings import SOURCE_ROOT

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
